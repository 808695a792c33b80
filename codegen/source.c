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

static const char *name_in_run(void *who, const Value *value)
{
    return buffer_of(who, value)->name;
}

const char *expression_in_run(const Program *program, const Expr *e)
{
    Printer printer = {.context = program->context,
                       .prefix = program->prefix,
                       .upper = program->upper,
                       .value_name = name_in_run,
                       .who = (void *)program,
                       .symbol_name = program->symbol_name,
                       .axis_name = map_new(program->context->arena),
                       .is_vector = map_new(program->context->arena),
                       .helpers = program->helpers,
                       .uses = uses_new(program->context),
                       .exact = true};
    return print_expression(&printer, e).text;
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

const char *dim_before_comment(const Program *program, Dim *dim)
{
    Program copy = *program;
    copy.helpers = helpers_new(program->context->arena);
    copy.prefix = "";
    return dim_before_run(&copy, dim);
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
static const char **size_names(const Program *program)
{
    const char **name = ARENA_ARRAY(program->context->arena, nsizes(program), const char *);
    for (int i = 0; i < nsizes(program); i++)
        name[i] = size_name(program, i);
    return name;
}

static int first_place(const Program *program)
{
    return is_for_cuda(program) ? FAULT_BYTES : 0;
}

/* The slots of the structure, or the others, and the function that says where they are. */
static void print_places(const Program *program, Text *text, bool structure)
{
    Arena *arena = program->context->arena;
    Layout layout = {.prefix = program->prefix,
                     .part = layout_name(program, structure),
                     .parameters = size_parameters(program),
                     .size = size_names(program),
                     .nsize = nsizes(program),
                     .slot = ARENA_ARRAY(arena, program->nslot, LayoutSlot),
                     .begin = first_place(program)};
    Text *members = text_new(arena);
    text_string(members, "    size_t ");
    for (int i = 0; i < program->nslot; i++) {
        const Slot *slot = &program->slot[i];
        if (slot->is_structure != structure)
            continue;
        text_add(members, "%s, ", slot->buffer->name);
        layout.slot[layout.nslot++] = (LayoutSlot){slot->buffer->name, dim_before_run(program, slot->bytes)};
    }
    text_string(members, "end;");
    layout.members = members->data;
    template_layout(text, &layout);
}

/* NAME_workspace or NAME_graph_bytes: the end of what is laid out, or of both parts one after the other. */
static void print_bytes(const Program *program, Text *text, Function function)
{
    const bool workspace = function == FUNCTION_WORKSPACE, both = workspace && program->has_structure;
    const ByteCount bytes = {.prototype = prototype(program, function, false),
                             .part = layout_name(program, !workspace),
                             .graph = both ? layout_name(program, true) : NULL,
                             .arguments = size_arguments(program),
                             .size = size_names(program),
                             .nsize = nsizes(program),
                             .most = program->most,
                             .begin = first_place(program)};
    if (program->nslot == 0)
        template_no_bytes(text, &bytes);
    else
        template_bytes(text, &bytes);
}

static void print_layout(const Program *program, Text *text)
{
    if (program->nslot > 0) {
        template_place(text, program->prefix);
        text_line(text, "/* Byte offsets of tensors. Those that are never needed together share a place. */");
        print_places(program, text, false);
    }
    if (program->nslot > 0 && program->has_structure) {
        print_places(program, text, true);
        print_bytes(program, text, FUNCTION_GRAPH_BYTES);
    }
    print_bytes(program, text, FUNCTION_WORKSPACE);
}

static void print_status_text(const Program *program, Text *text)
{
    int count = 0;
    while (program_status_name(program, count))
        count++;
    StatusText *status = ARENA_ARRAY(program->context->arena, count, StatusText);
    for (int i = 0; i < count; i++)
        status[i] = (StatusText){program_status_name(program, i), program_status_text(program, i)};
    template_status_text(text, program->prefix, program->upper, status, count);
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
    template_restrict(head, program->upper);
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
    text_line(head, "#include \"%s.h\"", header_name(program));
    if (is_for_cuda(program))
        cuda_print_head(program, head);
    else
        print_c_head(program, head);
    fputs(head->data, to);
    fputs(program->helpers->text->data, to);
    fputs(program->functions->data, to);
    fputs(body->data, to);
}
