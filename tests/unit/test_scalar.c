/* test_scalar.c -- scalar functions for every operand, and the narrow floating-point types bit by bit. */
#include "frontend/ops/lanes.h"
#include "runtime/float.h"
#include "unit.h"
#include <math.h>
#include <string.h>

/* ---- scalar functions ---- */
static double apply_float(Scalar scalar, double a, double b, double c)
{
    float x[] = {(float)a, (float)b, (float)c}, y = 0;
    lanes_scalar(scalar, F32)(1, &y, (Operand){&x[0], 0}, (Operand){&x[1], 0}, (Operand){&x[2], 0});
    return (double)y;
}

static int64_t apply_integer(Scalar scalar, DType type, int64_t a, int64_t b)
{
    int64_t in[2] = {a, b}, x = 0, y = 0, result = 0, out = 0;
    lanes_cast(1, &x, type, &in[0], I64);
    lanes_cast(1, &y, type, &in[1], I64);
    lanes_scalar(scalar, type)(1, &out, (Operand){&x, 0}, (Operand){&y, 0}, (Operand){NULL, 0});
    lanes_cast(1, &result, I64, &out, type);
    return result;
}

static void test_integers(void)
{
    CU_ASSERT_EQUAL(apply_integer(S_DIV, I32, 7, 0), 0);
    CU_ASSERT_EQUAL(apply_integer(S_DIV, I32, INT32_MIN, -1), INT32_MIN);
    CU_ASSERT_EQUAL(apply_integer(S_DIV, I64, -7, 2), -3); /* toward zero */
    CU_ASSERT_EQUAL(apply_integer(S_MOD, I32, -7, 3), 2);
    CU_ASSERT_EQUAL(apply_integer(S_MOD, I32, 7, -3), -2);
    CU_ASSERT_EQUAL(apply_integer(S_FMOD, I32, -7, 3), -1);
    CU_ASSERT_EQUAL(apply_integer(S_MOD, I64, INT64_MIN, -1), 0);
    CU_ASSERT_EQUAL(apply_integer(S_ADD, I8, 127, 1), -128);
    CU_ASSERT_EQUAL(apply_integer(S_MUL, U16, 65535, 65535), 1);
    CU_ASSERT_EQUAL(apply_integer(S_NEG, I64, INT64_MIN, 0), INT64_MIN);
    CU_ASSERT_EQUAL(apply_integer(S_ABS, I8, -128, 0), -128);
    CU_ASSERT_EQUAL(apply_integer(S_SHIFT_LEFT, U8, 255, 1), 254);
    CU_ASSERT_EQUAL(apply_integer(S_SHIFT_LEFT, U32, 1, 32), 0);
    CU_ASSERT_EQUAL(apply_integer(S_SHIFT_RIGHT, I32, -8, 1), -4);
    CU_ASSERT_EQUAL(apply_integer(S_SHIFT_RIGHT, I32, -8, 99), -1);
    CU_ASSERT_EQUAL(apply_integer(S_SHIFT_RIGHT, I32, 8, -1), 0);
    CU_ASSERT_EQUAL(apply_integer(S_POW, I32, 3, 5), 243);
    CU_ASSERT_EQUAL(apply_integer(S_POW, I64, 2, -1), 0);
    CU_ASSERT_EQUAL(apply_integer(S_POW, I64, -1, -3), -1);
    CU_ASSERT_EQUAL(apply_integer(S_POW, I64, 1, -3), 1);
}

static void test_floats(void)
{
    const Scalar passing[] = {S_MAX, S_MIN, S_CLIP, S_RELU, S_SIGN, S_LEAKY_RELU, S_HARD_SIGMOID, S_SIGMOID, S_ABS};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        CU_ASSERT(isnan(apply_float(passing[i], NAN, 0.5, 0.5)));
    CU_ASSERT(isnan(apply_float(S_MAX, 1, NAN, 0)) && isnan(apply_float(S_MIN, 1, NAN, 0)));
    CU_ASSERT_EQUAL(apply_float(S_CLIP, 0, 5, 1), 1); /* bounds that cross: the upper one */
    CU_ASSERT_EQUAL(apply_float(S_ROUND, 2.5, 0, 0), 2);
    CU_ASSERT_EQUAL(apply_float(S_ROUND, -1.5, 0, 0), -2);
    CU_ASSERT_EQUAL(apply_float(S_MOD, -7, 3, 0), 2);
    CU_ASSERT_EQUAL(apply_float(S_MOD, -1, INFINITY, 0), INFINITY);
    CU_ASSERT(signbit(apply_float(S_MOD, 0, -2, 0)));
    CU_ASSERT(isnan(apply_float(S_MOD, 1, 0, 0)));
    CU_ASSERT_EQUAL(apply_float(S_SIGMOID, -200, 0, 0), 0);
    CU_ASSERT_EQUAL(apply_float(S_SOFTPLUS, 200, 0, 0), 200);
    CU_ASSERT_DOUBLE_EQUAL(apply_float(S_SOFTPLUS, -20, 0, 0), 2.0611536e-9, 1e-15);
    CU_ASSERT_EQUAL(apply_float(S_POWER2_UP, 5, 0, 0), 8);
    CU_ASSERT_EQUAL(apply_float(S_POWER2_DOWN, 5, 0, 0), 4);
    CU_ASSERT_EQUAL(apply_float(S_POWER2_NEAREST, 6, 0, 0), 8);
    CU_ASSERT_EQUAL(apply_float(S_POWER2_UP, 4, 0, 0), 4);
}

/* Every function on operands at the ends of its type: the undefined-behaviour sanitizer watches. */
static void test_all_operands(void)
{
    static const int64_t integer[] = {0, 1, -1, 2, 63, 64, 127, -128, 255, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    static const double real[] = {0, -0.0, 1, -1, 0.5, 1e-40, 3e38, -3e38, INFINITY, -INFINITY, NAN};
    enum { INTEGERS = sizeof integer / sizeof *integer, REALS = sizeof real / sizeof *real };
    int ran = 0;
    for (int scalar = 0; scalar < NUM_SCALAR; scalar++)
        for (int type = 1; type < NUM_DTYPE; type++) {
            Lanes *lanes = type == STRING ? NULL : lanes_scalar((Scalar)scalar, (DType)type);
            const int count = dtype_is_float((DType)type) ? REALS : INTEGERS;
            for (int k = 0; lanes && k < count * count * count; k++) {
                uint64_t lane[4] = {0};
                const int at[] = {k % count, k / count % count, k / count / count};
                for (int i = 0; i < 3; i++)
                    if (dtype_is_float((DType)type))
                        lanes_cast(1, &lane[i], (DType)type, &real[at[i]], F64);
                    else
                        lanes_cast(1, &lane[i], (DType)type, &integer[at[i]], I64);
                lanes(1, &lane[3], (Operand){&lane[0], 0}, (Operand){&lane[1], 0}, (Operand){&lane[2], 0});
                ran++;
            }
        }
    CU_ASSERT(ran > 100000);
}

/* Many lanes at once give what one lane at a time gives. */
static void test_lanes(void)
{
    float a[LANE_CHUNK * 2], b[LANE_CHUNK], sum[LANE_CHUNK * 2];
    for (int i = 0; i < LANE_CHUNK * 2; i++)
        a[i] = (float)i;
    for (int i = 0; i < LANE_CHUNK; i++)
        b[i] = 0.5f;
    lanes_scalar(S_ADD, F32)(LANE_CHUNK * 2 - 3, sum, (Operand){a, LANE_CHUNK}, (Operand){b, 0}, (Operand){NULL, 0});
    for (int i = 0; i < LANE_CHUNK * 2 - 3; i++)
        CU_ASSERT_EQUAL(sum[i], (float)i + 0.5f);
}

/* ---- casts ---- */
static int64_t cast_double(double x, DType to)
{
    uint64_t lane = 0;
    int64_t result;
    lanes_cast(1, &lane, to, &x, F64);
    lanes_cast(1, &result, I64, &lane, to);
    return result;
}

static void test_casts(void)
{
    CU_ASSERT_EQUAL(cast_double(300, U8), 255);
    CU_ASSERT_EQUAL(cast_double(-1, U8), 0);
    CU_ASSERT_EQUAL(cast_double(NAN, I32), 0);
    CU_ASSERT_EQUAL(cast_double(1e30, I64), INT64_MAX);
    CU_ASSERT_EQUAL(cast_double(-INFINITY, I16), INT16_MIN);
    CU_ASSERT_EQUAL(cast_double(-1.9, I8), -1);
    CU_ASSERT_EQUAL(cast_double(100, I4), 7);
    CU_ASSERT_EQUAL(cast_double(NAN, BOOL), 1);
    CU_ASSERT_EQUAL(cast_double(-0.0, BOOL), 0);
    int64_t wide = 200;
    int8_t narrow;
    lanes_cast(1, &narrow, I8, &wide, I64); /* integers wrap */
    CU_ASSERT_EQUAL(narrow, -56);
    lanes_cast(1, &narrow, I4, &wide, I64);
    CU_ASSERT_EQUAL(narrow, -8);
    uint64_t great = UINT64_MAX;
    float real;
    lanes_cast(1, &real, F32, &great, U64);
    CU_ASSERT_EQUAL(real, 18446744073709551616.0f);
}

/* ---- narrow floating-point types ---- */
typedef struct {
    float (*to_float)(uint8_t);
    uint8_t (*from_float)(float), (*saturate)(float);
    int bits;
    float greatest;
    bool has_infinity, has_nan;
} ByteFloat;

static const ByteFloat byte_float[] = {
    {o2c_float8e4m3fn_to_float, o2c_float8e4m3fn_from_float, o2c_float8e4m3fn_saturate, 8, 448, false, true},
    {o2c_float8e4m3fnuz_to_float, o2c_float8e4m3fnuz_from_float, o2c_float8e4m3fnuz_saturate, 8, 240, false, true},
    {o2c_float8e5m2_to_float, o2c_float8e5m2_from_float, o2c_float8e5m2_saturate, 8, 57344, true, true},
    {o2c_float8e5m2fnuz_to_float, o2c_float8e5m2fnuz_from_float, o2c_float8e5m2fnuz_saturate, 8, 57344, false, true},
    {o2c_float6e2m3_to_float, o2c_float6e2m3_from_float, o2c_float6e2m3_saturate, 6, 7.5f, false, false},
    {o2c_float6e3m2_to_float, o2c_float6e3m2_from_float, o2c_float6e3m2_saturate, 6, 28, false, false},
    {o2c_float4e2m1_to_float, o2c_float4e2m1_from_float, o2c_float4e2m1_saturate, 4, 6, false, false},
};

/* The values of a type in ascending order; how many. */
static int values_of(const ByteFloat *type, float *value)
{
    int count = 0;
    for (int bits = 0; bits < 1 << type->bits; bits++) {
        const float x = type->to_float((uint8_t)bits);
        int at = count;
        if (isnan(x) || isinf(x) || (x == 0 && signbit(x)))
            continue;
        for (; at > 0 && value[at - 1] > x; at--)
            value[at] = value[at - 1];
        value[at] = x;
        count++;
    }
    return count;
}

static void test_byte_floats(void)
{
    for (size_t t = 0; t < sizeof byte_float / sizeof *byte_float; t++) {
        const ByteFloat *type = &byte_float[t];
        float value[256];
        for (int bits = 0; bits < 1 << type->bits; bits++) {
            const float x = type->to_float((uint8_t)bits);
            if (!isnan(x))
                CU_ASSERT_EQUAL(type->from_float(x), bits);
            CU_ASSERT(isnan(x) == (isnan(type->to_float(type->from_float(x))) != 0));
        }
        const int count = values_of(type, value);
        CU_ASSERT_EQUAL(value[count - 1], type->greatest);
        for (int i = 0; i + 1 < count; i++) { /* the middle goes to the even one, what is nearer to it goes there */
            const float middle = (value[i] + value[i + 1]) / 2, step = value[i + 1] - value[i];
            const float rounded = type->to_float(type->saturate(middle));
            CU_ASSERT_EQUAL(type->to_float(type->saturate(middle - step / 8)), value[i]);
            CU_ASSERT_EQUAL(type->to_float(type->saturate(middle + step / 8)), value[i + 1]);
            CU_ASSERT(type->saturate(rounded) % 2 == 0 || rounded == 0);
        }
        CU_ASSERT_EQUAL(type->to_float(type->saturate(INFINITY)), type->greatest);
        CU_ASSERT_EQUAL(type->to_float(type->saturate(-1e30f)), -type->greatest);
        const float beyond = type->to_float(type->from_float(1e30f));
        CU_ASSERT(type->has_infinity ? isinf(beyond) : type->has_nan ? isnan(beyond) : beyond == type->greatest);
    }
}

static void test_powers_of_two(void)
{
    CU_ASSERT_EQUAL(o2c_float8e8m0_to_float(127), 1.0f);
    CU_ASSERT(isnan(o2c_float8e8m0_to_float(255)));
    for (int bits = 0; bits < 255; bits++)
        CU_ASSERT_EQUAL(o2c_float8e8m0_saturate(o2c_float8e8m0_to_float((uint8_t)bits)), bits);
    CU_ASSERT_EQUAL(o2c_float8e8m0_saturate(1.5f), 128);
    CU_ASSERT_EQUAL(o2c_float8e8m0_saturate(0), 0);
    CU_ASSERT_EQUAL(o2c_float8e8m0_saturate(INFINITY), 254);
    CU_ASSERT_EQUAL(o2c_float8e8m0_from_float(1.4f), 127);
    CU_ASSERT_EQUAL(o2c_float8e8m0_from_float(1.5f), 128);
}

static void test_half_floats(void)
{
    for (int bits = 0; bits < 65536; bits++) {
        const float half = o2c_float16_to_float((uint16_t)bits), brain = o2c_bfloat16_to_float((uint16_t)bits);
        if (!isnan(half))
            CU_ASSERT_EQUAL(o2c_float16_from_float(half), bits);
        if (!isnan(brain))
            CU_ASSERT_EQUAL(o2c_bfloat16_from_float(brain), bits);
    }
    CU_ASSERT_EQUAL(o2c_float16_from_float(65519.99f), 0x7BFF);
    CU_ASSERT_EQUAL(o2c_float16_from_float(65520.0f), 0x7C00);
    CU_ASSERT_EQUAL(o2c_float16_from_float(2049.0f), o2c_float16_from_float(2048.0f)); /* a tie, to even */
    CU_ASSERT_EQUAL(o2c_float16_from_float(2051.0f), o2c_float16_from_float(2052.0f));
    CU_ASSERT(isnan(o2c_float16_to_float(o2c_float16_from_float(NAN))));
    CU_ASSERT(isnan(o2c_bfloat16_to_float(o2c_bfloat16_from_float(NAN))));
    /* 1 + 2^-11 + 2^-40 lies just above a tie: rounding to float first would lose that */
    const double above = 1 + 0x1p-11 + 0x1p-40;
    CU_ASSERT_EQUAL(o2c_float16_from_float((float)above), 0x3C00);
    CU_ASSERT_EQUAL(o2c_float16_from_float(o2c_float_odd(above)), 0x3C01);
    CU_ASSERT_EQUAL(o2c_float_odd(1e300), 3.40282347e+38f);
    CU_ASSERT_EQUAL(o2c_float_odd(0.5), 0.5f);
}

void suite_scalar(void)
{
    static const UnitTest tests[] = {
        {"integers wrap and never trap", test_integers},
        {"floats: NaN, infinities, ties", test_floats},
        {"all functions on all extremes", test_all_operands},
        {"many lanes", test_lanes},
        {"casts", test_casts},
        {"floats of 4, 6 and 8 bits", test_byte_floats},
        {"powers of two", test_powers_of_two},
        {"float16 and bfloat16", test_half_floats},
    };
    ADD_SUITE("scalar", tests);
}
