/* csr.c -- edges grouped by their target, once for every index vector.
 *
 * A segment operator over an unsorted index vector scatters: every edge writes its row. With gnn.Csr before it (a
 * stable counting sort, O(N + E)) the same operator is a reduction over the edges of each vertex, so a layer becomes
 * one nest over vertices. All segment operators over one (index, n) share one gnn.Csr, layers included. The vector that
 * Gathers of the same edges use most (the sources) is permuted along, so that a nest reads from[e] and not
 * source[order[e]]. */
#include "../frontend/frontend.h"
#include "../frontend/ops/gnn.h"
#include "pass.h"
#include "shape.h"

/* One grouping: the edges of `target` by vertex, 0 <= vertex < n. */
typedef struct Grouping Grouping;
struct Grouping {
    Value *target;
    Dim *n;
    Node *csr;
    Value *source; /* the vector that from is of, loops included */
    Grouping *next;
};

static Dim *segment_count(const Node *node)
{
    int count;
    Dim **dims = value_dims(node->in[SEGMENT_COUNT], &count);
    return dims && count == 1 ? dims[0] : NULL;
}

/* Whether node reads rows of a tensor by an index vector over the edges of `target`, other than target itself. */
static bool gathers_source(const Node *node, const Value *target)
{
    if (!node_is(node, "", "Gather") || attr_int(node, "axis", 0) != 0)
        return false;
    const Value *index = node->in[1];
    return index && index != target && index->graph == target->graph && !index->constant && index->type.rank == 1 &&
           index->type.dim[0] == target->type.dim[0] && node->in[0]->type.rank >= 1;
}

/* The (source, rows) pair that most Gathers over the edges of `target` have; NULL when there is none. */
static const Node *commonest_gather(const Graph *graph, const Value *target)
{
    const Node *best = NULL;
    int most = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (!gathers_source(node, target))
            continue;
        int count = 0;
        for (int i = 0; i < node->in[1]->nreader; i++) {
            const Node *other = node->in[1]->reader[i];
            count += other->graph == graph && gathers_source(other, target) && other->in[1] == node->in[1] &&
                     other->in[0]->type.dim[0] == node->in[0]->type.dim[0];
        }
        if (count > most) {
            most = count;
            best = node;
        }
    }
    return best;
}

/* The node that adds the loops to the edges of which `vector` is row `row`; NULL when there is none. */
static const Node *loops_of(const Value *vector, int64_t row)
{
    const Node *gather = vector->def;
    int count;
    if (!gather || !node_is(gather, "", "Gather") || attr_int(gather, "axis", 0) != 0)
        return NULL;
    Dim **place = value_dims(gather->in[1], &count);
    const Node *loops = gather->in[0]->def;
    return place && count == 1 && dim_equals(place[0], row) && loops && node_is(loops, "gnn", "AddSelfLoops") ? loops
                                                                                                              : NULL;
}

static Value *row_before_loops(Node *csr, const Node *loops, const Node *gather)
{
    Node *node = node_new(csr->graph, gather->op, gather->name, csr);
    node_add_input(node, loops->in[0]);
    node_add_input(node, gather->in[1]);
    return node_add_output(node, "");
}

/* Where targets and sources are those of AddSelfLoops, the routine adds the loops while it groups. The segment
 * operators still name the longer vectors, but a nest over the edges of a vertex reads row and from instead of them. */
static void absorb_loops(Node *csr)
{
    const Node *target = csr->in[CSR_TARGET]->def, *source = csr->in[CSR_SOURCE]->def,
               *loops = loops_of(csr->in[CSR_TARGET], 1);
    int n, added;
    if (!loops || loops_of(csr->in[CSR_SOURCE], 0) != loops)
        return;
    Dim **vertices = value_dims(csr->in[CSR_COUNT], &n), **loop_count = value_dims(loops->in[1], &added);
    if (!vertices || !loop_count || n != 1 || added != 1 || vertices[0] != loop_count[0])
        return;
    node_set_input(csr, CSR_TARGET, row_before_loops(csr, loops, target));
    node_set_input(csr, CSR_SOURCE, row_before_loops(csr, loops, source));
    attr_set_int(csr, "loops", attr_int(loops, "keep", 0) ? 2 : 1);
}

/* A gnn.Csr node for the segment operator `user`, before it. */
static Node *csr_new(Node *user)
{
    Graph *graph = user->graph;
    Value *target = user->in[SEGMENT_TARGET];
    const Node *gather = commonest_gather(graph, target);
    Value *rows = gather ? value_of_dims(user, gather->in[0]->type.dim, 1, true) : NULL;
    Node *csr = node_new(graph, op_find("gnn", "Csr"), user->name, user);
    node_add_input(csr, target);
    node_add_input(csr, user->in[SEGMENT_COUNT]);
    node_add_input(csr, rows ? gather->in[1] : target); /* a vector there must be: the targets themselves will do */
    node_add_input(csr, rows ? rows : user->in[SEGMENT_COUNT]);
    for (int i = 0; i < 3; i++)
        node_add_output(csr, "");
    return csr;
}

static Grouping *grouping_of(Node *user, Grouping **all)
{
    Dim *n = segment_count(user);
    for (Grouping *grouping = *all; grouping; grouping = grouping->next)
        if (grouping->target == user->in[SEGMENT_TARGET] && grouping->n == n)
            return grouping;
    Grouping *grouping = ARENA_NEW(user->graph->context->arena, Grouping);
    Node *csr = csr_new(user);
    *grouping = (Grouping){user->in[SEGMENT_TARGET], n, csr, csr->in[CSR_SOURCE], *all};
    absorb_loops(csr);
    *all = grouping;
    return grouping;
}

static void set_operand(Node *node, int slot, Value *value)
{
    while (node->nin <= slot)
        node_add_input(node, NULL);
    node_set_input(node, slot, value);
}

bool pass_csr(Model *model, const PassOptions *options)
{
    (void)options;
    Grouping *all = NULL;
    for (Node *node = model->graph->first; node; node = node->next) {
        if (!is_segment(node) || is_grouped_segment(node) || !segment_count(node))
            continue;
        Grouping *grouping = grouping_of(node, &all);
        set_operand(node, SEGMENT_ROW, grouping->csr->out[CSR_ROW]);
        set_operand(node, SEGMENT_ORDER, grouping->csr->out[CSR_ORDER]);
        set_operand(node, SEGMENT_SOURCE, grouping->source);
        set_operand(node, SEGMENT_FROM, grouping->csr->out[CSR_FROM]);
    }
    /* the sources may be computed after the first segment operator */
    return !all || (graph_sort(model->graph) && model_infer(model));
}
