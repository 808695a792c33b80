/* pool.c -- pooling over windows and over everything; unpooling; normalisation over neighbouring channels. */
#include "window.h"
#include <math.h>
#include <string.h>

/* Makes output 0, [N, C, o..], for windows over input 0. */
static bool pooled(Definition *d, Window *window)
{
    Dim *dim[MAX_RANK], **kernel = def_rank(d, 0) >= 3 ? def_kernel_shape(d, def_rank(d, 0) - 2) : NULL;
    if (d->failed || !def_require(d, kernel != NULL, "input has rank %d, wants at least 3", def_rank(d, 0)) ||
        !def_window(d, window, kernel))
        return false;
    memcpy(dim, def_shape(d, 0), 2 * sizeof *dim);
    memcpy(dim + 2, window->out, sizeof *dim * (size_t)window->rank);
    def_output(d, 0, def_dtype(d, 0), window->rank + 2, dim);
    return true;
}

/* The element of input 0 at cell offset[..] of the window of element i[..]; `outside` in the padding. */
static Expr *window_load(Definition *d, const Window *window, Expr *const *i, Expr *const *offset, Expr *outside)
{
    Expr *at[MAX_RANK], *inside;
    at[0] = i[0];
    at[1] = i[1];
    window_read(d, window, i + 2, offset, at + 2, &inside);
    return guarded(d, inside, def_load(d, 0, at), outside);
}

/* ---- MaxPool ---- */
static Expr *least(Definition *d, DType type)
{
    type = dtype_compute(type);
    return dtype_is_float(type)
               ? expr_float(d->context, type, -INFINITY)
               : expr_int(d->context, type,
                          dtype_info(type)->class == SIGNED ? -(1 << (dtype_info(type)->bits - 1)) : 0);
}

/* Output 1: the place of the greatest element, counted over all of the input; columns first where storage_order is 1.
 */
static void max_places(Definition *d, const Window *window)
{
    Expr *i[MAX_RANK], *offset[MAX_RANK], *at[MAX_RANK], *inside;
    const int rank = window->rank;
    Dim *dim[MAX_RANK];
    memcpy(dim, d->node->out[0] != NULL ? d->node->out[0]->type.dim : def_shape(d, 0), sizeof dim);
    def_output(d, 1, I64, rank + 2, dim);
    def_index(d, 1, i);
    /* the cells of the window as one axis, and the cell of the greatest element */
    Axis *cell = loop_axis(d, "k", size_product(d, rank, window->kernel));
    Expr *all[1] = {axis_value(d, cell)};
    Dim *cells[1] = {size_product(d, rank, window->kernel)};
    index_reshape(d, 1, cells, all, rank, window->kernel, offset);
    all[0] = reduce(d, COMBINE_ARG_MAX, &cell, 1, window_load(d, window, i, offset, least(d, def_dtype(d, 0))));
    index_reshape(d, 1, cells, all, rank, window->kernel, offset);
    window_read(d, window, i + 2, offset, at, &inside);
    Expr *place = index_add(d, index_mul(d, i[0], index_dim(d, def_dim(d, 0, 1))), i[1]);
    const bool columns_first = attr_int(d->node, "storage_order", 0) != 0;
    for (int k = 0; k < rank; k++) {
        const int axis = columns_first ? rank - 1 - k : k;
        place = index_add(d, index_mul(d, place, index_dim(d, window->in[axis])), at[axis]);
    }
    def_body(d, 1, place);
}

/* The output's indices, the axes over its window, and the element there; `outside` beyond the input. */
static Expr *in_window(Definition *d, const Window *window, Expr **i, Axis **over, Expr *outside)
{
    Expr *offset[MAX_RANK];
    def_index(d, 0, i);
    window_axes(d, window, over, offset);
    return window_load(d, window, i, offset, outside);
}

static void define_max_pool(Definition *d)
{
    Window window;
    Axis *over[MAX_RANK];
    Expr *i[MAX_RANK];
    if (!pooled(d, &window))
        return;
    Expr *x = in_window(d, &window, i, over, least(d, def_dtype(d, 0)));
    def_body(d, 0, reduce(d, COMBINE_MAX, over, window.rank, x));
    if (def_wants(d, 1))
        max_places(d, &window);
}

/* ---- averages and norms ---- */
/* How many of `kernel` cells, from position `start` in steps of `dilation`, lie in [lo, hi). */
static Expr *cells_between(Definition *d, Expr *start, Dim *kernel, int64_t dilation, Expr *lo, Expr *hi)
{
    Expr *step = index_const(d, dilation), *round_up = index_const(d, dilation - 1), *zero = index_const(d, 0);
    Expr *first = index_max(d, zero, index_div(d, index_add(d, index_sub(d, lo, start), round_up), step));
    Expr *end = index_min(d, index_dim(d, kernel), index_div(d, index_add(d, index_sub(d, hi, start), round_up), step));
    return index_max(d, zero, index_sub(d, end, first));
}

/* The number of cells an average divides by: those in the input, or in the padded input. */
static Expr *cells_counted(Definition *d, const Window *window, Expr *const *i)
{
    const bool padding_counts = attr_int(d->node, "count_include_pad", 0) != 0;
    Expr *count = index_const(d, 1);
    for (int k = 0; k < window->rank; k++) {
        Expr *cells = index_dim(d, window->kernel[k]);
        const bool padded = !dim_equals(window->begin[k], 0) || !dim_equals(window->end[k], 0);
        if (window->ceil || (padded && !padding_counts)) {
            Expr *stride = index_const(d, window->stride[k]), *begin = index_dim(d, window->begin[k]);
            Expr *start = index_sub(d, index_mul(d, i[k + 2], stride), begin);
            Dim *end = padding_counts ? size_add(d, window->in[k], window->end[k]) : window->in[k];
            Expr *lo = padding_counts ? index_sub(d, index_const(d, 0), begin) : index_const(d, 0);
            cells = cells_between(d, start, window->kernel[k], window->dilation[k], lo, index_dim(d, end));
        }
        count = index_mul(d, count, cells);
    }
    return count;
}

static void define_average_pool(Definition *d)
{
    Window window;
    Axis *over[MAX_RANK];
    Expr *i[MAX_RANK];
    if (!pooled(d, &window))
        return;
    Expr *x = in_window(d, &window, i, over, number(d, def_dtype(d, 0), 0));
    Expr *sum = reduce(d, COMBINE_ADD, over, window.rank, x);
    def_body(d, 0, call2(d, S_DIV, sum, cast(d, cells_counted(d, &window, i), sum->dtype)));
}

/* (sum of |x|^p)^(1/p) over the axes */
static Expr *lp_norm(Definition *d, int64_t p, Axis *const *over, int nover, Expr *x)
{
    if (p == 2)
        return call1(d, S_SQRT, reduce(d, COMBINE_ADD, over, nover, call2(d, S_MUL, x, x)));
    x = call1(d, S_ABS, x);
    if (p == 1)
        return reduce(d, COMBINE_ADD, over, nover, x);
    Expr *power = expr_float(d->context, x->dtype, (double)p),
         *root = expr_float(d->context, x->dtype, 1.0 / (double)p);
    return call2(d, S_POW, reduce(d, COMBINE_ADD, over, nover, call2(d, S_POW, x, power)), root);
}

static bool positive_power(Definition *d, int64_t *p)
{
    *p = attr_int(d->node, "p", 2);
    return def_require(d, *p > 0, "attribute 'p' is %lld", (long long)*p);
}

static void define_lp_pool(Definition *d)
{
    Window window;
    Axis *over[MAX_RANK];
    Expr *i[MAX_RANK];
    int64_t p;
    if (!positive_power(d, &p) || !pooled(d, &window))
        return;
    Expr *x = in_window(d, &window, i, over, number(d, def_dtype(d, 0), 0));
    def_body(d, 0, lp_norm(d, p, over, window.rank, x));
}

/* y[.., i, ..] = x[.., i, ..] / norm of x[.., k, ..] over k; 0 where that is 0 */
static void define_lp_normalization(Definition *d)
{
    const int rank = def_rank(d, 0), axis = def_axis(d, attr_int(d->node, "axis", -1), rank);
    int64_t p;
    Expr *i[MAX_RANK], *from[MAX_RANK];
    if (d->failed || !positive_power(d, &p))
        return;
    def_output(d, 0, def_dtype(d, 0), rank, def_shape(d, 0));
    def_index(d, 0, i);
    memcpy(from, i, sizeof from);
    Axis *over = loop_axis(d, "k", def_dim(d, 0, axis));
    from[axis] = axis_value(d, over);
    Expr *norm = lp_norm(d, p, &over, 1, def_load(d, 0, from)), *zero = number(d, def_dtype(d, 0), 0);
    Expr *is_zero = call2(d, S_EQUAL, norm, zero);
    def_body(d, 0, expr_select(d->context, is_zero, zero, call2(d, S_DIV, def_load(d, 0, i), norm)));
}

/* ---- over everything ---- */
/* Makes output 0, [N, C, 1..]; the load of input 0 over the axes of all its space. */
static Expr *over_space(Definition *d, Axis **over, int *nover)
{
    const int rank = def_rank(d, 0);
    Dim *dim[MAX_RANK];
    Expr *i[MAX_RANK];
    if (!def_require(d, rank >= 2, "input has rank %d, wants at least 2", rank))
        return NULL;
    for (int k = 0; k < rank; k++)
        dim[k] = k < 2 ? def_dim(d, 0, k) : size_const(d, 1);
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    *nover = rank - 2;
    for (int k = 2; k < rank; k++) {
        over[k - 2] = loop_axis(d, "k", def_dim(d, 0, k));
        i[k] = axis_value(d, over[k - 2]);
    }
    return def_load(d, 0, i);
}

static void define_global_average_pool(Definition *d)
{
    Axis *over[MAX_RANK];
    int nover;
    Expr *x = over_space(d, over, &nover);
    if (x == NULL)
        return;
    Expr *count = index_dim(d, size_product(d, nover, def_shape(d, 0) + 2));
    def_body(d, 0, call2(d, S_DIV, reduce(d, COMBINE_ADD, over, nover, x), cast(d, count, x->dtype)));
}

static void define_global_max_pool(Definition *d)
{
    Axis *over[MAX_RANK];
    int nover;
    Expr *x = over_space(d, over, &nover);
    if (x != NULL)
        def_body(d, 0, reduce(d, COMBINE_MAX, over, nover, x));
}

static void define_global_lp_pool(Definition *d)
{
    Axis *over[MAX_RANK];
    int nover;
    int64_t p;
    Expr *x = positive_power(d, &p) ? over_space(d, over, &nover) : NULL;
    if (x != NULL)
        def_body(d, 0, lp_norm(d, p, over, nover, x));
}

/* ---- MaxUnpool ---- */
/* y = 0; y[place] = x[u..], where place is I[u..] counted over the shape that was pooled */
static void define_max_unpool(Definition *d)
{
    const int rank = def_rank(d, 0);
    Window window;
    Dim *pooled_dim[MAX_RANK], **dim = pooled_dim, **kernel = rank >= 3 ? def_kernel_shape(d, rank - 2) : NULL;
    if (d->failed || !def_require(d, rank >= 3, "input has rank %d, wants at least 3", rank) ||
        !def_same_shape(d, 0, 1) || !def_window_attributes(d, &window, rank - 2))
        return;
    memcpy(pooled_dim, def_shape(d, 0), 2 * sizeof *dim);
    for (int k = 0; k < rank - 2; k++) {
        Dim *last = size_mul(d, size_sub(d, def_dim(d, 0, k + 2), size_const(d, 1)), size_const(d, window.stride[k]));
        pooled_dim[k + 2] = size_sub(d, size_add(d, last, kernel[k]), size_add(d, window.begin[k], window.end[k]));
    }
    if (def_has(d, 2)) {
        int count;
        dim = def_sizes(d, 2, &count, NULL);
        if (d->failed || !def_require(d, count == rank, "output_shape has %d elements, wants %d", count, rank))
            return;
    }
    for (int k = 0; k < rank; k++)
        if (!def_require(d, size_at_most(d, size_const(d, 0), pooled_dim[k]), "axis %d would have %s elements", k,
                         size_text(d, dim[k])))
            return;
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_body(d, 0, number(d, def_dtype(d, 0), 0));
    Expr *u[MAX_RANK];
    Update *update = def_update(d, COMBINE_SET, 0, u);
    Dim *total[1] = {size_product(d, rank, pooled_dim)};
    Expr *place[1] = {expr_check(d->context, def_load(d, 1, u), total[0])};
    index_reshape(d, 1, total, place, rank, pooled_dim, update->at);
    for (int k = 0; k < rank; k++)
        if (dim[k] != pooled_dim[k])
            update->at[k] = expr_check(d->context, update->at[k], dim[k]);
}

/* ---- LRN ---- */
/* y[n, c, ..] = x[n, c, ..] / (bias + alpha / size * sum over the `size` channels around c of x^2)^beta */
static void define_lrn(Definition *d)
{
    const int rank = def_rank(d, 0);
    const int64_t size = attr_int(d->node, "size", 0);
    if (!def_require(d, size > 0, "attribute 'size' is %lld", (long long)size) ||
        !def_require(d, rank >= 2, "input has rank %d, wants at least 2", rank))
        return;
    const DType type = dtype_compute(def_dtype(d, 0));
    Expr *i[MAX_RANK], *from[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), rank, def_shape(d, 0));
    def_index(d, 0, i);
    memcpy(from, i, sizeof from);
    Expr *lo = index_max(d, index_const(d, 0), index_sub(d, i[1], index_const(d, (size - 1) / 2)));
    Expr *hi = index_min(d, index_dim(d, def_dim(d, 0, 1)), index_add(d, i[1], index_const(d, size / 2 + 1)));
    Axis *over = axis_new(d->context, "k", lo, hi);
    from[1] = axis_value(d, over);
    Expr *x = def_load(d, 0, i), *near = def_load(d, 0, from);
    Expr *sum = reduce(d, COMBINE_ADD, &over, 1, call2(d, S_MUL, near, near));
    Expr *weight = number(d, type, attr_float(d->node, "alpha", 1e-4) / (double)size);
    Expr *base = call2(d, S_ADD, number(d, type, attr_float(d->node, "bias", 1)), call2(d, S_MUL, weight, sum));
    def_body(d, 0, call2(d, S_DIV, x, call2(d, S_POW, base, number(d, type, attr_float(d->node, "beta", 0.75)))));
}

#define POOL_ATTRIBUTES                                                                                                \
    "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints? kernel_shape:ints pads:ints? strides:ints? "

const Op ops_pool[] = {
    INDEX_ROW("MaxPool", "X:T -> Y:T Indices:int64? | T=float,int8,uint8", POOL_ATTRIBUTES "storage_order:int=0",
              define_max_pool, 12),
    INDEX_ROW("AveragePool", "X:T -> Y:T | T=float", POOL_ATTRIBUTES "count_include_pad:int=0", define_average_pool,
              19),
    INDEX_ROW("LpPool", "X:T -> Y:T | T=float", POOL_ATTRIBUTES "p:int=2", define_lp_pool, 18),
    INDEX_ROW("GlobalAveragePool", "X:T -> Y:T | T=float", "", define_global_average_pool, 1),
    INDEX_ROW("GlobalMaxPool", "X:T -> Y:T | T=float", "", define_global_max_pool, 1),
    INDEX_ROW("GlobalLpPool", "X:T -> Y:T | T=float", "p:int=2", define_global_lp_pool, 2),
    INDEX_ROW("LpNormalization", "input:T -> output:T | T=float", "axis:int=-1 p:int=2", define_lp_normalization, 1),
    INDEX_ROW("MaxUnpool", "X:T I:int64 output_shape:int64? -> output:T | T=float",
              "kernel_shape:ints pads:ints? strides:ints?", define_max_unpool, 11),
    INDEX_ROW("LRN", "X:T -> Y:T | T=float", "alpha:float=0.0001 beta:float=0.75 bias:float=1 size:int", define_lrn,
              13),
    {.name = NULL},
};
