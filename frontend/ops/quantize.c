/* quantize.c -- QuantizeLinear, DequantizeLinear and what other quantized operators take from them. */
#include "quantize.h"
#include <math.h>

Expr *def_load_parameter(Definition *d, int input, Expr *const *index, int rank, int axis, int64_t block)
{
    Expr *at[MAX_RANK];
    const int given = def_rank(d, input);
    if (given == 1) {
        if (!def_require(d, dim_equals(def_dim(d, input, 0), 1) || (axis >= 0 && axis < rank),
                         "input %d has an element for each index of an axis that is not there", input))
            return number(d, F32, 0);
        at[0] = dim_equals(def_dim(d, input, 0), 1) ? index_const(d, 0) : index[axis];
        return def_load(d, input, at);
    }
    def_require(d, given == 0 || given == rank, "input %d has rank %d, wants 0, 1 or %d", input, given, rank);
    for (int k = 0; k < given && !d->failed; k++)
        at[k] = block > 0 && k == axis                ? index_div(d, index[k], index_const(d, block))
                : dim_equals(def_dim(d, input, k), 1) ? index_const(d, 0)
                                                      : index[k];
    return d->failed ? number(d, F32, 0) : def_load(d, input, at);
}

Expr *subtract_zero_point(Definition *d, Expr *x, int input, DType type, Expr *const *index, int rank, int axis,
                          int64_t block)
{
    x = cast(d, x, type);
    if (!def_has(d, input))
        return x;
    return call2(d, S_SUB, x, cast(d, def_load_parameter(d, input, index, rank, axis, block), type));
}

Expr *quantized(Definition *d, Expr *x, Expr *zero_point, DType to)
{
    const DTypeInfo *info = dtype_info(to);
    if (dtype_is_float(to)) {
        x = zero_point != NULL ? call2(d, S_ADD, x, cast(d, zero_point, x->dtype)) : x;
        return cast(d, x, to);
    }
    const double least = info->class == SIGNED ? -ldexp(1, info->bits - 1) : 0;
    const double most = ldexp(1, info->class == SIGNED ? info->bits - 1 : info->bits) - 1;
    x = call1(d, S_ROUND, x);
    if (zero_point != NULL)
        x = call2(d, S_ADD, x, cast(d, zero_point, x->dtype));
    return cast(d, expr_call3(d->context, S_CLIP, x, number(d, x->dtype, least), number(d, x->dtype, most)), to);
}

/* ---- the two operators ---- */
/* A scalar, or a list of one. */
static bool is_single(Definition *d, int input)
{
    return def_rank(d, input) == 0 || (def_rank(d, input) == 1 && dim_equals(def_dim(d, input, 0), 1));
}

/* How the scale (input 1) lies over the data (input 0): checks shapes, gives axis and block size (0: no blocks). */
static bool granularity(Definition *d, int *axis, int64_t *block)
{
    const int rank = def_rank(d, 0), given = def_rank(d, 1);
    *axis = 0;
    *block = attr_int(d->node, "block_size", 0);
    if (!def_require(d, *block >= 0, "attribute 'block_size' is %lld", (long long)*block) ||
        (def_has(d, 2) && !(is_single(d, 1) && is_single(d, 2)) && !def_same_shape(d, 1, 2)))
        return false;
    if (given == 0 || (is_single(d, 1) && *block == 0)) {
        *block = 0;
        return true;
    }
    *axis = rank == 1 ? 0 : def_axis(d, attr_int(d->node, "axis", 1), rank);
    if (d->failed)
        return false;
    if (given == 1 && *block == 0)
        return def_require(d, size_same(d, def_dim(d, 1, 0), def_dim(d, 0, *axis)),
                           "axis %d has %s elements and %s scales", *axis, size_text(d, def_dim(d, 0, *axis)),
                           size_text(d, def_dim(d, 1, 0)));
    if (!def_require(d, given == rank && *block > 0, "the scale has rank %d: want 0, 1, or %d with block_size", given,
                     rank))
        return false;
    for (int k = 0; k < rank; k++) {
        Dim *wanted = k == *axis ? size_ceil_div(d, def_dim(d, 0, k), size_const(d, *block)) : def_dim(d, 0, k);
        if (!def_require(d, size_same(d, def_dim(d, 1, k), wanted),
                         "the scale has %s elements in dimension %d, wants %s", size_text(d, def_dim(d, 1, k)), k,
                         size_text(d, wanted)))
            return false;
    }
    return true;
}

/* A type given by attribute; `otherwise` when it is absent or 0. */
static DType attribute_type(Definition *d, const char *name, DType otherwise)
{
    const int64_t given = attr_int(d->node, name, 0);
    if (given == 0)
        return otherwise;
    def_require(d, dtype_from_number(given) != UNDEFINED, "attribute '%s' is %lld, which is no type", name,
                (long long)given);
    return d->failed ? otherwise : dtype_from_number(given);
}

/* y = saturate(round(x / scale) + zero point) */
static void define_quantize_linear(Definition *d)
{
    int axis;
    int64_t block;
    const DType stated = attribute_type(d, "output_dtype", UNDEFINED);
    const DType type = def_has(d, 2) ? def_dtype(d, 2) : stated != UNDEFINED ? stated : U8;
    const DType precision = attribute_type(d, "precision", def_dtype(d, 1) == I32 ? F32 : def_dtype(d, 1));
    if (d->failed ||
        !def_require(d, stated == UNDEFINED || stated == type, "attribute 'output_dtype' is %s, the zero point %s",
                     dtype_info(stated)->text, dtype_info(type)->text) ||
        !def_require(d, dtype_info(type)->bits <= 16 && type != F16 && type != BF16 && type != BOOL && type != STRING,
                     "%s is no type to quantize to", dtype_info(type)->text) ||
        !def_require(d, dtype_is_float(precision), "attribute 'precision' is %s, wants a floating type",
                     dtype_info(precision)->text) ||
        !granularity(d, &axis, &block))
        return;
    const int rank = def_rank(d, 0);
    Expr *i[MAX_RANK];
    def_output(d, 0, type, rank, def_shape(d, 0));
    def_index(d, 0, i);
    Expr *x = def_load(d, 0, i), *scale = def_load_parameter(d, 1, i, rank, axis, block);
    if (attr_int(d->node, "precision", 0) != 0) {
        x = cast(d, x, precision);
        scale = cast(d, scale, precision);
    }
    Expr *quotient = call2(d, S_DIV, cast(d, x, F32), cast(d, scale, F32));
    Expr *zero = def_has(d, 2) ? def_load_parameter(d, 2, i, rank, axis, block) : NULL;
    if (dtype_is_float(type) && attr_int(d->node, "saturate", 1) == 0)
        def_body(d, 0, cast_unsaturated(d, quotient, type));
    else
        def_body(d, 0, quantized(d, quotient, zero, type));
}

/* y = (x - zero point) * scale */
static void define_dequantize_linear(Definition *d)
{
    int axis;
    int64_t block;
    const DType type = attribute_type(d, "output_dtype", def_dtype(d, 1));
    if (d->failed ||
        !def_require(d, type == F32 || type == F16 || type == BF16,
                     "the result would be %s: output_dtype wants a wider type", dtype_info(type)->text) ||
        !granularity(d, &axis, &block))
        return;
    const int rank = def_rank(d, 0);
    Expr *i[MAX_RANK];
    def_output(d, 0, type, rank, def_shape(d, 0));
    def_index(d, 0, i);
    /* in int32 the difference of narrow integers is exact */
    Expr *difference =
        subtract_zero_point(d, def_load(d, 0, i), 2, dtype_is_float(def_dtype(d, 0)) ? F32 : I32, i, rank, axis, block);
    Expr *scale = def_load_parameter(d, 1, i, rank, axis, block);
    def_body(d, 0, call2(d, S_MUL, cast(d, difference, F32), cast(d, scale, F32)));
}

const Op ops_quantize[] = {
    INDEX_ROW("QuantizeLinear",
              "x:T1 y_scale:T2 y_zero_point:T3? -> y:T3 | T1=float32,float16,bfloat16,int32 "
              "T2=float32,float16,bfloat16,float8e8m0,int32 T3=int8,uint8,int16,uint16,float8,narrow",
              "axis:int=1 saturate:int=1 block_size:int=0 output_dtype:int=0 precision:int=0", define_quantize_linear,
              21),
    INDEX_ROW("DequantizeLinear",
              "x:T1 x_scale:T2 x_zero_point:T1? -> y:T3 | T1=int8,uint8,int16,uint16,int32,float8,narrow "
              "T2=float32,float16,bfloat16,float8e8m0 T3=float",
              "axis:int=1 block_size:int=0 output_dtype:int=0", define_dequantize_linear, 21),
    {.name = NULL},
};
