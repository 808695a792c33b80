/* parse_literal.c -- types and tensors in ONNX text. */
#include "parse.h"
#include <string.h>

/* ---- types ---- */

enum { MAX_TYPE_NESTING = 8 };

static DType token_dtype(const Lexer *lexer)
{
    return lexer->token.kind == TOKEN_NAME ? dtype_parse(lexer->token.at, lexer->token.length) : UNDEFINED;
}

bool type_begins(const Lexer *lexer)
{
    static const char *const word[] = {"seq", "map", "optional", "sparse_tensor"};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (lexer_is(lexer, word[i]))
            return lexer->token.kind == TOKEN_NAME;
    return token_dtype(lexer) != UNDEFINED;
}

static bool dtype_read(Lexer *lexer, DType *dtype)
{
    *dtype = token_dtype(lexer);
    if (*dtype == UNDEFINED)
        return lexer_error(lexer, "an element type expected");
    lexer_next(lexer);
    return true;
}

static bool dim_read(Lexer *lexer, Dim **dim)
{
    DimTable *dims = lexer->context->dims;
    int64_t size;
    const char *name;
    if (lexer_accept(lexer, "?")) {
        *dim = dim_fresh(dims, arena_alloc(lexer->context->arena, 1), 0, NULL);
        return true;
    }
    if (lexer->token.kind == TOKEN_NAME || lexer->token.kind == TOKEN_STRING) {
        if (!lexer_identifier(lexer, &name))
            return false;
        *dim = dim_parse(dims, name);
        return true;
    }
    if (!lexer_integer(lexer, &size))
        return false;
    *dim = dim_const(dims, size);
    return size >= 0 || lexer_error(lexer, "a negative size");
}

static bool tensor_type_read(Lexer *lexer, Type *type)
{
    type->rank = 0;
    if (!dtype_read(lexer, &type->dtype))
        return false;
    if (!lexer_accept(lexer, "["))
        return true;
    if (lexer_accept(lexer, "]")) {
        type->rank = -1;
        return true;
    }
    do {
        if (type->rank == MAX_RANK)
            return lexer_error(lexer, "a shape of more than %d dimensions", MAX_RANK);
        if (!dim_read(lexer, &type->dim[type->rank++]))
            return false;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, "]");
}

static bool type_read(Lexer *lexer, Type *type, int depth)
{
    *type = (Type){.kind = TENSOR, .rank = -1};
    if (depth == MAX_TYPE_NESTING)
        return lexer_error(lexer, "a type nested deeper than %d levels", MAX_TYPE_NESTING);
    if (token_dtype(lexer) != UNDEFINED)
        return tensor_type_read(lexer, type);
    bool is_map = lexer_is(lexer, "map"), is_sparse = lexer_is(lexer, "sparse_tensor");
    type->kind = is_map ? MAP : is_sparse ? SPARSE_TENSOR : lexer_is(lexer, "seq") ? SEQUENCE : OPTIONAL;
    if (!type_begins(lexer))
        return lexer_error(lexer, "a type expected");
    lexer_next(lexer);
    if (!lexer_expect(lexer, "("))
        return false;
    if (is_map && (!dtype_read(lexer, &type->dtype) || !lexer_expect(lexer, ",")))
        return false;
    if (is_sparse)
        return tensor_type_read(lexer, type) && lexer_expect(lexer, ")");
    Type *element = ARENA_NEW(lexer->context->arena, Type);
    type->element = element;
    return type_read(lexer, element, depth + 1) && lexer_expect(lexer, ")");
}

bool type_parse(Lexer *lexer, Type *type)
{
    return type_read(lexer, type, 0);
}

/* ---- tensors ---- */

static bool fixed_shape(Lexer *lexer, const Type *type, int64_t dim[MAX_RANK])
{
    if (type->kind != TENSOR || type->rank < 0)
        return lexer_error(lexer, "a tensor needs a tensor type with its shape");
    for (int i = 0; i < type->rank; i++)
        if (!dim_is_const(type->dim[i], &dim[i]))
            return lexer_error(lexer, "a tensor needs sizes that are numbers");
    return true;
}

/* Bits or an integer of a type of at most 64 bits. */
static bool store_integer(Lexer *lexer, Tensor *tensor, int64_t i, int64_t value)
{
    const DTypeInfo *info = dtype_info(tensor->dtype);
    int bits = info->class == BOOLEAN ? 1 : info->bits;
    int64_t low = info->class == SIGNED ? -(INT64_C(1) << (bits - 1)) : 0;
    if (bits < 64 && (value < low || value - low >= INT64_C(1) << bits))
        return lexer_error(lexer, "a number outside the range of %s", info->text);
    memcpy((char *)tensor->data + (size_t)i * info->size, &value, info->size); /* of a little-endian machine */
    return true;
}

static bool parse_float_element(Lexer *lexer, Tensor *tensor, int64_t i)
{
    bool is_double = tensor->dtype == F64 || tensor->dtype == C128;
    double value;
    if (!lexer_number(lexer, is_double ? F64 : F32, &value))
        return false;
    if (is_double)
        ((double *)tensor->data)[i] = value;
    else
        ((float *)tensor->data)[i] = (float)value;
    return true;
}

static bool is_float_token(const Lexer *lexer)
{
    Lexer ahead = *lexer;
    lexer_accept(&ahead, "-");
    return ahead.token.kind == TOKEN_FLOAT || ahead.token.kind == TOKEN_NAME;
}

static bool parse_element(Lexer *lexer, Tensor *tensor, int64_t i)
{
    int64_t integer;
    uint64_t natural;
    double value;
    const char *string;
    switch (tensor->dtype) {
    case F32:
    case F64:
        return parse_float_element(lexer, tensor, i);
    case C64:
    case C128:
        return parse_float_element(lexer, tensor, 2 * i) && lexer_expect(lexer, ",") &&
               parse_float_element(lexer, tensor, 2 * i + 1);
    case STRING:
        if (!lexer_string(lexer, &string))
            return false;
        ((const char **)tensor->data)[i] = string;
        return true;
    case U64:
        if (!lexer_unsigned(lexer, &natural))
            return false;
        ((uint64_t *)tensor->data)[i] = natural;
        return true;
    default:
        if (dtype_is_converted(tensor->dtype) && is_float_token(lexer)) {
            if (!lexer_number(lexer, F64, &value))
                return false;
            tensor_set_number(tensor, i, value);
            return true;
        }
        if (tensor->dtype == I64) {
            if (lexer_integer(lexer, &integer))
                ((int64_t *)tensor->data)[i] = integer;
            return !lexer->failed;
        }
        return lexer_integer(lexer, &integer) && store_integer(lexer, tensor, i, integer);
    }
}

/* Types of 2 and 4 bits stand as bytes of several elements, as protobuf's int32_data has them. */
static bool parse_packed(Lexer *lexer, Tensor *tensor)
{
    size_t size = dtype_packed_size(tensor->dtype, tensor->count);
    unsigned char *packed = arena_alloc(lexer->context->arena, size);
    for (size_t i = 0; i < size; i++) {
        int64_t byte;
        if ((i && !lexer_expect(lexer, ",")) || !lexer_integer(lexer, &byte))
            return false;
        if (byte < INT8_MIN || byte > UINT8_MAX)
            return lexer_error(lexer, "a byte of packed elements expected");
        packed[i] = (unsigned char)byte;
    }
    dtype_unpack(tensor->dtype, packed, tensor->count, tensor->data);
    return true;
}

static bool parse_elements(Lexer *lexer, Tensor *tensor)
{
    int bits = dtype_info(tensor->dtype)->bits;
    if (bits == 2 || bits == 4) {
        if (!parse_packed(lexer, tensor))
            return false;
    } else {
        for (int64_t i = 0; i < tensor->count; i++)
            if ((i && !lexer_expect(lexer, ",")) || !parse_element(lexer, tensor, i))
                return false;
    }
    return lexer_expect(lexer, "}");
}

/* Whether the text is long enough for so many elements, so that a short text cannot ask for much memory. */
static bool has_room(const Lexer *lexer, DType dtype, int rank, const int64_t *dim)
{
    double count = 1;
    for (int i = 0; i < rank; i++)
        count *= (double)dim[i];
    int bits = dtype_info(dtype)->bits;
    if (bits == 2 || bits == 4)
        count = count * bits / 8;
    return count <= 4096 || (count < 1e15 && strnlen(lexer->end, (size_t)count) == (size_t)count);
}

enum { MAX_KEYS = 8 };

static bool parse_external(Lexer *lexer, const Type *type, const char *name, const Source *source,
                           const Tensor **tensor)
{
    Arena *arena = lexer->context->arena;
    Onnx__StringStringEntryProto entry[MAX_KEYS], *entries[MAX_KEYS];
    size_t count = 0;
    do {
        const char *key, *value;
        if (count == MAX_KEYS)
            return lexer_error(lexer, "more than %d keys for external data", MAX_KEYS);
        if (!lexer_string(lexer, &key) || !lexer_expect(lexer, ":") || !lexer_string(lexer, &value))
            return false;
        onnx__string_string_entry_proto__init(&entry[count]);
        entry[count].key = arena_strdup(arena, key);
        entry[count].value = arena_strdup(arena, value);
        entries[count] = &entry[count];
        count++;
    } while (lexer_accept(lexer, ","));
    if (!lexer_expect(lexer, "]"))
        return false;
    if (!source)
        return lexer_error(lexer, "external data in a text that is no file");
    int64_t dim[MAX_RANK];
    Onnx__TensorProto proto = ONNX__TENSOR_PROTO__INIT;
    if (!fixed_shape(lexer, type, dim))
        return false;
    proto.name = arena_strdup(arena, name);
    proto.n_dims = (size_t)type->rank;
    proto.dims = dim;
    proto.has_data_type = true;
    proto.data_type = (int32_t)type->dtype;
    proto.has_data_location = true;
    proto.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    proto.n_external_data = count;
    proto.external_data = entries;
    *tensor = tensor_import(source, &proto);
    return *tensor || lexer_error(lexer, "tensor '%s' cannot be read", name);
}

bool tensor_parse(Lexer *lexer, const Type *type, const char *name, const Source *source, const Tensor **tensor)
{
    int64_t dim[MAX_RANK];
    if (lexer_accept(lexer, "["))
        return parse_external(lexer, type, name, source, tensor);
    if (!lexer_expect(lexer, "{") || !fixed_shape(lexer, type, dim))
        return false;
    if (!has_room(lexer, type->dtype, type->rank, dim))
        return lexer_error(lexer, "fewer elements than the type says");
    Tensor *made = tensor_new(lexer->context, type->dtype, type->rank, dim);
    *tensor = made;
    return parse_elements(lexer, made);
}
