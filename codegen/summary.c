/* summary.c -- what `inspect --cost` and `inspect --mem` say of a program. */
#include "program.h"

/* Operations and bytes of each kernel. */
static void print_cost(const Program *program, FILE *to, bool json)
{
    Context *context = program->context;
    const char *separator = "";
    fputs(json ? "[" : "", to);
    for (const Kernel *kernel = program_kernels(program)->first; kernel; kernel = kernel->next) {
        const char *operations = kernel->cost.operations ? dim_in_run(program, kernel->cost.operations) : "?";
        Dim *moved = dim_add(context->dims, cost_read(context, &kernel->cost), kernel->written);
        const char *bytes = dim_in_run(program, moved);
        const char *gathered = dim_in_run(program, cost_gathered(context, &kernel->cost));
        const char *searched = kernel->searched ? buffer_of(program, kernel->searched)->name : "";
        const char *remark =
            arena_printf(context->arena, "; fewer operations where few elements of %s are not 0", searched);
        if (json)
            fprintf(to,
                    "%s\n  {\"kernel\": \"%s\", \"operations\": \"%s\", \"bytes\": \"%s\", \"gathered\": \"%s\", "
                    "\"nonzeros_of\": \"%s\"}",
                    separator, kernel->name, operations, bytes, gathered, searched);
        else
            fprintf(to, "%-40s %-24s operations  %-32s bytes%s\n", kernel->name, operations, bytes,
                    *searched ? remark : "");
        separator = ",";
    }
    fputs(json ? "\n]\n" : "", to);
}

/* The tensors of a slot, or those that lie in an output before it is written. */
static Text *tensors_in(const Program *program, int slot, const Buffer *output)
{
    Text *names = text_new(program->context->arena);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (output ? buffer->within == output : buffer->slot == slot)
            text_add(names, "%s%s", names->length ? " " : "", buffer->name);
    return names;
}

/* Bytes of the largest tensor of a slot. */
static Dim *largest_in(const Program *program, int slot)
{
    DimTable *dims = program->context->dims;
    Dim *largest = dim_const(dims, 0);
    for (const Buffer *buffer = program->slot[slot].buffers; buffer; buffer = buffer->beside)
        largest = dim_max(dims, largest, buffer_room(program, buffer));
    return largest;
}

/* What lies in outputs before they are written. */
static void print_guests(const Program *program, FILE *to, bool json)
{
    const char *separator = "";
    for (int i = 0; i < program->noutput; i++) {
        const char *const name = program->output[i]->name;
        const Text *const names = tensors_in(program, -1, program->output[i]);
        if (names->length > 0 && json)
            fprintf(to, "%s{\"output\": \"%s\", \"tensors\": \"%s\"}", separator, name, names->data);
        else if (names->length > 0)
            fprintf(to, "  %-32s %s\n", arena_printf(program->context->arena, "before %s", name), names->data);
        separator = names->length > 0 ? ", " : separator;
    }
}

/* The workspace's formula, and what lies in each of its slots. */
static void print_memory(const Program *program, FILE *to, bool json)
{
    Dim *total = dim_const(program->context->dims, 0);
    for (int i = 0; i < program->nslot; i++)
        total = dim_add(program->context->dims, total, program->slot[i].bytes);
    if (json)
        fprintf(to, "{\"workspace\": \"%s\", \"slots\": [", dim_before_comment(program, total));
    else
        fprintf(to, "workspace: %s bytes\n", dim_before_comment(program, total));
    for (int i = 0; i < program->nslot; i++) {
        const Text *const names = tensors_in(program, i, NULL);
        if (json)
            fprintf(to, "%s{\"bytes\": \"%s\", \"largest\": \"%s\", \"tensors\": \"%s\"}", i ? ", " : "",
                    dim_before_comment(program, program->slot[i].bytes),
                    dim_before_comment(program, largest_in(program, i)), names->data);
        else
            fprintf(to, "  %-32s %s\n", dim_before_comment(program, program->slot[i].bytes), names->data);
    }
    fputs(json ? "], \"outputs\": [" : "", to);
    print_guests(program, to, json);
    fputs(json ? "]}\n" : "", to);
}

bool codegen_print(Model *model, const BuildOptions *options, FILE *to, bool cost, bool memory, bool json)
{
    Program *program = program_new(model, options, NULL);
    if (!program || !program_functions(program))
        return false;
    program_plan(program);
    if (cost)
        print_cost(program, to, json);
    if (memory)
        print_memory(program, to, json);
    return true;
}
