/* expr.c -- small facts about expressions and axes, see expr.h. */
#include "expr.h"

Dim *expr_dim_of(Context *context, const Expr *e)
{
    int64_t value;
    return e->kind == E_DIM ? e->u.dim : expr_is_int(e, &value) ? dim_const(context->dims, value) : NULL;
}

Dim *axis_extent(Context *context, const Axis *axis)
{
    int64_t low;
    return expr_is_int(axis->lo, &low) && low == 0 ? expr_dim_of(context, axis->hi) : NULL;
}

int64_t constant_extent(const Axis *axis)
{
    int64_t value;
    if (!expr_is_int(axis->lo, &value) || value != 0)
        return -1;
    const bool is_known =
        axis->hi->kind == E_DIM ? dim_is_const(axis->hi->u.dim, &value) : expr_is_int(axis->hi, &value);
    return is_known ? value : -1;
}

int64_t short_sum(const Expr *reduce)
{
    enum { MOST_TERMS = 4 };
    if (reduce->nover != 1 || reduce->u.combine != COMBINE_ADD || !dtype_is_float(reduce->dtype))
        return 0;
    const int64_t extent = constant_extent(reduce->over[0]);
    return extent >= 1 && extent <= MOST_TERMS ? extent : 0;
}

Expr *flat_index(Context *context, const Value *value, Expr *const *index)
{
    Expr *flat = value->type.rank > 0 ? index[0] : expr_index(context, 0);
    for (int i = 1; i < value->type.rank; i++)
        flat = expr_arith(context, I_ADD, expr_arith(context, I_MUL, flat, expr_dim(context, value->type.dim[i])),
                          index[i]);
    return flat;
}
