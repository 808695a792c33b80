/* manner.c -- see manner.h. */
#include "manner.h"
#include "../frontend/frontend.h"
#include "../frontend/ops/op.h"
#include "fuse.h"
#include <string.h>

const Expr *node_body(Node *node)
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

bool node_only_moves(Node *node)
{
    Context *const context = node->graph->context;
    const Expr *const body = node_body(node);
    if (!body)
        return false;
    expr_walk_begin(context);
    return !has_operations(context, body);
}

static bool has_reduction(const Expr *e)
{
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i] && has_reduction(e->arg[i]))
            return true;
    return e->kind == E_REDUCE;
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
typedef enum { PASSES_ON, SUMS_ROWS, SUMS_OTHERS, MULTIPLIES_ROWS, MULTIPLIES_OTHERS, ENDS } Manner;

static Manner manner_of_reduction(Context *context, const Expr *e)
{
    Manner manner = PASSES_ON;
    if (e->kind == E_REDUCE && !short_sum(e)) {
        bool is_long = false;
        for (int i = 0; i < e->nover; i++)
            is_long |= constant_extent(e->over[i]) > 0;
        const bool rows = is_long && reads_along(context, e->arg[0], e->over, e->nover);
        return expr_is_contraction(e) ? (rows ? MULTIPLIES_ROWS : MULTIPLIES_OTHERS) : (rows ? SUMS_ROWS : SUMS_OTHERS);
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
        return strcmp(node->op->domain, "gnn") == 0 ? SUMS_OTHERS : SUMS_ROWS;
    const Expr *const body = node_body(node);
    return body ? manner_of_reduction(node->graph->context, body) : ENDS;
}

static bool is_sum(Manner manner, Sums sums)
{
    return manner == SUMS_ROWS || manner == (sums == SUMS_OF_ROWS ? MULTIPLIES_ROWS : SUMS_OTHERS);
}

static bool is_stored(const Map *stored, const Node *node)
{
    return stored && node->nout == 1 && node->out[0] && map_get(stored, node->out[0]);
}

/* Sums take no sizes, and of a condition not the number that it was told by. */
static bool is_operand(const Value *value, Sums sums)
{
    return !dtype_is_integer(value->type.dtype) && (sums == SUMS_OF_ROWS || value->type.dtype != BOOL);
}

bool *find_summed(const Graph *graph, Sums sums, const Map *stored)
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
                if (reader->graph == graph && is_operand(node->out[i], sums))
                    summed[node->id] |=
                        is_sum(manner[reader->id], sums) ||
                        (manner[reader->id] == PASSES_ON && summed[reader->id] && !is_stored(stored, reader));
            }
    }
    return summed;
}

bool node_is_elementwise(Node *node)
{
    const Expr *const body = node_body(node);
    return body && (node->op->form == FORM_ELEMENTWISE || node->op->is_movement || node_is(node, "", "Gather")) &&
           !has_reduction(body);
}

bool node_sums_in_order(Node *node)
{
    const Manner manner = manner_of(node);
    return manner == SUMS_ROWS || manner == MULTIPLIES_ROWS || manner == MULTIPLIES_OTHERS;
}

bool node_is_product(const Node *node)
{
    return node_is(node, "", "Mul") || node_is(node, "", "Div");
}
