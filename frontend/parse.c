/* parse.c -- models and functions from ONNX text. */
#include "parse.h"
#include "frontend.h"
#include "ops/op.h"
#include "print.h"
#include "symbol_table.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 32 };

/* A node whose operator is known once all functions are. */
typedef struct Unresolved Unresolved;
struct Unresolved {
    Node *node;
    const char *domain, *name, *overload;
    int line;
    Unresolved *next;
};

typedef struct {
    Lexer lexer;
    Context *context;
    Model *model;
    const Source *source;
    Graph *graph;        /* being read */
    SymbolTable *values; /* its values and those around it, by name */
    Graph *function;     /* being read; NULL: none */
    int depth;           /* of subgraphs */
    Unresolved *unresolved, **unresolved_end;
    SymbolTable *operators; /* rows that only name functions and operators that are not known (yet) */
} Parser;

/* ---- names ---- */

typedef struct {
    const char *text; /* "" for one that is left out */
    int line;
} Name;
typedef struct {
    Name *name;
    int count, capacity;
} NameList;

/* Names up to a closing mark; any but the last may be left out. */
static bool parse_names(Parser *parser, NameList *list, const char *close)
{
    Lexer *lexer = &parser->lexer;
    while (!lexer_is(lexer, close)) {
        if (list->count == list->capacity) {
            int capacity = list->capacity ? list->capacity * 2 : 8;
            list->name = arena_grow(parser->context->arena, list->name, (size_t)list->count, (size_t)capacity,
                                    sizeof *list->name);
            list->capacity = capacity;
        }
        Name *name = &list->name[list->count++];
        *name = (Name){"", lexer->token.line};
        if (!lexer_is(lexer, ",") && !lexer_identifier(lexer, &name->text))
            return false;
        if (!lexer_accept(lexer, ","))
            break;
    }
    return lexer_expect(lexer, close);
}

/* An error about a name that has been read already. */
static bool name_error(Parser *parser, const Name *name, const char *format)
{
    parser->lexer.token.line = name->line;
    return lexer_error(&parser->lexer, format, name->text);
}

static bool define_value(Parser *parser, const Name *name, Value *value)
{
    if (!*name->text)
        return name_error(parser, name, "a value without a name%s");
    return symbol_table_define(parser->values, name->text, value) ||
           name_error(parser, name, "'%s' is defined already");
}

/* ---- nodes ---- */

static bool parse_subgraph(void *who, Graph **graph);

static bool parse_attributes(Parser *parser, Node *node)
{
    AttrReader reader = {&parser->lexer, parser->source, parser->function, parse_subgraph, parser};
    if (!lexer_accept(&parser->lexer, "<"))
        return true;
    do {
        Attr attr = {0};
        if (!lexer_name(&parser->lexer, &attr.name))
            return false;
        if (attr_find(node, attr.name))
            return lexer_error(&parser->lexer, "attribute '%s' is given twice", attr.name);
        if (!attribute_parse_value(&reader, &attr))
            return false;
        attr_move(node, &attr);
    } while (lexer_accept(&parser->lexer, ","));
    return lexer_expect(&parser->lexer, ">");
}

static bool parse_inputs(Parser *parser, Node *node)
{
    NameList names = {0};
    if (!parse_names(parser, &names, ")"))
        return false;
    for (int i = 0; i < names.count; i++) {
        const Name *name = &names.name[i];
        Value *value = *name->text ? symbol_table_find(parser->values, name->text) : NULL;
        if (*name->text && !value)
            return name_error(parser, name, "'%s' is not defined here");
        node_add_input(node, value);
    }
    return true;
}

static bool add_outputs(Parser *parser, Node *node, const NameList *names)
{
    for (int i = 0; i < names->count; i++)
        if (!*names->name[i].text)
            node_add_absent_output(node);
        else if (!define_value(parser, &names->name[i], node_add_output(node, names->name[i].text)))
            return false;
    return true;
}

/* [label] y, z = domain.Operator:overload <attributes> (a, b) <attributes> */
static bool parse_node(Parser *parser)
{
    Lexer *lexer = &parser->lexer;
    Unresolved *entry = ARENA_NEW(parser->context->arena, Unresolved);
    NameList outputs = {0};
    const char *label = "";
    if (lexer_accept(lexer, "[") &&
        ((!lexer_is(lexer, "]") && !lexer_identifier(lexer, &label)) || !lexer_expect(lexer, "]")))
        return false;
    if (!parse_names(parser, &outputs, "="))
        return false;
    entry->line = lexer->token.line;
    if (!lexer_operator(lexer, &entry->domain, &entry->name, &entry->overload))
        return false;
    Node *node = entry->node = node_new(parser->graph, NULL, label, NULL);
    *parser->unresolved_end = entry;
    parser->unresolved_end = &entry->next;
    return parse_attributes(parser, node) && lexer_expect(lexer, "(") && parse_inputs(parser, node) &&
           (node->attr || parse_attributes(parser, node)) && add_outputs(parser, node, &outputs);
}

static bool parse_nodes(Parser *parser)
{
    if (!lexer_expect(&parser->lexer, "{"))
        return false;
    while (!lexer_accept(&parser->lexer, "}"))
        if (!parse_node(parser))
            return false;
    return true;
}

/* ---- graphs ---- */

/* A name with a type before it, if it has one. */
static bool parse_typed_name(Parser *parser, Type *type, Name *name)
{
    *type = (Type){.kind = TENSOR, .rank = -1};
    if (type_begins(&parser->lexer) && !type_parse(&parser->lexer, type))
        return false;
    name->line = parser->lexer.token.line;
    return lexer_identifier(&parser->lexer, &name->text);
}

static bool parse_default(Parser *parser, Value *input)
{
    const Tensor *tensor;
    if (input->constant)
        return lexer_error(&parser->lexer, "'%s' has two initialisers", input->name);
    if (!tensor_parse(&parser->lexer, &input->type, input->name, parser->source, &tensor))
        return false;
    graph_add_default(parser->graph, input, tensor);
    return true;
}

static bool parse_graph_inputs(Parser *parser)
{
    Lexer *lexer = &parser->lexer;
    if (!lexer_expect(lexer, "("))
        return false;
    while (!lexer_is(lexer, ")")) {
        Type type;
        Name name;
        if (!parse_typed_name(parser, &type, &name))
            return false;
        Value *input = graph_add_input(parser->graph, name.text, type);
        if (!define_value(parser, &name, input) || (lexer_accept(lexer, "=") && !parse_default(parser, input)))
            return false;
        if (!lexer_accept(lexer, ","))
            break;
    }
    return lexer_expect(lexer, ")");
}

/* <float[2] w = {1, 2}, float[N] y>: initialisers, and types of inner values, which are inferred and not believed. */
static bool parse_initializers(Parser *parser)
{
    Lexer *lexer = &parser->lexer;
    if (!lexer_accept(lexer, "<"))
        return true;
    while (!lexer_is(lexer, ">")) {
        Type type;
        Name name;
        const Tensor *tensor;
        if (!parse_typed_name(parser, &type, &name))
            return false;
        if (lexer_accept(lexer, "=")) {
            Value *input = graph_find_value(parser->graph, name.text);
            if (input ? !parse_default(parser, input)
                      : !tensor_parse(lexer, &type, name.text, parser->source, &tensor) ||
                            !define_value(parser, &name, graph_add_constant(parser->graph, name.text, tensor)))
                return false;
        }
        if (!lexer_accept(lexer, ","))
            break;
    }
    return lexer_expect(lexer, ">");
}

typedef struct {
    Name name;
    Type type;
} Output;

static bool parse_graph_outputs(Parser *parser, Output **output, int *count)
{
    Lexer *lexer = &parser->lexer;
    int capacity = 0;
    if (!lexer_expect(lexer, "("))
        return false;
    while (!lexer_is(lexer, ")")) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 4;
            *output = arena_grow(parser->context->arena, *output, (size_t)*count, (size_t)capacity, sizeof **output);
        }
        Output *next = &(*output)[(*count)++];
        if (!parse_typed_name(parser, &next->type, &next->name))
            return false;
        if (!lexer_accept(lexer, ","))
            break;
    }
    return lexer_expect(lexer, ")");
}

/* Until types are inferred, an output has the type that is stated; inference compares. */
static bool add_graph_outputs(Parser *parser, const Output *output, int count)
{
    for (int i = 0; i < count; i++) {
        Value *value = symbol_table_find(parser->values, output[i].name.text);
        if (!value)
            return name_error(parser, &output[i].name, "output '%s' is not defined");
        if (value->graph != parser->graph) { /* of a graph around this one */
            Node *copy = node_new(parser->graph, op_find("", "Identity"), "", NULL);
            node_add_input(copy, value);
            value = node_add_output(copy, "");
        }
        if (value->def && value->type.dtype == UNDEFINED && value->type.kind == TENSOR)
            value->type = output[i].type;
        graph_add_output(parser->graph, value);
    }
    return true;
}

static bool parse_graph_contents(Parser *parser)
{
    Output *output = NULL;
    int noutput = 0;
    return parse_graph_inputs(parser) && lexer_expect(&parser->lexer, "=>") &&
           parse_graph_outputs(parser, &output, &noutput) && parse_initializers(parser) && parse_nodes(parser) &&
           add_graph_outputs(parser, output, noutput);
}

/* name (inputs) => (outputs) <initialisers> { nodes } */
static bool parse_graph(Parser *parser, Graph **graph)
{
    const char *name;
    if (!lexer_identifier(&parser->lexer, &name))
        return false;
    Graph *outer = parser->graph;
    SymbolTable *outer_values = parser->values;
    *graph = parser->graph = graph_new(parser->model, name);
    parser->values = symbol_table_new(parser->context->arena, outer_values);
    bool good = parse_graph_contents(parser);
    parser->graph = outer;
    parser->values = outer_values;
    return good;
}

static bool parse_subgraph(void *who, Graph **graph)
{
    Parser *parser = who;
    if (parser->depth == MAX_NESTING)
        return lexer_error(&parser->lexer, "graphs nested deeper than %d levels", MAX_NESTING);
    parser->depth++;
    bool good = parse_graph(parser, graph);
    parser->depth--;
    return good;
}

/* ---- headers: <key: value, ...> ---- */

static bool parse_opsets(Parser *parser, Opset *list, int *count)
{
    Lexer *lexer = &parser->lexer;
    if (!lexer_expect(lexer, "["))
        return false;
    while (!lexer_is(lexer, "]")) {
        const char *domain;
        int64_t version;
        if (*count == MAX_OPSETS)
            return lexer_error(lexer, "more than %d opset imports", MAX_OPSETS);
        if (!lexer_string(lexer, &domain) || !lexer_expect(lexer, ":") || !lexer_integer(lexer, &version))
            return false;
        if (strcmp(domain, "ai.onnx") == 0)
            domain = "";
        if (version < 1 || (!*domain && version > NEWEST_OPSET)) {
            report_add(parser->context->report, NULL, OPSET_VERSION, (long long)version, *domain ? domain : "ai.onnx");
            return false;
        }
        list[(*count)++] = (Opset){domain, version};
        if (!lexer_accept(lexer, ","))
            break;
    }
    return lexer_expect(lexer, "]");
}

/* A value nothing is done with: a string, a number, or a list of pairs of strings. */
static bool skip_value(Parser *parser)
{
    Lexer *lexer = &parser->lexer;
    const char *string;
    int64_t number;
    if (!lexer_accept(lexer, "["))
        return lexer->token.kind == TOKEN_STRING ? lexer_string(lexer, &string) : lexer_integer(lexer, &number);
    while (!lexer_is(lexer, "]")) {
        if (!lexer_string(lexer, &string) || !lexer_expect(lexer, ":") || !lexer_string(lexer, &string))
            return false;
        if (!lexer_accept(lexer, ","))
            break;
    }
    return lexer_expect(lexer, "]");
}

static bool parse_properties(Parser *parser)
{
    Lexer *lexer = &parser->lexer;
    const char *key, *value;
    if (!lexer_expect(lexer, "["))
        return false;
    while (!lexer_is(lexer, "]")) {
        if (!lexer_string(lexer, &key) || !lexer_expect(lexer, ":") || !lexer_string(lexer, &value))
            return false;
        model_add_property(parser->model, key, value);
        if (!lexer_accept(lexer, ","))
            break;
    }
    return lexer_expect(lexer, "]");
}

static bool parse_header(Parser *parser)
{
    Lexer *lexer = &parser->lexer;
    Model *model = parser->model;
    if (!lexer_accept(lexer, "<"))
        return lexer_error(lexer, "a model begins with <ir_version: ..., opset_import: [...]>");
    do {
        const char *key;
        bool good;
        if (!lexer_name(lexer, &key) || !lexer_expect(lexer, ":"))
            return false;
        if (strcmp(key, "ir_version") == 0)
            good = lexer_integer(lexer, &model->ir_version);
        else if (strcmp(key, "opset_import") == 0)
            good = parse_opsets(parser, model->opset, &model->nopset);
        else if (strcmp(key, "producer_name") == 0)
            good = lexer_string(lexer, &model->producer);
        else if (strcmp(key, "metadata_props") == 0)
            good = parse_properties(parser);
        else
            good = skip_value(parser);
        if (!good)
            return false;
    } while (lexer_accept(lexer, ","));
    if (!lexer_expect(lexer, ">"))
        return false;
    return (model->ir_version >= 3 && model->ir_version <= NEWEST_IR) ||
           report_add(parser->context->report, NULL, IR_VERSION, (long long)model->ir_version);
}

/* ---- functions ---- */

static bool parse_function_header(Parser *parser, Graph *function)
{
    Lexer *lexer = &parser->lexer;
    if (!lexer_accept(lexer, "<"))
        return true;
    do {
        const char *key;
        bool good;
        if (!lexer_name(lexer, &key) || !lexer_expect(lexer, ":"))
            return false;
        if (strcmp(key, "domain") == 0)
            good = lexer_string(lexer, &function->domain);
        else if (strcmp(key, "overload") == 0)
            good = lexer_string(lexer, &function->overload);
        else if (strcmp(key, "opset_import") == 0)
            good = parse_opsets(parser, function->opset, &function->nopset);
        else
            good = skip_value(parser);
        if (!good)
            return false;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, ">");
}

/* <alpha, beta: float = 1.0>: attributes that must be given, and those with defaults. */
static bool parse_function_attributes(Parser *parser, Graph *function)
{
    Lexer *lexer = &parser->lexer;
    Arena *arena = parser->context->arena;
    AttrReader reader = {.lexer = lexer, .source = parser->source, .read_graph = parse_subgraph, .who = parser};
    Attr **end = &function->attribute_default;
    int capacity = 0;
    if (!lexer_accept(lexer, "<"))
        return true;
    do {
        const char *name;
        if (!lexer_identifier(lexer, &name))
            return false;
        if (lexer_is(lexer, ":") || lexer_is(lexer, "=")) {
            Attr *attr = *end = ARENA_NEW(arena, Attr);
            attr->name = name;
            end = &attr->next;
            if (!attribute_parse_value(&reader, attr))
                return false;
            if (attr->kind == ATTR_GRAPH || attr->kind == ATTR_GRAPHS)
                return lexer_error(lexer, "a graph is no default of an attribute");
            continue;
        }
        if (function->nattribute == capacity) {
            capacity = capacity ? capacity * 2 : 4;
            function->attribute = arena_grow(arena, function->attribute, (size_t)function->nattribute, (size_t)capacity,
                                             sizeof *function->attribute);
        }
        function->attribute[function->nattribute++] = name;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, ">");
}

/* <domain: "d", opset_import: [...]> name <attributes> (inputs) => (outputs) { nodes } */
static bool parse_function(Parser *parser, Graph **made)
{
    Arena *arena = parser->context->arena;
    Graph *function = *made = graph_new(parser->model, "");
    function->opset = ARENA_ARRAY(arena, MAX_OPSETS, Opset);
    parser->graph = parser->function = function;
    parser->values = symbol_table_new(arena, NULL);
    bool good = parse_function_header(parser, function) && lexer_identifier(&parser->lexer, &function->name) &&
                parse_function_attributes(parser, function) && parse_graph_contents(parser);
    parser->graph = parser->function = NULL;
    parser->values = NULL;
    return good;
}

/* ---- operators ---- */

static const char *function_key(Parser *parser, const char *domain, const char *name, const char *overload)
{
    return arena_printf(parser->context->arena, "%s\n%s\n%s", domain, name, overload);
}

/* A row that only names a function, or an operator that the registry does not have (any more): upgrading decides. */
static const Op *naming_op(Parser *parser, const Unresolved *entry)
{
    const char *key = function_key(parser, entry->domain, entry->name, entry->overload);
    Op *op = symbol_table_find(parser->operators, key);
    if (!op) {
        op = ARENA_NEW(parser->context->arena, Op);
        *op = (Op){.name = entry->name, .domain = entry->domain, .schema = "", .attributes = "", .form = FORM_COMPOSED};
        symbol_table_define(parser->operators, key, op);
    }
    return op;
}

static bool names_own_operator(const char *domain, const char *name)
{
    return is_own_domain(domain) && op_find(domain, name);
}

/* Gives each node its function or its operator. */
static bool resolve(Parser *parser)
{
    Arena *arena = parser->context->arena;
    SymbolTable *functions = symbol_table_new(arena, NULL);
    for (int i = 0; i < parser->model->nfunction; i++) {
        Graph *function = parser->model->function[i];
        if (!symbol_table_define(functions, function_key(parser, function->domain, function->name, function->overload),
                                 function))
            return report_add(
                parser->context->report, NULL, GRAPH_INVALID,
                arena_printf(arena, "function '%s' of domain '%s' is defined twice", function->name, function->domain));
    }
    for (Unresolved *entry = parser->unresolved; entry; entry = entry->next) {
        const char *key = function_key(parser, entry->domain, entry->name, entry->overload);
        bool is_own = names_own_operator(entry->domain, entry->name);
        Graph *function = is_own ? NULL : symbol_table_find(functions, key);
        const Op *op = function ? NULL : op_find(entry->domain, entry->name);
        entry->node->function = function;
        entry->node->op = op ? op : naming_op(parser, entry);
    }
    return true;
}

/* ---- models ---- */

static void parser_start(Parser *parser, Model *model, const Source *source, const char *text)
{
    *parser = (Parser){.context = model->context, .model = model, .source = source};
    parser->unresolved_end = &parser->unresolved;
    parser->operators = symbol_table_new(model->context->arena, NULL);
    lexer_start(&parser->lexer, model->context, text, NULL);
}

/* The functions that stand for operators of ours are read as those operators, so they must be what we print. */
static bool drop_own_functions(Parser *parser)
{
    Model *model = parser->model;
    int kept = 0;
    for (int i = 0; i < model->nfunction; i++) {
        Graph *function = model->function[i];
        if (!names_own_operator(function->domain, function->name))
            model->function[kept++] = function;
        else if (!is_own_function(function))
            return report_add(
                parser->context->report, NULL, GRAPH_INVALID,
                arena_printf(parser->context->arena,
                             "function '%s' of domain '%s' is not what the operator of that name computes",
                             function->name, function->domain));
    }
    model->nfunction = kept;
    return true;
}

static bool parse_functions(Parser *parser)
{
    while (!parser->lexer.failed && parser->lexer.token.kind != TOKEN_END) {
        Graph *function;
        if (!parse_function(parser, &function))
            return false;
        model_add_function(parser->model, function);
    }
    return !parser->lexer.failed && resolve(parser);
}

static Model *parse_model(Context *context, const Source *source, const char *text)
{
    Parser parser;
    parser_start(&parser, model_new(context), source, text);
    bool good = parse_header(&parser) && parse_graph(&parser, &parser.model->graph) && parse_functions(&parser) &&
                drop_own_functions(&parser);
    return good ? parser.model : NULL;
}

Model *model_parse_source(const Source *source, const char *text)
{
    return parse_model(source->context, source, text);
}

Model *model_parse(Context *context, const char *text)
{
    return parse_model(context, NULL, text);
}

bool functions_parse(Model *model, const char *text)
{
    Parser parser;
    parser_start(&parser, model, NULL, text);
    return parse_functions(&parser);
}
