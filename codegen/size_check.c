/* size_check.c -- where sizes were taken to be equal because they were not known to differ (x [N] + y [M]), loads could
 * leave their tensor: the sizes they need are checked before the program runs. */
#include "../frontend/ops/expr.h"
#include "program.h"
#include "simplify.h"

typedef struct {
    Context *context;
    const Element *element;
    int rank;
    Map *seen;
    Requirements *to;
} Search;

/* ---- what keeps a load from running ---- */
static bool compares_axis(Context *context, const Expr *condition, const Axis *axis)
{
    if (condition->kind == E_LOAD || !expr_walk_enters(context, condition))
        return false;
    if (condition->kind == E_AXIS)
        return condition->u.axis == axis;
    Expr *child;
    for (int i = 0; (child = expr_child(condition, i)); i++)
        if (compares_axis(context, child, axis))
            return true;
    return false;
}

/* Whether a condition compares an axis of the index, and so may keep what it guards inside a tensor. */
static bool is_guard(const Search *s, const Expr *condition, const Expr *index)
{
    if (index->kind == E_AXIS) {
        expr_walk_begin(s->context);
        return compares_axis(s->context, condition, index->u.axis);
    }
    for (int i = 0; i < index->narg; i++)
        if (is_guard(s, condition, index->arg[i]))
            return true;
    return false;
}

/* Whether the load runs whenever e does but for guards of other indices. `without` holds what was looked at in vain. */
static bool reaches(const Search *s, const Expr *e, const Expr *load, const Expr *index, Map *without)
{
    if (e == load)
        return true;
    if (map_get(without, e))
        return false;
    map_set(without, e, e);
    if (e->kind == E_SELECT && is_guard(s, e->arg[0], index))
        return reaches(s, e->arg[0], load, index, without);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (reaches(s, child, load, index, without))
            return true;
    return false;
}

/* Whether one of the places where the load stands (NULL: the update's store) has no guard for this index. */
static bool is_unguarded(const Search *s, const Expr *load, const Expr *index)
{
    Map *without = map_new(s->context->arena);
    const Update *update = s->element->update;
    if (load && s->element->body && reaches(s, s->element->body, load, index, without))
        return true;
    if (!update)
        return false;
    if (load && update->guard && reaches(s, update->guard, load, index, without))
        return true;
    if (update->guard && is_guard(s, update->guard, index))
        return false;
    for (int i = 0; load && i < s->rank; i++)
        if (reaches(s, update->at[i], load, index, without))
            return true;
    return !load || reaches(s, update->value, load, index, without);
}

/* Whether e is a sum of multiples of axes: its range is exact. */
static bool is_plain(const Expr *e)
{
    return e->kind == E_CONST || e->kind == E_DIM || e->kind == E_AXIS ||
           (e->kind == E_INDEX && e->u.op <= I_MUL && is_plain(e->arg[0]) && is_plain(e->arg[1]));
}

/* ---- what loads require ---- */
/* What keeps `index` of a load (NULL: of the update's store) below the extent; it must only where nothing guards it. */
static void require_inside(Search *s, const Expr *load, const Expr *index, Dim *extent)
{
    DimTable *dims = s->context->dims;
    const Range range = expr_range(s->context, index);
    const bool bounded = index->kind == E_LOAD || (index->kind == E_CAST && index->arg[0]->kind == E_LOAD);
    Dim *zero = dim_const(dims, 0), *low = range.low && !bounded ? range.low : zero;
    Dim *end = range.high ? dim_add(dims, range.high, dim_const(dims, 1)) : extent;
    if ((dim_le(dims, zero, low) && dim_le(dims, end, extent)) ||
        !(bounded || (is_plain(index) && is_unguarded(s, load, index))))
        return;
    dim_require(dims, s->to, end, extent, false);
    dim_require(dims, s->to, zero, low, false);
}

static void search(Search *s, const Expr *e)
{
    if (map_get(s->seen, e))
        return;
    map_set(s->seen, e, e);
    for (int i = 0; e->kind == E_LOAD && i < e->u.value->type.rank; i++)
        require_inside(s, e, e->index[i], e->u.value->type.dim[i]);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        search(s, child);
}

void find_requirements(Context *context, const Element *element, int rank, Requirements *to)
{
    Search s = {context, element, rank, map_new(context->arena), to};
    if (element->body)
        search(&s, element->body);
    const Update *update = element->update;
    if (!update)
        return;
    if (update->guard)
        search(&s, update->guard);
    search(&s, update->value);
    for (int i = 0; i < rank; i++) {
        search(&s, update->at[i]);
        if (element->axis[i]->hi->kind == E_DIM)
            require_inside(&s, NULL, update->at[i], element->axis[i]->hi->u.dim);
    }
}
