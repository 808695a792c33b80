/* elementwise.c -- operators that compute each output element from the input elements in its place, broadcast.
 *
 * Most are a row that names a scalar function; the others say what they do with attributes and types first. */
#include "shorthand.h"
#include <math.h>
#include <string.h>

/* The operands of output 0's element, one for each input (NULL: absent), broadcast. False after an error. */
static bool broadcast_operands(Definition *d, DType dtype, Expr **operand)
{
    Expr *index[MAX_RANK];
    def_output_broadcast(d, 0, dtype);
    if (d->failed)
        return false;
    def_index(d, 0, index);
    for (int i = 0; i < d->node->nin; i++)
        operand[i] = def_has(d, i) ? def_load_broadcast(d, i, index, d->node->out[0]->type.rank) : NULL;
    return true;
}

static void define_call2(Definition *d, Scalar scalar)
{
    Expr *operand[2];
    if (broadcast_operands(d, def_dtype(d, 0), operand))
        def_body(d, 0, call2(d, scalar, operand[0], operand[1]));
}

static void define_mod(Definition *d)
{
    define_call2(d, attr_int(d->node, "fmod", 0) ? S_FMOD : S_MOD);
}

static void define_bit_shift(Definition *d)
{
    const char *direction = attr_string(d->node, "direction", "");
    if (def_require(d, strcmp(direction, "LEFT") == 0 || strcmp(direction, "RIGHT") == 0,
                    "direction is '%s', wants LEFT or RIGHT", direction))
        define_call2(d, *direction == 'L' ? S_SHIFT_LEFT : S_SHIFT_RIGHT);
}

/* Powers have the base's type. An integer to a floating power is computed in double. */
static void define_pow(Definition *d)
{
    Expr *operand[2];
    const DType base = def_dtype(d, 0), exponent = def_dtype(d, 1);
    const DType compute = dtype_is_float(base) ? dtype_compute(base) : dtype_is_float(exponent) ? F64 : I64;
    if (broadcast_operands(d, base, operand))
        def_body(
            d, 0,
            cast(d, call2(d, S_POW, cast(d, operand[0], compute), cast(d, operand[1], compute)), dtype_compute(base)));
}

/* ---- variadic ---- */
static Expr *fold_operands(Definition *d, Scalar scalar)
{
    Expr **operand = ARENA_ARRAY(d->context->arena, d->node->nin, Expr *);
    if (!broadcast_operands(d, def_dtype(d, 0), operand))
        return NULL;
    for (int i = 1; i < d->node->nin; i++)
        operand[0] = call2(d, scalar, operand[0], operand[i]);
    return operand[0];
}

static void define_max(Definition *d)
{
    def_body(d, 0, fold_operands(d, S_MAX));
}

static void define_min(Definition *d)
{
    def_body(d, 0, fold_operands(d, S_MIN));
}

static void define_sum(Definition *d)
{
    def_body(d, 0, fold_operands(d, S_ADD));
}

static void define_mean(Definition *d)
{
    Expr *sum = fold_operands(d, S_ADD);
    if (!d->failed)
        def_body(d, 0, call2(d, S_DIV, sum, number(d, def_dtype(d, 0), d->node->nin)));
}

/* ---- choices ---- */
static void define_where(Definition *d)
{
    Expr *operand[3];
    if (broadcast_operands(d, def_dtype(d, 1), operand))
        def_body(d, 0, expr_select(d->context, operand[0], operand[1], operand[2]));
}

/* A missing bound is the least or the greatest value there is. */
static void define_clip(Definition *d)
{
    Expr *operand[3] = {NULL, NULL, NULL};
    for (int i = 1; i < d->node->nin; i++)
        if (def_has(d, i) &&
            !def_require(d, def_rank(d, i) == 0 || dim_equals(size_product(d, def_rank(d, i), def_shape(d, i)), 1),
                         "input %d is not a scalar", i))
            return;
    Expr *index[MAX_RANK], *zero[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), def_rank(d, 0), def_shape(d, 0));
    if (d->failed)
        return;
    def_index(d, 0, index);
    for (int k = 0; k < MAX_RANK; k++)
        zero[k] = index_const(d, 0);
    for (int i = 0; i < d->node->nin; i++)
        operand[i] = def_has(d, i) ? def_load(d, i, i == 0 ? index : zero) : NULL;
    Expr *x = operand[0];
    if (operand[1])
        x = call2(d, S_MAX, x, operand[1]);
    if (operand[2])
        x = call2(d, S_MIN, x, operand[2]);
    def_body(d, 0, x);
}

/* The slope broadcasts to x, not the other way round. */
static void define_prelu(Definition *d)
{
    Expr *index[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), def_rank(d, 0), def_shape(d, 0));
    if (d->failed || !def_broadcasts_to(d, 1, def_rank(d, 0), def_shape(d, 0)))
        return;
    def_index(d, 0, index);
    Expr *slope = def_load_broadcast(d, 1, index, def_rank(d, 0));
    def_body(d, 0, call2(d, S_LEAKY_RELU, def_load(d, 0, index), slope));
}

/* Integers are shrunk by floating bounds: in double. */
static void define_shrink(Definition *d)
{
    Expr *x;
    const DType dtype = def_dtype(d, 0), compute = dtype_is_float(dtype) ? dtype_compute(dtype) : F64;
    if (!broadcast_operands(d, dtype, &x))
        return;
    Expr *bias = number(d, compute, attr_float(d->node, "bias", 0)),
         *threshold = number(d, compute, attr_float(d->node, "lambd", 0.5));
    def_body(d, 0,
             cast(d, expr_call3(d->context, S_SHRINK, cast(d, x, compute), bias, threshold), dtype_compute(dtype)));
}

/* ---- casts ---- */
/* A tie goes to the even neighbour, so the limit itself stays finite in E4M3FN alone. */
Expr *cast_unsaturated(Definition *d, Expr *x, DType to)
{
    static const struct {
        DType type;
        double limit;
        Scalar beyond;
        bool has_infinity;
    } row[] = {{F8E4M3FN, 464, S_GREATER, false},
               {F8E4M3FNUZ, 248, S_GREATER_EQUAL, false},
               {F8E5M2, 61440, S_GREATER_EQUAL, true},
               {F8E5M2FNUZ, 61440, S_GREATER_EQUAL, false}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].type == to) {
            Expr *overflows = call2(d, row[i].beyond, call1(d, S_ABS, x), number(d, x->dtype, row[i].limit));
            Expr *positive = call2(d, S_GREATER, x, number(d, x->dtype, 0));
            Expr *special = row[i].has_infinity
                                ? expr_select(d->context, positive, number(d, F32, INFINITY), number(d, F32, -INFINITY))
                                : number(d, F32, NAN);
            return expr_select(d->context, overflows, special, cast(d, x, to));
        }
    return cast(d, x, to);
}

/* x as a power of two. Saturation takes what is too small or too large to the ends of the range. */
static Expr *cast_to_power2(Definition *d, Expr *x, const char *round_mode, bool saturate)
{
    const Scalar scalar = strcmp(round_mode, "down") == 0      ? S_POWER2_DOWN
                          : strcmp(round_mode, "nearest") == 0 ? S_POWER2_NEAREST
                                                               : S_POWER2_UP;
    Expr *rounded = call1(d, scalar, x);
    if (!saturate) {
        Expr *fits = call2(d, S_AND, call2(d, S_GREATER_EQUAL, rounded, number(d, x->dtype, 0x1p-127)),
                           call2(d, S_LESS_EQUAL, rounded, number(d, x->dtype, 0x1p127)));
        rounded = expr_select(d->context, fits, rounded, number(d, x->dtype, NAN));
    }
    return cast(d, rounded, F8E8M0);
}

static Expr *cast_element(Definition *d, Expr *x, DType from, DType to)
{
    const bool saturate = attr_int(d->node, "saturate", 1);
    const bool is_float8 = to >= F8E4M3FN && to <= F8E5M2FNUZ;
    if (from != to && dtype_is_integer(to) && dtype_info(to)->bits < 8 && dtype_is_float(x->dtype))
        x = cast(d, x, I32); /* floats become narrow integers by their low bits, as wide integers do */
    if (from == to || (!is_float8 && to != F8E8M0))
        return cast(d, x, to);
    if (!dtype_is_float(x->dtype))
        x = cast(d, x, F64);
    if (to == F8E8M0)
        return cast_to_power2(d, x, attr_string(d->node, "round_mode", "up"), saturate);
    return saturate ? cast(d, x, to) : cast_unsaturated(d, x, to);
}

static void define_cast_to(Definition *d, DType to)
{
    Expr *index[MAX_RANK];
    const DType from = def_dtype(d, 0);
    if (from != to && (from == STRING || to == STRING)) {
        report_add(d->context->report, d->node, OP_UNSUPPORTED, "a cast of strings", "there is no string arithmetic");
        d->failed = true;
        return;
    }
    if (!def_require(d, from == to || (dtype_info(from)->class != COMPLEX && dtype_info(to)->class != COMPLEX),
                     "a cast from %s to %s is not defined", dtype_info(from)->text, dtype_info(to)->text))
        return;
    def_output(d, 0, to, def_rank(d, 0), def_shape(d, 0));
    if (d->failed)
        return;
    def_index(d, 0, index);
    def_body(d, 0, cast_element(d, def_load(d, 0, index), from, to));
}

static void define_cast(Definition *d)
{
    const int64_t number = attr_int(d->node, "to", UNDEFINED);
    const DType to = dtype_from_number(number);
    if (def_require(d, to != UNDEFINED, "attribute 'to' is %lld, which is no element type", (long long)number))
        define_cast_to(d, to);
}

static void define_cast_like(Definition *d)
{
    define_cast_to(d, def_dtype(d, 1));
}

/* What the operator is goes behind the scalar or the function: .is_commutative = true. */
#define SCALAR_ROW(op_name, opset, op_schema, op_attributes, ...)                                                      \
    {                                                                                                                  \
        .name = op_name, .schema = op_schema, .attributes = op_attributes, .form = FORM_ELEMENTWISE, .since = opset,   \
        .scalar = __VA_ARGS__                                                                                          \
    }
#define DEFINED_ROW(op_name, opset, op_schema, op_attributes, ...)                                                     \
    {                                                                                                                  \
        .name = op_name, .schema = op_schema, .attributes = op_attributes, .form = FORM_INDEX, .since = opset,         \
        .define = __VA_ARGS__                                                                                          \
    }
#define FLOATS     "X:T -> Y:T | T=float"
#define NUMBERS    "X:T -> Y:T | T=number"
#define TWO(types) "A:T B:T -> C:T | T=" types

/* clang-format off */
const Op ops_elementwise[] = {
    SCALAR_ROW("Abs", 13, NUMBERS, "", S_ABS),
    SCALAR_ROW("Acos", 22, FLOATS, "", S_ACOS),
    SCALAR_ROW("Acosh", 22, FLOATS, "", S_ACOSH),
    SCALAR_ROW("Add", 14, TWO("number"), "", S_ADD, .is_commutative = true),
    SCALAR_ROW("And", 7, TWO("bool"), "", S_AND, .is_commutative = true),
    SCALAR_ROW("Asin", 22, FLOATS, "", S_ASIN),
    SCALAR_ROW("Asinh", 22, FLOATS, "", S_ASINH),
    SCALAR_ROW("Atan", 22, FLOATS, "", S_ATAN),
    SCALAR_ROW("Atanh", 22, FLOATS, "", S_ATANH),
    DEFINED_ROW("BitShift", 28, TWO("integer"), "direction:string", define_bit_shift),
    SCALAR_ROW("BitwiseAnd", 18, TWO("integer"), "", S_AND, .is_commutative = true),
    SCALAR_ROW("BitwiseNot", 18, "X:T -> Y:T | T=integer", "", S_BIT_NOT),
    SCALAR_ROW("BitwiseOr", 18, TWO("integer"), "", S_OR, .is_commutative = true),
    SCALAR_ROW("BitwiseXor", 18, TWO("integer"), "", S_XOR, .is_commutative = true),
    DEFINED_ROW("Cast", 28, "input:T1 -> output:T2 | T1=any T2=any", "to:int saturate:int=1 round_mode:string=up",
                define_cast),
    DEFINED_ROW("CastLike", 25, "input:T1 target_type:T2 -> output:T2 | T1=any T2=any",
                "saturate:int=1 round_mode:string=up", define_cast_like),
    SCALAR_ROW("Ceil", 13, FLOATS, "", S_CEIL),
    SCALAR_ROW("Celu", 28, FLOATS, "alpha:float=1", S_CELU),
    DEFINED_ROW("Clip", 13, "input:T min:T? max:T? -> output:T | T=number", "", define_clip),
    SCALAR_ROW("Cos", 22, FLOATS, "", S_COS),
    SCALAR_ROW("Cosh", 22, FLOATS, "", S_COSH),
    SCALAR_ROW("Div", 14, TWO("number"), "", S_DIV),
    SCALAR_ROW("Elu", 22, FLOATS, "alpha:float=1", S_ELU),
    SCALAR_ROW("Equal", 19, "A:T B:T -> C:bool | T=number,bool,string", "", S_EQUAL, .is_commutative = true),
    SCALAR_ROW("Erf", 13, FLOATS, "", S_ERF),
    SCALAR_ROW("Exp", 13, FLOATS, "", S_EXP),
    SCALAR_ROW("Floor", 13, FLOATS, "", S_FLOOR),
    SCALAR_ROW("Greater", 13, "A:T B:T -> C:bool | T=number", "", S_GREATER),
    SCALAR_ROW("GreaterOrEqual", 16, "A:T B:T -> C:bool | T=number", "", S_GREATER_EQUAL),
    SCALAR_ROW("HardSigmoid", 22, FLOATS, "alpha:float=0.2 beta:float=0.5", S_HARD_SIGMOID),
    SCALAR_ROW("HardSwish", 22, FLOATS, "", S_HARD_SWISH),
    SCALAR_ROW("IsInf", 20, "X:T -> Y:bool | T=float,float8", "detect_negative:int=1 detect_positive:int=1", S_IS_INF),
    SCALAR_ROW("IsNaN", 20, "X:T -> Y:bool | T=float,float8", "", S_IS_NAN),
    SCALAR_ROW("LeakyRelu", 16, FLOATS, "alpha:float=0.01", S_LEAKY_RELU),
    SCALAR_ROW("Less", 13, "A:T B:T -> C:bool | T=number", "", S_LESS),
    SCALAR_ROW("LessOrEqual", 16, "A:T B:T -> C:bool | T=number", "", S_LESS_EQUAL),
    SCALAR_ROW("Log", 13, FLOATS, "", S_LOG),
    DEFINED_ROW("Max", 13, "data_0:T* -> max:T | T=number", "", define_max, .is_commutative = true),
    DEFINED_ROW("Mean", 13, "data_0:T* -> mean:T | T=float", "", define_mean),
    DEFINED_ROW("Min", 13, "data_0:T* -> min:T | T=number", "", define_min, .is_commutative = true),
    SCALAR_ROW("Mish", 22, FLOATS, "", S_MISH),
    DEFINED_ROW("Mod", 28, TWO("number"), "fmod:int=0", define_mod),
    SCALAR_ROW("Mul", 14, TWO("number"), "", S_MUL, .is_commutative = true),
    SCALAR_ROW("Neg", 13, "X:T -> Y:T | T=float,signed", "", S_NEG),
    SCALAR_ROW("Not", 1, "X:T -> Y:T | T=bool", "", S_NOT),
    SCALAR_ROW("Or", 7, TWO("bool"), "", S_OR, .is_commutative = true),
    DEFINED_ROW("PRelu", 16, "X:T slope:T -> Y:T | T=float,uint32,uint64,int32,int64", "", define_prelu),
    DEFINED_ROW("Pow", 15, "X:T Y:T1 -> Z:T | T=float,int32,int64 T1=number", "", define_pow),
    SCALAR_ROW("Reciprocal", 13, FLOATS, "", S_RECIPROCAL),
    SCALAR_ROW("Relu", 14, "X:T -> Y:T | T=float,signed", "", S_RELU),
    SCALAR_ROW("Round", 22, FLOATS, "", S_ROUND),
    SCALAR_ROW("Selu", 22, FLOATS, "alpha:float=1.67326319217681884765625 gamma:float=1.05070102214813232421875", S_SELU),
    DEFINED_ROW("Shrink", 9, NUMBERS, "bias:float=0 lambd:float=0.5", define_shrink),
    SCALAR_ROW("Sigmoid", 13, FLOATS, "", S_SIGMOID),
    SCALAR_ROW("Sign", 13, NUMBERS, "", S_SIGN),
    SCALAR_ROW("Sin", 22, FLOATS, "", S_SIN),
    SCALAR_ROW("Sinh", 22, FLOATS, "", S_SINH),
    SCALAR_ROW("Softplus", 22, FLOATS, "", S_SOFTPLUS),
    SCALAR_ROW("Softsign", 22, FLOATS, "", S_SOFTSIGN),
    SCALAR_ROW("Sqrt", 13, FLOATS, "", S_SQRT),
    SCALAR_ROW("Sub", 14, TWO("number"), "", S_SUB),
    DEFINED_ROW("Sum", 13, "data_0:T* -> sum:T | T=float", "", define_sum),
    SCALAR_ROW("Swish", 24, FLOATS, "alpha:float=1", S_SWISH),
    SCALAR_ROW("Tan", 22, FLOATS, "", S_TAN),
    SCALAR_ROW("Tanh", 13, FLOATS, "", S_TANH),
    SCALAR_ROW("ThresholdedRelu", 22, FLOATS, "alpha:float=1", S_THRESHOLDED_RELU),
    DEFINED_ROW("Where", 16, "condition:bool X:T Y:T -> output:T | T=any", "", define_where),
    SCALAR_ROW("Xor", 7, TWO("bool"), "", S_XOR, .is_commutative = true),
    {.name = NULL},
};
/* clang-format on */
