/* context.c -- what one compilation shares, and its default limits. */
#include "ir.h"
#include <stdlib.h>

static void exhausted(void *who)
{
    Context *context = who;
    if (!context->report || !context->dims) {
        fputs("onnx2c: the memory limit is too low to begin with\n", stderr);
        exit(1);
    }
    report_fatal(context->report, NULL, LIMIT_EXCEEDED, "memory for the compilation", "--max-memory");
}

Context *context_new(size_t budget, const char *about)
{
    Context *context = calloc(1, sizeof *context);
    Arena *arena = context ? arena_new(budget, exhausted, context) : NULL;
    if (!arena) {
        fputs("onnx2c: no memory\n", stderr);
        exit(1);
    }
    context->arena = arena;
    context->max_tensor_bytes = INT64_C(2) << 30;
    context->max_nodes = 1000000;
    context->max_trips = INT64_MAX;
    context->fold_bytes = INT64_C(512) << 20;
    context->report = report_new(arena, about);
    context->dims = dim_table_new(arena);
    return context;
}

void context_free(Context *context)
{
    if (!context)
        return;
    arena_free(context->arena);
    free(context);
}
