/* import.c -- from the messages of a model file to the graph IR.
 *
 * Names are resolved here, once: a value is found in the scope of its graph or those around it, and must be defined
 * before it is read. What types the file states for inner values is ignored; they are inferred. */
#include "import.h"
#include "frontend.h"
#include "ops/op.h"
#include "parse.h"
#include "print.h"
#include "symbol_table.h"
#include <limits.h>
#include <string.h>

enum { MAX_ATTRIBUTES = 256 }; /* of a node; ONNX's own operators have at most 20 */

typedef struct {
    Source source;
    Model *model;
    SymbolTable *function; /* Graphs by function_key */
    SymbolTable *op;       /* Ops for operators and functions that have no row, by function_key */
} Import;

/* What a graph of the file is read with. */
typedef struct {
    Graph *graph;
    SymbolTable *values;
    const Graph *function; /* the function it is in; NULL: none */
} Place;

static bool import_graph(Import *import, Place place, const Onnx__GraphProto *proto);

static bool invalid(Import *import, const Node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool invalid(Import *import, const Node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(import->source.context->arena, format, args);
    va_end(args);
    return report_add(import->source.context->report, node, GRAPH_INVALID, text);
}

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static const char *domain_of(const char *domain)
{
    return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

/* ---- operators ---- */

static const char *function_key(Import *import, const char *domain, const char *name, const char *overload)
{
    return arena_printf(import->source.context->arena, "%s\n%s\n%s", domain, name, overload);
}

/* The row of an operator; for functions, and operators of old versions that the upgrade replaces, one that only names
 * it. */
static const Op *find_op(Import *import, const char *domain, const char *name, bool is_function)
{
    const Op *op = is_function ? NULL : op_find(domain, name);
    if (op)
        return op;
    const char *key = function_key(import, domain, name, is_function ? "function" : "");
    op = symbol_table_find(import->op, key);
    if (!op) {
        Op *named = ARENA_NEW(import->source.context->arena, Op);
        *named = (Op){.name = name, .domain = domain, .schema = "", .attributes = "", .form = FORM_COMPOSED};
        symbol_table_define(import->op, key, named);
        op = named;
    }
    return op;
}

static bool imports_domain(const Import *import, const Graph *function, const char *domain)
{
    for (int i = 0; function && i < function->nopset; i++)
        if (strcmp(function->opset[i].domain, domain) == 0)
            return true;
    for (int i = 0; i < import->model->nopset; i++)
        if (strcmp(import->model->opset[i].domain, domain) == 0)
            return true;
    return false;
}

/* Copies opset imports into list, which has room for MAX_OPSETS. */
static bool import_opsets(Import *import, size_t n, Onnx__OperatorSetIdProto *const *proto, Opset *list, int *count)
{
    static const Opset newest[] = {{"", NEWEST_OPSET}, {"ai.onnx.ml", 5}, {"ai.onnx.preview.training", 1}};
    for (size_t i = 0; i < n; i++) {
        const char *domain = domain_of(proto[i]->domain);
        int64_t version = proto[i]->version, limit = INT64_MAX;
        for (size_t k = 0; k < sizeof newest / sizeof *newest; k++)
            if (strcmp(newest[k].domain, domain) == 0)
                limit = newest[k].version;
        if (version < 1 || version > limit)
            return report_add(import->source.context->report, NULL, OPSET_VERSION, (long long)version,
                              *domain ? domain : "ai.onnx");
        for (int k = 0; k < *count; k++)
            if (strcmp(list[k].domain, domain) == 0)
                return invalid(import, NULL, "domain '%s' is imported twice", domain);
        if (*count == MAX_OPSETS)
            return invalid(import, NULL, "more than %d opset imports", MAX_OPSETS);
        list[(*count)++] = (Opset){domain, version};
    }
    return true;
}

/* ---- attributes ---- */

/* The kind of an attribute; the first files did not say it. False: none that is supported. */
static bool attribute_kind(const Onnx__AttributeProto *proto, AttrKind *kind)
{
    static const struct {
        Onnx__AttributeProto__AttributeType type;
        AttrKind kind;
    } known[] = {
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, ATTR_FLOAT},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, ATTR_INT},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING, ATTR_STRING},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR, ATTR_TENSOR},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR, ATTR_TENSOR},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH, ATTR_GRAPH},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTO, ATTR_TYPE},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS, ATTR_FLOATS},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, ATTR_INTS},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS, ATTR_STRINGS},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS, ATTR_TENSORS},
        {ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS, ATTR_GRAPHS},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == proto->type) {
            *kind = known[i].kind;
            return true;
        }
    if (proto->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return false;
    int given = 0;
#define GIVEN(field, found)                                                                                            \
    if (field) {                                                                                                       \
        *kind = found;                                                                                                 \
        given++;                                                                                                       \
    }
    GIVEN(proto->has_f, ATTR_FLOAT)
    GIVEN(proto->has_i, ATTR_INT)
    GIVEN(proto->has_s, ATTR_STRING)
    GIVEN(proto->t, ATTR_TENSOR)
    GIVEN(proto->g, ATTR_GRAPH)
    GIVEN(proto->n_floats, ATTR_FLOATS)
    GIVEN(proto->n_ints, ATTR_INTS)
    GIVEN(proto->n_strings, ATTR_STRINGS)
    GIVEN(proto->n_tensors, ATTR_TENSORS)
    GIVEN(proto->n_graphs, ATTR_GRAPHS)
#undef GIVEN
    return given == 1;
}

static const char *import_string(Import *import, ProtobufCBinaryData string)
{
    return string.len ? arena_strndup(import->source.context->arena, (const char *)string.data, string.len) : "";
}

static bool import_subgraph(Import *import, Place outer, Node *node, const Onnx__GraphProto *proto, Graph *const *graph)
{
    graph_set_owner(*graph, node);
    Place inner = {*graph, symbol_table_new(import->source.context->arena, outer.values), outer.function};
    return import_graph(import, inner, proto);
}

static bool import_lists(Import *import, Place place, Node *node, const Onnx__AttributeProto *proto, Attr *attr)
{
    Arena *arena = import->source.context->arena;
    switch (attr->kind) {
    case ATTR_INTS:
        attr->count = proto->n_ints;
        attr->ints = proto->ints;
        return true;
    case ATTR_FLOATS: {
        double *floats = ARENA_ARRAY(arena, proto->n_floats, double);
        for (size_t i = 0; i < proto->n_floats; i++)
            floats[i] = (double)proto->floats[i];
        attr->count = proto->n_floats;
        attr->floats = floats;
        return true;
    }
    case ATTR_STRINGS: {
        const char **strings = ARENA_ARRAY(arena, proto->n_strings, const char *);
        for (size_t i = 0; i < proto->n_strings; i++)
            strings[i] = import_string(import, proto->strings[i]);
        attr->count = proto->n_strings;
        attr->strings = strings;
        return true;
    }
    case ATTR_TENSORS: {
        const Tensor **tensors = ARENA_ARRAY(arena, proto->n_tensors, const Tensor *);
        for (size_t i = 0; i < proto->n_tensors; i++)
            if (!(tensors[i] = tensor_import(&import->source, proto->tensors[i])))
                return false;
        attr->count = proto->n_tensors;
        attr->tensors = tensors;
        return true;
    }
    default: {
        Graph **graphs = ARENA_ARRAY(arena, proto->n_graphs, Graph *);
        for (size_t i = 0; i < proto->n_graphs; i++)
            graphs[i] = graph_new(import->model, text_of(proto->graphs[i]->name));
        attr->count = proto->n_graphs;
        attr->graphs = graphs;
        bool good = true;
        for (size_t i = 0; i < proto->n_graphs; i++)
            good &= import_subgraph(import, place, node, proto->graphs[i], &graphs[i]);
        return good;
    }
    }
}

/* Fills attr, whose name and kind are set. `node`: the owner of subgraphs; NULL: there may be none. */
static bool import_value(Import *import, Place place, Node *node, const Onnx__AttributeProto *proto, Attr *attr)
{
    switch (attr->kind) {
    case ATTR_INT:
        attr->i = proto->i;
        return true;
    case ATTR_FLOAT:
        attr->f = (double)proto->f;
        return true;
    case ATTR_STRING:
        attr->s = import_string(import, proto->s);
        attr->count = strlen(attr->s);
        return attr->count == proto->s.len ||
               report_add(import->source.context->report, node, NODE_ATTRIBUTE, attr->name, "has a NUL byte");
    case ATTR_TENSOR:
        if (proto->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR)
            attr->tensor = proto->sparse_tensor ? tensor_import_sparse(&import->source, proto->sparse_tensor) : NULL;
        else
            attr->tensor = proto->t ? tensor_import(&import->source, proto->t) : NULL;
        return attr->tensor ||
               report_add(import->source.context->report, node, NODE_ATTRIBUTE, attr->name, "has no valid tensor");
    case ATTR_TYPE:
        return proto->tp ? type_import(&import->source, attr->name, proto->tp, &attr->type)
                         : report_add(import->source.context->report, node, NODE_ATTRIBUTE, attr->name, "has no type");
    case ATTR_GRAPH:
        if (!node || !proto->g)
            return report_add(import->source.context->report, node, NODE_ATTRIBUTE, attr->name, "has no graph");
        attr->graph = graph_new(import->model, text_of(proto->g->name));
        return import_subgraph(import, place, node, proto->g, &attr->graph);
    default:
        if (attr->kind == ATTR_GRAPHS && !node)
            return report_add(import->source.context->report, node, NODE_ATTRIBUTE, attr->name, "has no graphs");
        return import_lists(import, place, node, proto, attr);
    }
}

static bool import_attribute(Import *import, Place place, Node *node, const Onnx__AttributeProto *proto)
{
    Report *report = import->source.context->report;
    const char *name = text_of(proto->name);
    AttrKind kind;
    if (!*name)
        return invalid(import, node, "an attribute without a name");
    if (attr_find(node, name))
        return report_add(report, node, NODE_ATTRIBUTE, name, "is given twice");
    if (!attribute_kind(proto, &kind))
        return report_add(report, node, NODE_ATTRIBUTE, name, "has a type that is not supported");
    const char *reference = text_of(proto->ref_attr_name);
    if (!*reference)
        return import_value(import, place, node, proto, attr_add(node, name, kind));
    if (!place.function)
        return report_add(report, node, NODE_ATTRIBUTE, name, "refers to a function's attribute outside a function");
    if (!function_declares(place.function, reference))
        return report_add(report, node, NODE_ATTRIBUTE, name, "refers to an attribute the function does not have");
    Attr *attr = attr_add(node, name, ATTR_REFERENCE);
    attr->s = reference;
    attr->reference = kind;
    return true;
}

/* ---- nodes ---- */

static bool import_inputs(Import *import, Place place, Node *node, const Onnx__NodeProto *proto)
{
    bool good = true;
    for (size_t i = 0; i < proto->n_input; i++) {
        Value *value = *proto->input[i] ? symbol_table_find(place.values, proto->input[i]) : NULL;
        if (*proto->input[i] && !value)
            good = invalid(import, node, "input %zu '%s' is not defined before this node", i, proto->input[i]);
        node_add_input(node, value);
    }
    return good;
}

static bool import_outputs(Import *import, Place place, Node *node, const Onnx__NodeProto *proto)
{
    bool good = true;
    for (size_t i = 0; i < proto->n_output; i++) {
        if (!*proto->output[i]) {
            node_add_absent_output(node);
            continue;
        }
        Value *value = node_add_output(node, proto->output[i]);
        if (!symbol_table_define(place.values, proto->output[i], value))
            good = invalid(import, node, "output %zu '%s' is defined already, here or in a graph around", i,
                           proto->output[i]);
    }
    return good;
}

/* Whether a call fits the function's signature. */
static bool check_call(Import *import, const Node *node)
{
    const Graph *function = node->function;
    if (node->nin > function->nin || node->nout > function->nout)
        return report_add(import->source.context->report, node, NODE_ARITY,
                          "more inputs or outputs than the function has");
    for (const Attr *attr = node->attr; attr; attr = attr->next)
        if (!function_declares(function, attr->name))
            return report_add(import->source.context->report, node, NODE_ATTRIBUTE, attr->name,
                              "is not one of the function's");
    return true;
}

static bool import_node(Import *import, Place place, const Onnx__NodeProto *proto)
{
    const char *domain = domain_of(proto->domain), *type = text_of(proto->op_type);
    if (!*type)
        return invalid(import, NULL, "node '%s' has no operator", text_of(proto->name));
    if (proto->n_attribute > MAX_ATTRIBUTES || proto->n_input > INT_MAX || proto->n_output > INT_MAX)
        return invalid(import, NULL, "node '%s' has more than %d attributes", text_of(proto->name), MAX_ATTRIBUTES);
    Graph *function = symbol_table_find(import->function, function_key(import, domain, type, text_of(proto->overload)));
    const Op *op = find_op(import, domain, type, function);
    Node *node = node_new(place.graph, op, text_of(proto->name), NULL);
    node->function = function;
    bool good = import_inputs(import, place, node, proto);
    if (!function && !imports_domain(import, place.function, domain))
        good = invalid(import, node, "domain '%s' is not among the opset imports", *domain ? domain : "ai.onnx");
    for (size_t i = 0; i < proto->n_attribute; i++)
        good &= import_attribute(import, place, node, proto->attribute[i]);
    if (function)
        good &= check_call(import, node);
    return import_outputs(import, place, node, proto) && good;
}

static bool import_nodes(Import *import, Place place, size_t n, Onnx__NodeProto *const *proto)
{
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good &= import_node(import, place, proto[i]);
    return good;
}

/* ---- graphs ---- */

static bool import_input(Import *import, Place place, const Onnx__ValueInfoProto *proto)
{
    const char *name = text_of(proto->name);
    Type type = {.kind = TENSOR, .rank = -1};
    if (!*name)
        return invalid(import, NULL, "graph '%s' has an input without a name", place.graph->name);
    if (!proto->type && !place.graph->owner)
        return invalid(import, NULL, "input '%s' has no type", name);
    bool good = !proto->type || type_import(&import->source, name, proto->type, &type);
    return (symbol_table_define(place.values, name, graph_add_input(place.graph, name, type)) ||
            invalid(import, NULL, "input '%s' is defined already, here or in a graph around", name)) &&
           good;
}

/* The tensor of an initialiser may be the default of an input; before IR version 4 every initialiser had to be one, so
 * there it only fixes the input. */
static bool import_initializer(Import *import, Place place, const char *name, const Tensor *tensor)
{
    if (!*name)
        return invalid(import, NULL, "graph '%s' has an initialiser without a name", place.graph->name);
    if (!tensor) { /* said already; its readers need no error of their own */
        symbol_table_define(place.values, name, value_new(place.graph, name, (Type){.rank = -1}));
        return false;
    }
    Value *input = graph_find_value(place.graph, name);
    if (!input) {
        Value *value = graph_add_constant(place.graph, name, tensor);
        return symbol_table_define(place.values, name, value) ||
               invalid(import, NULL, "initialiser '%s' is defined already, here or in a graph around", name);
    }
    if (input->constant || place.graph->owner)
        return invalid(import, NULL, "initialiser '%s' is defined already", name);
    if (input->type.kind != TENSOR || input->type.dtype != tensor->dtype)
        return invalid(import, NULL, "initialiser '%s' does not have the type of the input it is a default of", name);
    graph_add_default(place.graph, input, tensor);
    return true;
}

static const char *sparse_name(const Onnx__SparseTensorProto *proto)
{
    return proto->values ? text_of(proto->values->name) : "";
}

static bool import_initializers(Import *import, Place place, const Onnx__GraphProto *proto)
{
    bool good = true;
    for (size_t i = 0; i < proto->n_initializer; i++)
        good &= import_initializer(import, place, text_of(proto->initializer[i]->name),
                                   tensor_import(&import->source, proto->initializer[i]));
    for (size_t i = 0; i < proto->n_sparse_initializer; i++)
        good &= import_initializer(import, place, sparse_name(proto->sparse_initializer[i]),
                                   tensor_import_sparse(&import->source, proto->sparse_initializer[i]));
    return good;
}

static bool import_graph_inputs(Import *import, Place place, const Onnx__GraphProto *proto)
{
    SymbolTable *fixed = symbol_table_new(import->source.context->arena, NULL);
    for (size_t i = 0; import->model->ir_version < 4 && i < proto->n_initializer; i++)
        symbol_table_define(fixed, text_of(proto->initializer[i]->name), proto->initializer[i]);
    bool good = true;
    for (size_t i = 0; i < proto->n_input; i++)
        if (!symbol_table_find(fixed, text_of(proto->input[i]->name)))
            good &= import_input(import, place, proto->input[i]);
    return good;
}

/* Whether a type the file states can be that of a value whose type is known. */
static bool type_allows(const Type *stated, const Type *known)
{
    if (stated->kind != known->kind || stated->dtype != known->dtype)
        return false;
    for (int i = 0; stated->rank == known->rank && i < stated->rank; i++)
        if (stated->dim[i] != known->dim[i] && dim_is_const(stated->dim[i], NULL) && dim_is_const(known->dim[i], NULL))
            return false;
    return stated->rank < 0 || known->rank < 0 || stated->rank == known->rank;
}

/* Until types are inferred, an output has the type the file states; inference compares. */
static bool import_output(Import *import, Place place, const char *name, const Onnx__TypeProto *proto)
{
    Value *value = *name ? symbol_table_find(place.values, name) : NULL;
    Type stated;
    if (!value)
        return invalid(import, NULL, "output '%s' of graph '%s' is not defined", name, place.graph->name);
    if (proto && !type_import(&import->source, name, proto, &stated))
        return false;
    if (value->graph != place.graph) { /* of a graph around this one */
        Node *copy = node_new(place.graph, find_op(import, "", "Identity", false), "", NULL);
        node_add_input(copy, value);
        value = node_add_output(copy, "");
    }
    if (proto && value->def)
        value->type = stated;
    else if (proto && value->type.dtype != UNDEFINED && !type_allows(&stated, &value->type))
        return invalid(import, NULL, "output '%s' is stated to have another type than it has", name);
    graph_add_output(place.graph, value);
    return true;
}

static bool import_graph(Import *import, Place place, const Onnx__GraphProto *proto)
{
    if (proto->n_input > INT_MAX || proto->n_output > INT_MAX)
        return invalid(import, NULL, "graph '%s' has too many inputs or outputs", place.graph->name);
    bool good = import_graph_inputs(import, place, proto);
    good &= import_initializers(import, place, proto);
    good &= import_nodes(import, place, proto->n_node, proto->node);
    for (size_t i = 0; i < proto->n_output; i++)
        good &= import_output(import, place, text_of(proto->output[i]->name), proto->output[i]->type);
    return good;
}

/* ---- functions ---- */

static bool import_defaults(Import *import, Graph *function, const Onnx__FunctionProto *proto)
{
    Attr **link = &function->attribute_default;
    for (size_t i = 0; i < proto->n_attribute_proto; i++) {
        const Onnx__AttributeProto *given = proto->attribute_proto[i];
        Attr *attr = ARENA_NEW(import->source.context->arena, Attr);
        attr->name = text_of(given->name);
        if (!*attr->name || !attribute_kind(given, &attr->kind) || function_declares(function, attr->name))
            return invalid(import, NULL, "function '%s' has an invalid default for attribute '%s'", function->name,
                           attr->name);
        if (!import_value(import, (Place){0}, NULL, given, attr))
            return false;
        *link = attr;
        link = &attr->next;
    }
    return true;
}

/* A function's signature, so that others can call it. */
static Graph *import_signature(Import *import, const Onnx__FunctionProto *proto)
{
    Arena *arena = import->source.context->arena;
    Graph *function = graph_new(import->model, text_of(proto->name));
    function->domain = domain_of(proto->domain);
    function->overload = text_of(proto->overload);
    function->opset = ARENA_ARRAY(arena, MAX_OPSETS, Opset);
    const char *key = function_key(import, function->domain, function->name, function->overload);
    if (!*function->name || !symbol_table_define(import->function, key, function)) {
        invalid(import, NULL, "function '%s' of domain '%s' has no name, or is defined twice", function->name,
                function->domain);
        return NULL;
    }
    if (proto->n_attribute + proto->n_attribute_proto > MAX_ATTRIBUTES) {
        invalid(import, NULL, "function '%s' has more than %d attributes", function->name, MAX_ATTRIBUTES);
        return NULL;
    }
    function->nattribute = (int)proto->n_attribute;
    function->attribute = (const char **)proto->attribute;
    if (!import_opsets(import, proto->n_opset_import, proto->opset_import, function->opset, &function->nopset) ||
        !import_defaults(import, function, proto))
        return NULL;
    model_add_function(import->model, function);
    return function;
}

static bool import_body(Import *import, Graph *function, SymbolTable *values, const Onnx__FunctionProto *proto)
{
    Place place = {function, values, function};
    bool good = import_nodes(import, place, proto->n_node, proto->node);
    for (size_t i = 0; i < proto->n_output; i++)
        good &= import_output(import, place, proto->output[i], NULL);
    return good;
}

static bool import_functions(Import *import, size_t n, Onnx__FunctionProto *const *proto)
{
    Arena *arena = import->source.context->arena;
    Graph **function = ARENA_ARRAY(arena, n, Graph *);
    SymbolTable **values = ARENA_ARRAY(arena, n, SymbolTable *);
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        function[i] = import_signature(import, proto[i]);
        if (!function[i])
            return false;
        values[i] = symbol_table_new(arena, NULL);
        for (size_t k = 0; k < proto[i]->n_input; k++) {
            Value *input = graph_add_input(function[i], proto[i]->input[k], (Type){.rank = -1});
            if (!*proto[i]->input[k] || !symbol_table_define(values[i], proto[i]->input[k], input))
                good = invalid(import, NULL, "function '%s' has two inputs '%s', or one without a name",
                               function[i]->name, proto[i]->input[k]);
        }
    }
    for (size_t i = 0; i < n; i++)
        good &= import_body(import, function[i], values[i], proto[i]);
    return good;
}

/* ---- operators of our own ---- */

static void adopt_calls(Graph *graph, const Graph *function, const Op *op)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (node->function == function) {
            node->function = NULL;
            node->op = op;
        }
        for (int i = 0; node_subgraph(node, i); i++)
            adopt_calls(node_subgraph(node, i), function, op);
    }
}

/* Where a function says what one of our operators is defined by, as in the files we write, calls are that operator. */
static void adopt_own_functions(Model *model)
{
    int kept = 0;
    for (int i = 0; i < model->nfunction; i++) {
        Graph *function = model->function[i];
        const Op *op = is_own_domain(function->domain) ? op_find(function->domain, function->name) : NULL;
        if (!op || *function->overload || !is_own_function(function)) {
            model->function[kept++] = function;
            continue;
        }
        for (int k = 0; k < model->nfunction; k++)
            adopt_calls(model->function[k], function, op);
        adopt_calls(model->graph, function, op);
    }
    model->nfunction = kept;
}

/* ---- models ---- */

static bool import_model(Import *import, const Onnx__ModelProto *proto)
{
    Context *context = import->source.context;
    Model *model = import->model;
    if (!proto->graph)
        return invalid(import, NULL, "the file holds no graph");
    if (proto->ir_version < 3 || proto->ir_version > NEWEST_IR)
        return report_add(context->report, NULL, IR_VERSION, (long long)proto->ir_version);
    model->ir_version = proto->ir_version;
    model->producer = text_of(proto->producer_name);
    for (size_t i = 0; i < proto->n_metadata_props; i++)
        model_add_property(model, text_of(proto->metadata_props[i]->key), text_of(proto->metadata_props[i]->value));
    sha256_hex(import->source.bytes, model->hash);
    if (!import_opsets(import, proto->n_opset_import, proto->opset_import, model->opset, &model->nopset) ||
        !import_functions(import, proto->n_functions, proto->functions))
        return false;
    model->graph = graph_new(model, text_of(proto->graph->name));
    Place place = {model->graph, symbol_table_new(context->arena, NULL), NULL};
    if (!import_graph(import, place, proto->graph) || !functions_check(model))
        return false;
    adopt_own_functions(model);
    return true;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t length = strlen(path), n = strlen(suffix);
    return length >= n && strcmp(path + length - n, suffix) == 0;
}

Model *model_load(Context *context, const char *path)
{
    Import import = {0};
    if (!source_open(&import.source, context, path))
        return NULL;
    if (has_suffix(path, ".onnxtxt") || has_suffix(path, ".txt")) {
        const char *text = (const char *)import.source.bytes.data;
        Model *parsed =
            model_parse_source(&import.source, arena_strndup(context->arena, text, import.source.bytes.size));
        if (!parsed || !functions_check(parsed))
            return NULL;
        sha256_hex(import.source.bytes, parsed->hash);
        return parsed;
    }
    const ProtobufCMessage *message = source_unpack(&import.source, &onnx__model_proto__descriptor);
    if (!message)
        return NULL;
    import.model = model_new(context);
    import.function = symbol_table_new(context->arena, NULL);
    import.op = symbol_table_new(context->arena, NULL);
    return import_model(&import, (const Onnx__ModelProto *)message) ? import.model : NULL;
}
