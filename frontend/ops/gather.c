/* gather.c -- elements chosen by indices that are data. Negative indices count from the end; others are errors. */
#include "shorthand.h"
#include <string.h>

/* Whether the indices of an input, as far as they are known, lie in [-extent, extent). */
static bool require_indices(Definition *d, int input, Dim *extent)
{
    const Tensor *indices = d->node->in[input]->constant;
    int64_t size;
    if (!indices || d->node->in[input]->is_overridable || !dim_is_const(extent, &size))
        return true;
    for (int64_t i = 0; i < indices->count; i++) {
        const int64_t index = tensor_int(indices, i);
        if (!def_require(d, index >= -size && index < size, "index %lld is outside [-%lld, %lld)", (long long)index,
                         (long long)size, (long long)size))
            return false;
    }
    return true;
}

/* y[p.., j.., s..] = data[p.., wrap(indices[j..]), s..] */
static void define_gather(Definition *d)
{
    const int rank = def_rank(d, 0), inner = def_rank(d, 1), out = rank - 1 + inner;
    const int axis = def_axis(d, attr_int(d->node, "axis", 0), rank);
    Dim *dim[MAX_RANK];
    if (d->failed || !def_require(d, rank > 0, "the data is a scalar") ||
        !def_require(d, out <= MAX_RANK, "the result has %d dimensions, the limit is %d", out, MAX_RANK) ||
        !require_indices(d, 1, def_dim(d, 0, axis)))
        return;
    for (int k = 0; k < out; k++)
        dim[k] = k < axis           ? def_dim(d, 0, k)
                 : k < axis + inner ? def_dim(d, 1, k - axis)
                                    : def_dim(d, 0, k - inner + 1);
    Expr *i[MAX_RANK], *from[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), out, dim);
    def_index(d, 0, i);
    for (int k = 0; k < rank; k++)
        if (k != axis)
            from[k] = i[k < axis ? k : k + inner - 1];
    from[axis] = expr_wrap(d->context, def_load(d, 1, i + axis), def_dim(d, 0, axis));
    def_body(d, 0, def_load(d, 0, from));
}

/* y[i.., j, k..] = data[i.., wrap(indices[i.., j, k..]), k..] */
static void define_gather_elements(Definition *d)
{
    Expr *i[MAX_RANK];
    int axis;
    if (!def_along_axis(d, &axis) || !require_indices(d, 1, def_dim(d, 0, axis)))
        return;
    def_output(d, 0, def_dtype(d, 0), def_rank(d, 0), def_shape(d, 1));
    def_index(d, 0, i);
    i[axis] = expr_wrap(d->context, def_load(d, 1, i), def_dim(d, 0, axis));
    def_body(d, 0, def_load(d, 0, i));
}

/* y[b.., j.., s..] = data[b.., wrap(indices[b.., j.., 0]), wrap(indices[b.., j.., 1]) .., s..] */
static void define_gather_nd(Definition *d)
{
    const int rank = def_rank(d, 0), depth = def_rank(d, 1);
    const int64_t batch = attr_int(d->node, "batch_dims", 0);
    int64_t tuple;
    if (!def_require(d, rank > 0 && depth > 0, "data and indices want at least one dimension") ||
        !def_require(d, dim_is_const(def_dim(d, 1, depth - 1), &tuple),
                     "the last dimension of the indices is not known") ||
        !def_require(d, batch >= 0 && batch < rank && batch < depth, "attribute 'batch_dims' is %lld",
                     (long long)batch) ||
        !def_require(d, tuple >= 1 && tuple <= rank - batch,
                     "an index has %lld parts, the data %d dimensions after the batch", (long long)tuple,
                     (int)(rank - batch)))
        return;
    const int first = (int)(batch + tuple), out = depth - 1 + rank - first;
    Dim *dim[MAX_RANK];
    if (!def_require(d, out <= MAX_RANK, "the result has %d dimensions, the limit is %d", out, MAX_RANK))
        return;
    for (int k = 0; k < batch; k++)
        if (!def_require(d, size_same(d, def_dim(d, 0, k), def_dim(d, 1, k)), "batch dimension %d is %s and %s", k,
                         size_text(d, def_dim(d, 0, k)), size_text(d, def_dim(d, 1, k))))
            return;
    for (int k = 0; k < out; k++)
        dim[k] = k < depth - 1 ? def_dim(d, 1, k) : def_dim(d, 0, k - (depth - 1) + first);
    Expr *i[MAX_RANK], *index[MAX_RANK], *from[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), out, dim);
    def_index(d, 0, i);
    memcpy(index, i, sizeof *i * (size_t)(depth - 1));
    for (int k = 0; k < rank; k++) {
        index[depth - 1] = index_const(d, k - batch);
        from[k] = k < batch   ? i[k]
                  : k < first ? expr_wrap(d->context, def_load(d, 1, index), def_dim(d, 0, k))
                              : i[k - first + depth - 1];
    }
    def_body(d, 0, def_load(d, 0, from));
}

const Op ops_gather[] = {
    INDEX_ROW("Gather", "data:T indices:I -> output:T | T=any I=int32,int64", "axis:int=0", define_gather, 13),
    INDEX_ROW("GatherElements", "data:T indices:I -> output:T | T=any I=int32,int64", "axis:int=0",
              define_gather_elements, 13),
    INDEX_ROW("GatherND", "data:T indices:int64 -> output:T | T=any", "batch_dims:int=0", define_gather_nd, 13),
    {.name = NULL},
};
