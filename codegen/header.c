/* header.c -- NAME.h: names, types, shapes and sizes of what the program takes and gives; and how it is called. What it
 * says is templates/header.c.t; here is what it says that of. */
#include "cuda.h"
#include "interface.h"
#include "template.h"
#include <string.h>

/* ---- the comment at its head ---- */
static void add_line(Text *line, Header *header)
{
    header->line =
        arena_grow(line->arena, header->line, (size_t)header->nline, (size_t)header->nline + 1, sizeof *header->line);
    header->line[header->nline++] = line->data;
}

static void describe_sizes(const Program *program, Header *header)
{
    Arena *arena = program->context->arena;
    Text *line = text_new(arena);
    if (nsizes(program) == 0)
        return;
    text_add(line, "  sizes: %s; each at least 0 and at most %sMAX_SIZE", size_arguments(program), program->upper);
    add_line(line, header);
    for (int i = 0; i < dim_symbol_count(program->context->dims); i++) {
        Dim *symbol = dim_symbol_at(program->context->dims, i);
        const char *maximum = map_get(program->maximum_name, symbol);
        if (!maximum)
            continue;
        line = text_new(arena);
        text_add(line, "  %s: the greatest value of %s, which only the data tells", maximum,
                 (const char *)map_get(program->symbol_name, symbol));
        add_line(line, header);
    }
}

/* What the sizes must be like: those that broadcasting, say, has taken to be equal. */
static void describe_requirements(const Program *program, Header *header)
{
    const char *begin = "with ";
    for (const Requirement *r = program->requires.first; r; r = r->next, begin = "and  ") {
        const char *low = dim_in_comment(program, r->low), *high = dim_in_comment(program, r->high);
        const bool turned = dim_is_const(r->low, NULL);
        const char *is = r->is_equal ? "=" : turned ? ">=" : "<=";
        Text *line = text_new(program->context->arena);
        text_add(line, "         %s%s %s %s", begin, turned ? high : low, is, turned ? low : high);
        add_line(line, header);
    }
}

static void describe_tensor(const Program *program, Header *header, const Buffer *buffer, const char *direction)
{
    Text *line = text_new(program->context->arena);
    text_add(line, "  %-16s %-24s %s", buffer->name, type_comment(program, &buffer->value->type), direction);
    add_line(line, header);
}

static void describe_output(const Program *program, Header *header, int output)
{
    describe_tensor(program, header, program->output[output], "out");
    if (!output_shape_name(program, output))
        return;
    Text *line = text_new(program->context->arena);
    text_add(line, "  %-16s its dimensions, out; room is needed for %s elements", output_shape_name(program, output),
             dim_before_run(program, buffer_bytes(program, program->output[output]->value)));
    add_line(line, header);
}

static void describe(const Program *program, Header *header)
{
    describe_sizes(program, header);
    describe_requirements(program, header);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            describe_tensor(program, header, buffer,
                            host_reads(program, buffer) ? "in, where host and device can read it" : "in");
    for (int i = 0; i < program->noutput; i++)
        describe_output(program, header, i);
}

/* ---- tensors and state ---- */
static HeaderTensor tensor_of(const Program *program, const Buffer *buffer)
{
    const Type *type = &buffer->value->type;
    DimTable *dims = program->context->dims;
    Dim *bytes = dim_const(dims, (int64_t)dtype_info(type->dtype)->size);
    for (int i = 0; i < type->rank; i++)
        bytes = dim_mul(dims, bytes, type->dim[i]);
    HeaderTensor tensor = {buffer->name, name_literal(program->context->arena, buffer->value->name), type->rank, -1};
    int64_t constant;
    if (dim_is_const(bytes, &constant))
        tensor.bytes = constant;
    return tensor;
}

static void find_tensors(const Program *program, Header *header)
{
    int count = program->noutput;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        count += buffer->kind == BUFFER_INPUT;
    header->tensor = ARENA_ARRAY(program->context->arena, count + 1, HeaderTensor);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            header->tensor[header->ntensor++] = tensor_of(program, buffer);
    for (int i = 0; i < program->noutput; i++)
        header->tensor[header->ntensor++] = tensor_of(program, program->output[i]);
}

static void find_prototypes(const Program *program, Header *header)
{
    for (Function f = 0; f < FUNCTION_COUNT; f++)
        if ((program->has_structure || !is_graph_function(f)) && (program->nstate > 0 || !is_state_function(f)))
            header->prototype[f] = prototype(program, f, true);
}

/* ---- the file ---- */
static const char *statuses(const Program *program)
{
    Text *text = text_new(program->context->arena);
    for (int i = 0; program_status_name(program, i); i++)
        text_add(text, "%s%s%s = %d", i > 0 ? ", " : "", program->upper, program_status_name(program, i), i);
    return text->data;
}

void write_header(Program *program, FILE *to)
{
    Arena *arena = program->context->arena;
    const char *name = program->options->name;
    Header header = {.name = name,
                     .prefix = program->prefix,
                     .upper = program->upper,
                     .version = ONNX2C_VERSION,
                     .statuses = statuses(program),
                     .weight_bytes = weight_total(program),
                     .weight_place = "",
                     .most = program->most,
                     .has_sizes = nsizes(program) > 0,
                     .has_structure = program->has_structure,
                     .is_for_cuda = is_for_cuda(program),
                     .takes_handle = takes_handle(program),
                     .tf32 = program->options->tf32};
    if (takes_weights(program))
        header.weight_place =
            arena_printf(arena, ", the contents of %s_weights.bin, at an address that is a multiple of 64", name);
    describe(program, &header);
    find_tensors(program, &header);
    find_prototypes(program, &header);
    header.field = state_fields(program, &header.nfield);
    Text *text = text_new(arena);
    template_header(text, &header);
    fputs(text->data, to);
}
