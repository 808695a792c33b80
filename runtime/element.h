/* element.h -- tensor elements of any type, told by the type's ONNX number (TensorProto.DataType). */
#ifndef O2C_ELEMENT_H
#define O2C_ELEMENT_H
#include "runtime.h"

enum {
    O2C_FLOAT = 1,
    O2C_UINT8 = 2,
    O2C_INT8 = 3,
    O2C_UINT16 = 4,
    O2C_INT16 = 5,
    O2C_INT32 = 6,
    O2C_INT64 = 7,
    O2C_BOOL = 9,
    O2C_FLOAT16 = 10,
    O2C_DOUBLE = 11,
    O2C_UINT32 = 12,
    O2C_UINT64 = 13,
    O2C_BFLOAT16 = 16
};

/* The key of a float given as sign and magnitude bits: -0 equals 0, and every NaN comes after infinity. */
static inline int64_t o2c_float_key(int negative, uint64_t magnitude, uint64_t infinity)
{
    if (magnitude > infinity)
        return INT64_MAX;
    return negative ? -(int64_t)magnitude : (int64_t)magnitude;
}

/* A number that orders as element i of `data` does; equal elements have equal keys, in uint64 tensors zero's is not 0.
 */
static inline int64_t o2c_order_key(const void *data, int64_t i, int64_t type)
{
    switch (type) {
    case O2C_FLOAT: {
        uint32_t bits;
        memcpy(&bits, (const char *)data + 4 * i, 4);
        return o2c_float_key(bits >> 31 != 0, bits & 0x7fffffffu, 0x7f800000u);
    }
    case O2C_DOUBLE: {
        uint64_t bits;
        memcpy(&bits, (const char *)data + 8 * i, 8);
        return o2c_float_key(bits >> 63 != 0, bits & (UINT64_MAX >> 1), (uint64_t)0x7ff << 52);
    }
    case O2C_FLOAT16: {
        const unsigned bits = ((const uint16_t *)data)[i];
        return o2c_float_key(bits >> 15 != 0, bits & 0x7fffu, 0x7c00u);
    }
    case O2C_BFLOAT16: {
        const unsigned bits = ((const uint16_t *)data)[i];
        return o2c_float_key(bits >> 15 != 0, bits & 0x7fffu, 0x7f80u);
    }
    case O2C_INT8:
        return ((const int8_t *)data)[i];
    case O2C_UINT16:
        return ((const uint16_t *)data)[i];
    case O2C_INT16:
        return ((const int16_t *)data)[i];
    case O2C_INT32:
        return ((const int32_t *)data)[i];
    case O2C_INT64:
        return ((const int64_t *)data)[i];
    case O2C_UINT32:
        return ((const uint32_t *)data)[i];
    case O2C_UINT64: {
        const uint64_t value = ((const uint64_t *)data)[i];
        const uint64_t half = (uint64_t)1 << 63;
        return value >= half ? (int64_t)(value - half) : (int64_t)value - INT64_MAX - 1;
    }
    default: /* uint8, bool */
        return ((const uint8_t *)data)[i];
    }
}

/* Bytes of an element. */
static inline size_t o2c_element_size(int64_t type)
{
    switch (type) {
    case O2C_DOUBLE:
    case O2C_INT64:
    case O2C_UINT64:
        return 8;
    case O2C_FLOAT:
    case O2C_INT32:
    case O2C_UINT32:
        return 4;
    case O2C_FLOAT16:
    case O2C_BFLOAT16:
    case O2C_INT16:
    case O2C_UINT16:
        return 2;
    default:
        return 1;
    }
}

/* to[i] = from[j], elements of `size` bytes. */
static inline void o2c_copy_element(void *to, int64_t i, const void *from, int64_t j, size_t size)
{
    memcpy((char *)to + (size_t)i * size, (const char *)from + (size_t)j * size, size);
}
#endif
