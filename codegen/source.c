/* source.c -- NAME.c: a comment that says what it is, the functions of the steps, the workspace, NAME_run. */
#include "../frontend/frontend.h"
#include "cuda.h"
#include "interface.h"
#include "kernels.h"
#include "program.h"
#include "template.h"
#include <string.h>

/* ---- dimensions in text ---- */
static const char *no_value(void *who, const Value *value)
{
    (void)who;
    (void)value;
    return NULL;
}

static const char *dim_as_text(const Program *program, Dim *dim, const Map *symbol_name)
{
    Printer printer = {.context = program->context,
                       .prefix = program->prefix,
                       .value_name = no_value,
                       .symbol_name = (Map *)symbol_name,
                       .helpers = program->helpers,
                       .uses = uses_new(program->context)};
    return print_dim(&printer, dim);
}

const char *dim_in_run(const Program *program, Dim *dim)
{
    return dim_as_text(program, dim, program->symbol_name);
}

const char *dim_in_comment(const Program *program, Dim *dim)
{
    Program copy = *program;
    copy.helpers = helpers_new(program->context->arena); /* what only a comment speaks of is no function of the file */
    return dim_in_run(&copy, dim);
}

const char *dim_before_run(const Program *program, Dim *dim)
{
    DimTable *dims = program->context->dims;
    Map *names = map_new(program->context->arena);
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        Dim *symbol = dim_symbol_at(dims, i);
        const char *maximum = map_get(program->maximum_name, symbol), *name = map_get(program->symbol_name, symbol);
        if (maximum || name)
            map_set(names, symbol, maximum ? maximum : name);
    }
    return dim_as_text(program, dim_limit(dims, dim), names);
}

const char *type_comment(const Program *program, const Type *type)
{
    Text *text = text_new(program->context->arena);
    text_string(text, dtype_info(type->dtype)->text);
    for (int i = 0; i < type->rank; i++)
        text_add(text, "%s%s", i ? "," : "[", dim_in_comment(program, type->dim[i]));
    if (type->rank > 0)
        text_string(text, "]");
    return text->data;
}

/* ---- the workspace ---- */
static void print_place(const Program *program, Text *text)
{
    text_line(text,
              "/* Takes `bytes` at *end and moves *end to the next cache line; to SIZE_MAX if that is too much. */");
    text_line(text, "static size_t %splace(size_t *end, int64_t bytes)", program->prefix);
    text_line(text, "{");
    text_line(text, "    const size_t at = *end;");
    text_line(text, "    if (at == SIZE_MAX || bytes < 0 || (uint64_t)bytes > SIZE_MAX / 2 - at)");
    text_line(text, "        *end = SIZE_MAX;");
    text_line(text, "    else");
    text_line(text, "        *end = (at + (size_t)bytes + 63) & ~(size_t)63;");
    text_line(text, "    return at;");
    text_line(text, "}");
    text_line(text, "%s", "");
}

/* The slots of the structure, or the others, and the function that says where they are. */
static void print_places(const Program *program, Text *text, bool structure)
{
    const char *part = layout_name(program, structure);
    Text *members = text_new(program->context->arena);
    text_string(members, "    size_t ");
    for (int i = 0; i < program->nslot; i++)
        if (program->slot[i].is_structure == structure)
            text_add(members, "%s, ", program->slot[i].buffer->name);
    text_string(members, "end;");
    text_line(text, "struct %s_places {", part);
    text_wrapped(text, members->data, 4);
    text_line(text, "};");
    text_line(text, "%s", "");
    text_line(text, "static struct %s_places %s_layout(%s)", part, part, size_parameters(program));
    text_line(text, "{");
    text_line(text, "    struct %s_places at;", part);
    text_line(text, "    size_t end = %d;", is_for_cuda(program) ? FAULT_BYTES : 0);
    for (int i = 0; i < program->nslot; i++)
        if (program->slot[i].is_structure == structure)
            text_line(text, "    at.%s = %splace(&end, %s);", program->slot[i].buffer->name, program->prefix,
                      dim_before_run(program, program->slot[i].bytes));
    text_line(text, "    at.end = end;");
    for (int i = 0; i < nsizes(program); i++)
        text_line(text, "    (void)%s;", size_name(program, i));
    text_line(text, "    return at;");
    text_line(text, "}");
    text_line(text, "%s", "");
}

/* NAME_workspace or NAME_graph_bytes: the end of what is laid out, or of both parts one after the other. */
static void print_bytes(const Program *program, Text *text, Function function)
{
    const bool both = function == FUNCTION_WORKSPACE && program->has_structure;
    const char *sizes = size_arguments(program), *rest = layout_name(program, false);
    const char *graph = layout_name(program, true);
    text_string(text, prototype(program, function, false));
    text_line(text, "{");
    for (int i = 0; i < nsizes(program); i++) {
        text_line(text, "    if (%s < 0 || %s > %lld)", size_name(program, i), size_name(program, i),
                  (long long)program->most);
        text_line(text, "        return SIZE_MAX;");
    }
    if (both) {
        text_line(text, "    const size_t graph = %s_layout(%s).end, rest = %s_layout(%s).end;", graph, sizes, rest,
                  sizes);
        text_line(text, "    return graph > SIZE_MAX / 2 || rest > SIZE_MAX / 2 ? SIZE_MAX : graph + rest;");
    } else {
        text_line(text, "    return %s_layout(%s).end;", function == FUNCTION_WORKSPACE ? rest : graph, sizes);
    }
    text_line(text, "}");
    text_line(text, "%s", "");
}

static void print_no_bytes(const Program *program, Text *text)
{
    text_string(text, prototype(program, FUNCTION_WORKSPACE, false));
    text_line(text, "{");
    for (int i = 0; i < nsizes(program); i++)
        text_line(text, "    (void)%s;", size_name(program, i));
    text_line(text, "    return %d;", is_for_cuda(program) ? FAULT_BYTES : 0);
    text_line(text, "}");
    text_line(text, "%s", "");
}

static void print_layout(const Program *program, Text *text)
{
    if (program->nslot == 0) {
        print_no_bytes(program, text);
        return;
    }
    print_place(program, text);
    text_line(text, "/* Byte offsets of tensors. Those that are never needed together share a place. */");
    print_places(program, text, false);
    if (program->has_structure) {
        print_places(program, text, true);
        print_bytes(program, text, FUNCTION_GRAPH_BYTES);
    }
    print_bytes(program, text, FUNCTION_WORKSPACE);
}

static void print_status_text(const Program *program, Text *text)
{
    text_line(text, "const char *%sstatus_text(enum %sstatus status)", program->prefix, program->prefix);
    text_line(text, "{");
    text_line(text, "    switch (status) {");
    for (int i = 0; program_status_name(program, i); i++) {
        text_line(text, "    case %s%s:", program->upper, program_status_name(program, i));
        text_line(text, "        return \"%s\";", program_status_text(program, i));
    }
    text_line(text, "    }");
    text_line(text, "    return \"unknown status\";");
    text_line(text, "}");
    text_line(text, "%s", "");
}

/* ---- the file ---- */
/* Words between commas as lines of a comment. */
static void print_wrapped_comment(Text *text, const char *words)
{
    enum { WIDTH = 112 };
    while (*words) {
        size_t length = strlen(words);
        if (length > WIDTH)
            for (length = WIDTH; length > 0 && words[length - 1] != ' ';)
                length--;
        const size_t blank = words[length - 1] == ' ';
        text_line(text, " * %.*s", (int)(length - blank), words);
        words += length;
    }
}

static void print_head(Program *program, Text *text)
{
    const char *name = program->options->name;
    Arena *arena = program->context->arena;
    text_line(text, "/* %s.%s -- generated by onnx2c %s. Do not edit.", name, source_suffix(program), ONNX2C_VERSION);
    text_line(text, " *");
    text_line(text, " *   model    SHA-256 %s, producer %s", program->model->hash,
              name_comment(arena, program->model->producer ? program->model->producer : ""));
    if (program->options->command && *program->options->command)
        text_line(text, " *   options  %s", name_comment(arena, program->options->command));
    text_line(text, " *");
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed && (step->kind == STEP_LOOPS || step->kind == STEP_ROUTINE))
            text_line(text, step->cost.operations ? " *   %-32s %s operations" : " *   %s", step->label,
                      step->cost.operations ? dim_in_comment(program, step->cost.operations) : "");
    if (program->log && program->log->nrule > 0) {
        Text *rules = text_new(arena);
        for (int i = 0; i < program->log->nrule; i++)
            if (program->log->rule[i].fired > 0)
                text_add(rules, "%s%s x%d", rules->length ? ", " : "", program->log->rule[i].rule,
                         program->log->rule[i].fired);
        if (rules->length) {
            text_line(text, " *");
            print_wrapped_comment(text, arena_printf(arena, "Rules that fired: %s.", rules->data));
        }
    }
    text->length--; /* the newline */
    text->data[text->length] = '\0';
    text_line(text, " */");
}

/* What stands before the functions of a C program, behind the includes. */
static void print_c_head(Program *program, Text *head)
{
    print_carried_declarations(program, head);
    text_line(head, "#if defined(__GNUC__) || defined(_MSC_VER)");
    text_line(head, "#define %sRESTRICT __restrict", program->upper);
    text_line(head, "#else");
    text_line(head, "#define %sRESTRICT", program->upper);
    text_line(head, "#endif");
    text_line(head, "%s", "");
    print_weight_declarations(program, head);
    if (program->helpers->needs_tile)
        template_tile(head, program->prefix, program->upper, PANEL, program->options->exact,
                      program->helpers->needs_tile_of);
}

void write_source(Program *program, FILE *to)
{
    Text *head = text_new(program->context->arena), *body = text_new(program->context->arena);
    if (is_for_cuda(program))
        cuda_print_routines(program, program->functions);
    print_layout(program, body);
    print_status_text(program, body);
    if (is_for_cuda(program))
        cuda_print_status(program, body);
    print_run(program, body);
    if (program->nstate > 0)
        print_state_functions(program, body);
    print_head(program, head);
    text_line(head, "#include \"%s.h\"", program->options->name);
    if (is_for_cuda(program))
        cuda_print_head(program, head);
    else
        print_c_head(program, head);
    fputs(head->data, to);
    fputs(program->helpers->text->data, to);
    fputs(program->functions->data, to);
    fputs(body->data, to);
}
