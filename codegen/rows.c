/* rows.c -- a nest over the edges of vertices, for threads: its rows in shares of equal work, and what is found over
 * the edges of a long row in pieces side by side.
 *
 *     for shares:  for the share's rows that are not long:  body
 *     for long rows:  body, in which   for pieces:  part[piece] = total over the piece's edges
 *                                      total = part[0], part[1] ... combined in this order
 *
 * Which rows are long, and where they are cut, the graph tells (runtime/rows.h), so that results do not depend on the
 * number of threads. */
#include "rows.h"
#include <string.h>

enum { LEAST_LONG = 2048, PIECES = 32 }; /* as in runtime/rows.h */

const Axis *find_rows(const Nest *n, const Axis *outermost)
{
    for (int i = 0; i < n->nreduction; i++) {
        const Axis *edges = n->reduction[i]->over[0];
        if (edges->of && edges->of->kind == E_AXIS && edges->of->u.axis == outermost)
            return edges;
    }
    return NULL;
}

static bool is_over_rows(const Nest *n, const Expr *e)
{
    const Axis *edges = e->over[0];
    return edges->of && edges->of->kind == E_AXIS && edges->of->u.axis == n->rows->of->u.axis &&
           csr_equal(edges->csr, n->rows->csr);
}

bool is_worth_cutting(Nest *n, const Scope *scope)
{
    enum { WORTH = 1 << 15, MOST_TOTALS = 1 << 10 };
    int64_t totals = 0, work = 0;
    for (int i = 0; i < n->nreduction; i++) {
        const Expr *e = n->reduction[i];
        if (!is_over_rows(n, e))
            continue;
        const int64_t lanes = lane_count(n, lanes_of(n, e, scope));
        totals += lanes;
        work += lanes * LEAST_LONG * nest_facts(n, e->arg[0])->cost;
    }
    return !n->exact && work >= WORTH && totals <= MOST_TOTALS;
}

bool is_cut(const Nest *n, const Expr *e, const Scope *scope)
{
    return n->in_long_rows && !n->in_piece && !scope->is_expression && is_over_rows(n, e);
}

/* ---- the loops over rows ---- */
/* A local for what a function of runtime/rows.h says of the rows. */
static Expr *ask(Nest *n, Block *block, const char *function, const char *name, Expr *value)
{
    Stmt *stmt = append(n, block, STMT_ROWS);
    stmt->function = function;
    stmt->table = n->rows->csr->row;
    stmt->hi = n->rows->of->u.axis->hi;
    stmt->value = value;
    stmt->target = local_new(n, name, INDEX, 0);
    return expr_load(n->context, stmt->target, NULL);
}

static const char *name_of(const Nest *n, const char *suffix)
{
    return arena_printf(n->context->arena, "%s_%s", n->rows->of->u.axis->name, suffix);
}

/* The edges of the rows from one on and before another. */
static Expr *edges_between(const Nest *n, Expr *first, Expr *end)
{
    Context *context = n->context;
    Value *row = n->rows->csr->row;
    return expr_arith(context, I_SUB, expr_cast(context, expr_load(context, row, &end), INDEX),
                      expr_cast(context, expr_load(context, row, &first), INDEX));
}

static Expr *next_of(const Nest *n, Expr *e, int64_t step)
{
    return expr_arith(n->context, I_ADD, e, expr_index(n->context, step));
}

static Stmt *loop_over(Nest *n, Block *block, Axis *axis, Expr *lo, Expr *hi)
{
    Stmt *loop = append(n, block, STMT_FOR);
    loop->axis = axis;
    loop->axis_name = nest_axis_name(n, axis);
    loop->lo = lo;
    loop->hi = hi;
    loop->is_spatial = true;
    return loop;
}

static Stmt *append_if(Nest *n, Block *block, Expr *condition)
{
    Stmt *stmt = append(n, block, STMT_IF);
    stmt->value = condition;
    return stmt;
}

void close_shares(Nest *n, const Scope *scope)
{
    Context *context = n->context;
    Axis *row = n->rows->of->u.axis;
    Expr *i = expr_axis(context, row);
    Block *outer = &scope->outer->block;
    Expr *shares = ask(n, outer, "shares", "shares", NULL);
    if (n->has_long_rows)
        n->longest = ask(n, outer, "longest", "longest", NULL);
    Axis *share = axis_new(context, "share", expr_index(context, 0), shares);
    Stmt *loop = loop_over(n, outer, share, share->lo, share->hi);
    Expr *end = ask(n, &loop->body, "share", name_of(n, "end"), next_of(n, expr_axis(context, share), 1));
    Expr *begin = ask(n, &loop->body, "share", name_of(n, "begin"), expr_axis(context, share));
    block_join(&loop->body, before_rows(n, end));
    Stmt *rows = loop_over(n, &loop->body, row, begin, end);
    if (n->has_long_rows)
        append_if(n, &rows->body, expr_arith(context, I_LESS_EQUAL, edges_between(n, i, next_of(n, i, 1)), n->longest))
            ->body = scope->block;
    else
        rows->body = scope->block;
}

/* Blocks of rows that all together have too few edges for a long one are passed over. */
void close_long_rows(Nest *n, const Scope *scope)
{
    enum { BLOCK = 64 };
    Context *context = n->context;
    Axis *row = n->rows->of->u.axis, *blocks = axis_new(context, name_of(n, "block"), row->lo, row->hi);
    Expr *i = expr_axis(context, row), *first = expr_axis(context, blocks);
    Stmt *loop = loop_over(n, &scope->outer->block, blocks, row->lo, row->hi);
    loop->step = expr_index(context, BLOCK);
    Stmt *let = append(n, &loop->body, STMT_LET);
    let->target = local_new(n, name_of(n, "end"), INDEX, 0);
    let->value = expr_arith(context, I_MIN, next_of(n, first, BLOCK), row->hi);
    Expr *end = expr_load(context, let->target, NULL);
    Stmt *any = append_if(n, &loop->body, expr_arith(context, I_LESS, n->longest, edges_between(n, first, end)));
    Stmt *rows = loop_over(n, &any->body, row, first, end);
    append_if(n, &rows->body, expr_arith(context, I_LESS, n->longest, edges_between(n, i, next_of(n, i, 1))))->body =
        scope->block;
}

/* ---- pieces ---- */
/* The totals of all pieces, those of one behind those of another. */
typedef struct {
    Value *total, *best;
} Parts;

static Value *array_of_parts(Nest *n, Scope *scope, const Value *of, unsigned lanes)
{
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, arena_printf(n->context->arena, "%s_parts", of->name), of->type.dtype, 1);
    var->count = expr_index(n->context, PIECES * lane_count(n, lanes));
    return var->target;
}

static Expr *place_of_part(Nest *n, const Axis *piece, unsigned lanes)
{
    Context *context = n->context;
    Expr *first =
        expr_arith(context, I_MUL, expr_axis(context, (Axis *)piece), expr_index(context, lane_count(n, lanes)));
    return lanes ? expr_arith(context, I_ADD, first, lane_index(n, lanes)) : first;
}

static void set_part(Nest *n, Scope *scope, Value *parts, Expr *place, Expr *value)
{
    Stmt *stmt = append(n, &scope->block, STMT_SET);
    stmt->target = parts;
    stmt->nindex = 1;
    stmt->index = ARENA_NEW(n->context->arena, Expr *);
    stmt->index[0] = place;
    stmt->value = value;
}

static void store_parts(Nest *n, const Accumulator *a, const Parts *parts, const Axis *piece, Scope *scope)
{
    Scope *lane = lane_open(n, scope, a->lanes);
    Expr *place = place_of_part(n, piece, a->lanes);
    set_part(n, lane, parts->total, place, load_total(n, a->total, a->lanes));
    if (parts->best)
        set_part(n, lane, parts->best, place, load_total(n, a->best, a->lanes));
    lane_close(n, lane, a->lanes);
}

static void combine_parts(Nest *n, const Accumulator *a, const Parts *parts, const Axis *piece, Scope *scope)
{
    Context *context = n->context;
    Scope *lane = lane_open(n, scope, a->lanes);
    Expr *place = place_of_part(n, piece, a->lanes);
    Expr *total = expr_load(context, parts->total, &place);
    if (parts->best)
        take_better(n, a, lane, expr_load(context, parts->best, &place), total);
    else
        set_total(n, lane, a->total, a->lanes, a->e->u.combine, total);
    lane_close(n, lane, a->lanes);
}

static Scope *open_pieces(Nest *n, Scope *scope, Axis **piece)
{
    *piece = axis_new(n->context, "piece", expr_index(n->context, 0), expr_index(n->context, PIECES));
    return scope_new(n, scope, *piece);
}

/* Where the pieces before a number of them end. */
static Expr *cut(Nest *n, Scope *scope, const Accumulator *a, Expr *edges, Expr *pieces, const char *name)
{
    Context *context = n->context;
    Stmt *let = append(n, &scope->block, STMT_LET);
    let->target = local_new(n, arena_printf(context->arena, "%s_%s", a->e->over[0]->name, name), INDEX, 0);
    Expr *before = expr_arith(context, I_DIV, expr_arith(context, I_MUL, edges, pieces), expr_index(context, PIECES));
    let->value = expr_arith(context, I_ADD, place(n, a->e->over[0]->lo, scope), before);
    return expr_load(context, let->target, NULL);
}

/* A piece's totals, as if its edges were all. */
static void reduce_piece(Nest *n, const Accumulator *batch, const Parts *parts, int count, Axis *piece, Expr *edges,
                         Scope *scope)
{
    Accumulator own[MAX_BATCH];
    memcpy(own, batch, sizeof *own * (size_t)count);
    Expr *number = expr_axis(n->context, piece);
    ReductionLoops loops = {.over = batch[0].e->over, .nover = batch[0].e->nover};
    loops.chunk_lo = cut(n, scope, batch, edges, number, "begin");
    loops.chunk_hi = cut(n, scope, batch, edges, next_of(n, number, 1), "end");
    n->in_piece = true;
    reduce(n, own, count, loops, scope);
    n->in_piece = false;
    for (int i = 0; i < count; i++)
        store_parts(n, &own[i], &parts[i], piece, scope);
}

/* How many edges the row has, in a local. */
static Expr *edges_of(Nest *n, Scope *scope, const Axis *edges)
{
    Context *context = n->context;
    Expr *lo = place(n, edges->lo, scope), *hi = place(n, edges->hi, scope);
    Stmt *let = append(n, &scope->block, STMT_LET);
    let->target = local_new(n, "edges", INDEX, 0);
    let->target->bound =
        dim_add(context->dims, edges->csr->target->type.dim[0], dim_const(context->dims, 1)); /* not negative */
    let->value = expr_arith(context, I_SUB, hi, lo);
    return expr_load(context, let->target, NULL);
}

void reduce_in_pieces(Nest *n, Accumulator *batch, int count, Scope *scope)
{
    Parts parts[MAX_BATCH] = {{NULL, NULL}};
    int64_t cost = 0;
    for (int i = 0; i < count; i++) {
        open_accumulator(n, &batch[i], scope, false);
        parts[i].total = array_of_parts(n, scope, batch[i].total, batch[i].lanes);
        if (batch[i].best)
            parts[i].best = array_of_parts(n, scope, batch[i].best, batch[i].lanes);
        cost += lane_count(n, batch[i].lanes) * nest_facts(n, batch[i].e->arg[0])->cost;
    }
    Expr *edges = edges_of(n, scope, batch[0].e->over[0]);
    Axis *piece;
    Scope *inner = open_pieces(n, scope, &piece);
    reduce_piece(n, batch, parts, count, piece, edges, inner);
    Stmt *loop = close_loop(n, inner, piece, piece->lo, piece->hi);
    loop->work = expr_arith(n->context, I_MUL, edges, expr_index(n->context, cost));
    loop->is_spatial = true;
    inner = open_pieces(n, scope, &piece);
    for (int i = 0; i < count; i++)
        combine_parts(n, &batch[i], &parts[i], piece, inner);
    close_loop(n, inner, piece, piece->lo, piece->hi);
}
