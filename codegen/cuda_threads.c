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

Expr *cuda_number(const NestScope *scope, const char *name)
{
    Value *value = ARENA_NEW(scope->context->arena, Value);
    value->name = arena_printf(scope->context->arena, "%s%s", scope->upper, name);
    value->type = (Type){.kind = TENSOR, .dtype = INDEX};
    return expr_load(scope->context, value, NULL);
}

/* axis = point / inner % extent, at the front of the body. */
static void bind_axis(const NestScope *scope, Stmt *points, const Stmt *loop, Dim *inner, bool is_outermost)
{
    Context *context = scope->context;
    Expr *at = expr_arith(context, I_DIV, expr_axis(context, points->axis), expr_dim(context, inner));
    Stmt *stmt = ARENA_NEW(context->arena, Stmt);
    *stmt = (Stmt){.kind = STMT_AXIS,
                   .axis = loop->axis,
                   .axis_name = loop->axis_name,
                   .value = is_outermost ? at : expr_arith(context, I_MOD, at, loop->hi),
                   .next = points->body.first};
    points->body.first = stmt;
}

/* The loops that are one behind the other, outermost first. */
static int find_loops(Context *context, const Block *block, Stmt **loop, int most)
{
    int count = 0;
    for (Stmt *stmt = spatial_loop(context, block); stmt && count < most;
         stmt = stmt->body.first == stmt->body.last ? spatial_loop(context, &stmt->body) : NULL)
        loop[count++] = stmt;
    return count;
}

Stmt *cuda_flatten(const NestScope *scope, Block *block, const char *name, Dim **points)
{
    enum { MOST = 3 * MAX_RANK };
    Context *context = scope->context;
    DimTable *dims = context->dims;
    Stmt *loop[MOST];
    const int count = find_loops(context, block, loop, MOST);
    *points = dim_const(dims, 1);
    if (count == 0)
        return NULL;
    for (int i = 0; i < count; i++)
        *points = dim_mul(dims, *points, expr_dim_of(context, loop[i]->hi));
    Stmt *all = ARENA_NEW(context->arena, Stmt);
    *all = (Stmt){.kind = STMT_FOR,
                  .axis = axis_dim(context, name, *points),
                  .axis_name = name_identifier(scope->names, "", name),
                  .lo = expr_index(context, 0),
                  .hi = expr_dim(context, *points),
                  .body = loop[count - 1]->body};
    Dim *inner = dim_const(dims, 1);
    for (int i = count; i-- > 0;) {
        bind_axis(scope, all, loop[i], inner, i == 0);
        inner = dim_mul(dims, inner, expr_dim_of(context, loop[i]->hi));
    }
    Stmt **link = &block->first;
    while (*link != loop[0])
        link = &(*link)->next;
    return *link = block->last = all;
}

Dim *cuda_threads(const NestScope *scope, Block *block)
{
    Dim *threads;
    Stmt *all = cuda_flatten(scope, block, "thread", &threads);
    if (all) {
        all->lo = cuda_number(scope, "THREAD");
        all->step = cuda_number(scope, "THREADS");
    }
    return threads;
}
