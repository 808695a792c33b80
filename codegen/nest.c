/* nest.c -- opens the loops of a nest: the output's axes, a lane, the axes of an update; finds what must be checked. */
#include "nest.h"
#include "kernels.h"
#include "rows.h"
#include "vector.h"
#include <string.h>

/* ---- axes ---- */
static int axis_number(Nest *n, const Axis *axis)
{
    const intptr_t known = (intptr_t)map_get(n->axis_number, axis);
    if (known)
        return (int)known - 1;
    if (n->naxis == MAX_AXES)
        report_fatal(n->context->report, NULL, LIMIT_EXCEEDED, "the number of loops in one nest", "256");
    map_set(n->axis_number, axis, (const void *)(intptr_t)(n->naxis + 1));
    return n->naxis++;
}

AxisSet axis_set_add(Nest *n, AxisSet set, const Axis *axis)
{
    const int number = axis_number(n, axis);
    set.bits[number / 64] |= UINT64_C(1) << number % 64;
    return set;
}

bool axis_set_has(const Nest *n, AxisSet set, const Axis *axis)
{
    const intptr_t known = (intptr_t)map_get(n->axis_number, axis);
    return known && (set.bits[(known - 1) / 64] >> (known - 1) % 64 & 1);
}

AxisSet axis_set_without(const Nest *n, AxisSet set, const Axis *axis)
{
    const intptr_t known = (intptr_t)map_get(n->axis_number, axis);
    if (known)
        set.bits[(known - 1) / 64] &= ~(UINT64_C(1) << (known - 1) % 64);
    return set;
}

bool axis_set_covers(AxisSet all, AxisSet some)
{
    for (int i = 0; i < MAX_AXES / 64; i++)
        if (some.bits[i] & ~all.bits[i])
            return false;
    return true;
}

static AxisSet axis_set_join(AxisSet a, AxisSet b)
{
    for (int i = 0; i < MAX_AXES / 64; i++)
        a.bits[i] |= b.bits[i];
    return a;
}

const char *nest_axis_name(Nest *n, const Axis *axis)
{
    const char *name = map_get(n->axis_name, axis);
    if (!name) {
        name = name_identifier(n->names, "", axis->name ? axis->name : "i");
        map_set(n->axis_name, axis, name);
    }
    return name;
}

/* ---- what is known of each expression ---- */
Facts *nest_facts(const Nest *n, const Expr *e)
{
    return map_get(n->facts, e);
}

typedef struct {
    Expr **e; /* operands before what reads them */
    int count, capacity;
} Order;

static void study(Nest *n, Order *order, Expr *e);

static void study_operand(Nest *n, Order *order, Facts *facts, Expr *operand)
{
    enum { MOST = 1 << 20 };
    study(n, order, operand);
    Facts *of = nest_facts(n, operand);
    of->uses++;
    facts->reads = axis_set_join(facts->reads, of->reads);
    facts->cost = facts->cost + of->cost > MOST ? MOST : facts->cost + of->cost;
    facts->may_fault |= of->may_fault;
    facts->is_pinned |= of->is_pinned;
    facts->is_work |= of->is_work;
    facts->reduces |= of->reduces;
}

/* Recursion is as deep as the expression, which the size of a group bounds. */
static void study(Nest *n, Order *order, Expr *e)
{
    if (nest_facts(n, e))
        return;
    Facts *facts = ARENA_NEW(n->context->arena, Facts);
    map_set(n->facts, e, facts);
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i])
            study_operand(n, order, facts, e->arg[i]);
    for (int i = 0; e->kind == E_LOAD && i < e->u.value->type.rank; i++)
        study_operand(n, order, facts, e->index[i]);
    for (int i = e->nover; i-- > 0;) {
        facts->reads = axis_set_without(n, facts->reads, e->over[i]);
        study_operand(n, order, facts, e->over[i]->lo);
        study_operand(n, order, facts, e->over[i]->hi);
    }
    facts->cost++;
    if (e->kind == E_AXIS)
        facts->reads = axis_set_add(n, facts->reads, e->u.axis);
    if (e->kind == E_LOAD) {
        facts->may_fault = facts->is_work = true;
        facts->is_pinned |= e->u.value == n->output;
    }
    if (e->kind == E_CALL || e->kind == E_CAST || e->kind == E_SELECT || is_division(e))
        facts->is_work = true;
    if (e->kind == E_REDUCE) {
        facts->reduces = facts->is_work = true;
        if (n->nreduction == n->reduction_capacity) {
            n->reduction_capacity = 2 * n->reduction_capacity + 8;
            n->reduction = arena_grow(n->context->arena, n->reduction, (size_t)n->nreduction,
                                      (size_t)n->reduction_capacity, sizeof *n->reduction);
        }
        n->reduction[n->nreduction++] = e;
    }
    if (order->count == order->capacity) {
        order->capacity = 2 * order->capacity + 64;
        order->e =
            arena_grow(n->context->arena, order->e, (size_t)order->count, (size_t)order->capacity, sizeof *order->e);
    }
    order->e[order->count++] = e;
}

/* What runs whenever e does: all but the arms of a selection. */
static void mark_certain(const Nest *n, const Expr *e)
{
    const Expr *child;
    for (int i = 0; (child = expr_child(e, i)) && (e->kind != E_SELECT || i == 0); i++)
        nest_facts(n, child)->is_certain = true;
}

void nest_study(Nest *n, Expr *const *root, int count)
{
    Order order = {0};
    for (int i = 0; i < count; i++)
        if (root[i]) {
            study(n, &order, root[i]);
            nest_facts(n, root[i])->is_certain = true;
        }
    for (int i = order.count; i-- > 0;)
        if (nest_facts(n, order.e[i])->is_certain)
            mark_certain(n, order.e[i]);
}

/* ---- statements ---- */
Stmt *append(Nest *n, Block *block, StmtKind kind)
{
    Stmt *stmt = ARENA_NEW(n->context->arena, Stmt);
    stmt->kind = kind;
    if (block->last)
        block->last->next = stmt;
    else
        block->first = stmt;
    return block->last = stmt;
}

Scope *scope_new(Nest *n, Scope *outer, const Axis *axis)
{
    Scope *scope = ARENA_NEW(n->context->arena, Scope);
    scope->outer = outer;
    scope->placed = map_new(n->context->arena);
    if (outer)
        scope->bound = outer->bound;
    if (axis)
        scope->bound = axis_set_add(n, scope->bound, axis);
    return scope;
}

Stmt *close_loop(Nest *n, Scope *scope, Axis *axis, Expr *lo, Expr *hi)
{
    Stmt *stmt = append(n, &scope->outer->block, STMT_FOR);
    stmt->axis = axis;
    stmt->axis_name = nest_axis_name(n, axis);
    stmt->lo = lo;
    stmt->hi = hi;
    stmt->body = scope->block;
    return stmt;
}

Value *local_new(Nest *n, const char *name, DType dtype, int rank)
{
    Value *local = ARENA_NEW(n->context->arena, Value);
    local->name = name_identifier(n->names, "", name);
    local->type = (Type){.kind = TENSOR, .dtype = dtype, .rank = rank};
    return local;
}

Expr *macro(Nest *n, const char *name)
{
    Value *value = ARENA_NEW(n->context->arena, Value);
    value->name = arena_printf(n->context->arena, "%s%s", n->upper, name);
    value->type = (Type){.kind = TENSOR, .dtype = INDEX};
    return expr_load(n->context, value, NULL);
}

Nest nest_new(const NestScope *in, Value *output)
{
    Arena *arena = in->context->arena;
    return (Nest){.context = in->context,
                  .simplifier = in->simplifier,
                  .names = in->names,
                  .output = output,
                  .upper = in->upper,
                  .name_of = in->name_of,
                  .packed = in->packed,
                  .who = in->who,
                  .blas = in->blas,
                  .exact = in->exact || in->one_by_one, /* vectors are the lanes' */
                  .has_prefetch = in->one_by_one,       /* other threads wait for memory meanwhile */
                  .axis_number = map_new(arena),
                  .axis_name = map_new(arena),
                  .facts = map_new(arena)};
}

/* ---- lanes ---- */
/* Whether a sum has the axis itself as a term. */
static bool has_term(const Expr *sum, const Axis *axis)
{
    if (sum->kind == E_INDEX && sum->u.op == I_ADD)
        return has_term(sum->arg[0], axis) || has_term(sum->arg[1], axis);
    return sum->kind == E_AXIS && sum->u.axis == axis;
}

/* Whether a load below e runs along the axis, element by element. */
static bool runs_along(Nest *n, const Expr *e, const Axis *axis, Map *seen)
{
    if (map_get(seen, e) || !axis_set_has(n, nest_facts(n, e)->reads, axis))
        return false;
    map_set(seen, e, e);
    const int rank = e->kind == E_LOAD ? e->u.value->type.rank : 0;
    if (rank > 0 && has_term(e->index[rank - 1], axis))
        return true;
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i] && runs_along(n, e->arg[i], axis, seen))
            return true;
    for (int i = 0; i < rank; i++)
        if (runs_along(n, e->index[i], axis, seen))
            return true;
    return false;
}

/* Whether a reduction can be found in vectors, and all lanes are few enough for an array of totals. */
static bool has_vectors(Nest *n)
{
    if (n->lanes < LEAST_VECTOR || n->lanes > VECTORS_WHOLE)
        return false;
    if (n->nreduction == 0)
        return true;
    for (int i = 0; i < n->nreduction; i++)
        if (axis_set_has(n, nest_facts(n, n->reduction[i])->reads, n->lane) &&
            can_vectorize(n, n->reduction[i]->arg[0], n->lane))
            return true;
    return false;
}

/* Where edges are reduced, or ranges of any length, the next output axis goes inside too, so that a source's row is
 * read once and whole. */
static void choose_outer_lane(Nest *n, const Spatial *spatial)
{
    Axis *axis = spatial->nloop > 1 ? spatial->loop[spatial->nloop - 2] : NULL;
    const int64_t extent = axis ? constant_extent(axis) : -1;
    if (extent < 1 || extent * n->lanes > VECTORS_WHOLE)
        return;
    bool has_edges = false, is_long = false;
    for (int i = 0; i < n->nreduction; i++)
        for (int k = 0; k < n->reduction[i]->nover; k++) {
            const Axis *over = n->reduction[i]->over[k];
            has_edges |= n->in_vectors && over->of != NULL;
            is_long |= constant_extent(over) < 0 && extent * n->lanes <= LANE_BLOCK;
            if (axis_set_has(n, nest_facts(n, over->lo)->reads, axis) ||
                axis_set_has(n, nest_facts(n, over->hi)->reads, axis))
                return;
        }
    if (!has_edges && !is_long)
        return;
    n->outer_lane = axis;
    n->outer_lanes = extent;
}

/* Makes the innermost output axis the lane when reductions vary along it and read memory in its order. */
static void choose_lane(Nest *n, const Spatial *spatial)
{
    Axis *last = spatial->nloop ? spatial->loop[spatial->nloop - 1] : NULL;
    Dim *extent = last ? axis_extent(n->context, last) : NULL;
    for (int i = 0; i < n->nreduction && extent && !n->lane; i++)
        if (nest_facts(n, n->reduction[i])->is_certain &&
            runs_along(n, n->reduction[i], last, map_new(n->context->arena)))
            n->lane = last;
    if (!n->lane && last && n->nreduction == 0 && wants_vectors(n, spatial->body, last))
        n->lane = last;
    if (!n->lane)
        return;
    n->lanes = constant_extent(n->lane);
    n->in_vectors = has_vectors(n);
    if (n->in_vectors || (n->lanes > 0 && n->lanes <= LANE_BLOCK))
        choose_outer_lane(n, spatial);
    else if (n->lanes < 0 || n->lanes > LANE_WHOLE)
        n->lanes = LANE_BLOCK;
}

/* For teams of threads: the innermost axis, unless ranges depend on it. */
static void choose_lane_of_team(Nest *n, const Spatial *spatial)
{
    Axis *last = spatial->nloop ? spatial->loop[spatial->nloop - 1] : NULL;
    if (!last || !axis_extent(n->context, last))
        return;
    for (int i = 0; i < n->nreduction; i++)
        for (int k = 0; k < n->reduction[i]->nover; k++) {
            const Axis *over = n->reduction[i]->over[k];
            if (axis_set_has(n, nest_facts(n, over->lo)->reads, last) ||
                axis_set_has(n, nest_facts(n, over->hi)->reads, last))
                return;
        }
    n->lane = last;
    n->lanes = constant_extent(last);
    if (n->lanes < 0 || n->lanes > LANE_WHOLE)
        n->lanes = LANE_BLOCK;
}

Expr *lane_lo(Nest *n)
{
    return n->lane_base ? n->lane_base : n->lane->lo;
}

Expr *lane_hi(Nest *n)
{
    return n->lane_base ? n->lane_end : n->lane->hi;
}

/* The loop over blocks of lanes, when they are not done all at once. */
static Scope *open_lane_blocks(Nest *n, Scope *scope, Axis **block)
{
    Context *context = n->context;
    const bool whole = dim_equals(axis_extent(context, n->lane), n->lanes);
    if (whole)
        return scope;
    *block = axis_new(context, arena_printf(context->arena, "%s_block", n->lane->name), n->lane->lo, n->lane->hi);
    Scope *inner = scope_new(n, scope, *block);
    n->lane_base = expr_axis(context, *block);
    Stmt *end = append(n, &inner->block, STMT_LET);
    end->target = local_new(n, arena_printf(context->arena, "%s_end", n->lane->name), INDEX, 0);
    Expr *next = expr_arith(context, I_ADD, n->lane_base, expr_index(context, n->lanes));
    end->value = expr_select(context, expr_arith(context, I_LESS, next, n->lane->hi), next, n->lane->hi);
    n->lane_end = expr_load(context, end->target, NULL);
    return inner;
}

/* ---- nests ---- */
/* Operations and stores in all loops: what decides whether threads are worth it. */
static Expr *work_of(const NestScope *in, const Value *output)
{
    DimTable *dims = in->context->dims;
    Dim *stores = dim_const(dims, 1);
    for (int i = 0; i < output->type.rank; i++)
        stores = dim_mul(dims, stores, output->type.dim[i]);
    return expr_dim(in->context, in->operations ? dim_add(dims, in->operations, stores) : stores);
}

static bool is_uneven(const Nest *n)
{
    for (int i = 0; i < n->nreduction; i++)
        for (int k = 0; k < n->reduction[i]->nover; k++)
            if (n->reduction[i]->over[k]->of)
                return true;
    return false;
}

void store(Nest *n, Scope *scope, Expr *const *index, Combine combine, Expr *value)
{
    Stmt *stmt = append(n, &scope->block, STMT_SET);
    stmt->target = n->output;
    stmt->nindex = n->output->type.rank;
    stmt->index = ARENA_ARRAY(n->context->arena, stmt->nindex, Expr *);
    for (int i = 0; i < stmt->nindex; i++)
        stmt->index[i] = index[i];
    stmt->value = value;
    stmt->combine = combine;
}

/* Whether the output's elements lie along the lane as vectors do, and can be computed so. */
static bool is_stored_in_vectors(Nest *n, const Spatial *spatial)
{
    if (!n->in_vectors || n->output->type.dtype != F32 || !can_vectorize(n, spatial->body, n->lane) ||
        !axis_set_has(n, nest_facts(n, spatial->body)->reads, n->lane))
        return false;
    Dim *step = stride_along(n, flat_index(n->context, n->output, spatial->index), n->lane);
    return step && dim_equals(step, 1);
}

/* The loops over lanes in which the output is stored. */
static void store_lanes(Nest *n, const Spatial *spatial, Scope *scope)
{
    const unsigned outer = n->outer_lane ? LANES_OUTER : 0;
    if (!is_stored_in_vectors(n, spatial)) {
        Scope *lane = lane_open(n, scope, outer | LANES_INNER);
        store(n, lane, spatial->index, COMBINE_SET, place(n, spatial->body, lane));
        lane_close(n, lane, outer | LANES_INNER);
        return;
    }
    Scope *around = lane_open(n, scope, outer);
    const VectorLoop loop = vectors_open(n, around, n->lane, NULL, n->lanes);
    Expr *value = place(n, spatial->body, loop.scope);
    store(n, loop.scope, spatial->index, COMBINE_SET, value);
    vectors_close(n, &loop);
    lane_close(n, around, outer);
}

/* The loops over a nest's axes while they are open, the lanes' aside. */
typedef struct {
    const Spatial *largest; /* whose loops they are */
    Scope *scope[2 * MAX_RANK + 2];
    int depth;
    Axis *block;    /* of lanes; NULL: all at once */
    Scope *inner;   /* in which all of them are open */
    Stages *stages; /* of the innermost loop's points; NULL: none */
    ReductionLoops chunk;
} OpenLoops;

/* Where threads are to compute an element each, nothing stands between the loops. */
static OpenLoops open_loops(Nest *n, const Spatial *largest, bool one_by_one)
{
    OpenLoops open = {.largest = largest, .scope = {scope_new(n, NULL, NULL)}};
    const int last = largest->nloop - (n->lane ? 1 : 0) - (n->outer_lane ? 1 : 0);
    for (; open.depth < last; open.depth++)
        open.scope[open.depth + 1] =
            scope_new(n, open.scope[open.depth], one_by_one ? NULL : largest->loop[open.depth]);
    for (int i = 0; one_by_one && i < open.depth; i++)
        open.scope[open.depth]->bound = axis_set_add(n, open.scope[open.depth]->bound, largest->loop[i]);
    return open;
}

/* Lets the innermost loop run over chunks of points, for which functions are computed at once. Where there are
 * reductions, theirs do so. */
static void open_stages_of_points(Nest *n, OpenLoops *open, Expr *const *root, int count)
{
    Axis *const *innermost = open->largest->loop + open->depth - 1;
    if (n->lane || n->nreduction > 0 || open->depth == 0)
        return;
    const int64_t extent = constant_extent(*innermost);
    Scope *outer = open->scope[open->depth - 1];
    if (extent < 0 || extent >= LEAST_VECTOR)
        open->stages = find_stages(n, *innermost, root, count, outer);
    if (!open->stages)
        return;
    open->chunk = (ReductionLoops){.over = innermost, .nover = 1};
    open->scope[open->depth] = scope_new(n, open_stages(n, open->stages, &open->chunk, outer), *innermost);
}

static void close_stages_of_points(Nest *n, const OpenLoops *open)
{
    close_loop(n, open->scope[open->depth], open->chunk.over[0], open->chunk.chunk_lo, open->chunk.chunk_hi);
    close_stages(n, open->stages);
}

static Block close_loops(Nest *n, const OpenLoops *open)
{
    int i = open->depth;
    if (open->stages) {
        close_stages_of_points(n, open);
        i--;
    }
    if (open->block)
        close_loop(n, open->inner, open->block, open->block->lo, open->block->hi)->step =
            expr_index(n->context, LANE_BLOCK);
    while (i-- > (n->rows ? 1 : 0)) {
        if (i == 0)
            block_join(&open->scope[0]->block, before_rows(n, open->largest->loop[0]->hi));
        close_loop(n, open->scope[i + 1], open->largest->loop[i], open->largest->loop[i]->lo,
                   open->largest->loop[i]->hi)
            ->is_spatial = true;
    }
    if (n->rows)
        (n->in_long_rows ? close_long_rows : close_shares)(n, open->scope[1]);
    return open->scope[0]->block;
}

static bool has_all_loops(const OpenLoops *open, const Spatial *spatial)
{
    return spatial->nshared == open->largest->nloop;
}

/* Stores an output that has all the loops. */
static void store_inside(Nest *n, const OpenLoops *open, const Spatial *spatial)
{
    n->output = spatial->output;
    if (n->lane)
        store_lanes(n, spatial, open->inner);
    else
        store(n, open->inner, spatial->index, COMBINE_SET, place(n, spatial->body, open->inner));
}

/* Stores an output that has only the first of the loops, and perhaps others of its own. */
static void store_outside(Nest *n, const OpenLoops *open, const Spatial *spatial)
{
    const unsigned lanes = spatial->nshared > open->depth ? LANES_OUTER : 0;
    Scope *lane = lane_open(n, open->scope[lanes ? open->depth : spatial->nshared], lanes), *scope = lane;
    for (int i = spatial->nshared; i < spatial->nloop; i++)
        scope = scope_new(n, scope, spatial->loop[i]);
    n->output = spatial->output;
    store(n, scope, spatial->index, COMBINE_SET, place(n, spatial->body, scope));
    for (int i = spatial->nloop; i-- > spatial->nshared; scope = scope->outer)
        close_loop(n, scope, spatial->loop[i], spatial->loop[i]->lo, spatial->loop[i]->hi);
    lane_close(n, lane, lanes);
}

static void study_outputs(Nest *n, const Spatial *spatial, int count)
{
    Expr **root = ARENA_ARRAY(n->context->arena, count * (MAX_RANK + 1), Expr *);
    int nroot = 0;
    for (int k = 0; k < count; k++) {
        root[nroot++] = spatial[k].body;
        for (int i = 0; i < spatial[k].output->type.rank; i++)
            root[nroot++] = spatial[k].index[i];
    }
    nest_study(n, root, nroot);
}

/* Stores all outputs inside the loops they have; the loops. */
static Block store_outputs(Nest *n, const Spatial *spatial, int count, OpenLoops *open)
{
    Expr **inside = ARENA_ARRAY(n->context->arena, count, Expr *);
    int ninside = 0;
    for (int k = 0; k < count; k++) {
        if (has_all_loops(open, &spatial[k]))
            inside[ninside++] = spatial[k].body;
        else if (spatial[k].nshared > 0 || !n->in_long_rows) /* else it is stored with the other rows */
            store_outside(n, open, &spatial[k]);
    }
    open_stages_of_points(n, open, inside, ninside);
    open->inner = n->lane ? open_lane_blocks(n, open->scope[open->depth], &open->block) : open->scope[open->depth];
    for (int k = 0; k < count; k++)
        if (has_all_loops(open, &spatial[k]))
            store_inside(n, open, &spatial[k]);
    return close_loops(n, open);
}

/* The loops over the largest output's axes, in which all are stored. */
static Block loops_of_bodies(const NestScope *in, Nest *n, const Spatial *spatial, int count, const Spatial *largest)
{
    if (!in->one_by_one)
        choose_lane(n, largest);
    else if (in->in_teams)
        choose_lane_of_team(n, largest);
    OpenLoops open = open_loops(n, largest, in->one_by_one);
    n->edges = open.depth > 0 ? find_rows(n, largest->loop[0]) : NULL;
    n->rows = in->threads ? n->edges : NULL;
    n->has_long_rows = n->rows && is_worth_cutting(n, open.scope[0]);
    Block block = store_outputs(n, spatial, count, &open);
    if (block.last && block.last->kind == STMT_FOR && (open.depth > 0 || open.block) && !n->in_long_rows) {
        block.last->work = work_of(in, largest->output);
        block.last->chunk = n->rows ? 1 : is_uneven(n) ? 64 : 0;
    }
    return block;
}

static Block nest_of_bodies(const NestScope *in, const NestOutput *out, int count)
{
    Spatial *spatial = ARENA_ARRAY(in->context->arena, count, Spatial);
    const Spatial *largest = &spatial[nest_spatials(in, out, count, spatial)];
    Nest n = nest_new(in, largest->output);
    study_outputs(&n, spatial, count);
    Block block, rest;
    if (count == 1 && !in->one_by_one && kernel_build(&n, spatial, &block, &rest)) {
        if (block.last->kind == STMT_FOR)
            block.last->work = work_of(in, largest->output);
        return block;
    }
    const int points = count == 1 && !in->one_by_one ? write_out_points(&n, &spatial) : 1;
    if (points > 1) {
        largest = spatial;
        count = points;
        n = nest_new(in, largest->output);
        study_outputs(&n, spatial, count);
    }
    block = loops_of_bodies(in, &n, spatial, count, largest);
    if (n.has_long_rows) {
        Nest of_long_rows = nest_new(in, largest->output);
        of_long_rows.in_long_rows = true;
        of_long_rows.longest = n.longest;
        study_outputs(&of_long_rows, spatial, count);
        block_join(&block, loops_of_bodies(in, &of_long_rows, spatial, count, largest));
    }
    return block;
}

/* Whether one of kernels.def may compute a nest. */
static bool has_kernels(const NestScope *in)
{
    return !in->one_by_one || in->blas == BLAS_CUBLAS;
}

bool nest_is_kernel(const NestScope *in, const NestOutput *out)
{
    Spatial spatial;
    nest_spatials(in, out, 1, &spatial);
    Nest n = nest_new(in, out->value);
    study_outputs(&n, &spatial, 1);
    return has_kernels(in) && kernel_matches(&n, &spatial);
}

bool nest_of_library(const NestScope *in, const NestOutput *out, Block *calls, Block *rest)
{
    Spatial spatial;
    if (in->blas != BLAS_CUBLAS || !out->element->body)
        return false;
    nest_spatials(in, out, 1, &spatial);
    Nest n = nest_new(in, out->value);
    study_outputs(&n, &spatial, 1);
    return kernel_build(&n, &spatial, calls, rest);
}

static Block nest_of_update(const NestScope *in, Value *output, const Update *update)
{
    Nest n = nest_new(in, output);
    const int rank = output->type.rank;
    Expr *root[MAX_RANK + 2];
    for (int i = 0; i < rank; i++)
        root[i] = simplify(in->simplifier, update->at[i]);
    Expr *value = root[rank] = simplify(in->simplifier, update->value);
    Expr *guard = root[rank + 1] = update->guard ? simplify(in->simplifier, update->guard) : NULL;
    nest_study(&n, root, rank + 2);
    Scope **scope = ARENA_ARRAY(in->context->arena, update->nover + 1, Scope *);
    Expr **lo = ARENA_ARRAY(in->context->arena, update->nover, Expr *);
    Expr **hi = ARENA_ARRAY(in->context->arena, update->nover, Expr *);
    scope[0] = scope_new(&n, NULL, NULL);
    for (int i = 0; i < update->nover; i++) {
        Expr *bounds[] = {simplify(in->simplifier, update->over[i]->lo), simplify(in->simplifier, update->over[i]->hi)};
        nest_study(&n, bounds, 2);
        lo[i] = place(&n, bounds[0], scope[i]);
        hi[i] = place(&n, bounds[1], scope[i]);
        scope[i + 1] = scope_new(&n, scope[i], update->over[i]);
    }
    Scope *inner = scope[update->nover], *arm = inner;
    Expr *condition = NULL, *index[MAX_RANK] = {NULL};
    if (guard) {
        condition = place(&n, guard, inner);
        arm = scope_new(&n, inner, NULL);
        arm->is_arm = true;
    }
    for (int i = 0; i < rank; i++)
        index[i] = place(&n, root[i], arm);
    value = place(&n, value, arm);
    store(&n, arm, index, update->combine, value);
    if (guard) {
        Stmt *stmt = append(&n, &inner->block, STMT_IF);
        stmt->value = condition;
        stmt->body = arm->block;
    }
    for (int i = update->nover; i-- > 0;)
        close_loop(&n, scope[i + 1], update->over[i], lo[i], hi[i]);
    return scope[0]->block;
}

Block nest_of_outputs(const NestScope *in, const NestOutput *out, int count)
{
    Block block = {0};
    if (out->element->body)
        block = nest_of_bodies(in, out, count);
    if (out->element->update)
        block_join(&block, nest_of_update(in, out->value, out->element->update));
    return block;
}
