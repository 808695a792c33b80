/* expr_walk.c -- walks over expressions that meet each of them once, without memory of their own for each walk. */
#include "expr.h"

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
