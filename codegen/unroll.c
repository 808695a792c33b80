/* unroll.c -- short inner loops, written out where that saves functions.
 *
 *     for i: a = tanh(x[i, 0]), b = tanh(x[i, 1])         for i: a = tanh(x[i, 0]), b = tanh(x[i, 1])
 *            for j < 2: y[i, j] = a * b * tanh(x[i, j])          y[i, 0] = a * b * a, y[i, 1] = a * b * b
 *
 * Each point is an output of its own, in the loops that are left: what several of them call is called once, and what
 * does not depend on the inner loops any more can be computed for many points of the outer loop at once (stage.c). */
#include "../frontend/ops/expr.h"
#include "kernels.h"
#include "vector.h"
#include <string.h>

enum { MOST_POINTS = 8, MOST_COST = 1 << 10 };

/* The innermost loops that are few points altogether. */
static int short_loops(const Spatial *spatial, int64_t *points)
{
    int loops = 0;
    *points = 1;
    while (loops < spatial->nloop) {
        const int64_t extent = constant_extent(spatial->loop[spatial->nloop - 1 - loops]);
        if (extent < 1 || extent >= LEAST_VECTOR || *points * extent > MOST_POINTS)
            break;
        *points *= extent;
        loops++;
    }
    return loops;
}

/* The calls below e of functions that take arrays: those that vary along the axes, of which there may be none, and the
 * others. */
typedef struct {
    Nest *nest;
    Axis *const *axis;
    int naxis;
    int64_t varying, fixed;
    Map *seen;
} Calls;

static void count_calls(Calls *calls, const Expr *e)
{
    if (map_get(calls->seen, e))
        return;
    map_set(calls->seen, e, e);
    bool varies = false;
    for (int i = 0; i < calls->naxis; i++)
        varies |= axis_set_has(calls->nest, nest_facts(calls->nest, e)->reads, calls->axis[i]);
    if (e->kind == E_CALL && has_each_form(calls->nest, e->u.scalar))
        ++*(varies ? &calls->varying : &calls->fixed);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        count_calls(calls, child);
}

/* The output at one point of its inner loops, in the outer ones. */
static Spatial at_point(Nest *n, const Spatial *spatial, int loops, int64_t point)
{
    Spatial at = *spatial;
    at.nloop = at.nshared = spatial->nloop - loops;
    for (int i = spatial->nloop; i-- > at.nloop;) {
        Axis *axis = spatial->loop[i];
        Expr *by = expr_index(n->context, point % constant_extent(axis));
        point /= constant_extent(axis);
        at.body = simplify(n->simplifier, expr_substitute(n->context, at.body, &axis, &by, 1, NULL, NULL));
        for (int k = 0; k < at.output->type.rank; k++)
            at.index[k] = simplify(n->simplifier, expr_substitute(n->context, at.index[k], &axis, &by, 1, NULL, NULL));
    }
    return at;
}

int write_out_points(Nest *n, Spatial **spatial)
{
    const Spatial *whole = *spatial;
    int64_t points;
    const int loops = short_loops(whole, &points);
    if (points < 2 || nest_facts(n, whole->body)->cost > MOST_COST)
        return 1;
    Calls calls = {n, whole->loop + whole->nloop - loops, loops, 0, 0, map_new(n->context->arena)};
    count_calls(&calls, whole->body);
    if (calls.varying == 0)
        return 1;
    Spatial *written = ARENA_ARRAY(n->context->arena, points, Spatial);
    Calls after = {n, NULL, 0, 0, 0, map_new(n->context->arena)};
    for (int64_t i = 0; i < points; i++) {
        written[i] = at_point(n, whole, loops, i);
        count_calls(&after, written[i].body);
    }
    if (n->nreduction > 0 && after.fixed >= calls.fixed + points * calls.varying)
        return 1;
    *spatial = written;
    return (int)points;
}
