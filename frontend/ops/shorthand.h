/* shorthand.h -- short spellings with which the definitions of this folder are written, so that they read as
 * mathematics.
 *
 * index_*  arithmetic on INDEX expressions      y[i * s + k]
 * size_*   arithmetic on Dims                   (H + 2 p - k) / s + 1
 * call*    scalar functions                     call2(d, S_ADD, a, b)                                                */
#ifndef SHORTHAND_H
#define SHORTHAND_H
#include "op.h"

/* A row of the registry for an operator of the default domain in the index form. */
#define INDEX_ROW(op_name, op_schema, op_attributes, define_function, ...)                                             \
    {                                                                                                                  \
        .name = op_name, .schema = op_schema, .attributes = op_attributes, .form = FORM_INDEX,                         \
        .define = define_function, .since = __VA_ARGS__                                                                \
    }

/* ---- index arithmetic ---- */
#define INDEX_OPERATION(name, op)                                                                                      \
    static inline Expr *index_##name(Definition *d, Expr *a, Expr *b)                                                  \
    {                                                                                                                  \
        return expr_arith(d->context, op, a, b);                                                                       \
    }
INDEX_OPERATION(add, I_ADD)
INDEX_OPERATION(sub, I_SUB)
INDEX_OPERATION(mul, I_MUL)
INDEX_OPERATION(div, I_DIV)
INDEX_OPERATION(mod, I_MOD)
INDEX_OPERATION(min, I_MIN)
INDEX_OPERATION(max, I_MAX)
INDEX_OPERATION(less, I_LESS)
INDEX_OPERATION(less_equal, I_LESS_EQUAL)
INDEX_OPERATION(equal, I_EQUAL)
INDEX_OPERATION(and, I_AND)
#undef INDEX_OPERATION
static inline Expr *index_const(Definition *d, int64_t value)
{
    return expr_index(d->context, value);
}
static inline Expr *index_dim(Definition *d, Dim *dim)
{
    return expr_dim(d->context, dim);
}
/* lo <= i < hi; NULL is no bound. NULL when neither is given. */
Expr *index_between(Definition *d, Expr *i, Expr *lo, Expr *hi);
/* a and b, either of which may be NULL (true). */
Expr *index_both(Definition *d, Expr *a, Expr *b);
/* A guarded value: guard NULL is always true. */
Expr *guarded(Definition *d, Expr *guard, Expr *then, Expr *otherwise);
/* The indices `to` of the element that stands at index `from` when a tensor of the one shape is read, in row-major
 * order, as the other. Dimensions that survive keep their index; the others are split and merged in the smallest
 * groups. */
void index_reshape(Definition *d, int from_rank, Dim *const *from_dim, Expr *const *from, int to_rank,
                   Dim *const *to_dim, Expr **to);

/* ---- dimensions ---- */
#define SIZE_OPERATION(name)                                                                                           \
    static inline Dim *size_##name(Definition *d, Dim *a, Dim *b)                                                      \
    {                                                                                                                  \
        return dim_##name(d->context->dims, a, b);                                                                     \
    }
SIZE_OPERATION(add)
SIZE_OPERATION(sub)
SIZE_OPERATION(mul)
SIZE_OPERATION(floor_div)
SIZE_OPERATION(ceil_div)
SIZE_OPERATION(min)
SIZE_OPERATION(max)
#undef SIZE_OPERATION
static inline Dim *size_const(Definition *d, int64_t value)
{
    return dim_const(d->context->dims, value);
}
Dim *size_product(Definition *d, int rank, Dim *const *dim);
/* size / divisor, which must be exact: an error where it is known not to be. */
Dim *size_divided(Definition *d, Dim *size, Dim *divisor);
/* 1 where a is negative, else 0: sizes that count from the end depend on it. */
Dim *size_is_negative(Definition *d, Dim *a);
/* Whether two sizes are, or may be, equal (or one at most the other). Where they may, the definition goes on as if they
 * were: it is noted in `requires`, and whoever runs the node with other sizes is told. */
bool size_same(Definition *d, Dim *a, Dim *b);
bool size_at_most(Definition *d, Dim *a, Dim *b);
char *size_text(Definition *d, Dim *dim);
/* The dimensions of an input. */
static inline Dim *const *def_shape(Definition *d, int input)
{
    return d->node->in[input]->type.dim;
}
/* A value of this tensor that only the definition knows: for loads and calls. */
Value *def_constant(Definition *d, const Tensor *tensor);
/* Equal rank and no dimension known to differ; an error otherwise. */
bool def_same_shape(Definition *d, int a, int b);
/* Whether indices (input 1) have the data's (input 0) rank, and no more elements than it in any dimension but the
 * attribute `axis`, which is found; an error otherwise. */
bool def_along_axis(Definition *d, int *axis);
/* As def_dims, but an element that is not known when the model is compiled is a fresh symbol, at most `limit` (may be
 * NULL). NULL after an error. */
Dim **def_sizes(Definition *d, int input, int *count, Dim *limit);
/* Axes given by an input (or all of them when it is absent): mark[axis] for each. False after an error; an axis that is
 * named twice is one. */
bool def_mark_axes(Definition *d, int input, int rank, bool *mark);
/* The ints of an attribute, `count` of them, or `otherwise` for each. NULL after an error. */
const int64_t *def_attr_ints(Definition *d, const char *name, int count, int64_t otherwise, int64_t least);

/* ---- scalars ---- */
static inline Expr *call1(Definition *d, Scalar scalar, Expr *a)
{
    return expr_call1(d->context, scalar, a);
}
static inline Expr *call2(Definition *d, Scalar scalar, Expr *a, Expr *b)
{
    return expr_call2(d->context, scalar, a, b);
}
static inline Expr *cast(Definition *d, Expr *a, DType to)
{
    return expr_cast(d->context, a, to);
}
/* x, a floating number, as an 8-bit float without saturation: what rounds beyond the greatest value becomes infinity,
 * or NaN where there is none. */
Expr *cast_unsaturated(Definition *d, Expr *x, DType to);
/* A constant of a type's compute type. */
Expr *number(Definition *d, DType type, double value);
static inline Expr *reduce(Definition *d, Combine combine, Axis *const *over, int nover, Expr *body)
{
    return expr_reduce(d->context, combine, over, nover, body, NULL);
}
/* The axis [0, extent), and the value of an axis as an expression. */
static inline Axis *loop_axis(Definition *d, const char *name, Dim *extent)
{
    return axis_dim(d->context, name, extent);
}
static inline Expr *axis_value(Definition *d, Axis *axis)
{
    return expr_axis(d->context, axis);
}
#endif
