/* generate.c -- tensors made from shapes, numbers and attributes. */
#include "shorthand.h"
#include <math.h>
#include <string.h>

/* ---- shapes as data ---- */
static void define_shape(Definition *d)
{
    const int rank = def_rank(d, 0);
    int64_t start = attr_int(d->node, "start", 0), end = attr_int(d->node, "end", rank);
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    Expr *i, *dim = index_const(d, 0);
    def_output(d, 0, I64, 1, (Dim *[]){size_const(d, end - start)});
    def_index(d, 0, &i);
    for (int64_t k = end; k-- > start;) { /* i == 0 ? d0 : i == 1 ? d1 : ... the last */
        Expr *size = index_dim(d, def_dim(d, 0, (int)k));
        dim = k == end - 1 ? size : expr_select(d->context, index_equal(d, i, index_const(d, k - start)), size, dim);
    }
    def_body(d, 0, dim);
}

static void define_size(Definition *d)
{
    def_output(d, 0, I64, 0, NULL);
    def_body(d, 0, index_dim(d, size_product(d, def_rank(d, 0), def_shape(d, 0))));
}

/* ---- constants ---- */
/* Output 0 is this tensor. */
static void define_as(Definition *d, const Tensor *tensor)
{
    Expr *i[MAX_RANK];
    Value *value = def_constant(d, tensor);
    def_output(d, 0, tensor->dtype, tensor->rank, value->type.dim);
    def_index(d, 0, i);
    def_body(d, 0, expr_load(d->context, value, i));
}

/* A tensor of rank 0 or 1 with the elements that fill writes. */
static Tensor *list_tensor(Definition *d, DType dtype, const Attr *attr, bool is_list)
{
    const int64_t count = is_list ? (int64_t)attr->count : 1;
    return tensor_new(d->context, dtype, is_list ? 1 : 0, &count);
}

static const Tensor *attribute_tensor(Definition *d, const Attr *attr)
{
    const bool is_list = attr->kind == ATTR_INTS || attr->kind == ATTR_FLOATS || attr->kind == ATTR_STRINGS;
    if (attr->kind == ATTR_TENSOR)
        return attr->tensor;
    if (attr->kind == ATTR_INT || attr->kind == ATTR_INTS) {
        Tensor *tensor = list_tensor(d, I64, attr, is_list);
        for (int64_t k = 0; k < tensor->count; k++)
            ((int64_t *)tensor->data)[k] = is_list ? attr->ints[k] : attr->i;
        return tensor;
    }
    if (attr->kind == ATTR_FLOAT || attr->kind == ATTR_FLOATS) {
        Tensor *tensor = list_tensor(d, F32, attr, is_list);
        for (int64_t k = 0; k < tensor->count; k++)
            ((float *)tensor->data)[k] = (float)(is_list ? attr->floats[k] : attr->f);
        return tensor;
    }
    Tensor *tensor = list_tensor(d, STRING, attr, is_list);
    for (int64_t k = 0; k < tensor->count; k++)
        ((const char **)tensor->data)[k] = is_list ? attr->strings[k] : attr->s;
    return tensor;
}

static void define_constant(Definition *d)
{
    const Attr *attr = d->node->attr;
    if (!def_require(d, attr != NULL && attr->next == NULL, "Constant has exactly one of its value attributes") ||
        !def_require(d, strcmp(attr->name, "sparse_value") != 0, "sparse constants are not supported"))
        return;
    const Tensor *tensor = attribute_tensor(d, attr);
    define_as(d, tensor);
    if (!d->failed)
        d->node->out[0]->constant = tensor;
}

static void define_constant_of_shape(Definition *d)
{
    const Attr *attr = attr_find(d->node, "value");
    int rank;
    Dim **dim = def_sizes(d, 0, &rank, NULL);
    if (d->failed || !def_require(d, rank <= MAX_RANK, "the shape has %d dimensions, the limit is %d", rank, MAX_RANK))
        return;
    for (int k = 0; k < rank; k++)
        if (!def_require(d, dim_upper(dim[k]) >= 0, "dimension %d of the shape is %s", k, size_text(d, dim[k])))
            return;
    if (attr == NULL) {
        def_output(d, 0, F32, rank, dim);
        def_body(d, 0, number(d, F32, 0));
        return;
    }
    const Tensor *value = attr->tensor;
    if (!def_require(d, value->count == 1, "attribute 'value' has %lld elements, wants one", (long long)value->count))
        return;
    def_output(d, 0, value->dtype, rank, dim);
    Expr *zero[MAX_RANK];
    for (int k = 0; k < value->rank; k++)
        zero[k] = index_const(d, 0);
    def_body(d, 0, expr_load(d->context, def_constant(d, value), zero));
}

/* ---- patterns ---- */
/* y[i] = start + i * delta, for i below max(0, ceil((limit - start) / delta)) */
static void range_of(Definition *d, Dim *count, Expr *start, Expr *delta)
{
    Expr *i;
    if (d->failed)
        return;
    const DType dtype = def_dtype(d, 0);
    def_output(d, 0, dtype, 1, &count);
    def_index(d, 0, &i);
    def_body(d, 0,
             dtype_is_integer(dtype)
                 ? cast(d, index_add(d, start, index_mul(d, i, delta)), dtype)
                 : call2(d, S_ADD, start, call2(d, S_MUL, cast(d, i, dtype_compute(dtype)), delta)));
}

static void range_of_integers(Definition *d)
{
    int n;
    int64_t delta;
    Dim **start = def_sizes(d, 0, &n, NULL), **limit = def_sizes(d, 1, &n, NULL), **step = def_sizes(d, 2, &n, NULL);
    if (d->failed)
        return;
    if (!dim_is_const(step[0], &delta)) {
        def_scalar(d, 2); /* says that it must be known */
        return;
    }
    if (!def_require(d, delta != 0 && delta != INT64_MIN, "Range by %lld has no end", (long long)delta))
        return;
    Dim *length = delta > 0 ? size_sub(d, limit[0], start[0]) : size_sub(d, start[0], limit[0]);
    Dim *count = size_max(d, size_const(d, 0), size_ceil_div(d, length, size_const(d, delta > 0 ? delta : -delta)));
    range_of(d, count, index_dim(d, start[0]), index_const(d, delta));
}

static void range_of_floats(Definition *d)
{
    const double start = def_scalar(d, 0), limit = def_scalar(d, 1), delta = def_scalar(d, 2);
    const double count = ceil((limit - start) / delta);
    if (d->failed ||
        !def_require(d, delta != 0 && !isnan(count), "Range from %g to %g by %g has no end", start, limit, delta))
        return;
    Dim *size = count >= 0x1p62 ? dim_overflow(d->context->dims) : size_const(d, count > 0 ? (int64_t)count : 0);
    range_of(d, size, number(d, def_dtype(d, 0), start), number(d, def_dtype(d, 0), delta));
}

static void define_range(Definition *d)
{
    for (int k = 0; k < 3; k++)
        if (!def_require(d, def_rank(d, k) == 0 || (def_rank(d, k) == 1 && dim_equals(def_dim(d, k, 0), 1)),
                         "input %d wants one element", k))
            return;
    if (dtype_is_integer(def_dtype(d, 0)))
        range_of_integers(d);
    else
        range_of_floats(d);
}

/* y[i, j] = j - i == k */
static void define_eye_like(Definition *d)
{
    const DType dtype = (DType)attr_int(d->node, "dtype", def_dtype(d, 0));
    const int64_t k = attr_int(d->node, "k", 0);
    Expr *i[MAX_RANK];
    if (!def_require(d, def_rank(d, 0) == 2, "input has rank %d, wants 2", def_rank(d, 0)) ||
        !def_require(d, dtype_from_number(dtype) != UNDEFINED, "attribute 'dtype' is %d, which is no type", (int)dtype))
        return;
    def_output(d, 0, dtype, 2, def_shape(d, 0));
    def_index(d, 0, i);
    Expr *on = k == INT64_MIN ? index_const(d, 0) : index_equal(d, i[1], index_add(d, i[0], index_const(d, k)));
    def_body(d, 0, k == INT64_MIN ? number(d, dtype, 0) : cast(d, on, dtype));
}

/* y[p.., j, s..] = wrap(indices[p.., s..]) == j ? on : off, where wrap adds depth to negative numbers */
static void define_one_hot(Definition *d)
{
    const int rank = def_rank(d, 0) + 1;
    const int axis = def_axis(d, attr_int(d->node, "axis", -1), rank);
    Dim *dim[MAX_RANK], *depth = NULL;
    if (d->failed ||
        !def_require(d, rank <= MAX_RANK, "the result has %d dimensions, the limit is %d", rank, MAX_RANK) ||
        !def_require(d, def_rank(d, 2) == 1 && size_same(d, def_dim(d, 2, 0), size_const(d, 2)),
                     "input 2 wants the two elements off and on"))
        return;
    if (dtype_is_integer(def_dtype(d, 1))) {
        int count;
        Dim **given = def_sizes(d, 1, &count, NULL);
        if (d->failed || !def_require(d, count == 1, "input 1 has %d elements, wants one", count))
            return;
        depth = given[0];
    } else {
        const double given = def_scalar(d, 1);
        if (d->failed || !def_require(d, given >= 0 && given < 0x1p62, "the depth is %g", given))
            return;
        depth = size_const(d, (int64_t)given);
    }
    if (!def_require(d, dim_upper(depth) >= 0, "the depth is %s", size_text(d, depth)))
        return;
    for (int k = 0; k < rank; k++)
        dim[k] = k < axis ? def_dim(d, 0, k) : k == axis ? depth : def_dim(d, 0, k - 1);
    Expr *i[MAX_RANK], *from[MAX_RANK];
    def_output(d, 0, def_dtype(d, 2), rank, dim);
    def_index(d, 0, i);
    for (int k = 0; k < rank - 1; k++)
        from[k] = i[k < axis ? k : k + 1];
    Expr *index = cast(d, def_load(d, 0, from), INDEX), *extent = index_dim(d, depth);
    Expr *wrapped =
        expr_select(d->context, index_less(d, index, index_const(d, 0)), index_add(d, index, extent), index);
    Expr *which = expr_select(d->context, index_equal(d, wrapped, i[axis]), index_const(d, 1), index_const(d, 0));
    def_body(d, 0, def_load(d, 2, &which));
}

const Op ops_generate[] = {
    INDEX_ROW("Shape", "data:T -> shape:int64 | T=any", "start:int=0 end:int?", define_shape, 15),
    INDEX_ROW("Size", "data:T -> size:int64 | T=any", "", define_size, 13),
    INDEX_ROW("Constant", "-> output:T | T=any",
              "value:tensor? sparse_value:tensor? value_int:int? value_ints:ints? value_float:float? "
              "value_floats:floats? value_string:string? value_strings:strings?",
              define_constant, 13),
    INDEX_ROW("ConstantOfShape", "input:int64 -> output:T | T=any", "value:tensor?", define_constant_of_shape, 9),
    INDEX_ROW("Range", "start:T limit:T delta:T -> output:T | T=float,int16,int32,int64", "stash_type:int=1",
              define_range, 11),
    INDEX_ROW("EyeLike", "input:T1 -> output:T2 | T1=any T2=any", "dtype:int? k:int=0", define_eye_like, 9),
    INDEX_ROW("OneHot", "indices:T1 depth:T2 values:T3 -> output:T3 | T1=number T2=number T3=any", "axis:int=-1",
              define_one_hot, 11),
    {.name = NULL},
};
