/* csr.c -- edges grouped by their target, once for every index vector.
 *
 * A segment operator over an unsorted index vector scatters: every edge writes its row. With gnn.Csr before it (a
 * stable counting sort, O(N + E)) the same operator is a reduction over the edges of each vertex, so a layer becomes
 * one nest over vertices. All segment operators over one (index, n) share one gnn.Csr, layers included. The vector that
 * Gathers of the same edges use most (the sources) is permuted along, so that a nest reads from[e] and not
 * source[order[e]]. */
#include "../frontend/frontend.h"
#include "../frontend/ops/op.h"
#include "pass.h"
#include "shape.h"
#include <string.h>

enum { INPUT_INDEX = 1, INPUT_COUNT = 2, INPUT_ROW = 3, INPUT_ORDER = 4, INPUT_SOURCE = 5, INPUT_FROM = 6 };

/* One grouping: the edges of `target` by vertex, 0 <= vertex < n. */
typedef struct Grouping Grouping;
struct Grouping {
    Value *target;
    Dim *n;
    Node *csr;
    Grouping *next;
};

static bool is_gnn(const Node *node, const char *prefix)
{
    return node->op && strcmp(node->op->domain, "gnn") == 0 && strncmp(node->op->name, prefix, strlen(prefix)) == 0;
}

static bool is_ungrouped_segment(const Node *node)
{
    return is_gnn(node, "Segment") && (node->nin <= INPUT_ROW || !node->in[INPUT_ROW]);
}

static Dim *segment_count(const Node *node)
{
    int count;
    Dim **dims = value_dims(node->in[INPUT_COUNT], &count);
    return dims && count == 1 ? dims[0] : NULL;
}

/* Whether node reads rows of a tensor by an index vector over the edges of `target`, other than target itself. */
static bool gathers_source(const Node *node, const Value *target)
{
    if (!node->op || strcmp(node->op->name, "Gather") != 0 || *node->op->domain || attr_int(node, "axis", 0) != 0)
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

/* A gnn.Csr node for the segment operator `user`, before it. */
static Node *csr_new(Node *user)
{
    Graph *graph = user->graph;
    Value *target = user->in[INPUT_INDEX];
    const Node *gather = commonest_gather(graph, target);
    Value *rows = gather ? value_of_dims(user, gather->in[0]->type.dim, 1, true) : NULL;
    Node *csr = node_new(graph, op_find("gnn", "Csr"), user->name, user);
    node_add_input(csr, target);
    node_add_input(csr, user->in[INPUT_COUNT]);
    node_add_input(csr, rows ? gather->in[1] : target); /* a vector there must be: the targets themselves will do */
    node_add_input(csr, rows ? rows : user->in[INPUT_COUNT]);
    for (int i = 0; i < 3; i++)
        node_add_output(csr, "");
    return csr;
}

static Grouping *grouping_of(Node *user, Grouping **all)
{
    Dim *n = segment_count(user);
    for (Grouping *grouping = *all; grouping; grouping = grouping->next)
        if (grouping->target == user->in[INPUT_INDEX] && grouping->n == n)
            return grouping;
    Grouping *grouping = ARENA_NEW(user->graph->context->arena, Grouping);
    *grouping = (Grouping){user->in[INPUT_INDEX], n, csr_new(user), *all};
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
        if (!is_ungrouped_segment(node) || !segment_count(node))
            continue;
        Grouping *grouping = grouping_of(node, &all);
        set_operand(node, INPUT_ROW, grouping->csr->out[0]);
        set_operand(node, INPUT_ORDER, grouping->csr->out[1]);
        set_operand(node, INPUT_SOURCE, grouping->csr->in[2]);
        set_operand(node, INPUT_FROM, grouping->csr->out[2]);
    }
    /* the sources may be computed after the first segment operator */
    return !all || (graph_sort(model->graph) && model_infer(model));
}
