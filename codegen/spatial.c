/* spatial.c -- the loops over outputs' axes: an index is taken apart where the element does so, and outputs of one nest
 * share loops. */
#include "kernels.h"
#include <string.h>

/* A divisor by which e takes one of the loops apart: axis / d or axis % d. */
static Dim *find_split(Context *context, const Expr *e, const Spatial *spatial, int *loop, Map *seen)
{
    if (map_get(seen, e))
        return NULL;
    map_set(seen, e, e);
    if (is_division(e) && e->arg[0]->kind == E_AXIS) {
        Dim *divisor = expr_dim_of(context, e->arg[1]);
        for (int i = 0; i < spatial->nloop && divisor; i++) {
            Dim *extent = axis_extent(context, spatial->loop[i]);
            if (spatial->loop[i] == e->arg[0]->u.axis && extent && dim_divide_exactly(context->dims, extent, divisor)) {
                *loop = i;
                return divisor;
            }
        }
    }
    const Expr *child;
    Dim *found = NULL;
    for (int i = 0; !found && (child = expr_child(e, i)); i++)
        found = find_split(context, child, spatial, loop, seen);
    return found;
}

static void replace_axis(const NestScope *in, Spatial *spatial, int rank, const Axis *axis, Expr *by)
{
    simplifier_replace_axis(in->simplifier, axis, by);
    spatial->body = simplify(in->simplifier, spatial->body);
    for (int i = 0; i < rank; i++)
        spatial->index[i] = simplify(in->simplifier, spatial->index[i]);
}

static void split_loop(const NestScope *in, Spatial *spatial, int rank, int loop, Dim *divisor)
{
    Context *context = in->context;
    Axis *whole = spatial->loop[loop];
    Axis *major =
        axis_dim(context, whole->name, dim_divide_exactly(context->dims, axis_extent(context, whole), divisor));
    Axis *minor = axis_dim(context, arena_printf(context->arena, "%s_in", whole->name), divisor);
    memmove(spatial->loop + loop + 1, spatial->loop + loop, sizeof *spatial->loop * (size_t)(spatial->nloop - loop));
    spatial->nloop++;
    spatial->loop[loop] = major;
    spatial->loop[loop + 1] = minor;
    Expr *joined =
        expr_arith(context, I_ADD, expr_arith(context, I_MUL, expr_axis(context, major), expr_dim(context, divisor)),
                   expr_axis(context, minor));
    replace_axis(in, spatial, rank, whole, simplify(in->simplifier, joined));
}

static Spatial spatial_of(const NestScope *in, const NestOutput *out)
{
    Context *context = in->context;
    const Element *element = out->element;
    const int rank = out->value->type.rank;
    Spatial spatial = {.output = out->value, .body = element->body};
    for (int i = 0; i < rank; i++) {
        spatial.index[i] = expr_axis(context, element->axis[i]);
        Dim *extent = axis_extent(context, element->axis[i]);
        if (extent && dim_equals(extent, 1))
            simplifier_replace_axis(in->simplifier, element->axis[i], simplify(in->simplifier, expr_index(context, 0)));
        else
            spatial.loop[spatial.nloop++] = element->axis[i];
    }
    spatial.body = simplify(in->simplifier, spatial.body);
    for (int i = 0; i < rank; i++)
        spatial.index[i] = simplify(in->simplifier, spatial.index[i]);
    int loop;
    Dim *divisor;
    while (spatial.nloop < 2 * MAX_RANK &&
           (divisor = find_split(context, spatial.body, &spatial, &loop, map_new(context->arena))))
        split_loop(in, &spatial, rank, loop, divisor);
    if (!in->exact)
        spatial.body = factor_sums(in->simplifier, context, spatial.body);
    return spatial;
}

/* Makes an output's loops those of another, from the outermost on, as long as they run equally far; an index is taken
 * apart where the other's is. */
static void share_loops(const NestScope *in, Spatial *spatial, const Spatial *with)
{
    Context *context = in->context;
    const int rank = spatial->output->type.rank;
    int shared = 0;
    for (; shared < spatial->nloop && shared < with->nloop; shared++) {
        Dim *wanted = axis_extent(context, with->loop[shared]), *extent = axis_extent(context, spatial->loop[shared]);
        Dim *inner = shared + 1 < with->nloop ? axis_extent(context, with->loop[shared + 1]) : NULL;
        if (!wanted || !extent)
            break;
        if (extent != wanted && inner && spatial->nloop < 2 * MAX_RANK &&
            extent == dim_mul(context->dims, wanted, inner))
            split_loop(in, spatial, rank, shared, inner);
        if (axis_extent(context, spatial->loop[shared]) != wanted)
            break;
        replace_axis(in, spatial, rank, spatial->loop[shared],
                     simplify(in->simplifier, expr_axis(context, with->loop[shared])));
        spatial->loop[shared] = with->loop[shared];
    }
    spatial->nshared = shared;
}

int nest_spatials(const NestScope *in, const NestOutput *out, int count, Spatial *spatial)
{
    int largest = 0;
    for (int k = 0; k < count; k++) {
        spatial[k] = spatial_of(in, &out[k]);
        if (spatial[k].nloop > spatial[largest].nloop)
            largest = k;
    }
    spatial[largest].nshared = spatial[largest].nloop;
    for (int k = 0; k < count; k++)
        if (k != largest)
            share_loops(in, &spatial[k], &spatial[largest]);
    return largest;
}
