/* print.c -- graphs in ONNX text. */
#include "map.h"
#include "ops/op.h"
#include "publish.h"
#include "symbol_table.h"
#include <stdlib.h>
#include <string.h>

/* ---- tensors: in braces, or as a reference to external data ---- */

enum { EXTERNAL_ALIGNMENT = 64 };

static bool goes_out(const ModelPrinter *printer, const Tensor *tensor)
{
    return printer->options.data && tensor->dtype != STRING && tensor->count > printer->options.inline_limit;
}

static void write_bytes(ModelPrinter *printer, const void *bytes, size_t size)
{
    fwrite(bytes, 1, size, printer->options.data);
    printer->offset += (int64_t)size;
}

static void write_packed(ModelPrinter *printer, const Tensor *tensor)
{
    enum { AT_ONCE = 4096 };
    unsigned char element[AT_ONCE], packed[AT_ONCE];
    for (int64_t i = 0; i < tensor->count; i += AT_ONCE) {
        int64_t n = tensor->count - i < AT_ONCE ? tensor->count - i : AT_ONCE;
        for (int64_t k = 0; k < n; k++)
            element[k] = *(const unsigned char *)tensor_at(tensor, i + k);
        dtype_pack(tensor->dtype, element, n, packed);
        write_bytes(printer, packed, dtype_packed_size(tensor->dtype, n));
    }
}

static void external_print(ModelPrinter *printer, const Tensor *tensor)
{
    static const char zeros[EXTERNAL_ALIGNMENT];
    write_bytes(printer, zeros, (size_t)(-printer->offset & (EXTERNAL_ALIGNMENT - 1)));
    int64_t start = printer->offset;
    if (dtype_info(tensor->dtype)->bits < 8)
        write_packed(printer, tensor);
    else if (!tensor->splat)
        write_bytes(printer, tensor->data, tensor_bytes(tensor));
    else
        for (int64_t i = 0; i < tensor->count; i++)
            write_bytes(printer, tensor->data, tensor_bytes(tensor));
    fputs("[\"location\": ", printer->to);
    string_print(printer->options.data_name, printer->to);
    fprintf(printer->to, ", \"offset\": \"%lld\", \"length\": \"%lld\"]", (long long)start,
            (long long)(printer->offset - start));
}

/* " name = {...}" after the tensor's type. */
static void tensor_print(ModelPrinter *printer, const Tensor *tensor, const char *name)
{
    tensor_type_print(tensor, printer->to);
    if (name) {
        putc(' ', printer->to);
        name_print(name, printer->to);
    }
    bool out = goes_out(printer, tensor);
    fputs(name || out ? " = " : " ", printer->to);
    if (out)
        external_print(printer, tensor);
    else
        elements_print(tensor, printer->to);
}

/* ---- attributes ---- */

static const char *const kind_text[] = {
    [ATTR_INT] = "int",         [ATTR_FLOAT] = "float",     [ATTR_STRING] = "string", [ATTR_TENSOR] = "tensor",
    [ATTR_GRAPH] = "graph",     [ATTR_TYPE] = "type_proto", [ATTR_INTS] = "ints",     [ATTR_FLOATS] = "floats",
    [ATTR_STRINGS] = "strings", [ATTR_TENSORS] = "tensors", [ATTR_GRAPHS] = "graphs"};

static void list_item_print(ModelPrinter *printer, const Attr *attr, size_t i, int indent)
{
    switch (attr->kind) {
    case ATTR_INTS:
        fprintf(printer->to, "%lld", (long long)attr->ints[i]);
        break;
    case ATTR_FLOATS:
        float_print(attr->floats[i], F32, printer->to);
        break;
    case ATTR_STRINGS:
        string_print(attr->strings[i], printer->to);
        break;
    case ATTR_TENSORS:
        tensor_print(printer, attr->tensors[i], NULL);
        break;
    default:
        printer_graph(printer, attr->graphs[i], indent);
    }
}

static void list_print(ModelPrinter *printer, const Attr *attr, int indent)
{
    putc('[', printer->to);
    for (size_t i = 0; i < attr->count; i++) {
        if (i)
            fputs(", ", printer->to);
        list_item_print(printer, attr, i, indent);
    }
    putc(']', printer->to);
}

static void attribute_print(ModelPrinter *printer, const Attr *attr, int indent)
{
    FILE *to = printer->to;
    AttrKind kind = attr->kind == ATTR_REFERENCE ? attr->reference : attr->kind;
    fprintf(to, "%s: %s = ", name_mangle(attr->name, printer->arena), kind_text[kind]);
    switch (attr->kind) {
    case ATTR_INT:
        fprintf(to, "%lld", (long long)attr->i);
        break;
    case ATTR_FLOAT:
        float_print(attr->f, F32, to);
        break;
    case ATTR_STRING:
        string_print(attr->s, to);
        break;
    case ATTR_REFERENCE:
        putc('@', to);
        name_print(attr->s, to);
        break;
    case ATTR_TENSOR:
        tensor_print(printer, attr->tensor, NULL);
        break;
    case ATTR_GRAPH:
        printer_graph(printer, attr->graph, indent);
        break;
    case ATTR_TYPE:
        printer_type(printer, &attr->type);
        break;
    default:
        list_print(printer, attr, indent);
    }
}

static void attributes_print(ModelPrinter *printer, const Node *node, int indent)
{
    for (const Attr *attr = node->attr; attr; attr = attr->next) {
        fputs(attr == node->attr ? " <" : ", ", printer->to);
        attribute_print(printer, attr, indent);
    }
    if (node->attr)
        putc('>', printer->to);
}

/* ---- statements ---- */

static void names_print(Value *const *value, int count, FILE *to)
{
    while (count && !value[count - 1])
        count--;
    for (int i = 0; i < count; i++) {
        if (i)
            fputs(", ", to);
        name_print(value[i] ? value[i]->name : "", to);
    }
}

static bool is_typed(const Type *type)
{
    return type->kind != TENSOR || type->dtype != UNDEFINED;
}

/* A type in a comment: a line break in a name must not end it. */
static void type_comment(ModelPrinter *printer, const Type *type)
{
    char *text = NULL;
    size_t size = 0;
    FILE *line = printer->to, *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    printer->to = memory;
    printer_type(printer, type);
    printer->to = line;
    fclose(memory);
    for (const char *at = text; at && *at; at++)
        putc((unsigned char)*at < ' ' ? ' ' : *at, line);
    free(text);
}

static void types_print(ModelPrinter *printer, const Node *node)
{
    const char *separator = "  # ";
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i] || !is_typed(&node->out[i]->type))
            continue;
        fputs(separator, printer->to);
        separator = ", ";
        type_comment(printer, &node->out[i]->type);
    }
}

static void called_print(const ModelPrinter *printer, const Node *node)
{
    const CallName name = called(printer->calls, node);
    if (*name.domain && strcmp(name.domain, "ai.onnx") != 0)
        fprintf(printer->to, "%s.", name.domain);
    fputs(name.name, printer->to);
    if (*name.overload)
        fprintf(printer->to, ":%s", name.overload);
}

const char *printer_label(ModelPrinter *printer, const Node *node)
{
    int *uses = printer->labels ? symbol_table_find(printer->labels, node->name) : NULL;
    const char *label = node->name;
    while (uses && symbol_table_find(printer->labels, label))
        label = arena_printf(printer->arena, "%s_%d", node->name, ++*uses);
    if (printer->labels) {
        int *one = ARENA_NEW(printer->arena, int);
        *one = 1;
        symbol_table_define(printer->labels, label, one);
    }
    return label;
}

static void statement_print(ModelPrinter *printer, const Node *node, int indent)
{
    FILE *to = printer->to;
    bool has_graphs = node_subgraph(node, 0) != NULL;
    fprintf(to, "%*s", indent, "");
    if (*node->name) {
        putc('[', to);
        name_print(printer_label(printer, node), to);
        fputs("] ", to);
    }
    names_print(node->out, node->nout, to);
    fputs(" = ", to);
    called_print(printer, node);
    if (!has_graphs)
        attributes_print(printer, node, indent);
    fputs(" (", to);
    names_print(node->in, node->nin, to);
    putc(')', to);
    if (has_graphs)
        attributes_print(printer, node, indent);
    if (printer->options.types)
        types_print(printer, node);
    putc('\n', to);
}

static void nodes_print(ModelPrinter *printer, const Graph *graph, int indent)
{
    for (const Node *node = graph->first; node; node = node->next)
        statement_print(printer, node, indent);
}

/* ---- graphs ---- */

static void parameters_print(ModelPrinter *printer, Value *const *value, int count)
{
    putc('(', printer->to);
    for (int i = 0; i < count; i++) {
        if (i)
            fputs(", ", printer->to);
        if (is_typed(&value[i]->type)) {
            printer_type(printer, &value[i]->type);
            putc(' ', printer->to);
        }
        name_print(value[i]->name, printer->to);
    }
    putc(')', printer->to);
}

static void initializers_print(ModelPrinter *printer, const Graph *graph, int indent)
{
    for (int i = 0; i < graph->ninitializer; i++) {
        fprintf(printer->to, "%s\n%*s", i ? "," : " <", indent + 4, "");
        tensor_print(printer, graph->initializer[i]->constant, graph->initializer[i]->name);
    }
    if (graph->ninitializer)
        fprintf(printer->to, "\n%*s>", indent, "");
}

static void body_print(ModelPrinter *printer, const Graph *graph, int indent)
{
    fputs(" {\n", printer->to);
    nodes_print(printer, graph, indent + 4);
    fprintf(printer->to, "%*s}", indent, "");
}

void printer_graph(ModelPrinter *printer, const Graph *graph, int indent)
{
    FILE *to = printer->to;
    if (graph->owner) /* has no use for its name, and no quotes around it */
        fputs(is_plain_name(graph->name) ? graph->name : "graph", to);
    else
        name_print(*graph->name ? graph->name : "graph", to);
    putc(' ', to);
    parameters_print(printer, graph->in, graph->nin);
    fputs(" => ", to);
    parameters_print(printer, graph->out, graph->nout);
    initializers_print(printer, graph, indent);
    body_print(printer, graph, indent);
}

void printer_function(ModelPrinter *printer, const Graph *function, const CallName *name)
{
    FILE *to = printer->to;
    bool types = printer->options.types;
    printer->options.types = false; /* the types in a function are those of a call */
    fputs(name->name, to);
    const char *separator = " <";
    for (int i = 0; i < function->nattribute; i++, separator = ", ") {
        fputs(separator, to);
        name_print(name_mangle(function->attribute[i], printer->arena), to);
    }
    for (const Attr *attr = function->attribute_default; attr; attr = attr->next, separator = ", ") {
        fputs(separator, to);
        attribute_print(printer, attr, 0);
    }
    fputs(*separator == ',' ? "> (" : " (", to);
    names_print(function->in, function->nin, to);
    fputs(") => (", to);
    names_print(function->out, function->nout, to);
    putc(')', to);
    body_print(printer, function, 0);
    putc('\n', to);
    printer->options.types = types;
}
