/* stage.c -- functions of a reduction's points that do not vary along the lanes, or of the points of a loop without
 * lanes: computed for a chunk of points at once.
 *
 *     for chunks of the edges of v:   exp_[e] = score(e) - greatest, for the chunk's edges e
 *                                     exp_ = exp(exp_), all of them
 *                                     sum += exp_[e] * x[from[e]], for the chunk's edges e
 *
 * An elementary function takes vectors of arguments, which one edge does not have. Functions of functions take several
 * such steps, one level after the other.
 *
 * Rows of few edges fill no vectors either. What does not depend on their vertex is computed for a window of edges,
 * whatever rows they belong to, each time a row comes to its end. */
#include "nest_state.h"
#include "vector.h"

enum { CHUNK = 64, MAX_STAGES = 16 };

typedef struct {
    Expr *call;
    unsigned lanes;
    int level; /* how many stages it stands on */
    Value *array;
} Stage;
struct Stages {
    Stage stage[MAX_STAGES];
    int count, levels;
    Axis *over, *chunks; /* chunks: NULL when all points are one */
    Scope *scope;
    Value *first, *end; /* locals: the points of the window; NULL: there is none */
    Scope *fill;        /* where arrays are filled: `scope`, or the arm of a window's end */
};

/* ---- what is worth it ---- */
/* Whether a stage may vary along the lane: its array holds few of them, which no vector takes at once. */
static bool has_few_lanes(const Nest *n)
{
    return n->lane && !n->in_vectors && !n->lane_base && n->lanes > 0 && n->lanes < LEAST_VECTOR;
}

static bool is_stage(Nest *n, const Stages *stages, const Expr *e, const Scope *scope)
{
    const Facts *facts = nest_facts(n, e);
    if (e->kind != E_CALL || e->dtype != F32 || !has_each_form(n, e->u.scalar) || !facts->is_certain ||
        facts->is_pinned || !axis_set_has(n, facts->reads, stages->over) ||
        ((lanes_of(n, e, scope) & LANES_INNER) && !has_few_lanes(n)))
        return false;
    AxisSet open = axis_set_add(n, scope->bound, stages->over);
    if (has_few_lanes(n))
        open = axis_set_add(n, open, n->lane);
    if (n->outer_lane)
        open = axis_set_add(n, open, n->outer_lane);
    return axis_set_covers(open, facts->reads);
}

/* Notes the stages of e, inner ones first; the greatest level there is, -1: none. */
static int collect(Nest *n, Stages *stages, Expr *e, const Scope *scope, Map *level_of)
{
    const intptr_t known = (intptr_t)map_get(level_of, e);
    if (known)
        return (int)known - 2;
    int level = -1;
    for (int i = 0; i < (e->kind == E_SELECT || e->kind == E_REDUCE ? 0 : e->narg); i++)
        if (e->arg[i]) {
            const int inner = collect(n, stages, e->arg[i], scope, level_of);
            level = inner > level ? inner : level;
        }
    if (is_stage(n, stages, e, scope) && stages->count < MAX_STAGES && !find_placed(scope, e)) {
        level++;
        stages->stage[stages->count++] = (Stage){e, lanes_of(n, e, scope), level, NULL};
        stages->levels = level >= stages->levels ? level + 1 : stages->levels;
    }
    map_set(level_of, e, (const void *)(intptr_t)(level + 2));
    return level;
}

Stages *find_stages(Nest *n, Axis *over, Expr *const *root, int count, Scope *scope)
{
    Stages *stages = ARENA_NEW(n->context->arena, Stages);
    Map *level_of = map_new(n->context->arena);
    stages->over = over;
    if (scope->is_expression)
        return NULL;
    for (int i = 0; i < count; i++)
        collect(n, stages, root[i], scope, level_of);
    return stages->count > 0 ? stages : NULL;
}

/* Whether the edges of one row after the other come to a window: only one loop walks over them, and what is computed
 * does not depend on the row. */
static bool has_window(Nest *n, const Stages *stages, const ReductionLoops *loops, const Scope *scope)
{
    const Axis *over = stages->over;
    if (!n->edges || n->in_long_rows || loops->chunk_lo || !over->of || over->of != n->edges->of ||
        !csr_equal(over->csr, n->edges->csr) || scope->is_arm)
        return false;
    const Axis *row = over->of->u.axis;
    if (!axis_set_covers(axis_set_add(n, (AxisSet){{0}}, row), scope->bound))
        return false;
    for (int i = 0; i < stages->count; i++)
        if (axis_set_has(n, nest_facts(n, stages->stage[i].call)->reads, row))
            return false;
    return true;
}

static Expr *local_index(Nest *n, Value *local)
{
    return expr_load(n->context, local, NULL);
}

/* ---- a chunk ---- */
/* The place of a point in a stage's array. */
static Expr *place_in_array(Nest *n, const Stages *stages, unsigned lanes)
{
    Context *context = n->context;
    Expr *point = expr_axis(context, stages->over);
    if (stages->chunks)
        point = expr_arith(context, I_SUB, point,
                           stages->first ? local_index(n, stages->first) : expr_axis(context, stages->chunks));
    if (!lanes)
        return point;
    return expr_arith(context, I_ADD, expr_arith(context, I_MUL, point, expr_index(context, lane_count(n, lanes))),
                      lane_index(n, lanes));
}

static void set_argument(Nest *n, const Stages *stages, const Stage *stage, Scope *scope)
{
    Stmt *stmt = append(n, &scope->block, STMT_SET);
    stmt->target = stage->array;
    stmt->nindex = 1;
    stmt->index = ARENA_NEW(n->context->arena, Expr *);
    stmt->index[0] = place_in_array(n, stages, stage->lanes);
}

/* The arguments of a stage at one point. */
static void place_arguments(Nest *n, const Stages *stages, const Stage *stage, Scope *point)
{
    Expr *argument = stage->call->arg[0];
    const bool vector = stage->lanes == LANES_OUTER && n->in_vectors && n->outer_lanes >= LEAST_VECTOR &&
                        can_vectorize(n, argument, n->outer_lane);
    VectorLoop loop;
    Scope *lane;
    if (vector) {
        loop = vectors_open(n, point, n->outer_lane, NULL, n->outer_lanes);
        lane = loop.scope;
    } else {
        lane = lane_open(n, point, stage->lanes);
    }
    Expr *value = place(n, argument, lane);
    set_argument(n, stages, stage, lane);
    lane->block.last->value = value;
    if (vector)
        vectors_close(n, &loop);
    else
        lane_close(n, lane, stage->lanes);
}

static void apply(Nest *n, const Stages *stages, const ReductionLoops *loops, const Stage *stage)
{
    Context *context = n->context;
    Stmt *each = append(n, &stages->fill->block, STMT_EACH);
    each->target = stage->array;
    each->function = vector_function(stage->call->u.scalar);
    each->value = expr_arith(context, I_MUL, expr_arith(context, I_SUB, loops->chunk_hi, loops->chunk_lo),
                             expr_index(context, lane_count(n, stage->lanes)));
    map_set(stages->scope->placed, stage->call,
            expr_load(context, stage->array, (Expr *[]){place_in_array(n, stages, stage->lanes)}));
}

/* All stages of one level: their arguments in one loop over the points, then the functions. */
static void place_level(Nest *n, Stages *stages, ReductionLoops loops, int level)
{
    Context *context = n->context;
    for (int i = 0; i < stages->count; i++) {
        Stage *stage = &stages->stage[i];
        if (stage->level != level)
            continue;
        Stmt *var = append(n, stages->first ? &n->before_rows : &stages->scope->block, STMT_VAR);
        var->target = stage->array = local_new(n, vector_function(stage->call->u.scalar), F32, 1);
        var->count = expr_index(context, CHUNK * lane_count(n, stage->lanes));
    }
    Scope *point = reduction_open(n, &loops, stages->fill);
    for (int i = 0; i < stages->count; i++)
        if (stages->stage[i].level == level)
            place_arguments(n, stages, &stages->stage[i], point);
    reduction_close(n, &loops);
    for (int i = 0; i < stages->count; i++)
        if (stages->stage[i].level == level)
            apply(n, stages, &loops, &stages->stage[i]);
}

static void open_chunk(Nest *n, Stages *stages, ReductionLoops *loops, Scope *scope, Expr *lo, Expr *hi)
{
    Context *context = n->context;
    stages->chunks = axis_new(context, arena_printf(context->arena, "%s_chunk", stages->over->name), lo, hi);
    stages->scope = scope_new(n, scope, stages->chunks);
    loops->chunk_lo = expr_axis(context, stages->chunks);
    Expr *next = expr_arith(context, I_ADD, loops->chunk_lo, expr_index(context, CHUNK));
    Stmt *end = append(n, &stages->scope->block, STMT_LET);
    end->target = local_new(n, arena_printf(context->arena, "%s_end", stages->over->name), INDEX, 0);
    end->value = expr_select(context, expr_arith(context, I_LESS, next, hi), next, hi);
    loops->chunk_hi = expr_load(context, end->target, NULL);
}

/* ---- a window ---- */
static Value *variable_before_rows(Nest *n, const Axis *over, const char *suffix)
{
    Stmt *var = append(n, &n->before_rows, STMT_VAR);
    var->target = local_new(n, arena_printf(n->context->arena, "%s_%s", over->name, suffix), INDEX, 0);
    var->value = expr_index(n->context, 0);
    return var->target;
}

static void set_index(Nest *n, Scope *scope, Value *local, Expr *value)
{
    Stmt *stmt = append(n, &scope->block, STMT_SET);
    stmt->target = local;
    stmt->combine = COMBINE_SET;
    stmt->value = value;
}

/* if (end <= chunk) { first = chunk, end = first + CHUNK; arrays are filled } */
static void fill_window(Nest *n, Stages *stages, ReductionLoops loops)
{
    Context *context = n->context;
    Expr *first = local_index(n, stages->first), *end = local_index(n, stages->end);
    Expr *at = expr_axis(context, stages->chunks), *last = local_index(n, n->last_edge);
    Stmt *passed = append(n, &stages->scope->block, STMT_IF);
    passed->value = expr_arith(context, I_LESS_EQUAL, end, at);
    stages->fill = arm_new(n, stages->scope, false);
    set_index(n, stages->fill, stages->first, at);
    set_index(n, stages->fill, stages->end,
              expr_arith(context, I_MIN, expr_arith(context, I_ADD, first, expr_index(context, CHUNK)), last));
    loops.chunk_lo = first;
    loops.chunk_hi = end;
    for (int level = 0; level < stages->levels; level++)
        place_level(n, stages, loops, level);
    passed->body = stages->fill->block;
}

static Scope *open_window(Nest *n, Stages *stages, ReductionLoops *loops, Scope *scope)
{
    Context *context = n->context;
    Expr *lo = place(n, stages->over->lo, scope), *hi = place(n, stages->over->hi, scope);
    stages->first = variable_before_rows(n, stages->over, "first");
    stages->end = variable_before_rows(n, stages->over, "behind");
    if (!n->last_edge)
        n->last_edge = local_new(n, arena_printf(context->arena, "%s_last", stages->over->name), INDEX, 0);
    stages->chunks = axis_new(context, arena_printf(context->arena, "%s_chunk", stages->over->name), lo, hi);
    stages->scope = scope_new(n, scope, stages->chunks);
    fill_window(n, stages, *loops);
    Stmt *end = append(n, &stages->scope->block, STMT_LET);
    end->target = local_new(n, arena_printf(context->arena, "%s_end", stages->over->name), INDEX, 0);
    end->value = expr_arith(context, I_MIN, hi, local_index(n, stages->end));
    loops->chunk_lo = expr_axis(context, stages->chunks);
    loops->chunk_hi = local_index(n, end->target);
    return stages->scope;
}

Block before_rows(Nest *n, Expr *end)
{
    Block block = {NULL, NULL};
    if (!n->last_edge)
        return block;
    Stmt *last = append(n, &block, STMT_LET);
    last->target = n->last_edge;
    last->value = expr_cast(n->context, expr_load(n->context, n->edges->csr->row, &end), INDEX);
    block_join(&block, n->before_rows);
    return block;
}

Scope *open_stages(Nest *n, Stages *stages, ReductionLoops *loops, Scope *scope)
{
    if (has_window(n, stages, loops, scope))
        return open_window(n, stages, loops, scope);
    Expr *lo = loops->chunk_lo ? loops->chunk_lo : place(n, stages->over->lo, scope);
    Expr *hi = loops->chunk_lo ? loops->chunk_hi : place_end(n, stages->over, scope);
    const int64_t extent = constant_extent(stages->over);
    stages->scope = scope;
    loops->chunk_lo = lo;
    loops->chunk_hi = hi;
    if (extent < 0 || extent > CHUNK)
        open_chunk(n, stages, loops, scope, lo, hi);
    stages->fill = stages->scope;
    for (int level = 0; level < stages->levels; level++)
        place_level(n, stages, *loops, level);
    return stages->scope;
}

void close_stages(Nest *n, const Stages *stages)
{
    if (!stages->chunks)
        return;
    Stmt *loop = close_loop(n, stages->scope, stages->chunks, stages->chunks->lo, stages->chunks->hi);
    if (stages->end)
        loop->next_at = local_index(n, stages->end);
    else
        loop->step = expr_index(n->context, CHUNK);
}
