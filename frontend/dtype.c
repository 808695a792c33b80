/* dtype.c -- the table of element types, and lookups in it. */
#include "dtype.h"
#include <string.h>

static const DTypeInfo info[NUM_DTYPE] = {
#define DTYPE(name, number, text, bits, storage, compute, class)                                                       \
    [number] = {#name, text, bits, sizeof(storage) * (class == COMPLEX ? 2 : 1), #storage, #compute, class},
#include "dtype.def"
#undef DTYPE
};

const DTypeInfo *dtype_info(DType type)
{
    return &info[type];
}

DType dtype_parse(const char *text, size_t length)
{
    for (int number = 1; number < NUM_DTYPE; number++)
        if (strlen(info[number].text) == length && memcmp(info[number].text, text, length) == 0)
            return (DType)number;
    return UNDEFINED;
}

DType dtype_from_number(int64_t number)
{
    return number > 0 && number < NUM_DTYPE ? (DType)number : UNDEFINED;
}

bool dtype_is_converted(DType type)
{
    return strcmp(info[type].storage, info[type].compute) != 0;
}

DType dtype_compute(DType type)
{
    return dtype_is_converted(type) ? F32 : type;
}

size_t dtype_packed_size(DType dtype, int64_t count)
{
    return ((size_t)count * (size_t)dtype_info(dtype)->bits + 7) / 8;
}

void dtype_unpack(DType dtype, const unsigned char *packed, int64_t count, unsigned char *element)
{
    unsigned bits = (unsigned)dtype_info(dtype)->bits, mask = (1u << bits) - 1;
    unsigned sign = dtype_info(dtype)->class == SIGNED ? 1u << (bits - 1) : 0;
    for (int64_t i = 0; i < count; i++) {
        size_t bit = (size_t)i * bits;
        unsigned word = packed[bit / 8];
        if (bit % 8 + bits > 8)
            word |= (unsigned)packed[bit / 8 + 1] << 8;
        unsigned value = word >> bit % 8 & mask;
        element[i] = (unsigned char)((value ^ sign) - sign);
    }
}

void dtype_pack(DType dtype, const unsigned char *element, int64_t count, unsigned char *packed)
{
    unsigned bits = (unsigned)dtype_info(dtype)->bits, mask = (1u << bits) - 1;
    memset(packed, 0, dtype_packed_size(dtype, count));
    for (int64_t i = 0; i < count; i++) {
        size_t bit = (size_t)i * bits;
        unsigned word = (element[i] & mask) << bit % 8;
        packed[bit / 8] |= (unsigned char)word;
        if (bit % 8 + bits > 8)
            packed[bit / 8 + 1] |= (unsigned char)(word >> 8);
    }
}
