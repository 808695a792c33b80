/* summary.c -- what `inspect --cost` and `inspect --mem` say of a program. */
#include "program.h"

static Dim *add_bytes(const Program *program, Dim *sum, const Value *value)
{
    return value ? dim_add(program->context->dims, sum, buffer_bytes(program, value)) : sum;
}

/* Bytes of the tensors a step reads and writes, each once. */
static Dim *bytes_moved(const Program *program, const Step *step)
{
    Dim *bytes = dim_const(program->context->dims, 0);
    if (step->kind == STEP_ROUTINE) {
        for (int i = 0; i < step->routine->nin; i++)
            bytes = add_bytes(program, bytes, step->routine->in[i]);
        for (int i = 0; i < step->nout; i++)
            bytes = add_bytes(program, bytes, step->out[i]);
    }
    for (int i = 0; i < step->uses.nvalue; i++)
        bytes = add_bytes(program, bytes, step->uses.value[i]);
    return bytes;
}

/* Operations and bytes of each kernel. */
static void print_cost(const Program *program, FILE *to, bool json)
{
    const char *separator = "";
    fputs(json ? "[" : "", to);
    for (const Step *step = program->first; step; step = step->next) {
        if (!step->is_needed || (step->kind != STEP_LOOPS && step->kind != STEP_ROUTINE))
            continue;
        const char *operations = step->operations ? dim_in_run(program, step->operations) : "?";
        const char *moved = dim_in_run(program, bytes_moved(program, step));
        if (json)
            fprintf(to, "%s\n  {\"kernel\": \"%s\", \"operations\": \"%s\", \"bytes\": \"%s\"}", separator,
                    step->name ? step->name : step->routine->name, operations, moved);
        else
            fprintf(to, "%-40s %-24s operations  %-32s bytes\n", step->name ? step->name : step->routine->name,
                    operations, moved);
        separator = ",";
    }
    fputs(json ? "\n]\n" : "", to);
}

/* The workspace's formula, and what lies in each of its slots. */
static void print_memory(const Program *program, FILE *to, bool json)
{
    Dim *total = dim_const(program->context->dims, 0);
    for (int i = 0; i < program->nslot; i++)
        total = dim_add(program->context->dims, total, program->slot[i].bytes);
    if (json)
        fprintf(to, "{\"workspace\": \"%s\", \"slots\": [", dim_before_run(program, total));
    else
        fprintf(to, "workspace: %s bytes\n", dim_before_run(program, total));
    for (int i = 0; i < program->nslot; i++) {
        Text *names = text_new(program->context->arena);
        for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
            if (buffer->slot == i)
                text_add(names, "%s%s", names->length ? " " : "", buffer->name);
        if (json)
            fprintf(to, "%s{\"bytes\": \"%s\", \"tensors\": \"%s\"}", i ? ", " : "",
                    dim_before_run(program, program->slot[i].bytes), names->data);
        else
            fprintf(to, "  %-32s %s\n", dim_before_run(program, program->slot[i].bytes), names->data);
    }
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
