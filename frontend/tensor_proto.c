/* tensor_proto.c -- TensorProto to Tensor and back.
 *
 * Elements narrower than a byte are packed in files, low bits first, and take a byte each in memory. */
#include "export.h"
#include "frontend.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw data are little-endian, and so must the host be");

static const char *tensor_name(const Onnx__TensorProto *proto)
{
    return proto->name ? proto->name : "";
}

static void *invalid(const Source *source, const Onnx__TensorProto *proto, const char *why)
{
    report_add(source->context->report, NULL, TENSOR_INVALID, tensor_name(proto), why);
    return NULL;
}

/* Sets rank, dim and count from a file's dims; what is wrong with them, or NULL. */
static const char *set_shape(Tensor *tensor, size_t rank, const int64_t *dim)
{
    if (rank > MAX_RANK)
        return "more than 16 dimensions";
    tensor->rank = (int)rank;
    tensor->count = 1;
    bool empty = false, overflow = false;
    for (size_t i = 0; i < rank; i++) {
        if (dim[i] < 0)
            return "a negative dimension";
        tensor->dim[i] = dim[i];
        empty |= dim[i] == 0;
        overflow |= __builtin_mul_overflow(tensor->count, dim[i], &tensor->count);
    }
    if (empty)
        tensor->count = 0;
    return overflow && !empty ? "more elements than can be counted" : NULL;
}

/* The tensor without its data. NULL after an error. */
static Tensor *import_header(const Source *source, const Onnx__TensorProto *proto)
{
    Tensor *tensor = ARENA_NEW(source->context->arena, Tensor);
    tensor->dtype = dtype_from_number(proto->data_type);
    if (tensor->dtype == UNDEFINED)
        return invalid(source, proto, "an unknown element type");
    if (proto->segment)
        return invalid(source, proto, "stored in segments, which no exporter writes");
    const char *wrong = set_shape(tensor, proto->n_dims, proto->dims);
    if (wrong)
        return invalid(source, proto, wrong);
    int64_t size = (int64_t)dtype_info(tensor->dtype)->size;
    if (size > 0 && tensor->count > source->context->max_tensor_bytes / size)
        return invalid(source, proto, "larger than the limit for a tensor");
    return tensor;
}

static bool is_narrow(DType dtype)
{
    return dtype_info(dtype)->bits < 8;
}

/* Sets data from the bytes of a raw_data field or an external file: borrowed where alignment and form allow. */
static void set_raw(Context *context, Tensor *tensor, const unsigned char *bytes)
{
    size_t size = dtype_info(tensor->dtype)->size, total = (size_t)tensor->count * size;
    if (is_narrow(tensor->dtype)) {
        tensor->data = arena_alloc(context->arena, total);
        dtype_unpack(tensor->dtype, bytes, tensor->count, tensor->data);
        return;
    }
    if (tensor->dtype == BOOL) { /* any byte that is not 0 means true, but we compute with 0 and 1 */
        unsigned char *truth = arena_alloc(context->arena, total);
        for (size_t i = 0; i < total; i++)
            truth[i] = bytes[i] != 0;
        tensor->data = truth;
        return;
    }
    size_t alignment = size < 8 ? size : 8;
    if ((uintptr_t)bytes % alignment == 0) {
        tensor->data = (void *)bytes;
        return;
    }
    tensor->data = arena_alloc(context->arena, total);
    if (total)
        memcpy(tensor->data, bytes, total);
}

/* Sets data from int32_data, which holds all types of at most 32 bits but float and uint32. */
static const char *set_int32(Context *context, Tensor *tensor, const int32_t *value, size_t n)
{
    size_t size = dtype_info(tensor->dtype)->size, count = (size_t)tensor->count;
    int bits = dtype_info(tensor->dtype)->bits;
    bool packed = bits == 2 || bits == 4; /* an entry then holds what a byte of raw data would */
    if (n != (packed ? dtype_packed_size(tensor->dtype, tensor->count) : count))
        return "int32_data does not have as many entries as the shape asks for";
    unsigned char *data = arena_alloc(context->arena, count * size);
    if (packed) {
        unsigned char *bytes = arena_alloc(context->arena, n);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)value[i];
        dtype_unpack(tensor->dtype, bytes, tensor->count, data);
    } else {
        for (size_t i = 0; i < n; i++) {
            int32_t element = tensor->dtype == BOOL ? value[i] != 0 : value[i];
            memcpy(data + i * size, &element, size); /* the low bytes */
        }
    }
    tensor->data = data;
    return NULL;
}

static const char *set_strings(Context *context, Tensor *tensor, const ProtobufCBinaryData *string, size_t n)
{
    if (n != (size_t)tensor->count)
        return "string_data does not have as many entries as the shape asks for";
    const char **text = ARENA_ARRAY(context->arena, n, const char *);
    for (size_t i = 0; i < n; i++) {
        if (string[i].len && memchr(string[i].data, 0, string[i].len))
            return "a string with a NUL byte, which is not supported";
        text[i] = string[i].len ? arena_strndup(context->arena, (const char *)string[i].data, string[i].len) : "";
    }
    tensor->data = text;
    return NULL;
}

/* The fields that hold elements by their type. */
typedef enum { FLOAT_DATA, DOUBLE_DATA, INT64_DATA, UINT64_DATA, INT32_DATA, STRING_DATA, NUM_FIELD } TypedField;

static TypedField typed_field(DType dtype)
{
    switch (dtype) {
    case F32:
    case C64:
        return FLOAT_DATA;
    case F64:
    case C128:
        return DOUBLE_DATA;
    case I64:
        return INT64_DATA;
    case U32:
    case U64:
        return UINT64_DATA;
    case STRING:
        return STRING_DATA;
    default:
        return INT32_DATA;
    }
}

/* The entries of each typed field; whether there are any. */
static bool count_entries(const Onnx__TensorProto *proto, size_t count[NUM_FIELD])
{
    bool some = false;
    count[FLOAT_DATA] = proto->n_float_data;
    count[DOUBLE_DATA] = proto->n_double_data;
    count[INT64_DATA] = proto->n_int64_data;
    count[UINT64_DATA] = proto->n_uint64_data;
    count[INT32_DATA] = proto->n_int32_data;
    count[STRING_DATA] = proto->n_string_data;
    for (int i = 0; i < NUM_FIELD; i++)
        some |= count[i] > 0;
    return some;
}

/* The low halves of uint64_data. */
static uint32_t *low_halves(Context *context, const uint64_t *value, int64_t count)
{
    uint32_t *low = ARENA_ARRAY(context->arena, count, uint32_t);
    for (int64_t i = 0; i < count; i++)
        low[i] = (uint32_t)value[i];
    return low;
}

/* Sets data from the typed field for the tensor's type; what is wrong, or NULL. */
static const char *set_typed(Context *context, Tensor *tensor, const Onnx__TensorProto *proto)
{
    const TypedField wanted = typed_field(tensor->dtype);
    const size_t each = dtype_info(tensor->dtype)->class == COMPLEX ? 2 : 1;
    size_t count[NUM_FIELD];
    count_entries(proto, count);
    for (int i = 0; i < NUM_FIELD; i++)
        if (i != (int)wanted && count[i] > 0)
            return "data in a field for another element type";
    if (wanted == STRING_DATA)
        return set_strings(context, tensor, proto->string_data, proto->n_string_data);
    if (wanted == INT32_DATA)
        return set_int32(context, tensor, proto->int32_data, proto->n_int32_data);
    if (count[wanted] != (size_t)tensor->count * each)
        return count[wanted] ? "not as many elements as the shape asks for" : "no data";
    if (count[wanted] == 0)
        tensor->data = arena_alloc(context->arena, 0);
    else if (tensor->dtype == U32)
        tensor->data = low_halves(context, proto->uint64_data, tensor->count);
    else /* they stand there as they are wanted */
        tensor->data = wanted == FLOAT_DATA    ? (void *)proto->float_data
                       : wanted == DOUBLE_DATA ? (void *)proto->double_data
                       : wanted == INT64_DATA  ? (void *)proto->int64_data
                                               : (void *)proto->uint64_data;
    return NULL;
}

const Tensor *tensor_import(const Source *source, const Onnx__TensorProto *proto)
{
    Tensor *tensor = import_header(source, proto);
    if (!tensor)
        return NULL;
    size_t entries[NUM_FIELD];
    bool external = proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    if (external + proto->has_raw_data + count_entries(proto, entries) > 1)
        return invalid(source, proto, "data in more than one field");
    if (!external && !proto->has_raw_data) {
        const char *wrong = set_typed(source->context, tensor, proto);
        return wrong ? invalid(source, proto, wrong) : tensor;
    }
    if (tensor->dtype == STRING)
        return invalid(source, proto, "strings as raw data");
    size_t size = dtype_packed_size(tensor->dtype, tensor->count);
    const unsigned char *bytes;
    if (external) {
        bytes = external_data(source, proto, size);
        if (!bytes)
            return NULL;
    } else {
        Span span;
        memcpy(&span, proto->raw_data.data, sizeof span); /* see wire.c */
        if (span.size != size)
            return invalid(source, proto, "raw_data does not have the size the shape asks for");
        bytes = source->bytes.data + span.offset;
    }
    set_raw(source->context, tensor, bytes);
    return tensor;
}

/* The place of the i-th value of a sparse tensor in the dense one, from its indices: [n] flat or [n, rank] coordinates.
 */
static bool sparse_place(const Tensor *dense, const Tensor *index, int64_t i, int64_t *place)
{
    const int64_t *at = index->data;
    if (index->rank == 1) {
        *place = at[i];
        return at[i] >= 0 && at[i] < dense->count;
    }
    *place = 0;
    for (int k = 0; k < dense->rank; k++) {
        int64_t coordinate = at[i * dense->rank + k];
        if (coordinate < 0 || coordinate >= dense->dim[k])
            return false;
        *place = *place * dense->dim[k] + coordinate;
    }
    return true;
}

const Tensor *tensor_import_sparse(const Source *source, const Onnx__SparseTensorProto *proto)
{
    static const Onnx__TensorProto nameless = ONNX__TENSOR_PROTO__INIT;
    if (!proto->values || !proto->indices)
        return invalid(source, proto->values ? proto->values : &nameless, "a sparse tensor without values or indices");
    const Tensor *value = tensor_import(source, proto->values), *index = tensor_import(source, proto->indices);
    if (!value || !index)
        return NULL;
    Tensor shape = {0};
    const char *wrong = set_shape(&shape, proto->n_dims, proto->dims);
    if (wrong)
        return invalid(source, proto->values, wrong);
    bool flat = index->rank == 1, coordinates = index->rank == 2 && index->dim[1] == shape.rank;
    if (value->rank != 1 || index->dtype != I64 || !(flat || coordinates) || index->dim[0] != value->count)
        return invalid(source, proto->values, "a sparse tensor whose indices do not fit its values");
    if (value->dtype == STRING)
        return invalid(source, proto->values, "a sparse tensor of strings, which is not supported");
    Tensor *dense = tensor_new(source->context, value->dtype, shape.rank, shape.dim);
    size_t size = dtype_info(value->dtype)->size;
    int64_t last = -1;
    for (int64_t i = 0; i < value->count; i++) {
        int64_t place;
        if (!sparse_place(dense, index, i, &place))
            return invalid(source, proto->values, "a sparse index outside the shape");
        if (place <= last)
            return invalid(source, proto->values, "sparse indices that are not in ascending order");
        last = place;
        memcpy((char *)dense->data + (size_t)place * size, (const char *)value->data + (size_t)i * size, size);
    }
    return dense;
}

/* ---- writing ---- */
typedef struct {
    ProtobufCBuffer base;
    FILE *file;
} FileBuffer;

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
    if (size)
        fwrite(bytes, 1, size, ((FileBuffer *)buffer)->file);
}

bool message_write(const ProtobufCMessage *message, FILE *file)
{
    protobuf_c_message_pack_to_buffer(message, &(FileBuffer){{append}, file}.base);
    return !ferror(file);
}

/* The tensor's elements as a file has them. */
static ProtobufCBinaryData raw_data(Arena *arena, const Tensor *tensor)
{
    size_t size = dtype_info(tensor->dtype)->size, total = (size_t)tensor->count * size;
    unsigned char *bytes = tensor->data;
    if (tensor->splat) {
        bytes = arena_alloc(arena, total);
        for (int64_t i = 0; i < tensor->count; i++)
            memcpy(bytes + (size_t)i * size, tensor->data, size);
    }
    if (is_narrow(tensor->dtype)) {
        unsigned char *packed = arena_alloc(arena, total);
        dtype_pack(tensor->dtype, bytes, tensor->count, packed);
        bytes = packed;
    }
    return (ProtobufCBinaryData){dtype_packed_size(tensor->dtype, tensor->count), bytes};
}

Onnx__TensorProto *tensor_export(Arena *arena, const Tensor *tensor, const char *name)
{
    Onnx__TensorProto *proto = ARENA_NEW(arena, Onnx__TensorProto);
    *proto = (Onnx__TensorProto)ONNX__TENSOR_PROTO__INIT;
    proto->name = (char *)name;
    proto->n_dims = (size_t)tensor->rank;
    proto->dims = (int64_t *)tensor->dim;
    proto->has_data_type = true;
    proto->data_type = (int32_t)tensor->dtype;
    if (tensor->dtype != STRING) {
        proto->has_raw_data = true;
        proto->raw_data = raw_data(arena, tensor);
        return proto;
    }
    proto->n_string_data = (size_t)tensor->count;
    proto->string_data = ARENA_ARRAY(arena, tensor->count, ProtobufCBinaryData);
    for (int64_t i = 0; i < tensor->count; i++) {
        char *text = ((char **)tensor->data)[tensor->splat ? 0 : i];
        proto->string_data[i] = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    }
    return proto;
}

static void no_memory(void *who)
{
    (void)who;
    abort();
}

bool tensor_save(const Tensor *tensor, const char *name, const char *path)
{
    Arena *arena = arena_new(SIZE_MAX, no_memory, NULL);
    FILE *file = arena ? fopen(path, "wb") : NULL;
    bool ok = file && message_write(&tensor_export(arena, tensor, name)->base, file);
    ok = (!file || fclose(file) == 0) && ok;
    arena_free(arena);
    return ok;
}
