/* driver.c -- NAME_driver.c: a main() that reads inputs from files, runs the program, writes outputs. What
 * it says is templates/driver.c.t; here is what it says that of. */
#include "cuda.h"
#include "interface.h"
#include "template.h"
#include <string.h>

/* The first input and axis whose dimension is the symbol, or a multiple of it plus a constant. */
static bool find_source(const Program *program, Dim *symbol, int *input, int *axis, int64_t *factor, int64_t *more)
{
    const int index = dim_symbol_index(symbol), count = dim_symbol_count(program->context->dims);
    int64_t *values = ARENA_ARRAY(program->context->arena, count + 1, int64_t);
    *input = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        if (buffer->kind != BUFFER_INPUT)
            continue;
        for (*axis = 0; *axis < buffer->value->type.rank; ++*axis) {
            Dim *dim = buffer->value->type.dim[*axis];
            bool *used = ARENA_ARRAY(program->context->arena, count + 1, bool);
            int64_t at[3];
            bool alone = true, known = true;
            dim_symbols_used(dim, used);
            for (int i = 0; i < count; i++)
                alone &= used[i] == (i == index);
            for (int i = 0; alone && i < 3; i++) {
                values[index] = 1000 * (i + 1);
                known &= dim_evaluate(dim, values, &at[i]);
            }
            values[index] = 0;
            if (!alone || !known || at[2] - at[1] != at[1] - at[0] || (at[1] - at[0]) % 1000 != 0 || at[1] <= at[0])
                continue;
            *factor = (at[1] - at[0]) / 1000;
            *more = at[0] - 1000 * *factor;
            return true;
        }
        ++*input;
    }
    return false;
}

static int graph_input(const Program *program, const Buffer *buffer)
{
    for (int i = 0; i < program->graph->nin; i++)
        if (program->graph->in[i] == buffer->value)
            return i;
    return -1;
}

/* Sizes are members of a struct, where their names meet no other ones. */
static const char size_prefix[] = "size.";

static Map *members(const Program *program, const Map *names)
{
    DimTable *dims = program->context->dims;
    Map *all = map_new(program->context->arena);
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        const char *name = map_get(names, dim_symbol_at(dims, i));
        if (name)
            map_set(all, dim_symbol_at(dims, i), arena_printf(program->context->arena, "%s%s", size_prefix, name));
    }
    return all;
}

/* What a size is, told by the shape of an input; one that only the data tells is given as `most`. */
static const char *size_value(const Program *program, int size)
{
    int input, axis;
    int64_t factor, more;
    if (size >= program->nparameter)
        return "most";
    if (!find_source(program, program->parameter[size], &input, &axis, &factor, &more))
        return "0"; /* no input shows it */
    return arena_printf(program->context->arena, "(input[%d].dim[%d] - %lld) / %lld", input, axis, (long long)more,
                        (long long)factor);
}

static void find_sizes(const Program *program, Driver *driver)
{
    Arena *arena = program->context->arena;
    Text *members = text_new(arena);
    driver->nsize = nsizes(program);
    driver->size = ARENA_ARRAY(arena, driver->nsize + 1, DriverSize);
    for (int i = 0; i < driver->nsize; i++) {
        driver->size[i] = (DriverSize){size_name(program, i), size_value(program, i)};
        text_add(members, "%s%s", i ? ", " : "struct { int64_t ", driver->size[i].name + strlen(size_prefix));
    }
    driver->size_struct = arena_printf(arena, "%s; } size;", members->data);
    driver->size_arguments = size_arguments(program);
    driver->has_maxima = driver->nsize > program->nparameter;
}

static DriverTensor describe(const Program *program, const Buffer *buffer)
{
    const Type *type = &buffer->value->type;
    DriverTensor tensor = {.number = graph_input(program, buffer),
                           .rank = type->rank,
                           .type = dtype_info(type->dtype)->storage,
                           .dim = ARENA_ARRAY(program->context->arena, type->rank + 1, const char *)};
    for (int i = 0; i < type->rank; i++)
        tensor.dim[i] = dim_in_run(program, type->dim[i]);
    return tensor;
}

static void find_tensors(const Program *program, Driver *driver)
{
    Arena *arena = program->context->arena;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        driver->ninput += buffer->kind == BUFFER_INPUT;
    driver->noutput = program->noutput;
    driver->input = ARENA_ARRAY(arena, driver->ninput + 1, DriverTensor);
    driver->output = ARENA_ARRAY(arena, driver->noutput + 1, DriverTensor);
    int k = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            driver->input[k++] = describe(program, buffer);
    for (k = 0; k < program->noutput; k++) {
        driver->output[k] = describe(program, program->output[k]);
        driver->output[k].bytes = dim_before_run(program, buffer_bytes(program, program->output[k]->value));
        if (output_shape_name(program, k))
            driver->output[k].dim = NULL;
    }
}

static const char *print_call(const Program *program, const Driver *driver)
{
    Text *call = text_new(program->context->arena);
    text_add(call, "status = (int)%srun(", program->prefix);
    for (int i = 0; i < driver->nsize; i++)
        text_add(call, "%s, ", driver->size[i].name);
    for (int k = 0; k < driver->ninput; k++)
        text_add(call, "(const %s *)input[%d].data, ", driver->input[k].type, k);
    for (int k = 0; k < driver->noutput; k++)
        text_add(call, driver->output[k].dim ? "(%s *)output_%d.data, " : "(%s *)output_%d.data, output_%d.dim, ",
                 driver->output[k].type, k, k);
    text_add(call, "%sworkspace%s%s);", driver->takes_weights ? "weights, " : "", driver->takes_handle ? ", blas" : "",
             driver->is_for_cuda ? ", NULL" : "");
    return call->data;
}

void write_driver(const Program *of, FILE *to)
{
    Program copy = *of, *program = &copy; /* with helper functions of its own */
    copy.helpers = helpers_new(of->context->arena);
    copy.symbol_name = members(of, of->symbol_name);
    copy.maximum_name = members(of, of->maximum_name);
    Driver driver = {.name = of->options->name,
                     .header = header_name(of),
                     .prefix = of->prefix,
                     .upper = of->upper,
                     .version = ONNX2C_VERSION,
                     .suffix = source_suffix(of),
                     .is_for_cuda = is_for_cuda(of),
                     .takes_handle = takes_handle(of),
                     .takes_weights = takes_weights(of)};
    find_sizes(program, &driver);
    find_tensors(program, &driver);
    driver.call = print_call(program, &driver);
    driver.helpers = program->helpers->text->data;
    Text *text = text_new(of->context->arena);
    template_driver(text, &driver);
    fputs(text->data, to);
}
