/* place.c -- puts an expression's parts into the outermost loops that bind what they read. */
#include "nest_state.h"
#include <ctype.h>
#include <string.h>

/* A reduction over lanes is an array over those of a block. */
AxisSet open_axes_of(Nest *n, const Expr *e)
{
    AxisSet reads = nest_facts(n, e)->reads;
    if (e->kind != E_REDUCE || !n->lane)
        return reads;
    if (n->outer_lane)
        reads = axis_set_without(n, reads, n->outer_lane);
    if (!axis_set_has(n, reads, n->lane))
        return reads;
    reads = axis_set_without(n, reads, n->lane);
    return n->lane_base ? axis_set_add(n, reads, n->lane_base->u.axis) : reads;
}

Scope *target(Nest *n, const Expr *e, Scope *scope)
{
    const Facts *facts = nest_facts(n, e);
    const AxisSet reads = open_axes_of(n, e);
    if (facts->is_pinned)
        return scope;
    while (scope->outer && axis_set_covers(scope->outer->bound, reads) && !(scope->is_arm && facts->may_fault))
        scope = scope->outer;
    return scope;
}

Expr *find_placed(const Scope *scope, const Expr *e)
{
    for (; scope; scope = scope->outer) {
        Expr *placed = map_get(scope->placed, e);
        if (placed)
            return placed;
    }
    return NULL;
}

static Expr *load_local(Nest *n, Value *local)
{
    return expr_load(n->context, local, NULL);
}

/* ---- locals ---- */
/* What a local is called: after the tensor it was read from, or the function that made it. */
static const char *local_name(const Nest *n, const Expr *e)
{
    while (e->kind == E_CAST)
        e = e->arg[0];
    switch (e->kind) {
    case E_LOAD:
        return arena_printf(n->context->arena, "%s_at", n->name_of(n->who, e->u.value));
    case E_CALL: {
        char *name = arena_strdup(n->context->arena, scalar_info(e->u.scalar, e->arg[0]->dtype)->name);
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        return name;
    }
    case E_SELECT:
        return "chosen";
    default:
        return e->dtype == BOOL ? "inside" : "index";
    }
}

static bool wants_name(const Nest *n, const Expr *e, const Scope *scope, const Scope *at)
{
    const Facts *facts = nest_facts(n, e);
    if (at->is_expression || facts->is_pinned)
        return false;
    if (facts->is_work || e->kind == E_WRAP)
        return at != scope || facts->uses > 1;
    return facts->uses > 1 && facts->cost > 8;
}

Expr *let(Nest *n, Scope *scope, const Expr *e, Expr *value)
{
    if (value->kind == E_CONST || value->kind == E_AXIS || value->kind == E_DIM)
        return value;
    if (value->kind == E_LOAD && is_local(value->u.value) && value->u.value->type.rank == 0)
        return value; /* a local already */
    Stmt *stmt = append(n, &scope->block, STMT_LET);
    stmt->target = local_new(n, local_name(n, e), value->dtype, 0);
    stmt->value = value;
    const Range range = expr_range(n->context, e);
    if (e->dtype == INDEX && range.low && range.high && dim_lower(range.low) >= 0)
        stmt->target->bound = dim_add(n->context->dims, range.high, dim_const(n->context->dims, 1));
    return load_local(n, stmt->target);
}

/* ---- selections ---- */
/* Whether an arm holds something that needs statements of its own. */
static bool needs_statements(const Nest *n, const Expr *e, const Scope *scope, Map *seen)
{
    if (e->kind == E_CONST || e->kind == E_DIM || e->kind == E_AXIS || map_get(seen, e) || find_placed(scope, e))
        return false;
    map_set(seen, e, e);
    const Facts *facts = nest_facts(n, e);
    if (!facts->may_fault && !facts->reduces)
        return false;
    if (e->kind == E_REDUCE || (facts->uses > 1 && facts->cost > 16))
        return true;
    const Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (needs_statements(n, child, scope, seen))
            return true;
    return false;
}

Scope *arm_new(Nest *n, Scope *outer, bool is_expression)
{
    Scope *arm = scope_new(n, outer, NULL);
    arm->is_arm = true;
    arm->is_expression = is_expression;
    return arm;
}

static void set_local(Nest *n, Scope *scope, Value *local, Expr *value)
{
    Stmt *stmt = append(n, &scope->block, STMT_SET);
    stmt->target = local;
    stmt->value = value;
}

static Expr *place_selection(Nest *n, Expr *e, Scope *scope)
{
    Expr *condition = place(n, e->arg[0], scope);
    Map *seen = map_new(n->context->arena);
    const bool statements = !scope->is_expression && (needs_statements(n, e->arg[1], scope, seen) ||
                                                      needs_statements(n, e->arg[2], scope, seen));
    Scope *then = arm_new(n, scope, !statements), *otherwise = arm_new(n, scope, !statements);
    if (!statements)
        return expr_select(n->context, condition, place(n, e->arg[1], then), place(n, e->arg[2], otherwise));
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, "chosen", e->dtype, 0);
    set_local(n, then, var->target, place(n, e->arg[1], then));
    set_local(n, otherwise, var->target, place(n, e->arg[2], otherwise));
    Stmt *stmt = append(n, &scope->block, STMT_IF);
    stmt->value = condition;
    stmt->body = then->block;
    stmt->otherwise = otherwise->block;
    return load_local(n, var->target);
}

/* ---- checked indices ---- nest_checks has seen to it that they are in range */
static Expr *place_index(Nest *n, Expr *e, Scope *scope)
{
    Context *context = n->context;
    Expr *index = expr_cast(context, place(n, e->arg[0], scope), INDEX);
    const Range range = expr_range(context, e->arg[0]);
    if (e->kind == E_CHECK || (range.low && dim_lower(range.low) >= 0))
        return index;
    if (!scope->is_expression && index->kind != E_CONST)
        index = let(n, scope, e->arg[0], index);
    Expr *from_end = expr_arith(context, I_ADD, index, expr_dim(context, e->u.dim));
    return expr_select(context, expr_arith(context, I_LESS, index, expr_index(context, 0)), from_end, index);
}

Expr *place_named(Nest *n, Expr *e, Scope *scope)
{
    Expr *index = expr_cast(n->context, place(n, e, scope), INDEX);
    return nest_facts(n, e)->is_work ? let(n, scope, e, index) : index;
}

static Expr *place_operands(Nest *n, Expr *e, Scope *scope)
{
    Expr *arg[MAX_OPERANDS] = {NULL}, *index[MAX_RANK];
    for (int i = 0; i < e->narg; i++)
        arg[i] = e->arg[i] ? place(n, e->arg[i], scope) : NULL;
    for (int i = 0; e->kind == E_LOAD && i < e->u.value->type.rank; i++)
        index[i] = place(n, e->index[i], scope);
    return expr_rebuild(n->context, e, arg, index);
}

Expr *place(Nest *n, Expr *e, Scope *scope)
{
    if (e->kind == E_CONST || e->kind == E_DIM || e->kind == E_AXIS)
        return e;
    Expr *known = find_placed(scope, e);
    if (known)
        return known;
    Scope *at = target(n, e, scope);
    if (e->kind == E_REDUCE)
        return place_reduction(n, e, at);
    Expr *placed = e->kind == E_SELECT                       ? place_selection(n, e, at)
                   : e->kind == E_WRAP || e->kind == E_CHECK ? place_index(n, e, at)
                                                             : place_operands(n, e, at);
    if (wants_name(n, e, scope, at))
        placed = let(n, at, e, placed);
    if (!nest_facts(n, e)->is_pinned)
        map_set(at->placed, e, placed);
    return placed;
}
