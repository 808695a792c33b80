/* header.c -- NAME.h: names, types, shapes and sizes of what the program takes and gives; and how it is called. */
#include "interface.h"
#include <string.h>

/* ---- sizes ---- */
int nsizes(const Program *program)
{
    int count = program->nparameter;
    for (int i = 0; i < dim_symbol_count(program->context->dims); i++)
        count += map_get(program->maximum_name, dim_symbol_at(program->context->dims, i)) != NULL;
    return count;
}

const char *size_name(const Program *program, int size)
{
    if (size < program->nparameter)
        return map_get(program->symbol_name, program->parameter[size]);
    size -= program->nparameter;
    for (int i = 0;; i++) {
        const char *name = map_get(program->maximum_name, dim_symbol_at(program->context->dims, i));
        if (name && size-- == 0)
            return name;
    }
}

static const char *size_list(const Program *program, const char *type)
{
    Text *text = text_new(program->context->arena);
    for (int i = 0; i < nsizes(program); i++)
        text_add(text, "%s%s%s", i ? ", " : "", type, size_name(program, i));
    return text->data;
}

const char *size_parameters(const Program *program)
{
    return nsizes(program) ? size_list(program, "int64_t ") : "void";
}

const char *size_arguments(const Program *program)
{
    return size_list(program, "");
}

/* ---- prototypes ---- */
const char *output_shape_name(const Program *program, int output)
{
    return program->output_shape[output];
}

static bool is_size_function(Function function)
{
    return function == FUNCTION_WORKSPACE || function == FUNCTION_GRAPH_BYTES || function == FUNCTION_STEP_WORKSPACE;
}

static bool takes_graph(Function function)
{
    return function == FUNCTION_RUN_GRAPH || function == FUNCTION_STEP_GRAPH;
}

static bool takes_state(Function function)
{
    return function == FUNCTION_STEP || function == FUNCTION_STEP_GRAPH;
}

/* Whether a function takes this input: NAME_graph what it is made of; those that run all, whatever of them is needed,
 * so that it does not depend on how well a graph was compiled. */
static bool takes_input(const Program *program, Function function, const Buffer *input)
{
    if (function == FUNCTION_GRAPH)
        return is_read_by(program, input, true);
    return !takes_state(function) || !state_of_input(program, input->value);
}

static void add_input_parameters(const Program *program, Function function, Text *line, bool with_types)
{
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT && takes_input(program, function, buffer)) {
            if (with_types)
                text_add(line, "const %s *", dtype_info(buffer->value->type.dtype)->storage);
            text_add(line, "%s, ", buffer->name);
        }
}

static void add_output_parameters(const Program *program, Function function, Text *line, bool with_types)
{
    for (int i = 0; i < program->noutput; i++) {
        if (takes_state(function) && state_of_output(program, i))
            continue;
        if (with_types)
            text_add(line, "%s *", dtype_info(program->output[i]->value->type.dtype)->storage);
        text_add(line, "%s, ", program->output[i]->name);
        if (output_shape_name(program, i))
            text_add(line, "%s%s, ", with_types ? "int64_t *" : "", output_shape_name(program, i));
    }
}

const char *function_parameters(const Program *program, Function function, bool with_types)
{
    Arena *arena = program->context->arena;
    Text *line = text_new(arena);
    const char *sizes = nsizes(program) ? with_types ? size_parameters(program) : size_arguments(program) : "";
    if (is_size_function(function))
        return nsizes(program) ? sizes : with_types ? "void" : "";
    if (function != FUNCTION_INIT) {
        text_add(line, "%s%s", sizes, nsizes(program) ? ", " : "");
        add_input_parameters(program, function, line, with_types);
    }
    if (function != FUNCTION_INIT && function != FUNCTION_GRAPH)
        add_output_parameters(program, function, line, with_types);
    if (takes_weights(program))
        text_add(line, "%sweights, ", with_types ? "const void *" : "");
    if (takes_graph(function))
        text_add(line, "%sgraph, ", with_types ? "const void *" : "");
    if (function == FUNCTION_INIT || takes_state(function))
        text_add(line, "%sstate, ", with_types ? arena_printf(arena, "struct %sstate *", program->prefix) : "");
    if (function == FUNCTION_GRAPH)
        text_add(line, "%sgraph, ", with_types ? "void *" : "");
    else if (function != FUNCTION_INIT)
        text_add(line, "%sworkspace, ", with_types ? "void *" : "");
    line->data[line->length - 2] = '\0'; /* the last comma */
    return line->data;
}

const char *function_name(const Program *program, Function function)
{
    static const char *const name[] = {
        [FUNCTION_WORKSPACE] = "workspace",           [FUNCTION_RUN] = "run",
        [FUNCTION_GRAPH_BYTES] = "graph_bytes",       [FUNCTION_GRAPH] = "graph",
        [FUNCTION_RUN_GRAPH] = "run_graph",           [FUNCTION_INIT] = "init",
        [FUNCTION_STEP_WORKSPACE] = "step_workspace", [FUNCTION_STEP] = "step",
        [FUNCTION_STEP_GRAPH] = "step_graph",
    };
    return arena_printf(program->context->arena, "%s%s", program->prefix, name[function]);
}

const char *layout_name(const Program *program, bool structure)
{
    return structure ? arena_printf(program->context->arena, "%sgraph", program->prefix) : program->options->name;
}

void print_prototype(const Program *program, Text *text, Function function, bool is_declaration)
{
    Arena *arena = program->context->arena;
    const char *type = is_size_function(function)  ? "size_t"
                       : function == FUNCTION_INIT ? "void"
                                                   : arena_printf(arena, "enum %sstatus", program->prefix);
    const char *head = arena_printf(arena, "%s %s(", type, function_name(program, function));
    text_wrapped(
        text,
        arena_printf(arena, "%s%s)%s", head, function_parameters(program, function, true), is_declaration ? ";" : ""),
        (int)strlen(head));
}

/* ---- the file ---- */
static void print_tensor(const Program *program, Text *text, const Buffer *buffer, const char *direction)
{
    text_line(text, " *   %-16s %-24s %s", buffer->name, type_comment(program, &buffer->value->type), direction);
}

/* Macros: what an input or output is called in the model, its rank, its bytes. */
static void print_macros(const Program *program, Text *text, const Buffer *buffer)
{
    const char *name = buffer->name;
    const Value *value = buffer->value;
    DimTable *dims = program->context->dims;
    Dim *bytes = dim_const(dims, (int64_t)dtype_info(value->type.dtype)->size);
    for (int i = 0; i < value->type.rank; i++)
        bytes = dim_mul(dims, bytes, value->type.dim[i]);
    text_line(text, "#define %s%s_name %s", program->upper, name, name_literal(program->context->arena, value->name));
    text_line(text, "#define %s%s_rank %d", program->upper, name, value->type.rank);
    int64_t constant;
    if (dim_is_const(bytes, &constant))
        text_line(text, "#define %s%s_bytes %lld", program->upper, name, (long long)constant);
}

static void print_graph_declarations(const Program *program, Text *text)
{
    const char *prefix = program->prefix;
    text_line(
        text,
        "/* The same in two steps, for a graph that is used more than once: what depends on nothing but the graph");
    text_line(text, " * is put into `graph`, of %sgraph_bytes bytes at an address that is a multiple of 64. */",
              prefix);
    print_prototype(program, text, FUNCTION_GRAPH_BYTES, true);
    print_prototype(program, text, FUNCTION_GRAPH, true);
    text_line(text, "%s", "");
    text_line(
        text,
        "/* Runs on such a graph, with the inputs and sizes it was made with: %sBAD_SIZE if the sizes are others. The",
        program->upper);
    text_line(text, " * graph is only read. The workspace is as great as for %srun. */", prefix);
    print_prototype(program, text, FUNCTION_RUN_GRAPH, true);
    text_line(text, "%s", "");
}

/* What the sizes must be like: those that broadcasting, say, has taken to be equal. */
static void print_required(const Program *program, Text *text)
{
    const char *head = "with ";
    for (const Requirement *r = program->requires.first; r; r = r->next, head = "and  ") {
        const char *low = dim_in_comment(program, r->low), *high = dim_in_comment(program, r->high);
        const bool turned = dim_is_const(r->low, NULL);
        text_line(text, " *          %s%s %s %s", head, turned ? high : low,
                  r->is_equal ? "="
                  : turned    ? ">="
                              : "<=",
                  turned ? low : high);
    }
}

void write_header(Program *program, FILE *to)
{
    Arena *arena = program->context->arena;
    const char *name = program->options->name;
    Text *text = text_new(arena);
    text_line(text, "/* %s.h -- generated by onnx2c %s. Do not edit.", name, ONNX2C_VERSION);
    text_line(text, " *");
    if (nsizes(program)) {
        text_line(text, " *   sizes: %s; each at least 0 and at most %sMAX_SIZE", size_arguments(program),
                  program->upper);
        for (int i = 0; i < dim_symbol_count(program->context->dims); i++) {
            Dim *symbol = dim_symbol_at(program->context->dims, i);
            if (map_get(program->maximum_name, symbol))
                text_line(text, " *   %s: the greatest value of %s, which only the data tells",
                          (char *)map_get(program->maximum_name, symbol),
                          (char *)map_get(program->symbol_name, symbol));
        }
    }
    print_required(program, text);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            print_tensor(program, text, buffer, "in");
    for (int i = 0; i < program->noutput; i++) {
        print_tensor(program, text, program->output[i], "out");
        if (output_shape_name(program, i))
            text_line(text, " *   %-16s its dimensions, out; room is needed for %s elements",
                      output_shape_name(program, i),
                      dim_before_run(program, buffer_bytes(program, program->output[i]->value)));
    }
    text_line(text, " *");
    text_line(
        text,
        " * Elements are in row-major order. Reentrant. No allocation, no variables, no I/O. Weights: %lld bytes%s. */",
        (long long)weight_total(program),
        takes_weights(program)
            ? arena_printf(arena, ", the contents of %s_weights.bin, at an address that is a multiple of 64", name)
            : "");
    text_line(text, "#ifndef %sH", program->upper);
    text_line(text, "#define %sH", program->upper);
    text_line(text, "#include <stddef.h>");
    text_line(text, "#include <stdint.h>");
    text_line(text, "#ifdef __cplusplus");
    text_line(text, "extern \"C\" {");
    text_line(text, "#endif");
    text_line(text, "%s", "");
    text_line(text, "enum %sstatus { %sOK = 0, %sBAD_SIZE = 1, %sBAD_INDEX = 2, %sBAD_VALUE = 3 };", program->prefix,
              program->upper, program->upper, program->upper, program->upper);
    text_line(text, "%s", "");
    if (nsizes(program))
        text_line(text, "#define %sMAX_SIZE INT64_C(%lld)", program->upper, (long long)program->most);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            print_macros(program, text, buffer);
    for (int i = 0; i < program->noutput; i++)
        print_macros(program, text, program->output[i]);
    text_line(text, "#define %sWEIGHT_BYTES INT64_C(%lld)", program->upper, (long long)weight_total(program));
    text_line(text, "%s", "");
    text_line(
        text,
        "/* Bytes of scratch memory that %srun wants, at an address that is a multiple of 64. SIZE_MAX: a size is",
        program->prefix);
    text_line(text, " * negative or too large. */");
    print_prototype(program, text, FUNCTION_WORKSPACE, true);
    text_line(text, "%s", "");
    text_line(text, "/* Computes the outputs. Where the status is not %sOK, they are unspecified. */", program->upper);
    print_prototype(program, text, FUNCTION_RUN, true);
    text_line(text, "%s", "");
    if (program->has_structure)
        print_graph_declarations(program, text);
    if (program->nstate > 0)
        print_state_declarations(program, text);
    text_line(text, "/* What a status means. */");
    text_line(text, "const char *%sstatus_text(enum %sstatus status);", program->prefix, program->prefix);
    text_line(text, "%s", "");
    text_line(text, "#ifdef __cplusplus");
    text_line(text, "}");
    text_line(text, "#endif");
    text_line(text, "#endif");
    fputs(text->data, to);
}
