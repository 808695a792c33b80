/* tensor.c -- tensors and types. */
#include "ir.h"
#include "ops/lanes.h"
#include <math.h>
#include <string.h>

/* Elements of this shape; -1: negative, or more bytes than the context allows. */
static int64_t count_elements(const Context *context, DType dtype, int rank, const int64_t *dim)
{
    int64_t count = 1, bytes = (int64_t)dtype_info(dtype)->size;
    bool is_empty = false;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0)
            return -1;
        is_empty = is_empty || dim[i] == 0;
    }
    for (int i = 0; i < rank && !is_empty; i++)
        if (__builtin_mul_overflow(count, dim[i], &count))
            return -1;
    if (is_empty)
        return 0;
    return __builtin_mul_overflow(bytes, count, &bytes) || bytes > context->max_tensor_bytes ? -1 : count;
}

Tensor *tensor_new(Context *context, DType dtype, int rank, const int64_t *dim)
{
    int64_t count = rank <= MAX_RANK ? count_elements(context, dtype, rank, dim) : -1;
    if (count < 0)
        report_fatal(context->report, NULL, LIMIT_EXCEEDED, "the size of a tensor",
                     arena_printf(context->arena, "%lld bytes and %d dimensions", (long long)context->max_tensor_bytes,
                                  MAX_RANK));
    Tensor *tensor = ARENA_NEW(context->arena, Tensor);
    tensor->dtype = dtype;
    tensor->rank = rank;
    if (rank)
        memcpy(tensor->dim, dim, (size_t)rank * sizeof *dim);
    tensor->count = count;
    tensor->data = arena_array(context->arena, (size_t)count, dtype_info(dtype)->size);
    if (dtype == STRING)
        for (int64_t i = 0; i < count; i++)
            ((const char **)tensor->data)[i] = "";
    return tensor;
}

size_t tensor_bytes(const Tensor *tensor)
{
    int64_t held = tensor->splat && tensor->count ? 1 : tensor->count;
    return (size_t)held * dtype_info(tensor->dtype)->size;
}

const void *tensor_at(const Tensor *tensor, int64_t i)
{
    return (const char *)tensor->data + (tensor->splat ? 0 : (size_t)i * dtype_info(tensor->dtype)->size);
}

int64_t tensor_int(const Tensor *tensor, int64_t i)
{
    const void *at = tensor_at(tensor, i);
    switch (tensor->dtype) {
    case I64:
    case U64:
        return *(const int64_t *)at;
    case I32:
        return *(const int32_t *)at;
    case U32:
        return *(const uint32_t *)at;
    case I16:
        return *(const int16_t *)at;
    case U16:
        return *(const uint16_t *)at;
    case I8:
    case I4:
    case I2:
        return *(const int8_t *)at;
    default: /* bool and the unsigned types of a byte */
        return *(const uint8_t *)at;
    }
}

static bool has_numbers(const Tensor *tensor)
{
    const DTypeInfo *info = dtype_info(tensor->dtype);
    return info->class == FLOATING || info->class == BOOLEAN || dtype_is_integer(tensor->dtype);
}

double tensor_number(const Tensor *tensor, int64_t i)
{
    double lane[LANE_CHUNK] = {0}, number[LANE_CHUNK];
    if (!has_numbers(tensor))
        return NAN;
    lanes_load(1, lane, tensor_at(tensor, i), tensor->dtype);
    lanes_cast(1, number, F64, lane, dtype_compute(tensor->dtype));
    return number[0];
}

bool tensor_set_number(Tensor *tensor, int64_t i, double number)
{
    const double wide[LANE_CHUNK] = {number};
    double lane[LANE_CHUNK];
    if (!has_numbers(tensor))
        return false;
    lanes_cast(1, lane, tensor->dtype, wide, F64);
    lanes_store(1, (char *)tensor->data + (size_t)i * dtype_info(tensor->dtype)->size, lane, tensor->dtype);
    return true;
}

static bool same_shape(const Tensor *a, const Tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank || a->count != b->count)
        return false;
    return a->rank == 0 || memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

bool tensor_equal(const Tensor *a, const Tensor *b)
{
    if (a == b)
        return true;
    if (!same_shape(a, b))
        return false;
    if (a->count && a->splat == b->splat && a->dtype != STRING)
        return memcmp(a->data, b->data, tensor_bytes(a)) == 0;
    size_t size = dtype_info(a->dtype)->size;
    for (int64_t i = 0; i < a->count; i++) {
        const void *x = tensor_at(a, i), *y = tensor_at(b, i);
        bool same = a->dtype == STRING ? strcmp(*(char *const *)x, *(char *const *)y) == 0 : memcmp(x, y, size) == 0;
        if (!same)
            return false;
    }
    return true;
}

Type type_tensor(DType dtype, int rank, Dim *const *dim)
{
    Type type = {.kind = TENSOR, .dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dim[i] = dim[i];
    return type;
}

Type type_of_tensor(Context *context, const Tensor *tensor)
{
    Type type = {.kind = TENSOR, .dtype = tensor->dtype, .rank = tensor->rank};
    for (int i = 0; i < tensor->rank; i++)
        type.dim[i] = dim_const(context->dims, tensor->dim[i]);
    return type;
}

bool type_equal(const Type *a, const Type *b)
{
    if (a->kind != b->kind || a->dtype != b->dtype)
        return false;
    if (a->kind == SEQUENCE || a->kind == OPTIONAL || a->kind == MAP)
        return type_equal(a->element, b->element);
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}
