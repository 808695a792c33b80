/* substitute.c -- what an expression reads, and expressions with their axes and loads replaced.
 *
 * Recursion is over the depth of an expression, which the definitions bound and fusing keeps small; a DAG is walked
 * once. */
#include "../map.h"
#include "expr.h"
#include <string.h>

/* ---- what is read ---- */
typedef struct {
    Context *context;
    const Axis *axis;
    const Value *value;
} Search;

static bool finds(Search *search, const Expr *e)
{
    if (!expr_walk_enters(search->context, e))
        return false;
    if (e->kind == E_AXIS)
        return e->u.axis == search->axis;
    if (e->kind == E_LOAD && e->u.value == search->value)
        return true;
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (finds(search, child))
            return true;
    for (int i = 0; i < e->nover; i++)
        if (e->over[i]->of && finds(search, e->over[i]->of))
            return true;
    return false;
}

bool expr_reads_axis(Context *context, const Expr *e, const Axis *axis)
{
    expr_walk_begin(context);
    return e && finds(&(Search){.context = context, .axis = axis}, e);
}

bool expr_reads_value(Context *context, const Expr *e, const Value *value)
{
    expr_walk_begin(context);
    return e && finds(&(Search){.context = context, .value = value}, e);
}

/* ---- substitution ---- */
typedef struct Substitution Substitution;
struct Substitution {
    Context *context;
    LoadRewrite *load;
    void *who;
    Map *expr;                 /* old expression to new */
    Map *axis;                 /* old axis to the expression that replaces it */
    Map *reads;                /* expression to whether it reads an axis that is replaced, as far as has been asked */
    const Substitution *outer; /* where axes that are not in the map are looked up */
};

static Expr *replace(Substitution *s, Expr *e);

static Expr *replace_load(Substitution *s, Expr *e)
{
    Expr *index[MAX_RANK] = {NULL};
    bool changed = false;
    for (int i = 0; i < e->u.value->type.rank; i++) {
        index[i] = replace(s, e->index[i]);
        changed |= index[i] != e->index[i];
    }
    Expr *instead = s->load ? s->load(s->who, e->u.value, index) : NULL;
    return instead ? instead : changed ? expr_load(s->context, e->u.value, index) : e;
}

static Expr *axis_replacement(const Substitution *s, const Axis *axis)
{
    Expr *to = NULL;
    for (; s && !to; s = s->outer)
        to = map_get(s->axis, axis);
    return to;
}

static bool shadows(const Substitution *s, const Expr *e)
{
    for (int i = 0; i < e->nover; i++)
        if (axis_replacement(s, e->over[i]))
            return true;
    return false;
}

static bool reads_replaced(Substitution *s, const Expr *e);

static bool reads_replaced_new(Substitution *s, const Expr *e)
{
    if (e->kind == E_AXIS)
        return axis_replacement(s, e->u.axis);
    const Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (reads_replaced(s, child))
            return true;
    for (int i = 0; i < e->nover; i++)
        if (e->over[i]->of && reads_replaced(s, e->over[i]->of))
            return true;
    return false;
}

static bool reads_replaced(Substitution *s, const Expr *e)
{
    static const char yes, no;
    const char *known = map_get(s->reads, e);
    if (!known) {
        known = reads_replaced_new(s, e) ? &yes : &no;
        map_set(s->reads, e, known);
    }
    return known == &yes;
}

/* A bound axis of its own for each copy of a reduction, so that an expression may stand inside itself; but a reduction
 * in which nothing is replaced stays one, or sums of sums would double with each. */
static Expr *replace_reduce(Substitution *s, Expr *e)
{
    Axis *over[MAX_RANK];
    Substitution inner = {.context = s->context, .load = s->load, .who = s->who, .outer = s};
    Map *const outside = s->reads;
    if (!s->load && !reads_replaced(s, e))
        return e;
    if (shadows(s, e)) { /* the axis means another thing inside, and so do shared expressions */
        inner.expr = map_new(s->context->arena);
        inner.axis = map_new(s->context->arena);
        s = &inner;
    }
    s->reads = map_new(s->context->arena); /* inside, its axes are replaced too */
    for (int i = 0; i < e->nover; i++) {
        over[i] = ARENA_NEW(s->context->arena, Axis);
        *over[i] = *e->over[i];
        over[i]->id = s->context->expr_count++;
        over[i]->is_bound = false;
        over[i]->lo = replace(s, over[i]->lo);
        over[i]->hi = replace(s, over[i]->hi);
        over[i]->of = replace(s, over[i]->of);
        over[i]->part = replace(s, over[i]->part);
        map_set(s->axis, e->over[i], expr_axis(s->context, over[i]));
    }
    Expr *body = replace(s, e->arg[0]), *empty = replace(s, e->arg[1]);
    s->reads = outside;
    return expr_reduce(s->context, e->u.combine, over, e->nover, body, empty);
}

Expr *expr_rebuild(Context *context, const Expr *e, Expr *const *arg, Expr *const *index)
{
    switch (e->kind) {
    case E_LOAD:
        return expr_load(context, e->u.value, index);
    case E_CALL:
        return e->narg == 1   ? expr_call1(context, e->u.scalar, arg[0])
               : e->narg == 2 ? expr_call2(context, e->u.scalar, arg[0], arg[1])
                              : expr_call3(context, e->u.scalar, arg[0], arg[1], arg[2]);
    case E_INDEX:
        return expr_arith(context, e->u.op, arg[0], e->narg > 1 ? arg[1] : NULL);
    case E_CAST:
        return expr_cast(context, arg[0], e->storage);
    case E_SELECT:
        return expr_select(context, arg[0], arg[1], arg[2]);
    case E_WRAP:
        return expr_wrap(context, arg[0], e->u.dim);
    case E_CHECK:
        return expr_check(context, arg[0], e->u.dim);
    case E_REDUCE: { /* not by expr_reduce, which would give it axes of its own */
        Expr *made = ARENA_NEW(context->arena, Expr);
        *made = *e;
        made->id = context->expr_count++;
        made->arg[0] = arg[0];
        made->arg[1] = arg[1];
        return made;
    }
    default:
        return (Expr *)e;
    }
}

static Expr *replace_new(Substitution *s, Expr *e)
{
    if (e->kind == E_AXIS) {
        Expr *to = axis_replacement(s, e->u.axis);
        return to ? to : e;
    }
    if (e->kind == E_LOAD)
        return replace_load(s, e);
    if (e->kind == E_REDUCE)
        return replace_reduce(s, e);
    Expr *arg[MAX_OPERANDS];
    bool changed = false;
    for (int i = 0; i < e->narg; i++) {
        arg[i] = replace(s, e->arg[i]);
        changed |= arg[i] != e->arg[i];
    }
    return changed ? expr_rebuild(s->context, e, arg, NULL) : e;
}

static Expr *replace(Substitution *s, Expr *e)
{
    if (!e)
        return NULL;
    Expr *done = map_get(s->expr, e);
    if (!done) {
        done = replace_new(s, e);
        map_set(s->expr, e, done);
    }
    return done;
}

Expr *expr_substitute(Context *context, Expr *e, Axis *const *from, Expr *const *to, int count, LoadRewrite *load,
                      void *who)
{
    Substitution s = {.context = context, .load = load, .who = who};
    s.expr = map_new(context->arena);
    s.axis = map_new(context->arena);
    s.reads = map_new(context->arena);
    for (int i = 0; i < count; i++)
        map_set(s.axis, from[i], to[i]);
    return replace(&s, e);
}
