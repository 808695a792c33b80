/* program.c -- a model becomes a program: what it takes, the steps of its graph, what it gives. */
#include "../frontend/frontend.h"
#include "../frontend/ops/gnn.h"
#include "lower.h"
#include "unit.h"
#include <string.h>

/* Exporters count sizes: s77, u0. */
static bool is_counted(Dim *symbol)
{
    const char *name = dim_symbol_name(symbol);
    return name && (name[0] == 's' || name[0] == 'u') && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

/* What groups edges says which sizes are the numbers of edges and vertices: these get the names the literature has. */
static void name_graph_sizes(Program *program)
{
    DimTable *dims = program->context->dims;
    for (const Node *node = program->graph->first; node; node = node->next) {
        if (!is_csr(node))
            continue;
        Dim *edges = node->in[CSR_TARGET]->type.dim[0];
        Dim *vertices = dim_sub(dims, node->out[CSR_ROW]->type.dim[0], dim_const(dims, 1));
        if (is_counted(edges))
            name_symbol(program, edges, "E");
        if (is_counted(vertices))
            name_symbol(program, vertices, "N");
    }
}

static void add_parameters(Program *program, const Type *type)
{
    DimTable *dims = program->context->dims;
    const int count = dim_symbol_count(dims);
    bool *used = ARENA_ARRAY(program->context->arena, count + 1, bool);
    for (int i = 0; i < type->rank; i++) {
        memset(used, 0, (size_t)count);
        dim_symbols_used(type->dim[i], used);
        for (int s = 0; s < count; s++)
            if (used[s] && !program->is_defined[s]) {
                define_symbol(program, dim_symbol_at(dims, s));
                program->parameter[program->nparameter++] = dim_symbol_at(dims, s);
                name_symbol(program, dim_symbol_at(dims, s), dim_symbol_name(dim_symbol_at(dims, s)));
            }
    }
}

static bool add_inputs(Program *program)
{
    Graph *graph = program->graph;
    for (int i = 0; i < graph->nin; i++)
        if (!graph->in[i]->constant)
            add_parameters(program, &graph->in[i]->type);
    for (int i = 0; i < graph->nin; i++) {
        Value *value = graph->in[i];
        if (value->constant)
            continue;
        if (value->type.kind != TENSOR || value->type.rank < 0 || value->type.dtype == STRING ||
            dtype_info(value->type.dtype)->class == COMPLEX)
            return report_add(program->context->report, NULL, OP_UNSUPPORTED,
                              arena_printf(program->context->arena, "input '%s' of type %s", value->name,
                                           type_text(&value->type, program->context->arena)),
                              "generated programs take tensors of numbers");
        buffer_new(program, BUFFER_INPUT, value);
    }
    for (int i = 0; i < graph->nin; i++)
        if (!graph->in[i]->constant)
            define_sizes(program, graph->in[i]);
    return true;
}

/* An output that is an input, a weight, or an output already: its value is copied. */
static Buffer *copied_output(Program *program, Value *value, const char *name)
{
    Context *context = program->context;
    Value *copy = ARENA_NEW(context->arena, Value);
    copy->name = name;
    copy->graph = program->graph;
    copy->type = value->type;
    Buffer *buffer = buffer_new(program, BUFFER_OUTPUT, copy);
    Step *step = step_new(program, STEP_LOOPS, name);
    step->name = function_identifier(program, arena_printf(context->arena, "copy_%s", name));
    step->out[step->nout++] = copy;
    Expr *index[MAX_RANK];
    Element *element = &step->element[0];
    for (int i = 0; i < value->type.rank; i++) {
        element->axis[i] = axis_dim(context, "i", value->type.dim[i]);
        index[i] = expr_axis(context, element->axis[i]);
    }
    element->body = expr_load(context, value, index);
    need_buffer(program, value);
    return buffer;
}

/* Whether a dimension is none of those that the caller gives or can tell from them. */
static bool has_unknown_size(const Program *program, const Type *type)
{
    DimTable *dims = program->context->dims;
    bool *used = ARENA_ARRAY(program->context->arena, dim_symbol_count(dims) + 1, bool);
    for (int i = 0; i < type->rank; i++)
        dim_symbols_used(type->dim[i], used);
    for (int i = 0; i < program->nparameter; i++)
        used[dim_symbol_index(program->parameter[i])] = false;
    for (int i = 0; i < dim_symbol_count(dims); i++)
        if (used[i])
            return true;
    return false;
}

static void name_shape(Program *program, int output)
{
    const Buffer *buffer = program->output[output];
    if (has_unknown_size(program, &buffer->value->type))
        program->output_shape[output] =
            name_identifier(program->names, "", arena_printf(program->context->arena, "%s_shape", buffer->name));
}

static bool add_outputs(Program *program)
{
    Graph *graph = program->graph;
    program->noutput = graph->nout;
    program->output = ARENA_ARRAY(program->context->arena, graph->nout, Buffer *);
    program->output_shape = ARENA_ARRAY(program->context->arena, graph->nout, const char *);
    for (int i = 0; i < graph->nout; i++) {
        Value *value = graph->out[i];
        if (value->type.kind != TENSOR || value->type.dtype == STRING)
            return report_add(program->context->report, NULL, OP_UNSUPPORTED,
                              arena_printf(program->context->arena, "output '%s' of type %s", value->name,
                                           type_text(&value->type, program->context->arena)),
                              "generated programs give tensors of numbers");
        Buffer *buffer = buffer_of(program, value);
        if (!buffer || buffer->kind != BUFFER_WORKSPACE) {
            program->output[i] = copied_output(program, value, value->name);
        } else {
            buffer->kind = BUFFER_OUTPUT;
            program->output[i] = buffer;
        }
        name_shape(program, i);
    }
    return true;
}

static const char *upper_case(Arena *arena, const char *name)
{
    char *upper = arena_strdup(arena, name);
    for (char *c = upper; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return upper;
}

Program *program_new(Model *model, const BuildOptions *options, const RewriteLog *log)
{
    Context *context = model->context;
    Arena *arena = context->arena;
    Map *units = map_new(arena);
    if (!find_units(units, model->graph) || !graph_infer(model->graph))
        return NULL;
    Program *program = ARENA_NEW(arena, Program);
    *program = (Program){.context = context,
                         .model = model,
                         .graph = model->graph,
                         .options = options,
                         .log = log,
                         .prefix = arena_printf(arena, "%s_", options->name),
                         .buffer_of = map_new(arena),
                         .symbol_name = map_new(arena),
                         .value_name = map_new(arena),
                         .packed = map_new(arena),
                         .maximum_name = map_new(arena),
                         .units = units,
                         .parameter = ARENA_ARRAY(arena, dim_symbol_count(context->dims), Dim *),
                         .functions = text_new(arena),
                         .helpers = helpers_new(arena)};
    program->upper = upper_case(arena, program->prefix);
    if (options->target == TARGET_CUDA)
        program->helpers->space = "__host__ __device__ ";
    program->file_names = names_new(arena, NULL);
    program->names = names_new(arena, program->file_names);
    names_avoid(program->names, program->prefix, program->upper);
    grow_symbols(program);
    name_graph_sizes(program);
    find_state(program);
    if (!add_inputs(program) || !lower_graph(program, model->graph) || !add_outputs(program))
        return NULL;
    place_initial_state(program);
    return program;
}
