/* expr_walk.c -- what an expression is made of, and walks that meet each once, without memory of their own for each. */
#include "expr.h"

Expr *expr_child(const Expr *e, int i)
{
    for (int k = 0; k < e->narg; k++)
        if (e->arg[k] && i-- == 0)
            return e->arg[k];
    const int nindex = e->kind == E_LOAD && e->u.value->type.rank > 0 ? e->u.value->type.rank : 0;
    if (i < nindex)
        return e->index[i];
    i -= nindex;
    if (i >= 2 * e->nover)
        return NULL;
    return i % 2 == 0 ? e->over[i / 2]->lo : e->over[i / 2]->hi;
}

void expr_walk_begin(Context *context)
{
    context->expr_walk++;
}

bool expr_walk_enters(Context *context, const Expr *e)
{
    if (e->id >= context->expr_met_capacity) {
        const int capacity = 2 * context->expr_count + 1024;
        context->expr_met = arena_grow(context->arena, context->expr_met, (size_t)context->expr_met_capacity,
                                       (size_t)capacity, sizeof *context->expr_met);
        context->expr_met_capacity = capacity;
    }
    const bool is_first = context->expr_met[e->id] != context->expr_walk;
    context->expr_met[e->id] = context->expr_walk;
    return is_first;
}
