/* keep.c -- see keep.h. */
#include "keep.h"
#include "../frontend/frontend.h"
#include "../frontend/map.h"
#include "../frontend/ops/op.h"
#include "manner.h"
#include "pass.h"
#include <string.h>

typedef struct {
    Graph *graph;
    const bool *is_forward; /* by node id */
    const bool *is_summed;  /* by node id, see manner.h */
    Map *stored;            /* Value -> itself */
    Map *seen;              /* Value -> itself: asked for */
    Value **asked;          /* values that wait for an answer */
    int nasked, capacity;
    Map *wanted;    /* Value -> itself: it is to be kept */
    Node *composed; /* a composed operator that has to be taken apart first */
} Keeping;

bool *nodes_needed(const Graph *graph, int nforward, const char *const *name, int count)
{
    bool *const needed = ARENA_ARRAY(graph->context->arena, graph->context->node_count, bool);
    for (int i = 0; i < nforward; i++)
        if (graph->out[i]->def)
            needed[graph->out[i]->def->id] = true;
    for (int i = 0; i < count; i++) {
        const Value *const value = graph_find_value(graph, name[i]);
        if (value && value->def)
            needed[value->def->id] = true;
    }
    for (const Node *node = graph->last; node; node = node->prev)
        for (int i = 0; needed[node->id] && i < node->nin; i++)
            if (node->in[i] && node->in[i]->def)
                needed[node->in[i]->def->id] = true;
    return needed;
}

bool keep_value(Value *value)
{
    Node *const node = node_new(value->graph, op_find("o2c", "Kept"), value->def->name, value->def->next);
    node_add_input(node, value);
    Value *const kept = node_add_output(node, "");
    if (!node_infer(node))
        return false;
    value_replace(value, kept);
    node_set_input(node, 0, value);
    return true;
}

/* ---- what is read backwards ---- */
static bool may_be_kept(const Value *value)
{
    const DType dtype = value->type.dtype;
    const Node *const node = value->def;
    return value->type.kind == TENSOR && (dtype_is_float(dtype) || dtype == BOOL) && !value->constant &&
           value->outputs == 0 && node->op && !node->function && !node->op->is_random &&
           node->op->form != FORM_CONTROL && !node_subgraph(node, 0);
}

/* To be looked at: the backward part reads it, or would if it had to compute a value from it. */
static void ask_for(Keeping *k, Value *value)
{
    if (map_get(k->seen, value))
        return;
    map_set(k->seen, value, value);
    if (k->nasked == k->capacity) {
        k->capacity = 2 * k->capacity + 64;
        k->asked =
            arena_grow(k->graph->context->arena, k->asked, (size_t)k->nasked, (size_t)k->capacity, sizeof *k->asked);
    }
    k->asked[k->nasked++] = value;
}

static void ask_for_operands(Keeping *k, const Node *node)
{
    for (int i = 0; i < node->nin; i++)
        if (node->in[i])
            ask_for(k, node->in[i]);
}

/* Decides whether a value that is asked for is to be kept. */
static void answer(Keeping *k, Value *value)
{
    Node *const node = value->def;
    if (!node || node->graph != k->graph || !k->is_forward[node->id] || map_get(k->stored, value) ||
        !may_be_kept(value))
        return;
    if (node->op->form == FORM_COMPOSED)
        k->composed = node;
    else if (node_is_product(node) || node_only_moves(node))
        ask_for_operands(k, node);
    else if (!k->is_summed[node->id])
        map_set(k->wanted, value, value);
}

static Keeping find_all(Graph *graph, int nforward, const Keep *keep)
{
    Arena *const arena = graph->context->arena;
    Keeping k = {.graph = graph,
                 .is_forward = nodes_needed(graph, nforward, NULL, 0),
                 .is_summed = find_summed(graph, SUMS_OF_ROWS, NULL),
                 .stored = map_new(arena),
                 .seen = map_new(arena),
                 .wanted = map_new(arena)};
    for (int i = 0; i < keep->nstored; i++) {
        const Value *const value = graph_find_value(graph, keep->stored[i]);
        if (value)
            map_set(k.stored, value, value);
    }
    for (const Node *node = graph->first; node; node = node->next)
        if (!k.is_forward[node->id])
            ask_for_operands(&k, node);
    while (k.nasked > 0 && !k.composed)
        answer(&k, k.asked[--k.nasked]);
    return k;
}

/* ---- composed operators ---- */
bool take_apart(Node *node)
{
    Graph *const graph = node->graph;
    Node *const before = node->prev, *const after = node->next;
    const Graph *const body = op_body(node);
    if (!body)
        return false;
    node_inline(node, body);
    for (Node *inlined = before ? before->next : graph->first; inlined != after; inlined = inlined->next)
        if (!node_infer(inlined))
            return false;
    return true;
}

bool share_parts(Graph *graph)
{
    const PassOptions all = {0};
    return pass_fold(graph->model, &all) && pass_shape(graph->model, &all) && pass_cse(graph->model, &all);
}

/* The forward part's dropout and its gradient's draw the same: once both stand there in full, they share it. */
static bool take_dropout_apart(Graph *graph)
{
    bool any = false;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        if (!node_is(node, "o2c", "Dropout"))
            continue;
        any = true;
        if (!take_apart(node))
            return false;
    }
    return !any || share_parts(graph);
}

/* ---- all of it ---- */
static bool is_again(const Keep *keep, const Value *value)
{
    for (int i = 0; i < keep->nagain; i++)
        if (strcmp(keep->again[i], value->name) == 0)
            return true;
    return false;
}

bool keep_values(Graph *graph, int nforward, Keep *keep)
{
    if (!take_dropout_apart(graph))
        return false;
    Keeping k = find_all(graph, nforward, keep);
    for (; k.composed; k = find_all(graph, nforward, keep))
        if (!take_apart(k.composed))
            return false;
    keep->found = ARENA_ARRAY(graph->context->arena, graph->nnode + 1, Value *);
    keep->nfound = 0;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        for (int i = 0; i < node->nout; i++) {
            Value *const value = node->out[i];
            if (!value || !map_get(k.wanted, value))
                continue;
            keep->found[keep->nfound++] = value;
            if (!is_again(keep, value) && !keep_value(value))
                return false;
        }
    }
    return true;
}
