/* place.c -- puts an expression's parts into the outermost loops that bind what they read. */
#include "nest_state.h"
#include <ctype.h>
#include <string.h>

static const struct {
    const char *name;
    double neutral;
} combination[] = {
    [COMBINE_ADD] = {"sum", 0},           [COMBINE_MUL] = {"product", 1},  [COMBINE_MAX] = {"greatest", -1},
    [COMBINE_MIN] = {"least", 1},         [COMBINE_AND] = {"all", 1},      [COMBINE_OR] = {"any", 0},
    [COMBINE_ARG_MAX] = {"best", 0},      [COMBINE_ARG_MIN] = {"best", 0}, [COMBINE_ARG_MAX_LAST] = {"best", 0},
    [COMBINE_ARG_MIN_LAST] = {"best", 0},
};

/* The axes that must be open where e is placed. A reduction over lanes is an array over those of a block. */
static AxisSet reads_of(Nest *n, const Expr *e)
{
    AxisSet reads = nest_facts(n, e)->reads;
    if (e->kind != E_REDUCE || !n->lane || !axis_set_has(n, reads, n->lane))
        return reads;
    reads = axis_set_without(n, reads, n->lane);
    return n->lane_base ? axis_set_add(n, reads, n->lane_base->u.axis) : reads;
}

/* The outermost scope in which all that e reads is bound and in which it may run. */
static Scope *target(Nest *n, const Expr *e, Scope *scope)
{
    const Facts *facts = nest_facts(n, e);
    const AxisSet reads = reads_of(n, e);
    if (facts->is_pinned)
        return scope;
    while (scope->outer && axis_set_covers(scope->outer->bound, reads) && !(scope->is_arm && facts->may_fault))
        scope = scope->outer;
    return scope;
}

static Expr *find_placed(const Scope *scope, const Expr *e)
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

/* `e` tells the local's name and its range, `value` computes it from locals. */
static Expr *let(Nest *n, Scope *scope, const Expr *e, Expr *value)
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
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i] && needs_statements(n, e->arg[i], scope, seen))
            return true;
    for (int i = 0; e->kind == E_LOAD && i < e->u.value->type.rank; i++)
        if (needs_statements(n, e->index[i], scope, seen))
            return true;
    return false;
}

static Scope *arm_new(Nest *n, Scope *outer, bool is_expression)
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

/* ---- reductions ---- */
/* One reduction while its loops are open. */
typedef struct {
    Expr *e;
    Value *total; /* rank 1: one for each lane */
    Value *best;  /* ARG_*: the value that stands at index `total` */
} Accumulator;

static bool is_laned(const Nest *n, const Expr *e, const Scope *at)
{
    return n->lane && axis_set_has(n, nest_facts(n, e)->reads, n->lane) && !axis_set_has(n, at->bound, n->lane);
}

static Expr *neutral(Nest *n, Combine combine, DType dtype)
{
    Context *context = n->context;
    if (combine_is_arg(combine) || (combine != COMBINE_MAX && combine != COMBINE_MIN))
        return dtype_is_float(dtype) ? expr_float(context, dtype, combination[combine].neutral)
                                     : expr_int(context, dtype, (int64_t)combination[combine].neutral);
    const bool is_max = combine == COMBINE_MAX;
    if (dtype_is_float(dtype))
        return expr_float(context, dtype, is_max ? -1.0 / 0.0 : 1.0 / 0.0);
    const int bits = dtype_info(dtype)->class == BOOLEAN ? 1 : (int)(8 * dtype_info(dtype)->size);
    if (dtype_info(dtype)->class == SIGNED)
        return expr_int(context, dtype,
                        is_max ? (int64_t)(UINT64_MAX << (bits - 1)) : (int64_t) ~(UINT64_MAX << (bits - 1)));
    return expr_int(context, dtype, is_max ? 0 : bits == 64 ? -1 : (int64_t) ~(UINT64_MAX << bits));
}

static Expr *lane_index(Nest *n)
{
    Expr *lane = expr_axis(n->context, n->lane);
    return n->lane_base ? expr_arith(n->context, I_SUB, lane, n->lane_base) : lane;
}

static Expr *load_total(Nest *n, Value *total)
{
    return total->type.rank == 0 ? load_local(n, total) : expr_load(n->context, total, (Expr *[]){lane_index(n)});
}

/* Runs in every lane of a laned accumulator, or once: the scope to append to. Closed by lane_close. */
static Scope *lane_open(Nest *n, Scope *scope, bool laned)
{
    return laned ? scope_new(n, scope, n->lane) : scope;
}

static void lane_close(Nest *n, Scope *scope, bool laned)
{
    if (laned)
        close_loop(n, scope, n->lane, lane_lo(n), lane_hi(n));
}

static Stmt *set_total(Nest *n, Scope *scope, Value *total, Combine combine, Expr *value)
{
    Stmt *stmt = append(n, &scope->block, STMT_SET);
    stmt->target = total;
    stmt->combine = combine;
    stmt->value = value;
    if (total->type.rank > 0) {
        stmt->nindex = 1;
        stmt->index = ARENA_NEW(n->context->arena, Expr *);
        stmt->index[0] = lane_index(n);
    }
    return stmt;
}

/* Declares a local, or one for each lane, and gives it its first value. */
static Value *declare_total(Nest *n, Scope *scope, const char *name, DType dtype, bool laned, Expr *start)
{
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, name, dtype, laned ? 1 : 0);
    if (!laned) {
        var->value = start;
        return var->target;
    }
    var->count = expr_index(n->context, n->lanes);
    if (dtype_is_float(dtype) ? start->u.f == 0 : start->u.i == 0) {
        var->value = start;
    } else {
        Scope *lane = lane_open(n, scope, true);
        set_total(n, lane, var->target, COMBINE_SET, start);
        lane_close(n, lane, true);
    }
    return var->target;
}

static void open_accumulator(Nest *n, Accumulator *a, Scope *scope)
{
    const Combine combine = a->e->u.combine;
    const bool laned = is_laned(n, a->e, scope);
    const DType dtype = a->e->dtype;
    if (!combine_is_arg(combine)) {
        a->total = declare_total(n, scope, combination[combine].name, dtype, laned, neutral(n, combine, dtype));
        return;
    }
    a->total = declare_total(n, scope, "at_best", INDEX, laned, expr_index(n->context, -1));
    const DType compared = a->e->arg[0]->dtype;
    a->best = declare_total(n, scope, "best", compared, laned,
                            dtype_is_float(compared) ? expr_float(n->context, compared, 0)
                                                     : expr_int(n->context, compared, 0));
}

/* Whether the new value is the better one; the first is, and a NaN is better than any number (as in NumPy). */
static Expr *is_better(Nest *n, const Accumulator *a, Expr *value)
{
    Context *context = n->context;
    const Combine combine = a->e->u.combine;
    const bool is_max = combine == COMBINE_ARG_MAX || combine == COMBINE_ARG_MAX_LAST;
    const bool last = combine == COMBINE_ARG_MAX_LAST || combine == COMBINE_ARG_MIN_LAST;
    Expr *best = load_total(n, a->best);
    Expr *better = expr_call2(context,
                              is_max ? (last ? S_GREATER_EQUAL : S_GREATER)
                              : last ? S_LESS_EQUAL
                                     : S_LESS,
                              value, best);
    if (dtype_is_float(value->dtype)) {
        Expr *is_nan = expr_call1(context, S_IS_NAN, value);
        if (!last)
            is_nan =
                expr_call2(context, S_AND, is_nan, expr_call1(context, S_NOT, expr_call1(context, S_IS_NAN, best)));
        better = expr_call2(context, S_OR, better, is_nan);
    }
    Expr *first = expr_arith(context, I_LESS, load_total(n, a->total), expr_index(context, 0));
    return expr_arith(context, I_OR, first, better);
}

static void accumulate(Nest *n, const Accumulator *a, Scope *scope)
{
    const bool laned = a->total->type.rank > 0;
    Scope *lane = lane_open(n, scope, laned);
    Expr *value = place(n, a->e->arg[0], lane);
    if (!a->best) {
        set_total(n, lane, a->total, a->e->u.combine, value);
    } else {
        value = let(n, lane, a->e->arg[0], value);
        Stmt *stmt = append(n, &lane->block, STMT_IF);
        stmt->value = is_better(n, a, value);
        Scope *better = arm_new(n, lane, false);
        set_total(n, better, a->best, COMBINE_SET, value);
        set_total(n, better, a->total, COMBINE_SET,
                  expr_arith(n->context, I_SUB, expr_axis(n->context, a->e->over[0]), a->e->over[0]->lo));
        stmt->body = better->block;
    }
    lane_close(n, lane, laned);
}

/* Where no point was reduced, the result is the expression for an empty range. */
static void settle_empty(Nest *n, const Accumulator *a, Scope *scope)
{
    if (!a->e->arg[1])
        return;
    Expr *is_empty = NULL;
    for (int i = 0; i < a->e->nover; i++) {
        const Axis *axis = a->e->over[i];
        Expr *empty = expr_arith(n->context, I_LESS_EQUAL, place(n, axis->hi, scope), place(n, axis->lo, scope));
        is_empty = is_empty ? expr_arith(n->context, I_OR, is_empty, empty) : empty;
    }
    int64_t never;
    if (expr_is_int(is_empty, &never) && !never)
        return;
    const bool laned = a->total->type.rank > 0;
    Scope *arm = arm_new(n, scope, false), *lane = lane_open(n, arm, laned);
    set_total(n, lane, a->total, COMBINE_SET, place(n, a->e->arg[1], lane));
    lane_close(n, lane, laned);
    Stmt *stmt = append(n, &scope->block, STMT_IF);
    stmt->value = is_empty;
    stmt->body = arm->block;
}

/* Whether e holds r, itself or deeper. */
static bool holds(const Expr *e, const Expr *r, Map *seen)
{
    if (e == r)
        return true;
    if (map_get(seen, e))
        return false;
    map_set(seen, e, e);
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i] && holds(e->arg[i], r, seen))
            return true;
    for (int i = 0; e->kind == E_LOAD && i < e->u.value->type.rank; i++)
        if (holds(e->index[i], r, seen))
            return true;
    for (int i = 0; i < e->nover; i++)
        if (holds(e->over[i]->lo, r, seen) || holds(e->over[i]->hi, r, seen))
            return true;
    return false;
}

static bool is_independent(Nest *n, const Expr *a, const Expr *b)
{
    return !holds(a, b, map_new(n->context->arena)) && !holds(b, a, map_new(n->context->arena));
}

/* The reductions that share e's loops: over the same axes, from the same scope, not one of another. */
static int find_batch(Nest *n, Expr *e, Scope *scope, Accumulator *batch, int capacity)
{
    int count = 0;
    batch[count++] = (Accumulator){.e = e};
    const bool alone = !nest_facts(n, e)->is_certain || nest_facts(n, e)->is_pinned;
    for (int i = 0; i < n->nreduction && !alone && count < capacity; i++) {
        Expr *other = n->reduction[i];
        const Facts *facts = nest_facts(n, other);
        bool joins = other != e && other->nover == e->nover && facts->is_certain && !facts->is_pinned &&
                     memcmp(other->over, e->over, sizeof *e->over * (size_t)e->nover) == 0 &&
                     !find_placed(scope, other) && axis_set_covers(scope->bound, reads_of(n, other)) &&
                     target(n, other, scope) == scope;
        for (int k = 0; k < count && joins; k++)
            joins = is_independent(n, other, batch[k].e);
        if (joins)
            batch[count++] = (Accumulator){.e = other};
    }
    return count;
}

static Expr *place_reduction(Nest *n, Expr *e, Scope *scope)
{
    enum { MAX_BATCH = 16 };
    Accumulator batch[MAX_BATCH];
    Expr *lo[MAX_RANK], *hi[MAX_RANK];
    Scope *loop[MAX_RANK + 1] = {scope};
    const int count = find_batch(n, e, scope, batch, MAX_BATCH);
    for (int i = 0; i < count; i++)
        open_accumulator(n, &batch[i], scope);
    for (int i = 0; i < e->nover; i++) {
        lo[i] = place(n, e->over[i]->lo, loop[i]);
        hi[i] = place(n, e->over[i]->hi, loop[i]);
        loop[i + 1] = scope_new(n, loop[i], e->over[i]);
    }
    for (int i = 0; i < count; i++)
        accumulate(n, &batch[i], loop[e->nover]);
    for (int i = e->nover; i-- > 0;)
        close_loop(n, loop[i + 1], e->over[i], lo[i], hi[i]);
    for (int i = 0; i < count; i++) {
        settle_empty(n, &batch[i], scope);
        map_set(scope->placed, batch[i].e, load_total(n, batch[i].total));
    }
    return map_get(scope->placed, e);
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
