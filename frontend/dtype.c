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
