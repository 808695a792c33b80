/* loop.c -- making loop-level expressions. Constants fold and small identities hold as expressions are made, so that
 * definitions can be written without thinking of special cases. */
#include "loop.h"
#include "expr.h"
#include "lanes.h"
#include <math.h>
#include <string.h>

static Expr *expr_new(Context *context, ExprKind kind, DType dtype)
{
    Expr *e = ARENA_NEW(context->arena, Expr);
    e->kind = kind;
    e->dtype = e->storage = dtype;
    e->id = context->expr_count++;
    return e;
}

static Expr *expr_apply(Context *context, ExprKind kind, DType dtype, int narg, Expr *a, Expr *b, Expr *c)
{
    Expr *e = expr_new(context, kind, dtype);
    e->narg = narg;
    e->arg[0] = a;
    e->arg[1] = b;
    e->arg[2] = c;
    return e;
}

/* ---- leaves ---- */
bool csr_equal(const Csr *a, const Csr *b)
{
    return a == b || (a && b && a->row == b->row && a->order == b->order && a->target == b->target &&
                      a->source == b->source && a->from == b->from);
}

Axis *axis_new(Context *context, const char *name, Expr *lo, Expr *hi)
{
    Axis *axis = ARENA_NEW(context->arena, Axis);
    axis->name = name;
    axis->lo = lo;
    axis->hi = hi;
    axis->id = context->expr_count++;
    return axis;
}

Axis *axis_dim(Context *context, const char *name, Dim *extent)
{
    return axis_new(context, name, expr_index(context, 0), expr_dim(context, extent));
}

Expr *expr_float(Context *context, DType dtype, double value)
{
    if (!dtype_is_float(dtype))
        return expr_int(context, dtype, value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : 0);
    Expr *e = expr_new(context, E_CONST, dtype_compute(dtype));
    e->u.f = e->dtype == F32 ? (double)(float)value : value;
    return e;
}

Expr *expr_int(Context *context, DType dtype, int64_t value)
{
    if (dtype_is_float(dtype))
        return expr_float(context, dtype, (double)value);
    Expr *e = expr_new(context, E_CONST, dtype);
    e->u.i = value;
    return e;
}

/* Every axis has some: the same ones are shared. */
Expr *expr_index(Context *context, int64_t value)
{
    Expr **last = &context->index_constant[(uint64_t)value % INDEX_CONSTANTS];
    if (!*last || (*last)->u.i != value)
        *last = expr_int(context, INDEX, value);
    return *last;
}

Expr *expr_dim(Context *context, Dim *dim)
{
    int64_t value;
    if (dim_is_const(dim, &value))
        return expr_index(context, value);
    Expr *e = expr_new(context, E_DIM, INDEX);
    e->u.dim = dim;
    return e;
}

Expr *expr_axis(Context *context, Axis *axis)
{
    Expr *e = expr_new(context, E_AXIS, INDEX);
    e->u.axis = axis;
    return e;
}

Expr *expr_load(Context *context, Value *value, Expr *const *index)
{
    const int rank = value->type.rank > 0 ? value->type.rank : 0;
    Expr *e = expr_new(context, E_LOAD, dtype_compute(value->type.dtype));
    e->u.value = value;
    e->index = ARENA_ARRAY(context->arena, rank, Expr *);
    if (rank)
        memcpy(e->index, index, sizeof *index * (size_t)rank);
    return e;
}

/* ---- constants ---- */
bool expr_is_int(const Expr *e, int64_t *value)
{
    if (e->kind != E_CONST || dtype_is_float(e->dtype))
        return false;
    if (value)
        *value = e->u.i;
    return true;
}

static bool is_int(const Expr *e, int64_t value)
{
    int64_t v;
    return expr_is_int(e, &v) && v == value;
}

/* A constant as LANE_CHUNK lanes of its type, and back. */
static void const_to_lane(const Expr *e, void *lane)
{
    if (dtype_is_float(e->dtype))
        lanes_cast(1, lane, e->dtype, &e->u.f, F64);
    else
        lanes_cast(1, lane, e->dtype, &e->u.i, I64);
}

static Expr *const_of_lane(Context *context, DType dtype, const void *lane)
{
    if (dtype_is_float(dtype)) {
        double value;
        lanes_cast(1, &value, F64, lane, dtype);
        return expr_float(context, dtype, value);
    }
    int64_t value;
    lanes_cast(1, &value, I64, lane, dtype);
    if (dtype == U64)
        memcpy(&value, lane, sizeof value);
    return expr_int(context, dtype, value);
}

static bool all_const(Expr *const *arg, int narg)
{
    for (int i = 0; i < narg; i++)
        if (arg[i]->kind != E_CONST || lanes_size(arg[i]->dtype) > 8 || arg[i]->dtype == STRING)
            return false;
    return true;
}

/* ---- scalar functions ---- */
static Expr *fold_call(Context *context, Scalar scalar, DType result, Expr *const *arg, int narg)
{
    Lanes *lanes = lanes_scalar(scalar, arg[0]->dtype);
    uint64_t lane[4] = {0};
    if (!lanes || !all_const(arg, narg))
        return NULL;
    for (int i = 0; i < narg; i++)
        const_to_lane(arg[i], &lane[i]);
    lanes(1, &lane[3], (Operand){&lane[0], 0}, (Operand){&lane[1], 0}, (Operand){&lane[2], 0});
    return const_of_lane(context, result, &lane[3]);
}

/* Identities that are exact for every operand: x * 1, integer x + 0, and such. NULL: none holds. */
static Expr *simplify_call(Scalar scalar, Expr *const *arg, int narg)
{
    if (narg != 2)
        return NULL;
    Expr *a = arg[0], *b = arg[1];
    const bool integer = dtype_is_integer(a->dtype);
    const bool b_is_one = b->kind == E_CONST && (dtype_is_float(b->dtype) ? b->u.f == 1 : b->u.i == 1);
    const bool a_is_one = a->kind == E_CONST && (dtype_is_float(a->dtype) ? a->u.f == 1 : a->u.i == 1);
    switch (scalar) {
    case S_ADD:
        return integer && is_int(b, 0) ? a : integer && is_int(a, 0) ? b : NULL;
    case S_SUB:
        return integer && is_int(b, 0) ? a : NULL;
    case S_MUL:
        return b_is_one ? a : a_is_one ? b : NULL;
    case S_DIV:
        return b_is_one ? a : NULL;
    case S_MAX:
    case S_MIN:
        return a == b ? a : NULL;
    default:
        return NULL;
    }
}

static Expr *expr_call(Context *context, Scalar scalar, int narg, Expr *a, Expr *b, Expr *c)
{
    Expr *const arg[] = {a, b, c};
    const ScalarInfo *info = scalar_info(scalar, a->dtype);
    if (!info || info->arity != narg)
        report_fatal(context->report, NULL, INTERNAL,
                     arena_printf(context->arena, "scalar function %d has no form for %d operands of type %s",
                                  (int)scalar, narg, dtype_info(a->dtype)->text));
    for (int i = 1; i < narg; i++)
        if (arg[i]->dtype != a->dtype)
            report_fatal(context->report, NULL, INTERNAL,
                         arena_printf(context->arena, "%s has operands of types %s and %s", info->name,
                                      dtype_info(a->dtype)->text, dtype_info(arg[i]->dtype)->text));
    const DType result = info->gives_bool ? BOOL : a->dtype;
    Expr *simple = fold_call(context, scalar, result, arg, narg);
    if (!simple)
        simple = simplify_call(scalar, arg, narg);
    if (simple)
        return simple;
    Expr *e = expr_apply(context, E_CALL, result, narg, a, b, c);
    e->u.scalar = scalar;
    return e;
}

Expr *expr_call1(Context *context, Scalar scalar, Expr *a)
{
    return expr_call(context, scalar, 1, a, NULL, NULL);
}

Expr *expr_call2(Context *context, Scalar scalar, Expr *a, Expr *b)
{
    return expr_call(context, scalar, 2, a, b, NULL);
}

Expr *expr_call3(Context *context, Scalar scalar, Expr *a, Expr *b, Expr *c)
{
    return expr_call(context, scalar, 3, a, b, c);
}

/* ---- index arithmetic ---- */
int64_t index_apply(IndexOp op, int64_t a, int64_t b)
{
    int64_t result = 0;
    switch (op) {
    case I_ADD:
        return __builtin_add_overflow(a, b, &result) ? INT64_MAX : result;
    case I_SUB:
        return __builtin_sub_overflow(a, b, &result) ? INT64_MAX : result;
    case I_MUL:
        return __builtin_mul_overflow(a, b, &result) ? INT64_MAX : result;
    case I_DIV:
        return b == 0 || (b == -1 && a == INT64_MIN) ? 0 : a / b - (a % b != 0 && (a % b < 0) != (b < 0));
    case I_MOD:
        return b == 0 || b == -1 ? 0 : a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0);
    case I_MIN:
        return a < b ? a : b;
    case I_MAX:
        return a > b ? a : b;
    case I_LESS:
        return a < b;
    case I_LESS_EQUAL:
        return a <= b;
    case I_EQUAL:
        return a == b;
    case I_AND:
        return a && b;
    case I_OR:
        return a || b;
    case I_NOT:
        return !a;
    }
    return 0;
}

static bool is_truth(IndexOp op)
{
    return op >= I_LESS;
}

static Expr *fold_dims(Context *context, IndexOp op, Dim *a, Dim *b)
{
    DimTable *t = context->dims;
    switch (op) {
    case I_ADD:
        return expr_dim(context, dim_add(t, a, b));
    case I_SUB:
        return expr_dim(context, dim_sub(t, a, b));
    case I_MUL:
        return expr_dim(context, dim_mul(t, a, b));
    case I_DIV:
        return dim_lower(b) > 0 ? expr_dim(context, dim_floor_div(t, a, b)) : NULL;
    case I_MOD:
        return dim_lower(b) > 0 ? expr_dim(context, dim_mod(t, a, b)) : NULL;
    case I_MIN:
        return expr_dim(context, dim_min(t, a, b));
    case I_MAX:
        return expr_dim(context, dim_max(t, a, b));
    default:
        return NULL;
    }
}

/* What a comparison is known to give for the ranges of its operands. */
static Expr *decide(Context *context, IndexOp op, const Expr *a, const Expr *b)
{
    const Range x = expr_range(context, a), y = expr_range(context, b);
    Dim *one = dim_const(context->dims, 1);
    bool yes = false, no = false;
    if (op == I_LESS_EQUAL) {
        yes = x.high && y.low && dim_le(context->dims, x.high, y.low);
        no = x.low && y.high && dim_le(context->dims, dim_add(context->dims, y.high, one), x.low);
    } else if (op == I_LESS) {
        yes = x.high && y.low && dim_le(context->dims, dim_add(context->dims, x.high, one), y.low);
        no = x.low && y.high && dim_le(context->dims, y.high, x.low);
    } else if (op == I_EQUAL) {
        yes = x.low && x.low == x.high && x.low == y.low && x.low == y.high;
        no = (x.high && y.low && dim_le(context->dims, dim_add(context->dims, x.high, one), y.low)) ||
             (x.low && y.high && dim_le(context->dims, dim_add(context->dims, y.high, one), x.low));
    }
    return yes || no ? expr_int(context, BOOL, yes) : NULL;
}

/* Constants stand to the right, as one ... */
static Expr *simplify_sum(Context *context, Expr *a, Expr *b)
{
    int64_t inner, outer;
    if (is_int(a, 0) || is_int(b, 0))
        return is_int(a, 0) ? b : a;
    if (a->kind == E_CONST)
        return expr_arith(context, I_ADD, b, a);
    if (expr_is_int(b, &outer) && a->kind == E_INDEX && a->u.op == I_ADD && expr_is_int(a->arg[1], &inner))
        return expr_arith(context, I_ADD, a->arg[0], expr_index(context, index_apply(I_ADD, inner, outer)));
    return NULL;
}

/* ... and differences by one are sums. */
static Expr *simplify_difference(Context *context, Expr *a, Expr *b)
{
    int64_t by;
    if (is_int(b, 0) || a == b)
        return a == b ? expr_index(context, 0) : a;
    if (expr_is_int(b, &by) && by != INT64_MIN)
        return expr_arith(context, I_ADD, a, expr_index(context, -by));
    return NULL;
}

/* DIV or MOD by one, or by what is greater. */
static Expr *simplify_division(Context *context, IndexOp op, Expr *a, const Expr *b)
{
    if (is_int(b, 1))
        return op == I_DIV ? a : expr_index(context, 0);
    const Range x = expr_range(context, a), y = expr_range(context, b);
    Dim *one = dim_const(context->dims, 1);
    if (x.low && x.high && y.low && dim_lower(x.low) >= 0 &&
        dim_le(context->dims, dim_add(context->dims, x.high, one), y.low))
        return op == I_DIV ? expr_index(context, 0) : a;
    return NULL;
}

/* MIN or MAX of two of which one is known not to be greater. */
static Expr *simplify_choice(Context *context, IndexOp op, Expr *a, Expr *b)
{
    Expr *ordered = a == b ? NULL : decide(context, I_LESS_EQUAL, a, b);
    if (ordered)
        return is_int(ordered, 1) == (op == I_MIN) ? a : b;
    return a == b ? a : NULL;
}

static Expr *simplify_arith(Context *context, IndexOp op, Expr *a, Expr *b)
{
    switch (op) {
    case I_ADD:
        return simplify_sum(context, a, b);
    case I_SUB:
        return simplify_difference(context, a, b);
    case I_MUL:
        if (is_int(a, 0) || is_int(b, 0))
            return expr_index(context, 0);
        return is_int(a, 1) ? b : is_int(b, 1) ? a : NULL;
    case I_DIV:
    case I_MOD:
        return simplify_division(context, op, a, b);
    case I_MIN:
    case I_MAX:
        return simplify_choice(context, op, a, b);
    case I_LESS:
    case I_LESS_EQUAL:
    case I_EQUAL:
        return a == b ? expr_int(context, BOOL, op != I_LESS) : decide(context, op, a, b);
    case I_AND:
        return is_int(a, 0) || is_int(b, 1) ? a : is_int(b, 0) || is_int(a, 1) ? b : NULL;
    case I_OR:
        return is_int(a, 1) || is_int(b, 0) ? a : is_int(b, 1) || is_int(a, 0) ? b : NULL;
    case I_NOT:
        return a->kind == E_INDEX && a->u.op == I_NOT ? a->arg[0] : NULL;
    }
    return NULL;
}

Expr *expr_arith(Context *context, IndexOp op, Expr *a, Expr *b)
{
    int64_t x, y = 0;
    if (expr_is_int(a, &x) && (!b || expr_is_int(b, &y)))
        return expr_int(context, is_truth(op) ? BOOL : INDEX, index_apply(op, x, y));
    Dim *m = expr_dim_of(context, a), *n = b ? expr_dim_of(context, b) : NULL;
    Expr *simple = m && n && !is_truth(op) ? fold_dims(context, op, m, n) : NULL;
    if (!simple)
        simple = simplify_arith(context, op, a, b);
    if (simple)
        return simple;
    Expr *e = expr_apply(context, E_INDEX, is_truth(op) ? BOOL : INDEX, b ? 2 : 1, a, b, NULL);
    e->u.op = op;
    return e;
}

/* ---- casts, choices, checked indices ---- */
/* Whether the values of e are all values of the converted type already, so that rounding to it changes nothing. */
static bool is_rounded(const Expr *e, DType storage)
{
    switch (e->kind) {
    case E_LOAD:
        return e->u.value->type.dtype == storage;
    case E_CAST:
        return e->storage == storage;
    case E_SELECT:
        return is_rounded(e->arg[1], storage) && is_rounded(e->arg[2], storage);
    case E_CONST: {
        float value = (float)e->u.f, rounded;
        lanes_cast(1, &rounded, storage, &value, F32);
        return value == rounded || (isnan(value) && isnan(rounded)) || (storage == F8E5M2 && isinf(value));
    }
    case E_CALL:
        return (e->u.scalar == S_MAX || e->u.scalar == S_MIN) && is_rounded(e->arg[0], storage) &&
               is_rounded(e->arg[1], storage);
    default:
        return false;
    }
}

Expr *expr_cast(Context *context, Expr *a, DType to)
{
    const DType compute = dtype_compute(to);
    if (dtype_is_converted(to) ? a->dtype == compute && is_rounded(a, to) : a->dtype == to)
        return a;
    if (all_const(&a, 1) && lanes_size(compute) <= 8 && to != STRING) {
        uint64_t from = 0, lane = 0;
        const_to_lane(a, &from);
        lanes_cast(1, &lane, to, &from, a->dtype);
        return const_of_lane(context, compute, &lane);
    }
    Expr *e = expr_apply(context, E_CAST, compute, 1, a, NULL, NULL);
    e->storage = to;
    return e;
}

Expr *expr_select(Context *context, Expr *condition, Expr *a, Expr *b)
{
    int64_t truth;
    if (expr_is_int(condition, &truth))
        return truth ? a : b;
    if (a == b)
        return a;
    return expr_apply(context, E_SELECT, a->dtype, 3, condition, a, b);
}

static Expr *checked_index(Context *context, ExprKind kind, Expr *a, Dim *extent)
{
    int64_t index, size;
    const Range range = expr_range(context, a);
    Dim *one = dim_const(context->dims, 1);
    if (range.low && range.high && dim_lower(range.low) >= 0 &&
        dim_le(context->dims, dim_add(context->dims, range.high, one), extent))
        return expr_cast(context, a, INDEX);
    if (kind == E_WRAP && expr_is_int(a, &index) && dim_is_const(extent, &size) && index < 0 && index >= -size)
        return expr_index(context, index + size);
    Expr *e = expr_apply(context, kind, INDEX, 1, a, NULL, NULL);
    e->u.dim = extent;
    return e;
}

Expr *expr_wrap(Context *context, Expr *a, Dim *extent)
{
    return checked_index(context, E_WRAP, a, extent);
}

Expr *expr_check(Context *context, Expr *a, Dim *extent)
{
    return checked_index(context, E_CHECK, a, extent);
}

/* ---- reductions ---- */
static bool has_one_point(Context *context, const Axis *axis)
{
    const Expr *extent = expr_arith(context, I_SUB, axis->hi, axis->lo);
    return !axis->of && is_int(extent, 1);
}

/* Puts copies in the place of axes that other reductions bind already; the body, and the bounds of inner axes, then
 * range over the copies. Gives the body. */
static Expr *bind_axes(Context *context, Axis **over, int nover, Expr *body)
{
    Expr *copy[MAX_RANK];
    Axis *from[MAX_RANK];
    int ncopy = 0;
    for (int i = 0; i < nover; i++) {
        Axis *axis = over[i];
        if (axis->is_bound || ncopy) {
            over[i] = ARENA_NEW(context->arena, Axis);
            *over[i] = *axis;
            over[i]->id = context->expr_count++;
            over[i]->lo = expr_substitute(context, axis->lo, from, copy, ncopy, NULL, NULL);
            over[i]->hi = expr_substitute(context, axis->hi, from, copy, ncopy, NULL, NULL);
            from[ncopy] = axis;
            copy[ncopy++] = expr_axis(context, over[i]);
        }
        over[i]->is_bound = true;
    }
    return ncopy ? expr_substitute(context, body, from, copy, ncopy, NULL, NULL) : body;
}

Expr *expr_reduce(Context *context, Combine combine, Axis *const *over, int nover, Expr *body, Expr *empty)
{
    Axis **kept = ARENA_ARRAY(context->arena, nover, Axis *);
    int nkept = 0;
    for (int i = 0; i < nover; i++) {
        if (!combine_is_arg(combine) && has_one_point(context, over[i]))
            body = expr_substitute(context, body, &over[i], &over[i]->lo, 1, NULL, NULL);
        else
            kept[nkept++] = over[i];
    }
    if (!nkept)
        return body;
    body = bind_axes(context, kept, nkept, body);
    Expr *e = expr_apply(context, E_REDUCE, combine_is_arg(combine) ? INDEX : body->dtype, 2, body, empty, NULL);
    e->u.combine = combine;
    e->over = kept;
    e->nover = nkept;
    return e;
}
