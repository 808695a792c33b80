/* type_proto.c -- TypeProto to Type. */
#include "import.h"
#include <string.h>

static bool invalid(const Source *source, const char *name, const char *why)
{
    return report_add(source->context->report, NULL, GRAPH_INVALID,
                      arena_printf(source->context->arena, "type of '%s': %s", name, why));
}

/* A size of a shape: a number, a named expression, or a fresh symbol. NULL after an error. */
static Dim *import_dim(const Source *source, const char *name, const Onnx__TensorShapeProto__Dimension *proto)
{
    DimTable *dims = source->context->dims;
    if (proto->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
        if (proto->dim_value < 0) {
            invalid(source, name, "a shape has a negative size");
            return NULL;
        }
        return dim_const(dims, proto->dim_value);
    }
    bool named = proto->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && proto->dim_param[0];
    return named ? dim_parse(dims, proto->dim_param) : dim_fresh(dims, proto, 0, NULL);
}

/* Whether the sizes that are numbers leave the tensor within the limit. */
static bool check_size(const Source *source, const char *name, const Type *type)
{
    int64_t bytes = (int64_t)dtype_info(type->dtype)->size, size;
    bool overflow = false;
    for (int i = 0; i < type->rank; i++)
        if (dim_is_const(type->dim[i], &size)) {
            if (size == 0)
                return true;
            overflow |= __builtin_mul_overflow(bytes, size, &bytes);
        }
    if (overflow || bytes > source->context->max_tensor_bytes)
        return report_add(
            source->context->report, NULL, LIMIT_EXCEEDED,
            arena_printf(source->context->arena, "the size of '%s'", name),
            arena_printf(source->context->arena, "%lld bytes", (long long)source->context->max_tensor_bytes));
    return true;
}

static bool import_tensor(const Source *source, const char *name, int32_t elem_type,
                          const Onnx__TensorShapeProto *shape, Type *type)
{
    type->dtype = dtype_from_number(elem_type);
    if (type->dtype == UNDEFINED)
        return invalid(source, name, "a tensor type with an unknown element type");
    if (!shape)
        return true;
    if (shape->n_dim > MAX_RANK)
        return invalid(source, name, "a shape with more than 16 dimensions");
    type->rank = (int)shape->n_dim;
    for (int i = 0; i < type->rank; i++) {
        type->dim[i] = import_dim(source, name, shape->dim[i]);
        if (!type->dim[i])
            return false;
    }
    return check_size(source, name, type);
}

static bool import_element(const Source *source, const char *name, TypeKind kind, const Onnx__TypeProto *element,
                           Type *type)
{
    type->kind = kind;
    if (!element)
        return invalid(source, name, "a type without an element type");
    Type *inner = ARENA_NEW(source->context->arena, Type);
    type->element = inner;
    return type_import(source, name, element, inner);
}

bool type_import(const Source *source, const char *name, const Onnx__TypeProto *proto, Type *type)
{
    *type = (Type){.kind = TENSOR, .rank = -1};
    switch (proto->value_case) {
    case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
        return import_tensor(source, name, proto->tensor_type->elem_type, proto->tensor_type->shape, type);
    case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
        type->kind = SPARSE_TENSOR;
        return import_tensor(source, name, proto->sparse_tensor_type->elem_type, proto->sparse_tensor_type->shape,
                             type);
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        return import_element(source, name, SEQUENCE, proto->sequence_type->elem_type, type);
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        return import_element(source, name, OPTIONAL, proto->optional_type->elem_type, type);
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
        type->dtype = dtype_from_number(proto->map_type->key_type);
        if (!dtype_is_integer(type->dtype) && type->dtype != STRING)
            return invalid(source, name, "a map whose keys are neither integers nor strings");
        return import_element(source, name, MAP, proto->map_type->value_type, type);
    case ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE:
        return invalid(source, name, "an opaque type, which is not supported");
    default:
        return invalid(source, name, "a type of no kind");
    }
}
