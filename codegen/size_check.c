/* size_check.c -- where sizes were taken to be equal because they were not known to differ (x [N] + y [M]), loads could
 * leave their tensor: the sizes they need are checked before the program runs. */
#include "program.h"
#include "simplify.h"

typedef struct {
    Context *context;
    Map *seen;
    Requirement *requirements;
} Search;

/* The axes that a condition compares, which may keep a load it guards inside its tensor. */
typedef struct Guard Guard;
struct Guard {
    const Expr *condition;
    const Guard *outer;
};

static bool compares_axis(const Expr *condition, const Axis *axis, Map *seen)
{
    if (!condition || map_get(seen, condition) || condition->kind == E_LOAD)
        return false;
    map_set(seen, condition, condition);
    if (condition->kind == E_AXIS)
        return condition->u.axis == axis;
    for (int i = 0; i < condition->narg; i++)
        if (compares_axis(condition->arg[i], axis, seen))
            return true;
    return false;
}

/* Whether e is a sum of multiples of axes, none of which a guard compares: its range is exact and is meant. */
static bool is_plain(const Search *s, const Expr *e, const Guard *guard)
{
    if (e->kind == E_CONST || e->kind == E_DIM)
        return true;
    if (e->kind == E_AXIS) {
        for (; guard; guard = guard->outer)
            if (compares_axis(guard->condition, e->u.axis, map_new(s->context->arena)))
                return false;
        return true;
    }
    return e->kind == E_INDEX && e->u.op <= I_MUL && is_plain(s, e->arg[0], guard) && is_plain(s, e->arg[1], guard);
}

static void require(Search *s, Dim *low, Dim *high)
{
    if (dim_le(s->context->dims, low, high))
        return;
    for (const Requirement *known = s->requirements; known; known = known->next)
        if (known->low == low && known->high == high)
            return;
    Requirement *requirement = ARENA_NEW(s->context->arena, Requirement);
    *requirement = (Requirement){low, high, s->requirements};
    s->requirements = requirement;
}

static void require_inside(Search *s, const Expr *index, Dim *extent, const Guard *guard)
{
    DimTable *dims = s->context->dims;
    const Range range = expr_range(s->context, index);
    const bool bounded = index->kind == E_LOAD || (index->kind == E_CAST && index->arg[0]->kind == E_LOAD);
    if (!is_plain(s, index, guard) && !bounded)
        return;
    if (range.high)
        require(s, dim_add(dims, range.high, dim_const(dims, 1)), extent);
    if (range.low && !bounded)
        require(s, dim_const(dims, 0), range.low);
}

/* Guards make an expression's visits differ, but only the first is made: a load that stands both guarded and not is
 * seen without the guard, since conditions come after what always runs. */
static void search(Search *s, const Expr *e, const Guard *guard)
{
    if (map_get(s->seen, e))
        return;
    map_set(s->seen, e, e);
    if (e->kind == E_LOAD)
        for (int i = 0; i < e->u.value->type.rank; i++) {
            require_inside(s, e->index[i], e->u.value->type.dim[i], guard);
            search(s, e->index[i], guard);
        }
    for (int i = 0; i < e->nover; i++) {
        search(s, e->over[i]->lo, guard);
        search(s, e->over[i]->hi, guard);
    }
    if (e->kind == E_SELECT) {
        const Guard inner = {e->arg[0], guard};
        search(s, e->arg[0], guard);
        search(s, e->arg[1], &inner);
        search(s, e->arg[2], &inner);
        return;
    }
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i])
            search(s, e->arg[i], guard);
}

Requirement *find_requirements(Context *context, const Element *element, int rank, Requirement *before)
{
    Search s = {context, map_new(context->arena), before};
    if (element->body)
        search(&s, element->body, NULL);
    const Update *update = element->update;
    if (!update)
        return s.requirements;
    const Guard inner = {update->guard, NULL}, *guard = update->guard ? &inner : NULL;
    if (update->guard)
        search(&s, update->guard, NULL);
    search(&s, update->value, guard);
    for (int i = 0; i < rank; i++) {
        search(&s, update->at[i], guard);
        if (element->axis[i]->hi->kind == E_DIM)
            require_inside(&s, update->at[i], element->axis[i]->hi->u.dim, guard);
    }
    return s.requirements;
}
