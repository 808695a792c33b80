/* reduce.c -- reductions over axes, and the scans (CumSum, CumProd) that keep their partial results. */
#include "shorthand.h"
#include <string.h>

/* ---- Reduce* ---- */
/* What is done to each element before, and to the result after, the reduction. */
typedef enum { PLAIN, MEAN, ABSOLUTE, SQUARE, ROOT, LOGARITHM } Step;

/* The axes that are reduced: those of input 1, or all when it is absent or empty (then none with noop_with_empty_axes).
 */
static bool reduced_axes(Definition *d, bool *reduced)
{
    int count = 0;
    const int rank = def_rank(d, 0);
    if (def_has(d, 1))
        def_ints(d, 1, &count);
    if (d->failed)
        return false;
    if (count > 0)
        return def_mark_axes(d, 1, rank, reduced);
    for (int k = 0; k < rank; k++)
        reduced[k] = attr_int(d->node, "noop_with_empty_axes", 0) == 0;
    return true;
}

/* Makes output 0 of this type, and what is read: the index of input 0 for each element, in which the axes `over` are
 * free. Returns how many axes are reduced. */
static int reduction_axes(Definition *d, DType dtype, const bool *reduced, Expr **from, Axis **over)
{
    const int rank = def_rank(d, 0);
    const bool keep = attr_int(d->node, "keepdims", 1) != 0;
    int out = 0, nover = 0;
    Dim *dim[MAX_RANK];
    Expr *i[MAX_RANK];
    for (int k = 0; k < rank; k++)
        if (keep || !reduced[k])
            dim[out++] = reduced[k] ? size_const(d, 1) : def_dim(d, 0, k);
    def_output(d, 0, dtype, out, dim);
    def_index(d, 0, i);
    out = 0;
    for (int k = 0; k < rank; k++) {
        if (reduced[k]) {
            over[nover] = loop_axis(d, "k", def_dim(d, 0, k));
            from[k] = axis_value(d, over[nover++]);
        } else {
            from[k] = i[out];
        }
        out += keep || !reduced[k];
    }
    return nover;
}

static void define_reduce(Definition *d, Combine combine, Step before, Step after)
{
    bool reduced[MAX_RANK] = {false};
    Expr *from[MAX_RANK];
    Axis *over[MAX_RANK];
    if (!reduced_axes(d, reduced))
        return;
    const DType type = def_dtype(d, 0), compute = dtype_compute(type);
    const int nover = reduction_axes(d, type, reduced, from, over);
    Expr *x = def_load(d, 0, from);
    if (before == ABSOLUTE && dtype_info(type)->class != UNSIGNED)
        x = call1(d, S_ABS, x);
    if (before == SQUARE)
        x = call2(d, S_MUL, x, x);
    Expr *y = nover > 0 ? reduce(d, combine, over, nover, x) : x;
    if (after == MEAN && nover > 0) {
        Dim *count = size_const(d, 1);
        for (int k = 0; k < def_rank(d, 0); k++)
            count = reduced[k] ? size_mul(d, count, def_dim(d, 0, k)) : count;
        y = call2(d, S_DIV, y, cast(d, index_dim(d, count), compute));
    }
    if (after == ROOT) /* of integers through double */
        y = dtype_is_float(compute) ? call1(d, S_SQRT, y) : cast(d, call1(d, S_SQRT, cast(d, y, F64)), compute);
    if (after == LOGARITHM)
        y = call1(d, S_LOG, y);
    def_body(d, 0, y);
}

static void define_reduce_sum(Definition *d)
{
    define_reduce(d, COMBINE_ADD, PLAIN, PLAIN);
}
static void define_reduce_mean(Definition *d)
{
    define_reduce(d, COMBINE_ADD, PLAIN, MEAN);
}
static void define_reduce_prod(Definition *d)
{
    define_reduce(d, COMBINE_MUL, PLAIN, PLAIN);
}
static void define_reduce_max(Definition *d)
{
    define_reduce(d, def_dtype(d, 0) == BOOL ? COMBINE_OR : COMBINE_MAX, PLAIN, PLAIN);
}
static void define_reduce_min(Definition *d)
{
    define_reduce(d, def_dtype(d, 0) == BOOL ? COMBINE_AND : COMBINE_MIN, PLAIN, PLAIN);
}
static void define_reduce_l1(Definition *d)
{
    define_reduce(d, COMBINE_ADD, ABSOLUTE, PLAIN);
}
static void define_reduce_l2(Definition *d)
{
    define_reduce(d, COMBINE_ADD, SQUARE, ROOT);
}
static void define_reduce_sum_square(Definition *d)
{
    define_reduce(d, COMBINE_ADD, SQUARE, PLAIN);
}
static void define_reduce_log_sum(Definition *d)
{
    define_reduce(d, COMBINE_ADD, PLAIN, LOGARITHM);
}

/* log(sum(exp(x - m))) + m with m the maximum, or 0 where that is infinite (x - m would be NaN) */
static void define_reduce_log_sum_exp(Definition *d)
{
    bool reduced[MAX_RANK] = {false};
    Expr *from[MAX_RANK];
    Axis *over[MAX_RANK];
    if (!reduced_axes(d, reduced))
        return;
    const DType type = def_dtype(d, 0);
    int nover = reduction_axes(d, type, reduced, from, over);
    if (nover == 0) {
        def_body(d, 0, def_load(d, 0, from));
        return;
    }
    Expr *most = reduce(d, COMBINE_MAX, over, nover, def_load(d, 0, from)), *zero = number(d, type, 0);
    nover = 0;
    for (int k = 0; k < def_rank(d, 0); k++) /* axes of its own: the maximum stands inside the sum */
        if (reduced[k]) {
            over[nover] = loop_axis(d, "k", def_dim(d, 0, k));
            from[k] = axis_value(d, over[nover++]);
        }
    Expr *x = def_load(d, 0, from);
    Expr *finite = call2(d, S_EQUAL, call2(d, S_SUB, most, most), zero);
    Expr *shift = expr_select(d->context, finite, most, zero);
    Expr *sum = reduce(d, COMBINE_ADD, over, nover, call1(d, S_EXP, call2(d, S_SUB, x, shift)));
    def_body(d, 0, call2(d, S_ADD, call1(d, S_LOG, sum), shift));
}

/* ---- places of extremes ---- */
static void define_arg(Definition *d, Combine first, Combine last)
{
    const int rank = def_rank(d, 0), axis = rank == 0 ? 0 : def_axis(d, attr_int(d->node, "axis", 0), rank);
    bool reduced[MAX_RANK] = {false};
    Expr *from[MAX_RANK];
    Axis *over[MAX_RANK];
    if (d->failed || !def_require(d, rank > 0, "the input is a scalar") ||
        !def_require(d, size_at_most(d, size_const(d, 1), def_dim(d, 0, axis)), "axis %d is empty", axis))
        return;
    reduced[axis] = true;
    reduction_axes(d, I64, reduced, from, over);
    def_body(d, 0,
             reduce(d, attr_int(d->node, "select_last_index", 0) != 0 ? last : first, over, 1, def_load(d, 0, from)));
}
static void define_arg_max(Definition *d)
{
    define_arg(d, COMBINE_ARG_MAX, COMBINE_ARG_MAX_LAST);
}
static void define_arg_min(Definition *d)
{
    define_arg(d, COMBINE_ARG_MIN, COMBINE_ARG_MIN_LAST);
}

/* y[.., i, ..] = i == argmax_k x[.., k, ..] ? 1 : 0 */
static void define_hardmax(Definition *d)
{
    const int rank = def_rank(d, 0), axis = def_axis(d, attr_int(d->node, "axis", -1), rank);
    Expr *i[MAX_RANK], *from[MAX_RANK];
    if (d->failed)
        return;
    def_output(d, 0, def_dtype(d, 0), rank, def_shape(d, 0));
    def_index(d, 0, i);
    memcpy(from, i, sizeof *i * (size_t)rank);
    Axis *k = loop_axis(d, "k", def_dim(d, 0, axis));
    from[axis] = axis_value(d, k);
    Expr *most = reduce(d, COMBINE_ARG_MAX, &k, 1, def_load(d, 0, from));
    def_body(d, 0, cast(d, index_equal(d, i[axis], most), dtype_compute(def_dtype(d, 0))));
}

/* ---- scans ---- */
/* y[.., i, ..] = combine over k <= i (k < i when exclusive) of x[.., k, ..]; reverse counts i and k from the end. As an
 * update in the order of i it reads its own last element: y[i] = y[i - 1] combined with x[i]. */
static void define_scan(Definition *d, Scalar scalar, double neutral)
{
    const int rank = def_rank(d, 0);
    const bool exclusive = attr_int(d->node, "exclusive", 0) != 0, reverse = attr_int(d->node, "reverse", 0) != 0;
    int count;
    const int64_t *given = def_ints(d, 1, &count);
    if (d->failed || !def_require(d, count == 1, "input 1 has %d elements, wants one axis", count))
        return;
    const int axis = def_axis(d, given[0], rank);
    if (d->failed)
        return;
    def_output(d, 0, def_dtype(d, 0), rank, def_shape(d, 0));
    Expr *u[MAX_RANK], *before[MAX_RANK], *source[MAX_RANK];
    Update *update = def_update(d, COMBINE_SET, 0, u);
    Expr *t = u[axis], *one = index_const(d, 1);
    if (reverse)
        update->at[axis] = index_sub(d, index_sub(d, index_dim(d, def_dim(d, 0, axis)), one), t);
    memcpy(before, update->at, sizeof *before * (size_t)rank);
    memcpy(source, update->at, sizeof *source * (size_t)rank);
    before[axis] = reverse ? index_add(d, update->at[axis], one) : index_sub(d, update->at[axis], one);
    if (exclusive)
        source[axis] = before[axis];
    Expr *first = exclusive ? number(d, def_dtype(d, 0), neutral) : def_load(d, 0, source);
    Expr *next = call2(d, scalar, expr_load(d->context, d->node->out[0], before), def_load(d, 0, source));
    update->value = expr_select(d->context, index_equal(d, t, index_const(d, 0)), first, next);
}
static void define_cum_sum(Definition *d)
{
    define_scan(d, S_ADD, 0);
}
static void define_cum_prod(Definition *d)
{
    define_scan(d, S_MUL, 1);
}

#define REDUCE_ROW(name, types, define, since)                                                                         \
    INDEX_ROW(name, "data:T axes:int64? -> reduced:T | T=" types, "keepdims:int=1 noop_with_empty_axes:int=0", define, \
              since)
#define ARG_ROW(name, define)                                                                                          \
    INDEX_ROW(name, "data:T -> reduced:int64 | T=number", "axis:int=0 keepdims:int=1 select_last_index:int=0", define, \
              13)
#define SCAN_ROW(name, define, since)                                                                                  \
    INDEX_ROW(name, "x:T axis:I -> y:T | T=number I=int32,int64", "exclusive:int=0 reverse:int=0", define, since)

const Op ops_reduce[] = {
    REDUCE_ROW("ReduceSum", "number", define_reduce_sum, 13),
    REDUCE_ROW("ReduceMean", "number", define_reduce_mean, 18),
    REDUCE_ROW("ReduceProd", "number", define_reduce_prod, 18),
    REDUCE_ROW("ReduceMax", "number,bool", define_reduce_max, 18),
    REDUCE_ROW("ReduceMin", "number,bool", define_reduce_min, 18),
    REDUCE_ROW("ReduceL1", "number", define_reduce_l1, 18),
    REDUCE_ROW("ReduceL2", "number", define_reduce_l2, 18),
    REDUCE_ROW("ReduceSumSquare", "number", define_reduce_sum_square, 18),
    REDUCE_ROW("ReduceLogSum", "float", define_reduce_log_sum, 18),
    REDUCE_ROW("ReduceLogSumExp", "float", define_reduce_log_sum_exp, 18),
    ARG_ROW("ArgMax", define_arg_max),
    ARG_ROW("ArgMin", define_arg_min),
    INDEX_ROW("Hardmax", "input:T -> output:T | T=float", "axis:int=-1", define_hardmax, 13),
    SCAN_ROW("CumSum", define_cum_sum, 14),
    SCAN_ROW("CumProd", define_cum_prod, 26),
    {.name = NULL},
};
