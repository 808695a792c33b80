/* datum.c -- what a value holds at run time, from a TensorProto, SequenceProto or OptionalProto file. */
#include "evaluate.h"
#include "frontend.h"
#include "import.h"
#include "onnx-data.pb-c.h"

static Datum *from_sequence(const Source *source, const Onnx__SequenceProto *proto, const Type *wanted);

Datum *datum_new(Context *context, TypeKind kind, int count)
{
    Datum *datum = ARENA_NEW(context->arena, Datum);
    datum->kind = kind;
    datum->count = count;
    datum->item = ARENA_ARRAY(context->arena, count, Datum *);
    return datum;
}

static Datum *unsupported(const Source *source, const char *what)
{
    report_add(source->context->report, NULL, FILE_UNREADABLE, source->path, what);
    return NULL;
}

static Datum *from_tensor(const Source *source, const Onnx__TensorProto *proto)
{
    const Tensor *tensor = tensor_import(source, proto);
    if (!tensor)
        return NULL;
    Datum *datum = datum_new(source->context, TENSOR, 0);
    datum->tensor = tensor;
    datum->dtype = tensor->dtype;
    return datum;
}

static Datum *from_optional(const Source *source, const Onnx__OptionalProto *proto, const Type *wanted)
{
    const Type *element = wanted ? wanted->element : NULL;
    bool full = proto->tensor_value || proto->sequence_value || proto->optional_value;
    Datum *datum = datum_new(source->context, OPTIONAL, full);
    if (proto->sparse_tensor_value || proto->map_value)
        return unsupported(source, "an optional of a kind that is not supported");
    if (proto->tensor_value)
        datum->item[0] = from_tensor(source, proto->tensor_value);
    else if (proto->sequence_value)
        datum->item[0] = from_sequence(source, proto->sequence_value, element);
    else if (proto->optional_value)
        datum->item[0] = from_optional(source, proto->optional_value, element);
    return full && !datum->item[0] ? NULL : datum;
}

static Datum *from_sequence(const Source *source, const Onnx__SequenceProto *proto, const Type *wanted)
{
    const Type *element = wanted ? wanted->element : NULL;
    bool tensors = proto->n_tensor_values, sequences = proto->n_sequence_values, optionals = proto->n_optional_values;
    size_t n = proto->n_tensor_values + proto->n_sequence_values + proto->n_optional_values;
    if (proto->n_sparse_tensor_values || proto->n_map_values || tensors + sequences + optionals > 1 || n > INT32_MAX)
        return unsupported(source, "a sequence of a kind that is not supported");
    Datum *datum = datum_new(source->context, SEQUENCE, (int)n);
    for (size_t i = 0; i < n; i++) {
        datum->item[i] = tensors     ? from_tensor(source, proto->tensor_values[i])
                         : sequences ? from_sequence(source, proto->sequence_values[i], element)
                                     : from_optional(source, proto->optional_values[i], element);
        if (!datum->item[i])
            return NULL;
    }
    datum->dtype = tensors ? datum->item[0]->dtype : element ? element->dtype : UNDEFINED;
    return datum;
}

static Datum *read_datum(Context *context, const char *path, const Type *wanted)
{
    static const ProtobufCMessageDescriptor *const schema[] = {
        [TENSOR] = &onnx__tensor_proto__descriptor,
        [SEQUENCE] = &onnx__sequence_proto__descriptor,
        [OPTIONAL] = &onnx__optional_proto__descriptor,
        [MAP] = NULL,
    };
    Source source;
    if (!source_open(&source, context, path))
        return NULL;
    if (!schema[wanted->kind])
        return unsupported(&source, "only tensors, sequences and optionals can be read");
    const ProtobufCMessage *message = source_unpack(&source, schema[wanted->kind]);
    if (!message)
        return NULL;
    switch (wanted->kind) {
    case SEQUENCE:
        return from_sequence(&source, (const Onnx__SequenceProto *)message, wanted);
    case OPTIONAL:
        return from_optional(&source, (const Onnx__OptionalProto *)message, wanted);
    default:
        return from_tensor(&source, (const Onnx__TensorProto *)message);
    }
}

Datum *datum_load(Context *context, const char *path, const Type *wanted)
{
    const char *model = report_turn_to(context->report, arena_strdup(context->arena, path));
    Datum *datum = read_datum(context, path, wanted);
    report_turn_to(context->report, model);
    return datum;
}
