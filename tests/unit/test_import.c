/* test_import.c -- models and tensors from files: values and their scopes, initialisers, functions, tensors, external
 * data. */
#include "frontend/evaluate.h"
#include "frontend/frontend.h"
#include "frontend/import.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- messages to write: everything is in the arena ---- */

#define COUNT(list) (sizeof(list) / sizeof *(list))

static char folder[] = "/tmp/test_import_XXXXXX";

static const char *path_of(Context *context, const char *name)
{
    return arena_printf(context->arena, "%s/%s", folder, name);
}

static void write_bytes(Context *context, const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(path_of(context, name), "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static const char *write_message(Context *context, const char *name, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(context->arena, size);
    protobuf_c_message_pack(message, bytes);
    write_bytes(context, name, bytes, size);
    return path_of(context, name);
}

static Onnx__TensorProto *float_tensor(Context *context, const char *name, size_t n)
{
    Onnx__TensorProto *tensor = ARENA_NEW(context->arena, Onnx__TensorProto);
    onnx__tensor_proto__init(tensor);
    tensor->name = (char *)name;
    tensor->has_data_type = true;
    tensor->data_type = F32;
    tensor->n_dims = 1;
    tensor->dims = ARENA_NEW(context->arena, int64_t);
    *tensor->dims = (int64_t)n;
    return tensor;
}

static Onnx__ValueInfoProto *float_vector(Context *context, const char *name, const char *size)
{
    Onnx__TensorShapeProto__Dimension *dim = ARENA_NEW(context->arena, Onnx__TensorShapeProto__Dimension);
    onnx__tensor_shape_proto__dimension__init(dim);
    dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    dim->dim_param = (char *)size;
    Onnx__TensorShapeProto *shape = ARENA_NEW(context->arena, Onnx__TensorShapeProto);
    onnx__tensor_shape_proto__init(shape);
    shape->n_dim = 1;
    shape->dim = ARENA_NEW(context->arena, Onnx__TensorShapeProto__Dimension *);
    *shape->dim = dim;
    Onnx__TypeProto__Tensor *tensor = ARENA_NEW(context->arena, Onnx__TypeProto__Tensor);
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = true;
    tensor->elem_type = F32;
    tensor->shape = shape;
    Onnx__TypeProto *type = ARENA_NEW(context->arena, Onnx__TypeProto);
    onnx__type_proto__init(type);
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    Onnx__ValueInfoProto *info = ARENA_NEW(context->arena, Onnx__ValueInfoProto);
    onnx__value_info_proto__init(info);
    info->name = (char *)name;
    info->type = type;
    return info;
}

/* op(a, b) -> y; b may be NULL. */
static Onnx__NodeProto *node(Context *context, const char *op, const char *a, const char *b, const char *y)
{
    Onnx__NodeProto *proto = ARENA_NEW(context->arena, Onnx__NodeProto);
    onnx__node_proto__init(proto);
    proto->op_type = (char *)op;
    proto->n_input = b ? 2 : 1;
    proto->input = ARENA_ARRAY(context->arena, 2, char *);
    proto->input[0] = (char *)a;
    proto->input[1] = (char *)b;
    proto->n_output = 1;
    proto->output = ARENA_NEW(context->arena, char *);
    *proto->output = (char *)y;
    return proto;
}

typedef struct {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__ValueInfoProto *in[4], *out[2];
    Onnx__NodeProto *node[4];
    Onnx__TensorProto *initializer[4];
} File;

/* An empty model of IR version 10, opset 21, whose lists have room. */
static File *new_file(Context *context)
{
    File *file = ARENA_NEW(context->arena, File);
    onnx__model_proto__init(&file->model);
    onnx__graph_proto__init(&file->graph);
    onnx__operator_set_id_proto__init(&file->opset);
    file->opset.has_version = true;
    file->opset.version = 21;
    file->opsets[0] = &file->opset;
    file->model.has_ir_version = true;
    file->model.ir_version = 10;
    file->model.n_opset_import = 1;
    file->model.opset_import = file->opsets;
    file->model.graph = &file->graph;
    file->graph.name = (char *)"g";
    file->graph.input = file->in;
    file->graph.output = file->out;
    file->graph.node = file->node;
    file->graph.initializer = file->initializer;
    return file;
}

/* y = Add(x, w). */
static File *add_file(Context *context)
{
    File *file = new_file(context);
    file->in[file->graph.n_input++] = float_vector(context, "x", "N");
    file->out[file->graph.n_output++] = float_vector(context, "y", "N");
    file->node[file->graph.n_node++] = node(context, "Add", "x", "w", "y");
    Onnx__TensorProto *w = float_tensor(context, "w", 2);
    w->n_float_data = 2;
    w->float_data = ARENA_ARRAY(context->arena, 2, float);
    w->float_data[1] = 0.5f;
    file->initializer[file->graph.n_initializer++] = w;
    return file;
}

static Model *load(Context *context, const File *file)
{
    return model_load(context, write_message(context, "model.onnx", &file->model.base));
}

/* ---- tests ---- */

static void test_model(void)
{
    Context *context = test_context();
    Model *model = load(context, add_file(context));
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    const Graph *graph = model->graph;
    CU_ASSERT(model->ir_version == 10 && model->nopset == 1 && model->opset[0].version == 21);
    CU_ASSERT_EQUAL(strlen(model->hash), 64);
    CU_ASSERT(graph->nin == 1 && graph->nout == 1 && graph->nnode == 1 && graph->ninitializer == 1);
    const Value *w = graph->initializer[0];
    CU_ASSERT(w->constant && w->constant->count == 2 && ((const float *)w->constant->data)[1] == 0.5f);
    CU_ASSERT(!w->is_overridable && w->nreader == 1);
    CU_ASSERT_STRING_EQUAL(dim_symbol_name(graph->in[0]->type.dim[0]), "N");
    CU_ASSERT(graph->out[0]->def == graph->first && graph->first->in[0] == graph->in[0] && graph->first->in[1] == w);
    context_free(context);
}

static void test_initializer_that_is_an_input(void)
{
    for (int version = 3; version <= 4; version++) {
        Context *context = test_context();
        File *file = add_file(context);
        file->model.ir_version = version;
        file->in[file->graph.n_input++] = float_vector(context, "w", "M");
        Model *model = load(context, file);
        CU_ASSERT_PTR_NOT_NULL_FATAL(model);
        const Value *w = model->graph->first->in[1];
        CU_ASSERT(w->constant && model->graph->ninitializer == 1);
        CU_ASSERT_EQUAL(w->is_overridable, version == 4);
        CU_ASSERT_EQUAL(model->graph->nin, version == 4 ? 2 : 1);
        context_free(context);
    }
}

/* Whether loading the file fails with this message. */
static bool fails(Context *context, const File *file, Message message)
{
    bool failed = !load(context, file) && report_has(context->report, message);
    context_free(context);
    return failed;
}

static void test_structure(void)
{
    Context *context = test_context();
    File *file = add_file(context);
    file->node[0]->input[1] = (char *)"nothing";
    CU_ASSERT(fails(context, file, GRAPH_INVALID));

    context = test_context();
    file = add_file(context);
    file->node[file->graph.n_node++] = node(context, "Neg", "x", NULL, "y");
    CU_ASSERT(fails(context, file, GRAPH_INVALID)); /* y twice */

    context = test_context();
    file = add_file(context);
    file->out[0]->name = (char *)"z";
    CU_ASSERT(fails(context, file, GRAPH_INVALID));

    context = test_context();
    file = add_file(context);
    file->opset.version = 29;
    CU_ASSERT(fails(context, file, OPSET_VERSION));

    context = test_context();
    file = add_file(context);
    file->model.ir_version = 15;
    CU_ASSERT(fails(context, file, IR_VERSION));

    context = test_context();
    file = add_file(context);
    file->model.graph = NULL;
    CU_ASSERT(fails(context, file, GRAPH_INVALID));
}

static void test_functions(void)
{
    Context *context = test_context();
    File *file = add_file(context);
    file->node[0]->op_type = (char *)"Twice";
    file->node[0]->domain = (char *)"local";
    file->node[0]->n_input = 1;
    Onnx__FunctionProto twice = ONNX__FUNCTION_PROTO__INIT, *functions[] = {&twice};
    char *in[] = {(char *)"a"}, *out[] = {(char *)"b"};
    Onnx__NodeProto *body[] = {node(context, "Add", "a", "a", "b")};
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = {&opset};
    opset.has_version = true;
    opset.version = 6;
    twice.name = (char *)"Twice";
    twice.domain = (char *)"local";
    twice.n_input = twice.n_output = twice.n_node = twice.n_opset_import = 1;
    twice.input = in;
    twice.output = out;
    twice.node = body;
    twice.opset_import = opsets;
    file->model.n_functions = 1;
    file->model.functions = functions;
    Model *model = load(context, file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    CU_ASSERT_EQUAL_FATAL(model->nfunction, 1);
    CU_ASSERT(model->graph->first->function == model->function[0]);
    CU_ASSERT(model->function[0]->nopset == 1 && model->function[0]->opset[0].version == 6);

    body[0]->op_type = (char *)"Twice";
    body[0]->domain = (char *)"local";
    body[0]->n_input = 1;
    CU_ASSERT(fails(context, file, GRAPH_INVALID)); /* it calls itself */
}

static const Tensor *load_tensor(Context *context, const Onnx__TensorProto *proto)
{
    const Type wanted = {.kind = TENSOR, .rank = -1};
    const Datum *datum = datum_load(context, write_message(context, "tensor.pb", &proto->base), &wanted);
    return datum ? datum->tensor : NULL;
}

static void test_narrow_types(void)
{
    Context *context = test_context();
    static const uint8_t six[] = {0x81, 0x2f, 0xfc}; /* 1, 62, 2, 63 */
    static const struct {
        DType type;
        const void *packed;
        size_t size;
        int64_t count;
        int element[5];
    } known[] = {{U4, "\x21\x43\x05", 3, 5, {1, 2, 3, 4, 5}},
                 {I4, "\xf7\x08", 2, 3, {7, -1, -8}},
                 {U2, "\xe4\x01", 2, 5, {0, 1, 2, 3, 1}},
                 {I2, "\xe4", 1, 4, {0, 1, -2, -1}},
                 {F6E2M3, six, 3, 4, {1, 62, 2, 63}}};
    for (size_t i = 0; i < COUNT(known); i++) {
        Onnx__TensorProto *proto = float_tensor(context, "t", 0);
        *proto->dims = known[i].count;
        proto->data_type = (int32_t)known[i].type;
        proto->has_raw_data = true;
        proto->raw_data = (ProtobufCBinaryData){known[i].size, (uint8_t *)known[i].packed};
        const Tensor *tensor = load_tensor(context, proto);
        CU_ASSERT_PTR_NOT_NULL_FATAL(tensor);
        bool is_signed = dtype_info(known[i].type)->class == SIGNED;
        for (int64_t k = 0; k < known[i].count; k++) {
            int element = is_signed ? ((const int8_t *)tensor->data)[k] : ((const uint8_t *)tensor->data)[k];
            CU_ASSERT_EQUAL(element, known[i].element[k]);
        }
        /* and back again */
        const Type wanted = {.kind = TENSOR, .rank = -1};
        CU_ASSERT_FATAL(tensor_save(tensor, "t", path_of(context, "saved.pb")));
        const Datum *again = datum_load(context, path_of(context, "saved.pb"), &wanted);
        CU_ASSERT(again && tensor_equal(again->tensor, tensor));
    }
    context_free(context);
}

static void test_tensor_errors(void)
{
    static float data[6];
    for (int wrong = 0; wrong < 5; wrong++) {
        Context *context = test_context();
        Onnx__TensorProto *proto = float_tensor(context, "t", 6);
        proto->n_float_data = wrong == 0 ? 5 : 6;
        proto->float_data = data;
        if (wrong == 1)
            proto->data_type = I64;
        if (wrong == 2)
            *proto->dims = -6;
        if (wrong == 3)
            proto->data_type = 99;
        if (wrong == 4) {
            proto->has_raw_data = true;
            proto->raw_data = (ProtobufCBinaryData){24, (uint8_t *)data};
        }
        CU_ASSERT_PTR_NULL(load_tensor(context, proto));
        CU_ASSERT(report_has(context->report, TENSOR_INVALID));
        context_free(context);
    }
}

/* Loads a tensor of three floats that are stored as these keys say. */
static const Tensor *load_external(Context *context, const char *location, const char *offset, const char *length)
{
    const char *key[] = {"location", "offset", "length"}, *text[] = {location, offset, length};
    Onnx__StringStringEntryProto entry[3], *entries[3];
    Onnx__TensorProto *proto = float_tensor(context, "t", 3);
    proto->has_data_location = true;
    proto->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    proto->external_data = entries;
    for (int i = 0; i < 3; i++)
        if (text[i]) {
            onnx__string_string_entry_proto__init(&entry[i]);
            entry[i].key = (char *)key[i];
            entry[i].value = (char *)text[i];
            entries[proto->n_external_data++] = &entry[i];
        }
    return load_tensor(context, proto);
}

static void test_external_data(void)
{
    Context *context = test_context();
    const float data[4] = {1, 2, 3, 4};
    write_bytes(context, "data.bin", data, sizeof data);
    const Tensor *tensor = load_external(context, "data.bin", "4", "12");
    CU_ASSERT(tensor && ((const float *)tensor->data)[0] == 2 && ((const float *)tensor->data)[2] == 4);
    CU_ASSERT_PTR_NOT_NULL(load_external(context, "./data.bin", NULL, NULL));
    CU_ASSERT_EQUAL(report_errors(context->report), 0);
    context_free(context);
    const char *bad[][3] = {{"data.bin", "8", NULL},
                            {"data.bin", "-4", NULL},
                            {"data.bin", "0x4", NULL},
                            {"data.bin", NULL, "16"},
                            {"data.bin", "", NULL},
                            {"../data.bin", NULL, NULL},
                            {"a/../data.bin", NULL, NULL},
                            {"/etc/passwd", NULL, NULL},
                            {"missing.bin", NULL, NULL},
                            {"", NULL, NULL},
                            {".", NULL, NULL},
                            {"link.bin", NULL, NULL},
                            {"hard.bin", NULL, NULL},
                            {NULL, NULL, NULL},
                            {"data.bin", "18446744073709551612", "12"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        context = test_context();
        const char *made = NULL;
        if (bad[i][0] && (strcmp(bad[i][0], "link.bin") == 0 || strcmp(bad[i][0], "hard.bin") == 0)) {
            made = path_of(context, bad[i][0]);
            CU_ASSERT_EQUAL(*bad[i][0] == 'l' ? symlink("data.bin", made) : link(path_of(context, "data.bin"), made),
                            0);
        }
        CU_ASSERT_PTR_NULL(load_external(context, bad[i][0], bad[i][1], bad[i][2]));
        CU_ASSERT(report_has(context->report, EXTERNAL_DATA));
        if (made)
            unlink(made);
        context_free(context);
    }
}

static void test_files(void)
{
    Context *context = test_context();
    CU_ASSERT_PTR_NULL(model_load(context, path_of(context, "not there.onnx")));
    CU_ASSERT(report_has(context->report, FILE_UNREADABLE));
    report_rewind(context->report, (ReportMark){0});
    CU_ASSERT_PTR_NULL(model_load(context, folder));
    CU_ASSERT(report_has(context->report, FILE_UNREADABLE));
    report_rewind(context->report, (ReportMark){0});
    write_bytes(context, "empty.onnx", "", 0);
    CU_ASSERT_PTR_NULL(model_load(context, path_of(context, "empty.onnx")));
    CU_ASSERT(report_errors(context->report) > 0);
    context_free(context);
}

static void make_folder(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const file[] = {"model.onnx", "tensor.pb", "saved.pb", "data.bin", "empty.onnx"};
    Context *context = test_context();
    for (size_t i = 0; i < COUNT(file); i++)
        unlink(path_of(context, file[i]));
    context_free(context);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

void suite_import(void)
{
    static const UnitTest tests[] = {{"(a folder)", make_folder},
                                     {"model", test_model},
                                     {"an initialiser that is an input", test_initializer_that_is_an_input},
                                     {"structure", test_structure},
                                     {"functions", test_functions},
                                     {"narrow types", test_narrow_types},
                                     {"tensor errors", test_tensor_errors},
                                     {"external data", test_external_data},
                                     {"files", test_files},
                                     {"(the folder again)", remove_folder}};
    ADD_SUITE("import", tests);
}
