/* interface.c -- how a program is called: sizes, functions, prototypes (see interface.h). */
#include "interface.h"
#include "cuda.h"
#include <string.h>

const char *header_name(const Program *program)
{
    return program->options->beside ? program->options->beside : program->options->name;
}

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

bool is_graph_function(Function function)
{
    return function == FUNCTION_GRAPH_BYTES || function == FUNCTION_GRAPH || takes_graph(function);
}

static bool takes_state(Function function)
{
    return function == FUNCTION_STEP || function == FUNCTION_STEP_GRAPH;
}

bool is_state_function(Function function)
{
    return function == FUNCTION_INIT || function == FUNCTION_STEP_WORKSPACE || takes_state(function);
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
    if (takes_handle(program) && function != FUNCTION_INIT && function != FUNCTION_GRAPH)
        text_add(line, "%sblas, ", with_types ? "struct cublasContext *" : "");
    if (is_for_cuda(program))
        text_add(line, "%sstream, ", with_types ? "struct CUstream_st *" : "");
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

const char *prototype(const Program *program, Function function, bool is_declaration)
{
    Arena *arena = program->context->arena;
    Text *text = text_new(arena);
    const char *type = is_size_function(function) ? "size_t"
                       : function == FUNCTION_INIT && !is_for_cuda(program)
                           ? "void"
                           : arena_printf(arena, "enum %sstatus", program->prefix);
    const char *start = arena_printf(arena, "%s %s(", type, function_name(program, function));
    const char *parameters = function_parameters(program, function, true);
    text_wrapped(text, arena_printf(arena, "%s%s)%s", start, parameters, is_declaration ? ";" : ""),
                 (int)strlen(start));
    return text->data;
}
