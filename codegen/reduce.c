/* reduce.c -- a reduction's total: a local, or one for each lane; the loops that find it, shared by those over one
 * range. */
#include "rows.h"
#include "vector.h"
#include <string.h>

/* What totals are called. */
static const char *const total_name[NUM_COMBINE] = {
    [COMBINE_ADD] = "sum",   [COMBINE_MUL] = "product", [COMBINE_MAX] = "greatest",
    [COMBINE_MIN] = "least", [COMBINE_AND] = "all",     [COMBINE_OR] = "any",
};

/* ---- lanes ---- */
unsigned lanes_of(Nest *n, const Expr *e, const Scope *at)
{
    const AxisSet reads = nest_facts(n, e)->reads;
    unsigned lanes = 0;
    if (n->lane && axis_set_has(n, reads, n->lane) && !axis_set_has(n, at->bound, n->lane))
        lanes |= LANES_INNER;
    if (n->outer_lane && axis_set_has(n, reads, n->outer_lane) && !axis_set_has(n, at->bound, n->outer_lane))
        lanes |= LANES_OUTER;
    return lanes;
}

int64_t lane_count(const Nest *n, unsigned lanes)
{
    return (lanes & LANES_INNER ? n->lanes : 1) * (lanes & LANES_OUTER ? n->outer_lanes : 1);
}

Expr *lane_index(Nest *n, unsigned lanes)
{
    Context *context = n->context;
    Expr *index = expr_index(context, 0);
    if (lanes & LANES_OUTER)
        index = expr_axis(context, n->outer_lane);
    if (!(lanes & LANES_INNER))
        return index;
    Expr *lane = expr_axis(context, n->lane);
    if (n->lane_base)
        lane = expr_arith(context, I_SUB, lane, n->lane_base);
    return expr_arith(context, I_ADD, expr_arith(context, I_MUL, index, expr_index(context, n->lanes)), lane);
}

Scope *lane_open(Nest *n, Scope *scope, unsigned lanes)
{
    if (lanes & LANES_OUTER)
        scope = scope_new(n, scope, n->outer_lane);
    return lanes & LANES_INNER ? scope_new(n, scope, n->lane) : scope;
}

void lane_close(Nest *n, Scope *scope, unsigned lanes)
{
    if (lanes & LANES_INNER) {
        close_loop(n, scope, n->lane, lane_lo(n), lane_hi(n))->is_lane = true;
        scope = scope->outer;
    }
    if (lanes & LANES_OUTER)
        close_loop(n, scope, n->outer_lane, n->outer_lane->lo, n->outer_lane->hi);
}

/* ---- totals ---- */
Expr *reduction_start(Nest *n, Combine combine, DType dtype)
{
    const double neutral = combine_neutral(combine, dtype);
    return dtype_is_float(dtype) ? expr_float(n->context, dtype, neutral)
                                 : expr_cast(n->context, expr_float(n->context, F64, neutral), dtype);
}

Expr *load_total(Nest *n, Value *total, unsigned lanes)
{
    return total->type.rank == 0 ? expr_load(n->context, total, NULL)
                                 : expr_load(n->context, total, (Expr *[]){lane_index(n, lanes)});
}

Stmt *set_total(Nest *n, Scope *scope, Value *total, unsigned lanes, Combine combine, Expr *value)
{
    Stmt *stmt = append(n, &scope->block, STMT_SET);
    stmt->target = total;
    stmt->combine = combine;
    stmt->value = value;
    if (total->type.rank > 0) {
        stmt->nindex = 1;
        stmt->index = ARENA_NEW(n->context->arena, Expr *);
        stmt->index[0] = lane_index(n, lanes);
    }
    return stmt;
}

/* Declares a local, or one for each lane, and gives it its first value (NULL: none yet). */
static Value *declare_total(Nest *n, Scope *scope, const char *name, DType dtype, unsigned lanes, Expr *start)
{
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, name, dtype, lanes ? 1 : 0);
    if (!lanes) {
        var->value = start;
        return var->target;
    }
    var->count = expr_index(n->context, lane_count(n, lanes));
    if (!start)
        return var->target;
    if (dtype_is_float(dtype) ? start->u.f == 0 : start->u.i == 0) {
        var->value = start;
    } else {
        Scope *lane = lane_open(n, scope, lanes);
        set_total(n, lane, var->target, lanes, COMBINE_SET, start);
        lane_close(n, lane, lanes);
    }
    return var->target;
}

void open_accumulator(Nest *n, Accumulator *a, Scope *scope, bool is_set_later)
{
    const Combine combine = a->e->u.combine;
    const DType dtype = a->e->dtype;
    if (!combine_is_arg(combine)) {
        Expr *start = is_set_later ? NULL : reduction_start(n, combine, dtype);
        a->total = declare_total(n, scope, total_name[combine], dtype, a->lanes, start);
        return;
    }
    a->total = declare_total(n, scope, "at_best", INDEX, a->lanes, expr_index(n->context, -1));
    const DType compared = a->e->arg[0]->dtype;
    a->best = declare_total(n, scope, "best", compared, a->lanes,
                            dtype_is_float(compared) ? expr_float(n->context, compared, 0)
                                                     : expr_int(n->context, compared, 0));
}

/* Whether the new value is the better one; the first is, and a NaN is better than any number (as in NumPy). */
static Expr *is_better(Nest *n, const Accumulator *a, Expr *value)
{
    Context *context = n->context;
    const bool last = combine_takes_last(a->e->u.combine);
    Expr *best = load_total(n, a->best, a->lanes);
    Expr *better = expr_call2(context, combine_better(a->e->u.combine), value, best);
    if (dtype_is_float(value->dtype)) {
        Expr *is_nan = expr_call1(context, S_IS_NAN, value);
        if (!last)
            is_nan =
                expr_call2(context, S_AND, is_nan, expr_call1(context, S_NOT, expr_call1(context, S_IS_NAN, best)));
        better = expr_call2(context, S_OR, better, is_nan);
    }
    Expr *first = expr_arith(context, I_LESS, load_total(n, a->total, a->lanes), expr_index(context, 0));
    return expr_arith(context, I_OR, first, better);
}

void take_better(Nest *n, const Accumulator *a, Scope *scope, Expr *value, Expr *at)
{
    Stmt *stmt = append(n, &scope->block, STMT_IF);
    stmt->value = is_better(n, a, value);
    Scope *better = arm_new(n, scope, false);
    set_total(n, better, a->best, a->lanes, COMBINE_SET, value);
    set_total(n, better, a->total, a->lanes, COMBINE_SET, at);
    stmt->body = better->block;
}

static void accumulate(Nest *n, const Accumulator *a, Scope *scope)
{
    Scope *lane = lane_open(n, scope, a->lanes);
    Expr *value = place(n, a->e->arg[0], lane);
    if (!a->best)
        set_total(n, lane, a->total, a->lanes, a->e->u.combine, value);
    else
        take_better(n, a, lane, let(n, lane, a->e->arg[0], value),
                    expr_arith(n->context, I_SUB, expr_axis(n->context, a->e->over[0]), a->e->over[0]->lo));
    lane_close(n, lane, a->lanes);
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
    Scope *arm = arm_new(n, scope, false), *lane = lane_open(n, arm, a->lanes);
    set_total(n, lane, a->total, a->lanes, COMBINE_SET, place(n, a->e->arg[1], lane));
    lane_close(n, lane, a->lanes);
    Stmt *stmt = append(n, &scope->block, STMT_IF);
    stmt->value = is_empty;
    stmt->body = arm->block;
}

/* ---- what shares loops ---- */
/* Whether e holds r, itself or deeper. */
static bool holds(const Expr *e, const Expr *r, Map *seen)
{
    if (e == r)
        return true;
    if (map_get(seen, e))
        return false;
    map_set(seen, e, e);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (holds(child, r, seen))
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
                     !find_placed(scope, other) && axis_set_covers(scope->bound, open_axes_of(n, other)) &&
                     target(n, other, scope) == scope;
        for (int k = 0; k < count && joins; k++)
            joins = is_independent(n, other, batch[k].e);
        if (joins)
            batch[count++] = (Accumulator){.e = other};
    }
    for (int i = 0; i < count; i++)
        batch[i].lanes = lanes_of(n, batch[i].e, scope);
    return count;
}

/* ---- the loops ---- */
Expr *place_end(Nest *n, const Axis *axis, Scope *scope)
{
    Expr *placed = place(n, axis->hi, scope);
    if (!axis->part || placed->kind == E_LOAD)
        return placed;
    Stmt *end = append(n, &scope->block, STMT_LET);
    end->target = local_new(n, "end_of_part", INDEX, 0);
    end->value = placed;
    placed = expr_load(n->context, end->target, NULL);
    map_set(scope->placed, axis->hi, placed);
    return placed;
}

Scope *reduction_open(Nest *n, ReductionLoops *loops, Scope *scope)
{
    loops->scope[0] = scope;
    for (int i = 0; i < loops->nover; i++) {
        const bool in_chunk = i == 0 && loops->chunk_lo;
        loops->lo[i] = in_chunk ? loops->chunk_lo : place(n, loops->over[i]->lo, loops->scope[i]);
        loops->hi[i] = in_chunk ? loops->chunk_hi : place_end(n, loops->over[i], loops->scope[i]);
        loops->scope[i + 1] = scope_new(n, loops->scope[i], loops->over[i]);
    }
    return loops->scope[loops->nover];
}

void reduction_close(Nest *n, ReductionLoops *loops)
{
    prefetch_ahead(n, loops->scope[loops->nover], loops->over[loops->nover - 1]);
    for (int i = loops->nover; i-- > 0;)
        close_loop(n, loops->scope[i + 1], loops->over[i], loops->lo[i], loops->hi[i]);
}

static void reduce_plain(Nest *n, const Accumulator *batch, int count, ReductionLoops loops, Scope *scope)
{
    bool any = false;
    for (int i = 0; i < count; i++)
        any |= !batch[i].vector;
    if (!any)
        return;
    Scope *inner = reduction_open(n, &loops, scope);
    for (int i = 0; i < count; i++)
        if (!batch[i].vector)
            accumulate(n, &batch[i], inner);
    reduction_close(n, &loops);
}

/* Those that are found in vectors, the ones over the same lanes in one loop. */
static void reduce_in_vectors(Nest *n, const Accumulator *batch, int count, const ReductionLoops *loops, Scope *scope)
{
    for (unsigned lanes = 1; lanes <= (LANES_INNER | LANES_OUTER); lanes++) {
        const Accumulator *same[MAX_BATCH];
        int nsame = 0;
        for (int i = 0; i < count; i++)
            if (batch[i].vector && batch[i].lanes == lanes)
                same[nsame++] = &batch[i];
        if (nsame > 0)
            reduce_vectors(n, same, nsame, *loops, scope);
    }
}

void reduce(Nest *n, Accumulator *batch, int count, ReductionLoops loops, Scope *scope)
{
    Expr *term[MAX_BATCH] = {NULL};
    for (int i = 0; i < count; i++)
        term[i] = batch[i].e->arg[0];
    Stages *stages = loops.nover == 1 ? find_stages(n, loops.over[0], term, count, scope) : NULL;
    for (int i = 0; i < count; i++) {
        batch[i].vector = vector_lane(n, &batch[i]);
        open_accumulator(n, &batch[i], scope, batch[i].vector && !stages && !loops.chunk_lo);
    }
    Scope *inner = stages ? open_stages(n, stages, &loops, scope) : scope;
    reduce_plain(n, batch, count, loops, inner);
    reduce_in_vectors(n, batch, count, &loops, inner);
    if (stages)
        close_stages(n, stages);
}

Expr *place_reduction(Nest *n, Expr *e, Scope *scope)
{
    if (is_dot(n, e, scope))
        return place_dot(n, e, scope);
    Accumulator batch[MAX_BATCH];
    const int count = find_batch(n, e, scope, batch, MAX_BATCH);
    if (is_cut(n, e, scope))
        reduce_in_pieces(n, batch, count, scope);
    else
        reduce(n, batch, count, (ReductionLoops){.over = e->over, .nover = e->nover}, scope);
    for (int i = 0; i < count; i++) {
        settle_empty(n, &batch[i], scope);
        map_set(scope->placed, batch[i].e, load_total(n, batch[i].total, batch[i].lanes));
    }
    return map_get(scope->placed, e);
}
