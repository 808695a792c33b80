/* keep.c -- see keep.h. */
#include "keep.h"
#include "../frontend/frontend.h"
#include "../frontend/map.h"
#include "../frontend/ops/expr.h"
#include "../frontend/ops/op.h"
#include "pass.h"
#include <string.h>

typedef struct {
    Graph *graph;
    const bool *is_forward; /* by node id */
    const bool *is_summed;  /* by node id, see find_summed */
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

/* ---- what operators do ---- */
/* What a node's output is computed by; NULL: not by one expression for each element. */
static const Expr *body_of(Node *node)
{
    Definition *const definition = ARENA_NEW(node->graph->context->arena, Definition);
    if ((node->op->form != FORM_INDEX && node->op->form != FORM_ELEMENTWISE) || node->nout != 1 ||
        !op_define(node, definition) || definition->element[0].update)
        return NULL;
    return definition->element[0].body;
}

static bool has_operations(Context *context, const Expr *e)
{
    if (!expr_walk_enters(context, e))
        return false;
    if (e->kind == E_CALL || e->kind == E_REDUCE)
        return true;
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (has_operations(context, child))
            return true;
    return false;
}

/* Whether elements of the node's output are those of its inputs, as casts and selections leave them. */
static bool only_moves(Node *node)
{
    Context *const context = node->graph->context;
    const Expr *const body = body_of(node);
    if (!body)
        return false;
    expr_walk_begin(context);
    return !has_operations(context, body);
}

/* Whether e reads elements that lie one after the other along one of the axes. */
static bool reads_along(Context *context, const Expr *e, Axis *const *axis, int count)
{
    if (e->kind == E_LOAD && e->u.value->type.rank > 0)
        for (int i = 0; i < count; i++)
            if (expr_reads_axis(context, e->index[e->u.value->type.rank - 1], axis[i]))
                return true;
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i] && reads_along(context, e->arg[i], axis, count))
            return true;
    return false;
}

/* How a node uses what it reads. Definitions are shallow. */
typedef enum { PASSES_ON, SUMS_ROWS, ENDS } Manner;

static Manner manner_of_reduction(Context *context, const Expr *e)
{
    Manner manner = PASSES_ON;
    if (e->kind == E_REDUCE && !short_sum(e)) {
        bool is_long = false;
        for (int i = 0; i < e->nover; i++)
            is_long |= constant_extent(e->over[i]) > 0;
        return is_long && reads_along(context, e->arg[0], e->over, e->nover) ? SUMS_ROWS : ENDS;
    }
    for (int i = 0; i < e->narg && manner == PASSES_ON; i++)
        if (e->arg[i])
            manner = manner_of_reduction(context, e->arg[i]);
    return manner;
}

static Manner manner_of(Node *node)
{
    if (!node->op || node->function || node->op->form == FORM_CONTROL)
        return ENDS;
    if (node->op->form == FORM_COMPOSED) /* of message passing, sums run over edges; of others, who knows */
        return strcmp(node->op->domain, "gnn") == 0 ? ENDS : SUMS_ROWS;
    const Expr *const body = body_of(node);
    return body ? manner_of_reduction(node->graph->context, body) : ENDS;
}

/* By node id: a sum along rows reads what the node gives, as it is or by way of others. In which order such a sum is
 * taken depends on whether it finds its operands in memory (codegen/vectorize.c, is_dot). */
static bool *find_summed(const Graph *graph)
{
    Arena *const arena = graph->context->arena;
    const int count = graph->context->node_count;
    bool *const summed = ARENA_ARRAY(arena, count, bool);
    Manner *const manner = ARENA_ARRAY(arena, count, Manner);
    for (Node *node = graph->last; node; node = node->prev) {
        manner[node->id] = manner_of(node);
        for (int i = 0; i < node->nout; i++)
            for (int k = 0; node->out[i] && k < node->out[i]->nreader; k++) {
                const Node *const reader = node->out[i]->reader[k];
                if (reader->graph == graph && !dtype_is_integer(node->out[i]->type.dtype)) /* sizes, say */
                    summed[node->id] |=
                        manner[reader->id] == SUMS_ROWS || (manner[reader->id] == PASSES_ON && summed[reader->id]);
            }
    }
    return summed;
}

static bool is_product(const Node *node)
{
    return node_is(node, "", "Mul") || node_is(node, "", "Div");
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
    else if (is_product(node) || only_moves(node))
        ask_for_operands(k, node);
    else if (!k->is_summed[node->id])
        map_set(k->wanted, value, value);
}

static Keeping find_all(Graph *graph, int nforward, const Keep *keep)
{
    Arena *const arena = graph->context->arena;
    Keeping k = {.graph = graph,
                 .is_forward = nodes_needed(graph, nforward, NULL, 0),
                 .is_summed = find_summed(graph),
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
    const PassOptions all = {0};
    return !any || (pass_fold(graph->model, &all) && pass_shape(graph->model, &all) && pass_cse(graph->model, &all));
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
