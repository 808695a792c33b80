/* scatter.c -- updates written, or combined, into chosen places of a copy of the data. */
#include "shorthand.h"
#include <string.h>

/* How a `reduction` attribute combines an update with what is there. */
static Combine reduction(Definition *d)
{
    static const struct {
        const char *name;
        Combine combine;
    } table[] = {
        {"none", COMBINE_SET}, {"add", COMBINE_ADD}, {"mul", COMBINE_MUL}, {"max", COMBINE_MAX}, {"min", COMBINE_MIN},
    };
    const char *name = attr_string(d->node, "reduction", "none");
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        if (strcmp(name, table[k].name) == 0)
            return table[k].combine;
    def_error(d, "attribute 'reduction' is '%s', wants none, add, mul, max or min", name);
    return COMBINE_SET;
}

/* Output 0 begins as a copy of input 0; the update runs over all elements of input `updates`. Fills the axes' values.
 */
static Update *scatter(Definition *d, int updates, Combine combine, Expr **u)
{
    Expr *i[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), def_rank(d, 0), def_shape(d, 0));
    def_index(d, 0, i);
    def_body(d, 0, def_load(d, 0, i));
    return def_update(d, combine, updates, u);
}

/* y = data; y[.., wrap(indices[u..]), ..] = combine(.., updates[u..]) */
static void define_scatter_elements(Definition *d)
{
    const Combine combine = reduction(d);
    Expr *u[MAX_RANK];
    int axis;
    if (!def_along_axis(d, &axis) || !def_same_shape(d, 1, 2))
        return;
    Update *update = scatter(d, 1, combine, u);
    update->at[axis] = expr_wrap(d->context, def_load(d, 1, u), def_dim(d, 0, axis));
    update->value = def_load(d, 2, u);
}

/* y = data; y[wrap(indices[u.., 0]), wrap(indices[u.., 1]) .., s..] = combine(.., updates[u.., s..]) */
static void define_scatter_nd(Definition *d)
{
    const int rank = def_rank(d, 0), depth = def_rank(d, 1), given = def_rank(d, 2);
    const Combine combine = reduction(d);
    int64_t tuple;
    if (d->failed || !def_require(d, rank > 0 && depth > 0, "data and indices want at least one dimension") ||
        !def_require(d, dim_is_const(def_dim(d, 1, depth - 1), &tuple),
                     "the last dimension of the indices is not known") ||
        !def_require(d, tuple >= 1 && tuple <= rank, "an index has %lld parts, the data %d dimensions",
                     (long long)tuple, rank) ||
        !def_require(d, given == depth - 1 + rank - tuple, "updates have rank %d, want %d", given,
                     (int)(depth - 1 + rank - tuple)))
        return;
    for (int k = 0; k < given; k++) {
        Dim *wanted = k < depth - 1 ? def_dim(d, 1, k) : def_dim(d, 0, k - (depth - 1) + (int)tuple);
        if (!def_require(d, size_same(d, def_dim(d, 2, k), wanted), "updates have %s elements in dimension %d, want %s",
                         size_text(d, def_dim(d, 2, k)), k, size_text(d, wanted)))
            return;
    }
    Expr *u[MAX_RANK], *index[MAX_RANK];
    Update *update = scatter(d, 2, combine, u);
    memcpy(index, u, sizeof *u * (size_t)(depth - 1));
    for (int k = 0; k < rank; k++) {
        index[depth - 1] = index_const(d, k);
        update->at[k] =
            k < tuple ? expr_wrap(d->context, def_load(d, 1, index), def_dim(d, 0, k)) : u[k - tuple + depth - 1];
    }
}

/* y = cache; y[b, .., (start[b] + t) (mod size), ..] = update[b, .., t, ..] */
static void define_tensor_scatter(Definition *d)
{
    const int rank = def_rank(d, 0), axis = def_axis(d, attr_int(d->node, "axis", -2), rank);
    const char *mode = attr_string(d->node, "mode", "linear");
    const bool circular = strcmp(mode, "circular") == 0;
    Expr *u[MAX_RANK];
    if (d->failed || !def_require(d, axis > 0, "attribute 'axis' is the batch axis") ||
        !def_require(d, circular || strcmp(mode, "linear") == 0, "attribute 'mode' is '%s', wants linear or circular",
                     mode) ||
        !def_require(d, def_rank(d, 1) == rank, "cache and update have ranks %d and %d", rank, def_rank(d, 1)) ||
        !def_require(d, !def_has(d, 2) || (def_rank(d, 2) == 1 && size_same(d, def_dim(d, 2, 0), def_dim(d, 0, 0))),
                     "write_indices want an element for each batch"))
        return;
    for (int k = 0; k < rank; k++) {
        Dim *size = def_dim(d, 0, k), *updated = def_dim(d, 1, k);
        if (!def_require(d, k == axis ? size_at_most(d, updated, size) : size_same(d, updated, size),
                         "cache and update have dimension %d of %s and %s", k, size_text(d, size),
                         size_text(d, updated)))
            return;
    }
    Update *update = scatter(d, 1, COMBINE_SET, u);
    Dim *extent = def_dim(d, 0, axis);
    for (int k = 0; k < rank; k++)
        update->at[k] = u[k];
    if (!def_has(d, 2))
        return;
    Expr *start = def_load(d, 2, u);
    if (circular && def_require(d, size_at_most(d, size_const(d, 1), extent), "the cache is empty"))
        update->at[axis] =
            index_mod(d, index_add(d, index_mod(d, start, index_dim(d, extent)), u[axis]), index_dim(d, extent));
    else
        update->at[axis] = expr_check(d->context, call2(d, S_ADD, start, u[axis]), extent);
}

const Op ops_scatter[] = {
    INDEX_ROW("ScatterElements", "data:T indices:I updates:T -> output:T | T=any I=int32,int64",
              "axis:int=0 reduction:string=none", define_scatter_elements, 18),
    INDEX_ROW("ScatterND", "data:T indices:int64 updates:T -> output:T | T=any", "reduction:string=none",
              define_scatter_nd, 18),
    INDEX_ROW("TensorScatter", "past_cache:T update:T write_indices:int64? -> present_cache:T | T=any",
              "mode:string=linear axis:int=-2", define_tensor_scatter, 24),
    {.name = NULL},
};
