/* export.c -- a model as an ONNX file: Model to ModelProto. */
#include "export.h"
#include "frontend.h"
#include "map.h"
#include "publish.h"
#include "symbol_table.h"
#include "whole_file.h"
#include <string.h>

typedef struct {
    Arena *arena;
    const Publication *publication;
    ModelPrinter names; /* names sizes and nodes as the printed model has them */
} Export;

/* A message of this type in the arena; `init` is protobuf-c's initial value. */
#define MESSAGE_NEW(export, Type, init) memcpy(ARENA_NEW((export)->arena, Type), &(Type)init, sizeof(Type))

static Onnx__GraphProto *export_graph(Export *export, const Graph *graph);

/* ---- types ---- */
static Onnx__TensorShapeProto__Dimension *export_dim(Export *export, Dim *dim)
{
    Onnx__TensorShapeProto__Dimension *proto =
        MESSAGE_NEW(export, Onnx__TensorShapeProto__Dimension, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT);
    if (dim_is_const(dim, &proto->dim_value)) {
        proto->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        return proto;
    }
    proto->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    proto->dim_param = (char *)(dim_is_symbol(dim) ? printer_size_name(&export->names, dim)
                                                   : dim_text(dim, export->arena, printer_size_name, &export->names));
    return proto;
}

static Onnx__TensorShapeProto *export_shape(Export *export, const Type *type)
{
    if (type->rank < 0)
        return NULL;
    Onnx__TensorShapeProto *proto = MESSAGE_NEW(export, Onnx__TensorShapeProto, ONNX__TENSOR_SHAPE_PROTO__INIT);
    proto->n_dim = (size_t)type->rank;
    proto->dim = ARENA_ARRAY(export->arena, type->rank, Onnx__TensorShapeProto__Dimension *);
    for (int i = 0; i < type->rank; i++)
        proto->dim[i] = export_dim(export, type->dim[i]);
    return proto;
}

static Onnx__TypeProto *export_type(Export *export, const Type *type)
{
    Onnx__TypeProto *proto = MESSAGE_NEW(export, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);
    Onnx__TypeProto *element = type->element ? export_type(export, type->element) : NULL;
    switch (type->kind) {
    case TENSOR:
        proto->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
        proto->tensor_type = MESSAGE_NEW(export, Onnx__TypeProto__Tensor, ONNX__TYPE_PROTO__TENSOR__INIT);
        proto->tensor_type->has_elem_type = true;
        proto->tensor_type->elem_type = (int32_t)type->dtype;
        proto->tensor_type->shape = export_shape(export, type);
        break;
    case SPARSE_TENSOR:
        proto->value_case = ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE;
        proto->sparse_tensor_type =
            MESSAGE_NEW(export, Onnx__TypeProto__SparseTensor, ONNX__TYPE_PROTO__SPARSE_TENSOR__INIT);
        proto->sparse_tensor_type->has_elem_type = true;
        proto->sparse_tensor_type->elem_type = (int32_t)type->dtype;
        proto->sparse_tensor_type->shape = export_shape(export, type);
        break;
    case SEQUENCE:
        proto->value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
        proto->sequence_type = MESSAGE_NEW(export, Onnx__TypeProto__Sequence, ONNX__TYPE_PROTO__SEQUENCE__INIT);
        proto->sequence_type->elem_type = element;
        break;
    case OPTIONAL:
        proto->value_case = ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
        proto->optional_type = MESSAGE_NEW(export, Onnx__TypeProto__Optional, ONNX__TYPE_PROTO__OPTIONAL__INIT);
        proto->optional_type->elem_type = element;
        break;
    case MAP:
        proto->value_case = ONNX__TYPE_PROTO__VALUE_MAP_TYPE;
        proto->map_type = MESSAGE_NEW(export, Onnx__TypeProto__Map, ONNX__TYPE_PROTO__MAP__INIT);
        proto->map_type->has_key_type = true;
        proto->map_type->key_type = (int32_t)type->dtype;
        proto->map_type->value_type = element;
        break;
    }
    return proto;
}

static Onnx__ValueInfoProto **export_values(Export *export, Value *const *value, int count)
{
    Onnx__ValueInfoProto **proto = ARENA_ARRAY(export->arena, count, Onnx__ValueInfoProto *);
    for (int i = 0; i < count; i++) {
        proto[i] = MESSAGE_NEW(export, Onnx__ValueInfoProto, ONNX__VALUE_INFO_PROTO__INIT);
        proto[i]->name = (char *)value[i]->name;
        if (value[i]->type.kind != TENSOR || value[i]->type.dtype != UNDEFINED)
            proto[i]->type = export_type(export, &value[i]->type);
    }
    return proto;
}

/* ---- attributes ---- */
static ProtobufCBinaryData export_string(const char *text, size_t length)
{
    return (ProtobufCBinaryData){length, (uint8_t *)text};
}

static void export_list(Export *export, const Attr *attr, Onnx__AttributeProto *proto)
{
    const size_t n = attr->count;
    switch (attr->kind) {
    case ATTR_INTS:
        proto->n_ints = n;
        proto->ints = (int64_t *)attr->ints;
        break;
    case ATTR_FLOATS:
        proto->n_floats = n;
        proto->floats = ARENA_ARRAY(export->arena, n, float);
        for (size_t i = 0; i < n; i++)
            proto->floats[i] = (float)attr->floats[i];
        break;
    case ATTR_STRINGS:
        proto->n_strings = n;
        proto->strings = ARENA_ARRAY(export->arena, n, ProtobufCBinaryData);
        for (size_t i = 0; i < n; i++)
            proto->strings[i] = export_string(attr->strings[i], strlen(attr->strings[i]));
        break;
    case ATTR_TENSORS:
        proto->n_tensors = n;
        proto->tensors = ARENA_ARRAY(export->arena, n, Onnx__TensorProto *);
        for (size_t i = 0; i < n; i++)
            proto->tensors[i] = tensor_export(export->arena, attr->tensors[i], "");
        break;
    default:
        proto->n_graphs = n;
        proto->graphs = ARENA_ARRAY(export->arena, n, Onnx__GraphProto *);
        for (size_t i = 0; i < n; i++)
            proto->graphs[i] = export_graph(export, attr->graphs[i]);
    }
}

static Onnx__AttributeProto *export_attribute(Export *export, const Attr *attr)
{
    static const Onnx__AttributeProto__AttributeType type[] = {
#define TYPE(kind) [ATTR_##kind] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##kind
        TYPE(INT),     TYPE(FLOAT),  TYPE(STRING),
        TYPE(TENSOR),  TYPE(GRAPH),  [ATTR_TYPE] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTO,
        TYPE(INTS),    TYPE(FLOATS), TYPE(STRINGS),
        TYPE(TENSORS), TYPE(GRAPHS)};
#undef TYPE
    Onnx__AttributeProto *proto = MESSAGE_NEW(export, Onnx__AttributeProto, ONNX__ATTRIBUTE_PROTO__INIT);
    proto->name = (char *)attr->name;
    proto->has_type = true;
    proto->type = type[attr->kind == ATTR_REFERENCE ? attr->reference : attr->kind];
    switch (attr->kind) {
    case ATTR_INT:
        proto->has_i = true;
        proto->i = attr->i;
        break;
    case ATTR_FLOAT:
        proto->has_f = true;
        proto->f = (float)attr->f;
        break;
    case ATTR_STRING:
        proto->has_s = true;
        proto->s = export_string(attr->s, attr->count);
        break;
    case ATTR_TENSOR:
        proto->t = tensor_export(export->arena, attr->tensor, "");
        break;
    case ATTR_GRAPH:
        proto->g = export_graph(export, attr->graph);
        break;
    case ATTR_TYPE:
        proto->tp = export_type(export, &attr->type);
        break;
    case ATTR_REFERENCE:
        proto->ref_attr_name = (char *)attr->s;
        break;
    default:
        export_list(export, attr, proto);
    }
    return proto;
}

static size_t export_attributes(Export *export, const Attr *attr, Onnx__AttributeProto ***proto)
{
    size_t n = 0;
    for (const Attr *at = attr; at; at = at->next)
        n++;
    *proto = ARENA_ARRAY(export->arena, n, Onnx__AttributeProto *);
    for (size_t i = 0; i < n; i++, attr = attr->next)
        (*proto)[i] = export_attribute(export, attr);
    return n;
}

/* ---- graphs ---- */
/* Names of operands; the last ones that are not given are left out. */
static char **export_names(Export *export, Value *const *value, int count, size_t *n)
{
    while (count && !value[count - 1])
        count--;
    char **name = ARENA_ARRAY(export->arena, count, char *);
    for (int i = 0; i < count; i++)
        name[i] = (char *)(value[i] ? value[i]->name : "");
    *n = (size_t)count;
    return name;
}

static Onnx__NodeProto *export_node(Export *export, const Node *node)
{
    Onnx__NodeProto *proto = MESSAGE_NEW(export, Onnx__NodeProto, ONNX__NODE_PROTO__INIT);
    const CallName name = called(export->publication->calls, node);
    proto->name = (char *)(*node->name ? printer_label(&export->names, node) : "");
    proto->op_type = (char *)name.name;
    proto->domain = (char *)(strcmp(name.domain, "ai.onnx") == 0 ? "" : name.domain);
    proto->overload = (char *)name.overload;
    proto->input = export_names(export, node->in, node->nin, &proto->n_input);
    proto->output = export_names(export, node->out, node->nout, &proto->n_output);
    proto->n_attribute = export_attributes(export, node->attr, &proto->attribute);
    return proto;
}

static Onnx__NodeProto **export_nodes(Export *export, const Graph *graph, size_t *n)
{
    Onnx__NodeProto **proto = ARENA_ARRAY(export->arena, graph->nnode, Onnx__NodeProto *);
    *n = 0;
    for (const Node *node = graph->first; node; node = node->next)
        proto[(*n)++] = export_node(export, node);
    return proto;
}

static Onnx__GraphProto *export_graph(Export *export, const Graph *graph)
{
    Onnx__GraphProto *proto = MESSAGE_NEW(export, Onnx__GraphProto, ONNX__GRAPH_PROTO__INIT);
    proto->name = (char *)(*graph->name ? graph->name : "graph");
    proto->n_input = (size_t)graph->nin;
    proto->input = export_values(export, graph->in, graph->nin);
    proto->n_output = (size_t)graph->nout;
    proto->output = export_values(export, graph->out, graph->nout);
    proto->n_initializer = (size_t)graph->ninitializer;
    proto->initializer = ARENA_ARRAY(export->arena, graph->ninitializer, Onnx__TensorProto *);
    for (int i = 0; i < graph->ninitializer; i++)
        proto->initializer[i] =
            tensor_export(export->arena, graph->initializer[i]->constant, graph->initializer[i]->name);
    proto->node = export_nodes(export, graph, &proto->n_node);
    return proto;
}

static size_t export_opsets(Export *export, int64_t version, Onnx__OperatorSetIdProto ***proto)
{
    const Publication *publication = export->publication;
    const size_t n = (size_t)publication->nopset + 1;
    *proto = ARENA_ARRAY(export->arena, n, Onnx__OperatorSetIdProto *);
    for (size_t i = 0; i < n; i++) {
        Onnx__OperatorSetIdProto *opset =
            MESSAGE_NEW(export, Onnx__OperatorSetIdProto, ONNX__OPERATOR_SET_ID_PROTO__INIT);
        opset->domain = (char *)(i ? publication->opset[i - 1].domain : "");
        opset->has_version = true;
        opset->version = i ? publication->opset[i - 1].version : version;
        (*proto)[i] = opset;
    }
    return n;
}

static Onnx__FunctionProto *export_function(Export *export, const Defined *defined)
{
    const Graph *function = defined->body;
    Onnx__FunctionProto *proto = MESSAGE_NEW(export, Onnx__FunctionProto, ONNX__FUNCTION_PROTO__INIT);
    proto->name = (char *)defined->name.name;
    proto->domain = (char *)defined->name.domain;
    proto->overload = (char *)defined->name.overload;
    proto->input = export_names(export, function->in, function->nin, &proto->n_input);
    proto->output = export_names(export, function->out, function->nout, &proto->n_output);
    proto->n_attribute = (size_t)function->nattribute;
    proto->attribute = (char **)function->attribute;
    proto->n_attribute_proto = export_attributes(export, function->attribute_default, &proto->attribute_proto);
    proto->n_opset_import = export_opsets(export, defined->opset, &proto->opset_import);
    proto->node = export_nodes(export, function, &proto->n_node);
    return proto;
}

/* ---- models ---- */
static Onnx__StringStringEntryProto **export_properties(Export *export, const Model *model)
{
    Onnx__StringStringEntryProto **proto = ARENA_ARRAY(export->arena, model->nproperty, Onnx__StringStringEntryProto *);
    for (int i = 0; i < model->nproperty; i++) {
        proto[i] = MESSAGE_NEW(export, Onnx__StringStringEntryProto, ONNX__STRING_STRING_ENTRY_PROTO__INIT);
        proto[i]->key = (char *)model->property[i].key;
        proto[i]->value = (char *)model->property[i].value;
    }
    return proto;
}

static Onnx__ModelProto *export_model(Export *export)
{
    const Publication *publication = export->publication;
    Onnx__ModelProto *proto = MESSAGE_NEW(export, Onnx__ModelProto, ONNX__MODEL_PROTO__INIT);
    proto->has_ir_version = true;
    proto->ir_version = publication->ir_version;
    proto->producer_name = "onnx2c";
    proto->n_opset_import = export_opsets(export, publication->version, &proto->opset_import);
    proto->graph = export_graph(export, publication->model->graph);
    proto->n_metadata_props = (size_t)publication->model->nproperty;
    proto->metadata_props = export_properties(export, publication->model);
    for (const Defined *defined = publication->first; defined; defined = defined->next)
        proto->n_functions++;
    proto->functions = ARENA_ARRAY(export->arena, proto->n_functions, Onnx__FunctionProto *);
    size_t i = 0;
    for (const Defined *defined = publication->first; defined; defined = defined->next)
        proto->functions[i++] = export_function(export, defined);
    return proto;
}

static bool write_proto(FILE *to, void *who)
{
    return message_write(&((const Onnx__ModelProto *)who)->base, to);
}

bool model_save(const Model *model, const char *path)
{
    Context *context = model->context;
    Export export = {.arena = context->arena, .publication = publish(model)};
    export.names = (ModelPrinter){.arena = context->arena, .size_name = map_new(context->arena)};
    export.names.sizes = export.publication->sizes;
    export.names.labels = symbol_table_new(context->arena, NULL);
    return whole_file_write(context, path, write_proto, export_model(&export));
}
