/* vectorize.c -- loops over lanes as loops over vectors of them (runtime/vector.h): what can be computed so; totals
 * that stay in registers while a reduction runs; dot products along memory. */
#include "nest_state.h"
#include "vector.h"
#include <string.h>

/* ---- which functions there are ---- */
static const struct {
    Scalar scalar;
    const char *name;
    bool is_exact, has_each;
} vector_row[] = {
    {S_ADD, "+", true, false},        {S_SUB, "-", true, false},     {S_MUL, "*", true, false},
    {S_DIV, "/", true, false},        {S_NEG, "-", true, false},     {S_MAX, "max", true, false},
    {S_MIN, "min", true, false},      {S_RELU, "relu", true, false}, {S_LEAKY_RELU, "leaky_relu", true, false},
    {S_EXP, "exp", false, true},      {S_ELU, "elu", false, false},  {S_SIGMOID, "sigmoid", false, true},
    {S_SWISH, "swish", false, false}, {S_TANH, "tanh", false, true},
};

const char *vector_function(Scalar scalar)
{
    for (size_t i = 0; i < sizeof vector_row / sizeof *vector_row; i++)
        if (vector_row[i].scalar == scalar)
            return vector_row[i].name;
    return NULL;
}

const char *approximated_function(Scalar scalar)
{
    for (size_t i = 0; i < sizeof vector_row / sizeof *vector_row; i++)
        if (vector_row[i].scalar == scalar && !vector_row[i].is_exact)
            return vector_row[i].name;
    return NULL;
}

/* Comparisons give masks, which only selections take. */
static const struct {
    Scalar scalar;
    const char *name;
    bool is_swapped;
} comparison_row[] = {
    {S_LESS, "less", false},
    {S_GREATER, "less", true},
    {S_LESS_EQUAL, "less_equal", false},
    {S_GREATER_EQUAL, "less_equal", true},
};

const char *vector_comparison(Scalar scalar, bool *is_swapped)
{
    for (size_t i = 0; i < sizeof comparison_row / sizeof *comparison_row; i++)
        if (comparison_row[i].scalar == scalar) {
            *is_swapped = comparison_row[i].is_swapped;
            return comparison_row[i].name;
        }
    return NULL;
}

static bool has_vector_form(const Nest *n, Scalar scalar)
{
    for (size_t i = 0; i < sizeof vector_row / sizeof *vector_row; i++)
        if (vector_row[i].scalar == scalar)
            return vector_row[i].is_exact || !n->exact;
    return false;
}

bool has_each_form(const Nest *n, Scalar scalar)
{
    for (size_t i = 0; i < sizeof vector_row / sizeof *vector_row; i++)
        if (vector_row[i].scalar == scalar)
            return vector_row[i].has_each && !n->exact;
    return false;
}

/* ---- what can be computed in vectors ---- */
static bool reads(const Nest *n, const Expr *e, const Axis *axis)
{
    return axis_set_has(n, nest_facts(n, e)->reads, axis);
}

/* Whether all loads below e are inside of their tensors wherever the axes are. */
static bool is_inside(const Nest *n, const Expr *e)
{
    if (!nest_facts(n, e)->may_fault)
        return true;
    if (e->kind == E_LOAD)
        return load_is_inside(n, e);
    const Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (!is_inside(n, child))
            return false;
    return e->kind == E_CALL;
}

static bool is_lane(const Nest *n, const Axis *axis)
{
    return axis == n->lane || axis == n->outer_lane;
}

static bool runs_along(Nest *n, const Expr *load, Axis *axis)
{
    Dim *step = stride_along(n, flat_index(n->context, load->u.value, load->index), axis);
    return step && dim_equals(step, 1);
}

/* Both arms are computed, so neither may need statements of its own, or read outside of a tensor. */
static bool can_choose(Nest *n, const Expr *e, Axis *axis)
{
    enum { MOST_COST = 16 };
    const Expr *condition = e->arg[0];
    bool is_swapped;
    if (condition->kind != E_CALL || !vector_comparison(condition->u.scalar, &is_swapped))
        return false;
    for (int i = 0; i < 2; i++)
        if (condition->arg[i]->dtype != F32 || !can_vectorize(n, condition->arg[i], axis))
            return false;
    for (int i = 1; i < 3; i++) {
        const Facts *facts = nest_facts(n, e->arg[i]);
        if (facts->reduces || facts->cost > MOST_COST || !is_inside(n, e->arg[i]) || !can_vectorize(n, e->arg[i], axis))
            return false;
    }
    return true;
}

bool can_vectorize(Nest *n, const Expr *e, Axis *axis)
{
    if (!reads(n, e, axis))
        return true;
    if (e->dtype != F32 || nest_facts(n, e)->is_pinned)
        return false;
    switch (e->kind) {
    case E_SELECT:
        return can_choose(n, e, axis);
    case E_LOAD:
        return e->u.value->type.dtype == F32 && runs_along(n, e, axis);
    case E_CALL:
        for (int i = 0; i < e->narg; i++)
            if (!can_vectorize(n, e->arg[i], axis))
                return false;
        return has_vector_form(n, e->u.scalar);
    case E_REDUCE: /* its total stands in an array over the lanes */
        return is_lane(n, axis) && nest_facts(n, e)->is_certain;
    default:
        return false;
    }
}

/* Whether e calls an approximated function, directly or below. Elements are few, and shared ones soon found. */
static bool has_function(const Nest *n, const Expr *e)
{
    if (e->kind == E_CALL && approximated_function(e->u.scalar))
        return true;
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i] && nest_facts(n, e->arg[i])->is_work && has_function(n, e->arg[i]))
            return true;
    return false;
}

bool wants_vectors(Nest *n, const Expr *e, Axis *axis)
{
    const int64_t extent = constant_extent(axis);
    return extent >= LEAST_VECTOR && extent <= VECTORS_WHOLE && nest_facts(n, e)->cost < 1 << 10 && reads(n, e, axis) &&
           has_function(n, e) && can_vectorize(n, e, axis);
}

Axis *vector_lane(Nest *n, const Accumulator *a)
{
    if (!n->in_vectors || !a->lanes)
        return NULL;
    Axis *lane = a->lanes & LANES_INNER ? n->lane : n->outer_lane;
    const Combine combine = a->e->u.combine;
    const bool combines =
        combine == COMBINE_ADD || combine == COMBINE_MUL || combine == COMBINE_MAX || combine == COMBINE_MIN;
    return combines && a->e->dtype == F32 && constant_extent(lane) >= LEAST_VECTOR &&
                   can_vectorize(n, a->e->arg[0], lane)
               ? lane
               : NULL;
}

/* ---- loops over vectors ---- */
VectorLoop vectors_open(Nest *n, Scope *scope, Axis *lane, Expr *base, int64_t count)
{
    Context *context = n->context;
    Expr *vectors = macro(n, arena_printf(context->arena, "VECTORS(%lld)", (long long)count));
    Axis *vector = axis_new(context, "v", expr_index(context, 0), vectors);
    if (!n->vector_name)
        n->vector_name = name_identifier(n->names, "", "v");
    map_set(n->axis_name, vector, n->vector_name); /* no two such loops stand inside each other */
    VectorLoop loop = {.lane = lane, .vector = vector, .base = base, .count = count};
    loop.scope = scope_new(n, scope, loop.vector);
    loop.scope->bound = axis_set_add(n, loop.scope->bound, lane);
    return loop;
}

void vectors_close(Nest *n, const VectorLoop *loop)
{
    Stmt *stmt = close_loop(n, loop->scope, loop->vector, loop->vector->lo, loop->vector->hi);
    stmt->lane = loop->lane;
    stmt->lane_name = nest_axis_name(n, loop->lane);
    stmt->lane_base = loop->base;
    stmt->lanes = loop->count;
    stmt->is_unrolled = true;
}

/* ---- totals in registers ---- */
enum { MOST_LANES = 128, BLOCK_LANES = 64 }; /* that registers hold; of a block where there are more */

/* How the lanes of a total are taken apart: blocks of the inner lane, and the outer lane around or inside the
 * reduction. */
typedef struct {
    Nest *n;
    unsigned lanes;
    bool outer_inside;
    int64_t count;     /* of the inner lane at once */
    Expr *base;        /* their first; NULL: all are */
    VectorLoop vector; /* the loop that is open */
    Scope *outer;
} Registers;

static int64_t block_of(int64_t lanes)
{
    for (int64_t block = BLOCK_LANES; block >= BLOCK_LANES / 2 && lanes > MOST_LANES; block -= LEAST_VECTOR)
        if (lanes % block == 0)
            return block;
    return lanes;
}

static Scope *registers_open(Registers *r, Scope *scope)
{
    Nest *n = r->n;
    r->outer = r->outer_inside ? scope_new(n, scope, n->outer_lane) : NULL;
    Axis *lane = r->lanes & LANES_INNER ? n->lane : n->outer_lane;
    r->vector = vectors_open(n, r->outer ? r->outer : scope, lane, r->base, r->count);
    return r->vector.scope;
}

static void registers_close(const Registers *r)
{
    Nest *n = r->n;
    vectors_close(n, &r->vector);
    if (r->outer)
        close_loop(n, r->outer, n->outer_lane, n->outer_lane->lo, n->outer_lane->hi)->is_unrolled = true;
}

static Expr *register_index(const Registers *r)
{
    Context *context = r->n->context;
    Expr *v = expr_axis(context, r->vector.vector);
    if (!r->outer)
        return v;
    Expr *outer = expr_arith(context, I_MUL, expr_axis(context, r->n->outer_lane), r->vector.vector->hi);
    return expr_arith(context, I_ADD, outer, v);
}

static Value *declare_registers(const Registers *r, Scope *scope, const char *name)
{
    Nest *n = r->n;
    Context *context = n->context;
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, arena_printf(context->arena, "%s_part", name), F32, 1);
    var->is_vector = true;
    var->count = macro(n, arena_printf(context->arena, "VECTORS(%lld)", (long long)r->count));
    if (r->outer_inside)
        var->count = expr_arith(context, I_MUL, expr_index(context, n->outer_lanes), var->count);
    return var->target;
}

static void set_register(const Registers *r, Scope *scope, Value *part, Combine combine, Expr *value)
{
    Stmt *stmt = append(r->n, &scope->block, STMT_SET);
    stmt->target = part;
    stmt->nindex = 1;
    stmt->index = ARENA_NEW(r->n->context->arena, Expr *);
    stmt->index[0] = register_index(r);
    stmt->combine = combine;
    stmt->value = value;
    stmt->is_vector = true;
}

/* The totals of one block of lanes: set, found by the loops, and stored. */
static void reduce_block(Registers *r, const Accumulator *const *batch, int count, ReductionLoops loops, Scope *scope)
{
    Nest *n = r->n;
    Value *part[MAX_BATCH];
    for (int i = 0; i < count; i++)
        part[i] = declare_registers(r, scope, batch[i]->total->name);
    Scope *inner = registers_open(r, scope);
    for (int i = 0; i < count; i++)
        set_register(r, inner, part[i], COMBINE_SET,
                     loops.chunk_lo ? load_total(n, batch[i]->total, r->lanes)
                                    : reduction_start(n, batch[i]->e->u.combine, F32));
    registers_close(r);
    Scope *loop = reduction_open(n, &loops, scope);
    inner = registers_open(r, loop);
    for (int i = 0; i < count; i++)
        set_register(r, inner, part[i], batch[i]->e->u.combine, place(n, batch[i]->e->arg[0], inner));
    registers_close(r);
    reduction_close(n, &loops);
    inner = registers_open(r, scope);
    for (int i = 0; i < count; i++)
        set_total(n, inner, batch[i]->total, r->lanes, COMBINE_SET,
                  expr_load(n->context, part[i], (Expr *[]){register_index(r)}));
    registers_close(r);
}

void reduce_vectors(Nest *n, const Accumulator *const *batch, int count, ReductionLoops loops, Scope *scope)
{
    const unsigned lanes = batch[0]->lanes;
    const int64_t inner_lanes = lanes & LANES_INNER ? n->lanes : n->outer_lanes;
    const bool both = lanes == (LANES_INNER | LANES_OUTER);
    Registers r = {.n = n, .lanes = lanes, .count = block_of(inner_lanes)};
    r.outer_inside = both && n->lanes * n->outer_lanes <= MOST_LANES;
    Scope *around = both && !r.outer_inside ? scope_new(n, scope, n->outer_lane) : scope, *block = around;
    Axis *blocks = NULL;
    if (r.count < inner_lanes) {
        const Axis *lane = batch[0]->vector;
        blocks = axis_new(n->context, arena_printf(n->context->arena, "%s_block", lane->name), lane->lo, lane->hi);
        r.base = expr_axis(n->context, blocks);
        block = scope_new(n, around, blocks);
    }
    reduce_block(&r, batch, count, loops, block);
    if (blocks)
        close_loop(n, block, blocks, blocks->lo, blocks->hi)->step = expr_index(n->context, r.count);
    if (around != scope)
        close_loop(n, around, n->outer_lane, n->outer_lane->lo, n->outer_lane->hi);
}

/* ---- sums along memory ---- */
bool is_dot(Nest *n, const Expr *e, const Scope *scope)
{
    if (n->exact || e->u.combine != COMBINE_ADD || e->dtype != F32 || e->nover != 1 || e->arg[1] || e->over[0]->of)
        return false;
    const unsigned lanes = lanes_of(n, e, scope);
    return constant_extent(e->over[0]) >= LEAST_VECTOR && reads(n, e->arg[0], e->over[0]) &&
           can_vectorize(n, e->arg[0], e->over[0]) && (!(lanes & LANES_INNER) || !can_vectorize(n, e->arg[0], n->lane));
}

static Value *lane_array(Nest *n, Scope *scope, const char *name, unsigned lanes)
{
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, name, F32, 1);
    var->count = expr_index(n->context, lane_count(n, lanes));
    return var->target;
}

/* for each lane: the products' vectors are summed, then their lanes, then what is left of the range */
Expr *place_dot(Nest *n, Expr *e, Scope *scope)
{
    Context *context = n->context;
    Axis *axis = e->over[0];
    const unsigned lanes = lanes_of(n, e, scope);
    const int64_t extent = constant_extent(axis), whole = extent - extent % LEAST_VECTOR;
    Value *total = lanes ? lane_array(n, scope, "sum", lanes) : local_new(n, "sum", F32, 0);
    Scope *lane = lane_open(n, scope, lanes);
    Stmt *var = append(n, &lane->block, STMT_VAR);
    var->target = local_new(n, "sum_part", F32, 0);
    var->is_vector = true;
    var->value = expr_float(context, F32, 0);
    const VectorLoop loop = vectors_open(n, lane, axis, NULL, whole);
    Expr *product = place(n, e->arg[0], loop.scope);
    Stmt *add = append(n, &loop.scope->block, STMT_SET);
    add->value = product;
    add->target = var->target;
    add->combine = COMBINE_ADD;
    add->is_vector = true;
    vectors_close(n, &loop);
    const bool has_rest = whole < extent;
    Stmt *sum = set_total(n, lane, total, lanes, COMBINE_SET, expr_load(context, var->target, NULL));
    sum->kind = lanes ? STMT_SET : has_rest ? STMT_VAR : STMT_LET;
    sum->is_sum = true;
    if (has_rest) {
        Scope *rest = scope_new(n, lane, axis);
        set_total(n, rest, total, lanes, COMBINE_ADD, place(n, e->arg[0], rest));
        close_loop(n, rest, axis, expr_index(context, whole), axis->hi);
    }
    lane_close(n, lane, lanes);
    map_set(scope->placed, e, load_total(n, total, lanes));
    return map_get(scope->placed, e);
}

/* ---- what is read ahead ---- */
/* A tensor whose rows are read by a vector over edges: their sources, or their numbers. */
typedef struct {
    Value *value, *by;
    int64_t floats; /* of a row */
} Gathered;
typedef struct {
    const Axis *edges;
    Gathered found[MAX_GATHERED];
    int count;
    Map *seen;
} Gathering;

/* The vector over the edges by which a load reads rows; NULL: none. */
static Value *gathered_by(const Expr *load, const Axis *edges)
{
    const Expr *index = load->u.value->type.rank > 0 ? load->index[0] : NULL;
    while (index && (index->kind == E_CAST || index->kind == E_WRAP || index->kind == E_CHECK))
        index = index->arg[0];
    if (!index || index->kind != E_LOAD || index->u.value->type.rank != 1 || index->index[0]->kind != E_AXIS)
        return NULL;
    const Axis *axis = index->index[0]->u.axis;
    const bool is_of_edges =
        csr_equal(axis->csr, edges->csr) && (index->u.value == edges->csr->from || index->u.value == edges->csr->order);
    return is_of_edges ? index->u.value : NULL;
}

static int64_t floats_of_row(const Value *value)
{
    int64_t floats = 1, extent;
    for (int i = 1; i < value->type.rank; i++) {
        if (!dim_is_const(value->type.dim[i], &extent))
            return 0;
        floats *= extent;
    }
    return value->type.dtype == F32 ? floats : 0;
}

static void find_gathered(Gathering *g, const Expr *e)
{
    if (!e || map_get(g->seen, e))
        return;
    map_set(g->seen, e, e);
    for (int i = 0; i < e->narg; i++)
        find_gathered(g, e->arg[i]);
    Value *by = e->kind == E_LOAD ? gathered_by(e, g->edges) : NULL;
    const int64_t floats = by ? floats_of_row(e->u.value) : 0;
    for (int i = 0; i < g->count; i++)
        if (g->found[i].value == e->u.value && g->found[i].by == by)
            return;
    if (floats > 0 && g->count < MAX_GATHERED)
        g->found[g->count++] = (Gathered){e->u.value, by, floats};
}

/* How many edges ahead: far enough for memory to answer, not so far that what came is pushed out again. */
static int64_t edges_ahead(const Gathering *g)
{
    enum { FLOATS_AHEAD = 1024, LEAST = 4, MOST = 16 };
    int64_t floats = 0;
    for (int i = 0; i < g->count; i++)
        floats += g->found[i].floats;
    const int64_t edges = FLOATS_AHEAD / floats;
    return edges < LEAST ? LEAST : edges > MOST ? MOST : edges;
}

/* The number or source of the edge so far ahead, or of the last one. */
static Expr *look_ahead(Nest *n, Scope *scope, const Gathering *g, Value *by)
{
    Context *context = n->context;
    Expr *last = expr_arith(context, I_SUB, expr_dim(context, by->type.dim[0]), expr_index(context, 1));
    Expr *next = expr_arith(context, I_ADD, expr_axis(context, (Axis *)g->edges), expr_index(context, edges_ahead(g)));
    Stmt *ahead = append(n, &scope->block, STMT_LET);
    ahead->target = local_new(n, "ahead", INDEX, 0);
    ahead->value = expr_load(context, by, (Expr *[]){expr_arith(context, I_MIN, next, last)});
    return expr_load(context, ahead->target, NULL);
}

void prefetch_ahead(Nest *n, Scope *scope, const Axis *edges)
{
    enum { MOST_FLOATS = 256 };
    if (!edges->of || n->has_prefetch)
        return;
    Gathering g = {.edges = edges, .seen = map_new(n->context->arena)};
    for (int i = 0; i < n->nreduction; i++)
        find_gathered(&g, n->reduction[i]->arg[0]);
    n->has_prefetch = true;
    if (g.count == 0)
        return;
    const Block body = scope->block;
    scope->block = (Block){0};
    Value *const by[] = {edges->csr->from, edges->csr->order};
    for (int k = 0; k < 2; k++) {
        Expr *ahead = NULL;
        for (int i = 0; i < g.count; i++) {
            if (g.found[i].by != by[k])
                continue;
            ahead = ahead ? ahead : look_ahead(n, scope, &g, by[k]);
            Stmt *stmt = append(n, &scope->block, STMT_PREFETCH);
            stmt->target = g.found[i].value;
            stmt->value = expr_arith(n->context, I_MUL, ahead, expr_index(n->context, g.found[i].floats));
            stmt->lanes = g.found[i].floats < MOST_FLOATS ? g.found[i].floats : MOST_FLOATS;
        }
    }
    scope->block.last->next = body.first;
    scope->block.last = body.last;
}
