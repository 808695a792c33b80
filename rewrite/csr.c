/* csr.c -- edges grouped by their target, once for every index vector.
 *
 * A segment operator over an unsorted index vector scatters: every edge writes its row. With gnn.Csr before it (a
 * stable counting sort, O(N + E)) the same operator is a reduction over the edges of each vertex, so a layer becomes
 * one nest over vertices. All segment operators over one (index, n) share one gnn.Csr, layers included. The vector that
 * Gathers of the same edges use most (the sources) is permuted along, so that a nest reads from[e] and not
 * source[order[e]]. Segment operators in the body of a loop are no different; their edges are grouped outside of it
 * where the loop does not change them. */
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

typedef struct {
    Arena *arena;
    Grouping *all;
    int *reached; /* by node id, the search that came to it last */
    int reached_capacity, searches;
    Node **stack;
    size_t depth, stack_capacity;
} Grouper;

/* ---- what depends on segment operators ---- */
static bool is_reached(const Grouper *g, const Node *node)
{
    return node && node->id < g->reached_capacity && g->reached[node->id] == g->searches;
}

static void reach(Grouper *g, Node *node)
{
    if (!node || is_reached(g, node))
        return;
    if (node->id >= g->reached_capacity) {
        const int capacity = 2 * node->graph->context->node_count;
        g->reached =
            arena_grow(g->arena, g->reached, (size_t)g->reached_capacity, (size_t)capacity, sizeof *g->reached);
        g->reached_capacity = capacity;
    }
    if (g->depth == g->stack_capacity) {
        g->stack = arena_grow(g->arena, g->stack, g->depth, 2 * g->depth + 64, sizeof *g->stack);
        g->stack_capacity = 2 * g->depth + 64;
    }
    g->reached[node->id] = g->searches;
    g->stack[g->depth++] = node;
}

/* Reaches every node that depends on a segment operator over the edges of `target`. */
static void reach_dependents(Grouper *g, const Value *target)
{
    g->searches++;
    for (int i = 0; i < target->nreader; i++)
        if (is_segment(target->reader[i]))
            reach(g, target->reader[i]);
    while (g->depth > 0) {
        const Node *node = g->stack[--g->depth];
        reach(g, node->graph->owner);
        for (int i = 0; i < node->nout; i++)
            for (int k = 0; node->out[i] && k < node->out[i]->nreader; k++)
                reach(g, node->out[i]->reader[k]);
    }
}

/* ---- sources ---- */
/* Whether node reads rows of a tensor by an index vector over the edges of `target`, other than target itself. */
static bool gathers_source(const Node *node, const Value *target)
{
    if (!node_is(node, "", "Gather") || attr_int(node, "axis", 0) != 0)
        return false;
    const Value *index = node->in[1];
    return index && index != target && index->graph == target->graph && (!index->constant || target->constant) &&
           index->type.rank == 1 && index->type.dim[0] == target->type.dim[0] && node->in[0]->type.rank >= 1;
}

/* The (source, rows) pair that most Gathers over the edges of `target` have; NULL when there is none. Sources that are
 * found out from the results of this very grouping are none: a layer's neighbours may be those nearest after the layer
 * before it. */
static const Node *commonest_gather(Grouper *g, const Graph *graph, const Value *target)
{
    const Node *best = NULL;
    int most = 0;
    reach_dependents(g, target);
    for (const Node *node = graph->first; node; node = node->next) {
        if (!gathers_source(node, target) || is_reached(g, node->in[1]->def))
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

static bool encloses(const Graph *outer, const Graph *graph)
{
    while (graph != outer && graph->owner)
        graph = graph->owner->graph;
    return graph == outer;
}

/* Whether the edges of a segment operator are also grouped in all other branches of an If. */
static bool is_in_each_branch(const Node *branches, const Node *user)
{
    for (int i = 0; node_subgraph(branches, i); i++) {
        const Node *node = node_subgraph(branches, i)->first;
        while (node && !(is_segment(node) && node->in[SEGMENT_TARGET] == user->in[SEGMENT_TARGET] &&
                         segment_count(node) == segment_count(user)))
            node = node->next;
        if (!node)
            return false;
    }
    return true;
}

/* The node before which the edges of a segment operator are grouped: outside of loops that do not change them, so once
 * and not at every trip (edges that are wrong are refused even if it makes none), and of branches that all do so. Else
 * a branch keeps its own, for there edges that nobody reads are the rule. */
static Node *grouping_place(Node *user)
{
    const Graph *edges = user->in[SEGMENT_TARGET]->graph;
    const Node *segment = user;
    Dim *n = segment_count(segment);
    while (user->graph != edges && dims_are_computable(user->graph->owner, &n, 1) &&
           (!node_is(user->graph->owner, "", "If") || is_in_each_branch(user->graph->owner, segment)))
        user = user->graph->owner;
    return user;
}

/* A gnn.Csr node for the segment operator `user`. */
static Node *csr_new(Grouper *g, Node *user)
{
    Value *target = user->in[SEGMENT_TARGET], *count = user->in[SEGMENT_COUNT];
    const Node *gather = commonest_gather(g, user->graph, target);
    Node *place = grouping_place(user);
    Dim *n = segment_count(user);
    Value *rows = gather ? value_of_dims(place, gather->in[0]->type.dim, 1, true) : NULL;
    if (!encloses(count->graph, place->graph))
        count = value_of_dims(place, &n, 1, false);
    Node *csr = node_new(place->graph, op_find("gnn", "Csr"), user->name, place);
    node_add_input(csr, target);
    node_add_input(csr, count);
    node_add_input(csr, rows ? gather->in[1] : target); /* a vector there must be: the targets themselves will do */
    node_add_input(csr, rows ? rows : count);
    for (int i = 0; i < 3; i++)
        node_add_output(csr, "");
    return csr;
}

static Grouping *grouping_of(Grouper *g, Node *user)
{
    Dim *n = segment_count(user);
    for (Grouping *grouping = g->all; grouping; grouping = grouping->next)
        if (grouping->target == user->in[SEGMENT_TARGET] && grouping->n == n &&
            encloses(grouping->csr->graph, user->graph))
            return grouping;
    Grouping *grouping = ARENA_NEW(g->arena, Grouping);
    Node *csr = csr_new(g, user);
    *grouping = (Grouping){user->in[SEGMENT_TARGET], n, csr, csr->in[CSR_SOURCE], g->all};
    absorb_loops(csr);
    g->all = grouping;
    return grouping;
}

static void set_operand(Node *node, int slot, Value *value)
{
    while (node->nin <= slot)
        node_add_input(node, NULL);
    node_set_input(node, slot, value);
}

static bool group_edges(Graph *graph, void *grouper)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (!is_segment(node) || is_grouped_segment(node) || !segment_count(node))
            continue;
        Grouping *grouping = grouping_of(grouper, node);
        set_operand(node, SEGMENT_ROW, grouping->csr->out[CSR_ROW]);
        set_operand(node, SEGMENT_ORDER, grouping->csr->out[CSR_ORDER]);
        set_operand(node, SEGMENT_SOURCE, grouping->source);
        set_operand(node, SEGMENT_FROM, grouping->csr->out[CSR_FROM]);
    }
    return true;
}

bool pass_csr(Model *model, const PassOptions *options)
{
    (void)options;
    Grouper grouper = {.arena = model->context->arena};
    graph_each(model->graph, group_edges, &grouper);
    /* the sources may be computed after the first segment operator */
    return !grouper.all || (graph_sort(model->graph) && model_infer(model));
}
