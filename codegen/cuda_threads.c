/* cuda_threads.c -- the schedule of a kernel: one thread for each point of the loops that may run in any order.
 *
 *     for i < N: for j < 16: body      becomes      for (thread; thread < N * 16; all threads): i = thread / 16,
 *                                                                                              j = thread % 16, body
 *
 * so that neighbouring threads have neighbouring elements, whose memory is read and written in one go. Reductions stay
 * loops of their thread, in the order of the C program. A nest without such a loop is one thread's work. */
#include "cuda.h"
#include "nest_state.h"

/* The only loop of a block, the last statement, whose iterations are independent and from 0 to a size; NULL otherwise.
 */
static Stmt *spatial_loop(Context *context, const Block *block)
{
    Stmt *last = block->last;
    int64_t lo;
    if (!last || last->kind != STMT_FOR || !last->is_spatial || last->step || !expr_is_int(last->lo, &lo) || lo != 0)
        return NULL;
    for (const Stmt *stmt = block->first; stmt != last; stmt = stmt->next)
        if (stmt->kind != STMT_LET && stmt->kind != STMT_VAR && !(stmt->kind == STMT_FOR && !stmt->is_spatial))
            return NULL;
    return expr_dim_of(context, last->hi) ? last : NULL;
}

/* A number that the kernel knows by this name: see cuda_print_head. */
static Expr *known_as(const NestScope *scope, const char *name)
{
    Value *value = ARENA_NEW(scope->context->arena, Value);
    value->name = arena_printf(scope->context->arena, "%s%s", scope->upper, name);
    value->type = (Type){.kind = TENSOR, .dtype = INDEX};
    return expr_load(scope->context, value, NULL);
}

static Stmt *loop_over_threads(const NestScope *scope, Dim *threads)
{
    Context *context = scope->context;
    Stmt *stmt = ARENA_NEW(context->arena, Stmt);
    *stmt = (Stmt){.kind = STMT_FOR,
                   .axis = axis_dim(context, "thread", threads),
                   .axis_name = name_identifier(scope->names, "", "thread"),
                   .lo = known_as(scope, "THREAD"),
                   .hi = expr_dim(context, threads),
                   .step = known_as(scope, "THREADS")};
    return stmt;
}

/* axis = thread / inner % extent, at the front of the body. */
static void bind_axis(const NestScope *scope, Stmt *threads, const Stmt *loop, Dim *inner, bool is_outermost)
{
    Context *context = scope->context;
    Expr *at = expr_arith(context, I_DIV, expr_axis(context, threads->axis), expr_dim(context, inner));
    Stmt *stmt = ARENA_NEW(context->arena, Stmt);
    *stmt = (Stmt){.kind = STMT_AXIS,
                   .axis = loop->axis,
                   .axis_name = loop->axis_name,
                   .value = is_outermost ? at : expr_arith(context, I_MOD, at, loop->hi),
                   .next = threads->body.first};
    threads->body.first = stmt;
}

Dim *cuda_threads(const NestScope *scope, Block *block)
{
    enum { MOST = 3 * MAX_RANK };
    Context *context = scope->context;
    DimTable *dims = context->dims;
    Stmt *loop[MOST], *outermost = spatial_loop(context, block);
    int count = 0;
    if (!outermost)
        return dim_const(dims, 1);
    for (Stmt *stmt = outermost; stmt && count < MOST;
         stmt = stmt->body.first == stmt->body.last ? spatial_loop(context, &stmt->body) : NULL)
        loop[count++] = stmt;
    Dim *threads = dim_const(dims, 1);
    for (int i = 0; i < count; i++)
        threads = dim_mul(dims, threads, expr_dim_of(context, loop[i]->hi));
    Stmt *all = loop_over_threads(scope, threads);
    all->body = loop[count - 1]->body;
    Dim *inner = dim_const(dims, 1);
    for (int i = count; i-- > 0;) {
        bind_axis(scope, all, loop[i], inner, i == 0);
        inner = dim_mul(dims, inner, expr_dim_of(context, loop[i]->hi));
    }
    Stmt **link = &block->first;
    while (*link != outermost)
        link = &(*link)->next;
    *link = block->last = all;
    return threads;
}
