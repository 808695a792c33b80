/* lanes.c -- see lanes.h. */
#include "lanes.h"
#include "../../runtime/float.h"
#include "../../runtime/scalar.h"
#include <string.h>

/* ---- scalar functions ---- NONE is a text too, never reached: scalar_info says where a function is not defined */
#define NONE         0
#define RESULT_SAME  T
#define RESULT_TRUTH uint8_t

#define COLUMN(floating, signed_, unsigned_, boolean) floating
#define M(function)                                   function##f
#define K(constant)                                   constant##f
#define T                                             float
#define U                                             uint32_t
#define TYPE                                          F32
#include "lanes_type.h"
#undef M
#undef K
#define M(function) function
#define K(constant) constant
#define T           double
#define U           uint64_t
#define TYPE        F64
#include "lanes_type.h"
#undef COLUMN

#define COLUMN(floating, signed_, unsigned_, boolean) signed_
#define T                                             int8_t
#define U                                             uint8_t
#define TYPE                                          I8
#include "lanes_type.h"
#define T    int16_t
#define U    uint16_t
#define TYPE I16
#include "lanes_type.h"
#define T    int32_t
#define U    uint32_t
#define TYPE I32
#include "lanes_type.h"
#define T    int64_t
#define U    uint64_t
#define TYPE I64
#include "lanes_type.h"
#undef COLUMN

#define COLUMN(floating, signed_, unsigned_, boolean) unsigned_
#define T                                             uint8_t
#define U                                             uint8_t
#define TYPE                                          U8
#include "lanes_type.h"
#define T    uint16_t
#define U    uint16_t
#define TYPE U16
#include "lanes_type.h"
#define T    uint32_t
#define U    uint32_t
#define TYPE U32
#include "lanes_type.h"
#define T    uint64_t
#define U    uint64_t
#define TYPE U64
#include "lanes_type.h"
#undef COLUMN

#define COLUMN(floating, signed_, unsigned_, boolean) boolean
#define T                                             uint8_t
#define U                                             uint8_t
#define TYPE                                          BOOL
#include "lanes_type.h"
#undef COLUMN

/* Strings can only be compared; NULL stands for "". */
static void equal_strings(int64_t n, void *out, Operand a, Operand b, Operand c)
{
    const char *const *first = a.data, *const *second = b.data;
    (void)c;
    for (int64_t i = 0; i < n; i++) {
        const char *x = first[a.step ? i : 0], *y = second[b.step ? i : 0];
        ((uint8_t *)out)[i] = strcmp(x ? x : "", y ? y : "") == 0;
    }
}

Lanes *lanes_scalar(Scalar scalar, DType operand)
{
    static Lanes *const *const table[NUM_DTYPE] = {
        [F32] = table_F32,   [F64] = table_F64, [I8] = table_I8,   [I16] = table_I16, [I32] = table_I32,
        [I64] = table_I64,   [U8] = table_U8,   [U16] = table_U16, [U32] = table_U32, [U64] = table_U64,
        [BOOL] = table_BOOL, [I4] = table_I8,   [I2] = table_I8,   [U4] = table_U8,   [U2] = table_U8};
    if (operand == STRING && scalar == S_EQUAL)
        return equal_strings;
    return table[operand] && scalar_info(scalar, operand) ? table[operand][scalar] : NULL;
}

/* ---- conversions ---- */
size_t lanes_size(DType type)
{
    return dtype_info(dtype_is_converted(type) ? F32 : type)->size;
}

/* Integer types with their least and greatest value, one more than the greatest (exact as a double), and x, the low
 * bits of an integer, as one of theirs. */
#define INTEGERS(_)                                                                                                    \
    _(I8, int8_t, INT8_MIN, INT8_MAX, 128.0, (int8_t)x)                                                                \
    _(I16, int16_t, INT16_MIN, INT16_MAX, 32768.0, (int16_t)x)                                                         \
    _(I32, int32_t, INT32_MIN, INT32_MAX, 2147483648.0, (int32_t)x)                                                    \
    _(I64, int64_t, INT64_MIN, INT64_MAX, 9223372036854775808.0, (int64_t)x)                                           \
    _(U8, uint8_t, 0, UINT8_MAX, 256.0, (uint8_t)x)                                                                    \
    _(U16, uint16_t, 0, UINT16_MAX, 65536.0, (uint16_t)x)                                                              \
    _(U32, uint32_t, 0, UINT32_MAX, 4294967296.0, (uint32_t)x)                                                         \
    _(U64, uint64_t, 0, UINT64_MAX, 18446744073709551616.0, x)                                                         \
    _(I4, int8_t, -8, 7, 8.0, (int8_t)((int)(x & 15) - ((int)(x & 8) << 1)))                                           \
    _(I2, int8_t, -2, 1, 2.0, (int8_t)((int)(x & 3) - ((int)(x & 2) << 1)))                                            \
    _(U4, uint8_t, 0, 15, 16.0, (uint8_t)(x & 15))                                                                     \
    _(U2, uint8_t, 0, 3, 4.0, (uint8_t)(x & 3))                                                                        \
    _(BOOL, uint8_t, 0, 1, 2.0, x != 0)

enum { BLOCK = 64 };

static void widen_floats(int n, double *wide, const void *in, DType from)
{
    for (int i = 0; i < n; i++)
        wide[i] = from == F64 ? ((const double *)in)[i] : (double)((const float *)in)[i];
}

/* Two's complement, sign-extended. */
static void widen_integers(int n, uint64_t *wide, const void *in, DType from)
{
    switch (from) {
#define WIDEN(dtype, ctype, least, greatest, beyond, wrapped)                                                          \
    case dtype:                                                                                                        \
        for (int i = 0; i < n; i++)                                                                                    \
            wide[i] = (uint64_t)((const ctype *)in)[i];                                                                \
        break;
        INTEGERS(WIDEN)
#undef WIDEN
    default:
        break;
    }
}

static void narrow_floats(int n, void *out, DType to, const double *wide)
{
    switch (to) {
#define NARROW(dtype, ctype, least, greatest, beyond, wrapped)                                                         \
    case dtype:                                                                                                        \
        for (int i = 0; i < n; i++) {                                                                                  \
            const double d = wide[i];                                                                                  \
            ((ctype *)out)[i] = dtype == BOOL          ? (ctype)(d != 0)                                               \
                                : d != d               ? (ctype)0                                                      \
                                : d <= (double)(least) ? (ctype)(least)                                                \
                                : d >= (beyond)        ? (ctype)(greatest)                                             \
                                                       : (ctype)d;                                                            \
        }                                                                                                              \
        break;
        INTEGERS(NARROW)
#undef NARROW
    case F64:
        memcpy(out, wide, (size_t)n * sizeof *wide);
        break;
    default:
        for (int i = 0; i < n; i++)
            ((float *)out)[i] = to == F32 ? (float)wide[i] : o2c_float_odd(wide[i]);
    }
}

static void narrow_integers(int n, void *out, DType to, const uint64_t *wide, bool is_unsigned)
{
    switch (to) {
#define NARROW(dtype, ctype, least, greatest, beyond, wrapped)                                                         \
    case dtype:                                                                                                        \
        for (int i = 0; i < n; i++) {                                                                                  \
            const uint64_t x = wide[i];                                                                                \
            ((ctype *)out)[i] = wrapped;                                                                               \
        }                                                                                                              \
        break;
        INTEGERS(NARROW)
#undef NARROW
    case F64:
        for (int i = 0; i < n; i++)
            ((double *)out)[i] = is_unsigned ? (double)wide[i] : (double)(int64_t)wide[i];
        break;
    default:
        for (int i = 0; i < n; i++)
            ((float *)out)[i] = is_unsigned ? (float)wide[i] : (float)(int64_t)wide[i];
    }
}

/* ---- converted types ---- */
#define BYTE_FLOATS(_)                                                                                                 \
    _(F8E4M3FN, float8e4m3fn)                                                                                          \
    _(F8E4M3FNUZ, float8e4m3fnuz)                                                                                      \
    _(F8E5M2, float8e5m2)                                                                                              \
    _(F8E5M2FNUZ, float8e5m2fnuz)                                                                                      \
    _(F8E8M0, float8e8m0) _(F6E2M3, float6e2m3) _(F6E3M2, float6e3m2) _(F4E2M1, float4e2m1)

static void round_to(int64_t n, float *x, DType type)
{
    switch (type) {
    case F16:
        for (int64_t i = 0; i < n; i++)
            x[i] = o2c_float16_to_float(o2c_float16_from_float(x[i]));
        break;
    case BF16:
        for (int64_t i = 0; i < n; i++)
            x[i] = o2c_bfloat16_to_float(o2c_bfloat16_from_float(x[i]));
        break;
#define ROUND(dtype, name)                                                                                             \
    case dtype:                                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                                \
            x[i] = o2c_##name##_to_float(o2c_##name##_saturate(x[i]));                                                 \
        break;
        BYTE_FLOATS(ROUND)
#undef ROUND
    default:
        break;
    }
}

void lanes_cast(int64_t n, void *out, DType to, const void *in, DType from)
{
    const size_t in_size = lanes_size(from), out_size = lanes_size(to);
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int count = n - i < BLOCK ? (int)(n - i) : BLOCK;
        const void *source = (const char *)in + (size_t)i * in_size;
        void *target = (char *)out + (size_t)i * out_size;
        if (dtype_is_float(from)) {
            double wide[BLOCK];
            widen_floats(count, wide, source, from);
            narrow_floats(count, target, to, wide);
        } else {
            uint64_t wide[BLOCK] = {0};
            widen_integers(count, wide, source, from);
            narrow_integers(count, target, to, wide, from == U64);
        }
    }
    if (dtype_is_converted(to))
        round_to(n, out, to);
}

void lanes_load(int64_t n, void *out, const void *memory, DType type)
{
    float *x = out;
    switch (type) {
    case F16:
        for (int64_t i = 0; i < n; i++)
            x[i] = o2c_float16_to_float(((const uint16_t *)memory)[i]);
        break;
    case BF16:
        for (int64_t i = 0; i < n; i++)
            x[i] = o2c_bfloat16_to_float(((const uint16_t *)memory)[i]);
        break;
#define LOAD(dtype, name)                                                                                              \
    case dtype:                                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                                \
            x[i] = o2c_##name##_to_float(((const uint8_t *)memory)[i]);                                                \
        break;
        BYTE_FLOATS(LOAD)
#undef LOAD
    default:
        memcpy(out, memory, (size_t)n * dtype_info(type)->size);
    }
}

void lanes_store(int64_t n, void *memory, const void *in, DType type)
{
    const float *x = in;
    switch (type) {
    case F16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)memory)[i] = o2c_float16_from_float(x[i]);
        break;
    case BF16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)memory)[i] = o2c_bfloat16_from_float(x[i]);
        break;
#define STORE(dtype, name)                                                                                             \
    case dtype:                                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                                \
            ((uint8_t *)memory)[i] = o2c_##name##_from_float(x[i]);                                                    \
        break;
        BYTE_FLOATS(STORE)
#undef STORE
    default:
        memcpy(memory, in, (size_t)n * dtype_info(type)->size);
    }
}
