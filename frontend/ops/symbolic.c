/* symbolic.c -- integer expressions as Dims: the ranges they lie in, and their values at given points. */
#include "expr.h"
#include <math.h>
#include <string.h>

/* ---- elements of values ---- */
static bool integer_at(const Tensor *tensor, int64_t number, int64_t *value)
{
    const int64_t at = tensor->splat ? 0 : number;
    if (number < 0 || number >= tensor->count)
        return false;
    switch (tensor->dtype) {
    case BOOL:
    case U8:
    case U4:
    case U2:
        *value = ((const uint8_t *)tensor->data)[at];
        return true;
    case I8:
    case I4:
    case I2:
        *value = ((const int8_t *)tensor->data)[at];
        return true;
    case U16:
        *value = ((const uint16_t *)tensor->data)[at];
        return true;
    case I16:
        *value = ((const int16_t *)tensor->data)[at];
        return true;
    case U32:
        *value = ((const uint32_t *)tensor->data)[at];
        return true;
    case I32:
        *value = ((const int32_t *)tensor->data)[at];
        return true;
    case I64:
        *value = ((const int64_t *)tensor->data)[at];
        return true;
    case U64:
        *value = ((const int64_t *)tensor->data)[at];
        return *value >= 0;
    default:
        return false;
    }
}

/* The number of elements of a type whose shape is known and small; -1 otherwise. */
int64_t small_count(const Type *type)
{
    int64_t count = 1, size;
    if (type->kind != TENSOR || type->rank < 0)
        return -1;
    for (int i = 0; i < type->rank; i++) {
        if (!dim_is_const(type->dim[i], &size) || size < 0 || (size > 0 && count > MAX_ELEMENTS / size))
            return -1;
        count *= size;
    }
    return count;
}

Dim *value_element(Context *context, const Value *value, int64_t number)
{
    int64_t element;
    if (value->constant)
        return integer_at(value->constant, number, &element) ? dim_const(context->dims, element) : NULL;
    return value->element && number >= 0 && number < small_count(&value->type) ? value->element[number] : NULL;
}

/* ---- ranges ---- */
enum { RANGE_DEPTH = 12 }; /* what lies deeper is not looked at: a range is an optional hint */

static Range range_below(Context *context, const Expr *e, int depth);

static Range arith_range(Context *context, const Expr *e, int depth)
{
    DimTable *t = context->dims;
    const Range unknown = {NULL, NULL};
    const Range x = range_below(context, e->arg[0], depth),
                y = e->narg > 1 ? range_below(context, e->arg[1], depth) : x;
    const bool positive = x.low && y.low && dim_lower(x.low) >= 0 && dim_lower(y.low) >= 0;
    switch (e->u.op) {
    case I_ADD:
        return (Range){x.low && y.low ? dim_add(t, x.low, y.low) : NULL,
                       x.high && y.high ? dim_add(t, x.high, y.high) : NULL};
    case I_SUB:
        return (Range){x.low && y.high ? dim_sub(t, x.low, y.high) : NULL,
                       x.high && y.low ? dim_sub(t, x.high, y.low) : NULL};
    case I_MUL:
        return positive ? (Range){dim_mul(t, x.low, y.low), x.high && y.high ? dim_mul(t, x.high, y.high) : NULL}
                        : unknown;
    case I_DIV:
        if (!y.low || y.low != y.high || dim_lower(y.low) <= 0)
            return unknown;
        return (Range){x.low ? dim_floor_div(t, x.low, y.low) : NULL, x.high ? dim_floor_div(t, x.high, y.low) : NULL};
    case I_MOD:
        if (!y.high || !y.low || dim_lower(y.low) <= 0)
            return unknown;
        return (Range){dim_const(t, 0), dim_sub(t, y.high, dim_const(t, 1))};
    case I_MIN:
        return (Range){x.low && y.low ? dim_min(t, x.low, y.low) : NULL, x.high && y.high ? dim_min(t, x.high, y.high)
                                                                         : x.high         ? x.high
                                                                                          : y.high};
    case I_MAX:
        return (Range){x.low && y.low ? dim_max(t, x.low, y.low)
                       : x.low        ? x.low
                                      : y.low,
                       x.high && y.high ? dim_max(t, x.high, y.high) : NULL};
    default:
        return (Range){dim_const(t, 0), dim_const(t, 1)};
    }
}

/* Data arithmetic wraps, but sums and differences of sizes and indices stay far from the ends of int64. */
static Range call_range(Context *context, const Expr *e, int depth)
{
    static const struct {
        Scalar scalar;
        IndexOp op;
    } same[] = {{S_ADD, I_ADD}, {S_SUB, I_SUB}, {S_MUL, I_MUL}, {S_MIN, I_MIN}, {S_MAX, I_MAX}, {S_MOD, I_MOD}};
    if (e->dtype != I64 || e->narg != 2)
        return e->dtype == BOOL ? (Range){dim_const(context->dims, 0), dim_const(context->dims, 1)}
                                : (Range){NULL, NULL};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (same[i].scalar == e->u.scalar) {
            Expr index = *e;
            index.kind = E_INDEX;
            index.u.op = same[i].op;
            return arith_range(context, &index, depth);
        }
    return (Range){NULL, NULL};
}

static Range range_below(Context *context, const Expr *e, int depth)
{
    DimTable *t = context->dims;
    Dim *one = dim_const(t, 1);
    if (depth == 0)
        return (Range){NULL, NULL};
    switch (e->kind) {
    case E_CONST:
        if (!expr_is_int(e, NULL))
            return (Range){NULL, NULL};
        return (Range){dim_const(t, e->u.i), dim_const(t, e->u.i)};
    case E_DIM:
        return (Range){e->u.dim, e->u.dim};
    case E_AXIS: {
        const Range high = range_below(context, e->u.axis->hi, depth - 1);
        return (Range){range_below(context, e->u.axis->lo, depth - 1).low,
                       high.high ? dim_sub(t, high.high, one) : NULL};
    }
    case E_LOAD:
        if (!e->u.value->bound)
            return (Range){NULL, NULL};
        return (Range){dim_const(t, 0), dim_sub(t, e->u.value->bound, one)};
    case E_CALL:
        return call_range(context, e, depth - 1);
    case E_INDEX:
        return arith_range(context, e, depth - 1);
    case E_CAST:
        if (e->dtype != I64 && e->dtype != I32)
            return (Range){NULL, NULL};
        return dtype_is_float(e->arg[0]->dtype) ? (Range){NULL, NULL} : range_below(context, e->arg[0], depth - 1);
    case E_SELECT: {
        const Range x = range_below(context, e->arg[1], depth - 1), y = range_below(context, e->arg[2], depth - 1);
        return (Range){x.low && y.low ? dim_min(t, x.low, y.low) : NULL,
                       x.high && y.high ? dim_max(t, x.high, y.high) : NULL};
    }
    case E_WRAP:
    case E_CHECK:
        return (Range){dim_const(t, 0), dim_sub(t, e->u.dim, one)};
    case E_REDUCE:
        if (!combine_is_arg(e->u.combine))
            return (Range){NULL, NULL};
        return (Range){dim_const(t, 0), range_below(context, e->over[0]->hi, depth - 1).high};
    }
    return (Range){NULL, NULL};
}

Range expr_range(Context *context, const Expr *e)
{
    return range_below(context, e, RANGE_DEPTH);
}

/* ---- values at a point ---- */
/* Axes and where they stand; reductions push their own. */
enum { MAX_AXES = 2 * MAX_RANK };
typedef struct {
    Context *context;
    const Axis *axis[MAX_AXES];
    int64_t at[MAX_AXES];
    int count;
    int fuel; /* expressions still to be visited: an answer that takes more is not worth it */
} Point;

static Dim *dim_at(Point *p, const Expr *e);

/* Whether a comparison of Dims is known: -1 when it is not. */
static int compare(DimTable *t, IndexOp op, Dim *a, Dim *b)
{
    Dim *one = dim_const(t, 1);
    if (op == I_EQUAL && a == b)
        return 1;
    if (op == I_EQUAL)
        return dim_le(t, dim_add(t, a, one), b) || dim_le(t, dim_add(t, b, one), a) ? 0 : -1;
    if (op == I_LESS_EQUAL)
        return dim_le(t, a, b) ? 1 : dim_le(t, dim_add(t, b, one), a) ? 0 : -1;
    return dim_le(t, dim_add(t, a, one), b) ? 1 : dim_le(t, b, a) ? 0 : -1;
}

static Dim *truth(Point *p, int known)
{
    return known < 0 ? NULL : dim_const(p->context->dims, known);
}

static Dim *arith_at(Point *p, IndexOp op, Dim *a, Dim *b)
{
    DimTable *t = p->context->dims;
    switch (op) {
    case I_ADD:
        return dim_add(t, a, b);
    case I_SUB:
        return dim_sub(t, a, b);
    case I_MUL:
        return dim_mul(t, a, b);
    case I_DIV:
        return dim_lower(b) > 0 ? dim_floor_div(t, a, b) : NULL;
    case I_MOD:
        return dim_lower(b) > 0 ? dim_mod(t, a, b) : NULL;
    case I_MIN:
        return dim_min(t, a, b);
    case I_MAX:
        return dim_max(t, a, b);
    case I_LESS:
    case I_LESS_EQUAL:
    case I_EQUAL:
        return truth(p, compare(t, op, a, b));
    case I_AND:
        return dim_equals(a, 0) ? a : dim_equals(a, 1) ? b : NULL;
    case I_OR:
        return dim_equals(a, 1) ? a : dim_equals(a, 0) ? b : NULL;
    case I_NOT:
        return dim_equals(a, 0) ? dim_const(t, 1) : dim_equals(a, 1) ? dim_const(t, 0) : NULL;
    }
    return NULL;
}

/* Scalar functions that are index arithmetic on integers. */
static const struct {
    Scalar scalar;
    IndexOp op;
    bool is_swapped;
} same_op[] = {
    {S_ADD, I_ADD, false},
    {S_SUB, I_SUB, false},
    {S_MUL, I_MUL, false},
    {S_MOD, I_MOD, false},
    {S_MIN, I_MIN, false},
    {S_MAX, I_MAX, false},
    {S_EQUAL, I_EQUAL, false},
    {S_LESS, I_LESS, false},
    {S_LESS_EQUAL, I_LESS_EQUAL, false},
    {S_GREATER, I_LESS, true},
    {S_GREATER_EQUAL, I_LESS_EQUAL, true},
    {S_AND, I_AND, false},
    {S_OR, I_OR, false},
    {S_NOT, I_NOT, false},
};

static Dim *call_at(Point *p, Scalar scalar, Dim *a, Dim *b, Dim *c)
{
    DimTable *t = p->context->dims;
    Dim *zero = dim_const(t, 0);
    for (size_t i = 0; i < sizeof same_op / sizeof *same_op; i++)
        if (same_op[i].scalar == scalar)
            return same_op[i].is_swapped ? arith_at(p, same_op[i].op, b, a) : arith_at(p, same_op[i].op, a, b);
    switch (scalar) {
    case S_DIV: /* C truncates: the floor only where nothing is negative */
        return dim_lower(a) >= 0 ? arith_at(p, I_DIV, a, b) : NULL;
    case S_FMOD:
        return dim_lower(a) >= 0 ? arith_at(p, I_MOD, a, b) : NULL;
    case S_NEG:
        return dim_sub(t, zero, a);
    case S_ABS:
        return dim_lower(a) >= 0 ? a : dim_max(t, a, dim_sub(t, zero, a));
    case S_SIGN:
        return dim_lower(a) > 0 ? dim_const(t, 1) : dim_equals(a, 0) ? a : NULL;
    case S_CLIP:
        return dim_min(t, dim_max(t, a, b), c);
    case S_RELU:
        return dim_max(t, a, zero);
    default:
        return NULL;
    }
}

static Dim *load_at(Point *p, const Expr *e)
{
    const Type *type = &e->u.value->type;
    int64_t number = 0, index, size;
    for (int i = 0; i < type->rank; i++) {
        Dim *at = dim_at(p, e->index[i]);
        if (!at || !dim_is_const(at, &index) || !dim_is_const(type->dim[i], &size) || index < 0 || index >= size)
            return NULL;
        number = number * size + index;
    }
    return value_element(p->context, e->u.value, number);
}

static Dim *cast_at(Point *p, const Expr *e)
{
    int64_t value;
    if (dtype_is_float(e->arg[0]->dtype) || dtype_is_float(e->dtype))
        return NULL;
    Dim *a = dim_at(p, e->arg[0]);
    if (!a || e->dtype == I64 || e->dtype == e->arg[0]->dtype)
        return a;
    if (e->dtype == BOOL)
        return dim_lower(a) > 0 || dim_upper(a) < 0 ? dim_const(p->context->dims, 1) : dim_equals(a, 0) ? a : NULL;
    if (e->dtype == I32 && !dim_is_const(a, NULL)) /* a size that no int32 holds is refused where it is used */
        return a;
    const Expr *constant =
        dim_is_const(a, &value) ? expr_cast(p->context, expr_int(p->context, I64, value), e->dtype) : NULL;
    return constant && expr_is_int(constant, &value) ? dim_const(p->context->dims, value) : NULL;
}

static Dim *combine_at(Point *p, Combine combine, Dim *a, Dim *b)
{
    return combine == COMBINE_SET || combine_is_arg(combine) ? NULL : call_at(p, combine_scalar(combine), a, b, NULL);
}

/* Adds the points of axis `level` and those inside to *total (NULL: none yet). False when they are not known. */
static bool reduce_at(Point *p, const Expr *e, int level, Dim **total)
{
    int64_t lo, hi;
    if (level == e->nover) {
        Dim *value = dim_at(p, e->arg[0]);
        *total = !value ? NULL : *total ? combine_at(p, e->u.combine, *total, value) : value;
        return *total;
    }
    Dim *low = dim_at(p, e->over[level]->lo), *high = dim_at(p, e->over[level]->hi);
    if (!low || !high || !dim_is_const(low, &lo) || !dim_is_const(high, &hi) || p->count == MAX_AXES)
        return false;
    const int place = p->count++;
    p->axis[place] = e->over[level];
    bool known = true;
    for (p->at[place] = lo; known && p->at[place] < hi; p->at[place]++)
        known = reduce_at(p, e, level + 1, total);
    p->count--;
    return known;
}

static Dim *reduction_at(Point *p, const Expr *e)
{
    Dim *total = NULL;
    if (combine_is_arg(e->u.combine) || !reduce_at(p, e, 0, &total))
        return NULL;
    if (total)
        return total;
    if (e->arg[1])
        return dim_at(p, e->arg[1]);
    const double neutral = combine_neutral(e->u.combine, INDEX);
    return isfinite(neutral) ? dim_const(p->context->dims, (int64_t)neutral) : NULL;
}

static Dim *select_at(Point *p, const Expr *e)
{
    Dim *condition = dim_at(p, e->arg[0]);
    if (condition && dim_is_const(condition, NULL))
        return dim_at(p, e->arg[dim_equals(condition, 0) ? 2 : 1]);
    Dim *a = dim_at(p, e->arg[1]);
    return a && a == dim_at(p, e->arg[2]) ? a : NULL;
}

static Dim *wrap_at(Point *p, const Expr *e)
{
    Dim *a = dim_at(p, e->arg[0]);
    if (a && dim_lower(a) >= 0)
        return a;
    return a && e->kind == E_WRAP && dim_upper(a) < 0 ? dim_add(p->context->dims, a, e->u.dim) : NULL;
}

static Dim *operands_at(Point *p, const Expr *e)
{
    Dim *arg[3] = {NULL, NULL, NULL};
    const bool logic =
        e->kind == E_CALL ? e->u.scalar == S_AND || e->u.scalar == S_OR : e->u.op == I_AND || e->u.op == I_OR;
    for (int i = 0; i < e->narg; i++)
        arg[i] = dim_at(p, e->arg[i]);
    if (logic && !arg[0]) { /* the known operand may decide alone */
        arg[0] = arg[1];
        arg[1] = NULL;
    }
    if (!arg[0] || (!logic && ((e->narg > 1 && !arg[1]) || (e->narg > 2 && !arg[2]))))
        return NULL;
    return e->kind == E_CALL ? call_at(p, e->u.scalar, arg[0], arg[1], arg[2]) : arith_at(p, e->u.op, arg[0], arg[1]);
}

static Dim *dim_at(Point *p, const Expr *e)
{
    if (p->fuel-- <= 0)
        return NULL;
    switch (e->kind) {
    case E_CONST:
        return expr_is_int(e, NULL) ? dim_const(p->context->dims, e->u.i) : NULL;
    case E_DIM:
        return e->u.dim;
    case E_AXIS:
        for (int i = p->count - 1; i >= 0; i--)
            if (p->axis[i] == e->u.axis)
                return dim_const(p->context->dims, p->at[i]);
        return NULL;
    case E_LOAD:
        return load_at(p, e);
    case E_CALL:
    case E_INDEX:
        return operands_at(p, e);
    case E_CAST:
        return cast_at(p, e);
    case E_SELECT:
        return select_at(p, e);
    case E_WRAP:
    case E_CHECK:
        return wrap_at(p, e);
    case E_REDUCE:
        return reduction_at(p, e);
    }
    return NULL;
}

Dim *expr_as_dim(Context *context, const Expr *e, Axis *const *axis, const int64_t *at, int count)
{
    Point p = {.context = context, .fuel = 50000};
    for (int i = 0; i < count && i < MAX_AXES; i++) {
        p.axis[i] = axis[i];
        p.at[i] = at[i];
    }
    p.count = count < MAX_AXES ? count : MAX_AXES;
    Dim *dim = dim_at(&p, e);
    return dim == dim_overflow(context->dims) ? NULL : dim;
}
