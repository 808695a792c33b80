/* source.c -- NAME.c: a comment that says what it is, the functions of the steps, the workspace, NAME_run. */
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

/* ---- NAME_run ---- */
typedef struct {
    Program *program;
    Text *text;
    Map *declared; /* Buffer: its pointer is there */
} Run;

static const char *upper(const Run *run, const char *name)
{
    return arena_printf(run->program->context->arena, "%s%s", run->program->upper, name);
}

static const char *storage(const Buffer *buffer)
{
    return dtype_info(buffer->value->type.dtype)->storage;
}

/* The pointer of a buffer that no caller passes, declared where it is first used. */
static void declare(Run *run, Buffer *buffer)
{
    Program *program = run->program;
    if (map_get(run->declared, buffer))
        return;
    map_set(run->declared, buffer, buffer);
    if (buffer->kind == BUFFER_VIEW) {
        declare(run, buffer->base);
        const bool plain = dim_equals(buffer->offset, 0);
        text_line(run->text, "const %s *%s = %s%s%s; /* %s */", storage(buffer), buffer->name, buffer->base->name,
                  plain ? "" : " + ", plain ? "" : dim_in_run(program, buffer->offset),
                  type_comment(program, &buffer->value->type));
    } else if (buffer->kind == BUFFER_WORKSPACE) {
        text_line(run->text, "%s *%s = (%s *)(void *)(base + at.%s); /* %s */", storage(buffer), buffer->name,
                  storage(buffer), program->slot[buffer->slot].buffer->name,
                  type_comment(program, &buffer->value->type));
    } else if (buffer->kind == BUFFER_WEIGHT && program->options->weights == WEIGHTS_BIN) {
        text_line(run->text, "const %s *%s = (const %s *)(const void *)((const char *)weights + %lld);",
                  storage(buffer), buffer->name, storage(buffer), (long long)weight_offset(program, buffer));
    } else if (buffer->kind == BUFFER_WEIGHT) {
        text_line(run->text, "const %s *%s = %s;", storage(buffer), buffer->name, weight_symbol(program, buffer));
    }
}

static void declare_value(Run *run, const Value *value)
{
    declare(run, buffer_of(run->program, value));
}

static bool only_parameters(const Program *program, Dim *dim)
{
    const int count = dim_symbol_count(program->context->dims);
    bool *used = ARENA_ARRAY(program->context->arena, count + 1, bool);
    dim_symbols_used(dim, used);
    for (int i = 0; i < program->nparameter; i++)
        used[dim_symbol_index(program->parameter[i])] = false;
    for (int i = 0; i < count; i++)
        if (used[i])
            return false;
    return true;
}

static void print_requirements(Run *run, const Step *step, bool early, Map *made)
{
    for (const Requirement *r = step->requires; r; r = r->next) {
        const bool is_early = only_parameters(run->program, r->low) && only_parameters(run->program, r->high);
        const char *text = arena_printf(run->program->context->arena, "%s > %s", dim_in_run(run->program, r->low),
                                        dim_in_run(run->program, r->high));
        if (is_early != early || map_get(made, r->low) == r->high)
            continue;
        map_set(made, r->low, r->high);
        text_line(run->text, "if (%s)", text);
        text_line(run->text, "    return %s;", upper(run, "BAD_SIZE"));
    }
}

static void print_list(Run *run, const char *head, const char *const *item, int count)
{
    Text *line = text_new(run->program->context->arena);
    text_add(line, "%s = {", head);
    for (int i = 0; i < count; i++)
        text_add(line, "%s%s", i ? ", " : "", item[i]);
    text_string(line, "};");
    text_wrapped(run->text, line->data, 8 + 4 * run->text->indent);
}

static void print_routine(Run *run, const Step *step)
{
    enum { MOST = 80 };
    Program *program = run->program;
    const Routine *routine = step->routine;
    const char *item[MOST];
    Text *text = run->text;
    for (int i = 0; i < routine->nsize; i++)
        text_line(text, "int64_t %s = 0;", (const char *)map_get(program->symbol_name, routine->size[i]));
    text_line(text, "{ /* %s */", step->label);
    text->indent++;
    for (int i = 0; i < routine->nin; i++)
        item[i] = routine->in[i] ? buffer_of(program, routine->in[i])->name : "NULL";
    if (routine->nin > 0)
        print_list(run, "const void *const in[]", item, routine->nin);
    int nout = 0;
    for (; nout < routine->nout; nout++)
        item[nout] = nout < step->nout && step->out[nout] ? buffer_of(program, step->out[nout])->name : "NULL";
    for (int i = 0; i < routine->nsize; i++)
        item[nout++] =
            arena_printf(program->context->arena, "&%s", (const char *)map_get(program->symbol_name, routine->size[i]));
    print_list(run, "void *const out[]", item, nout);
    for (int i = 0; i < routine->nn; i++)
        item[i] = dim_in_run(program, routine->n[i]);
    if (routine->nn > 0)
        print_list(run, "const int64_t n[]", item, routine->nn);
    for (int i = 0; i < routine->np; i++)
        item[i] = arena_printf(program->context->arena, "%.17g", routine->p[i]);
    if (routine->np > 0)
        print_list(run, "const double p[]", item, routine->np);
    const char *suffix = *routine->suffix ? arena_printf(program->context->arena, "_%s", routine->suffix) : "";
    text_line(text, "status = (enum %sstatus)%s%s%s(%s, out, %s, %s, %s);", program->prefix, program->prefix,
              routine->name, suffix, routine->nin > 0 ? "in" : "NULL", routine->nn > 0 ? "n" : "NULL",
              routine->np > 0 ? "p" : "NULL", step->scratch ? step->scratch->name : "NULL");
    text->indent--;
    text_line(text, "}");
    text_line(text, "if (status != %s)", upper(run, "OK"));
    text_line(text, "    return status;");
}

static void print_size(Run *run, const Step *step)
{
    Program *program = run->program;
    const char *name = map_get(program->symbol_name, step->symbol);
    text_line(run->text, "const int64_t %s = (int64_t)%s[%lld];", name, buffer_of(program, step->out[0])->name,
              (long long)step->number);
    const char *maximum = map_get(program->maximum_name, step->symbol);
    if (!maximum)
        maximum = dim_in_run(program, dim_limit(program->context->dims, step->symbol));
    text_line(run->text, "if (%s < 0 || %s > %s)", name, name, maximum);
    text_line(run->text, "    return %s;", upper(run, "BAD_SIZE"));
}

static void print_step_call(Run *run, const Step *step, Map *made)
{
    Program *program = run->program;
    print_requirements(run, step, false, made);
    for (int i = 0; i < step->uses.nvalue; i++)
        declare_value(run, step->uses.value[i]);
    for (int i = 0; step->routine && i < step->routine->nin; i++)
        if (step->routine->in[i])
            declare_value(run, step->routine->in[i]);
    for (int i = 0; i < step->nout; i++)
        if (step->out[i] && buffer_of(program, step->out[i])->is_needed)
            declare_value(run, step->out[i]);
    if (step->scratch)
        declare(run, step->scratch);
    if (step->kind == STEP_ROUTINE)
        print_routine(run, step);
    if (step->kind == STEP_SIZE)
        print_size(run, step);
    for (const Call *call = step->calls; call; call = call->next) {
        const char *line = call->text;
        if (call->may_fail)
            line = arena_printf(program->context->arena, "status = %s", line);
        text_wrapped(run->text, arena_printf(program->context->arena, "%s;", line),
                     4 * run->text->indent + (int)strcspn(line, "(") + 1);
        if (call->may_fail) {
            text_line(run->text, "if (status != %s)", upper(run, "OK"));
            text_line(run->text, "    return status;");
        }
    }
}

static bool has_status(const Program *program)
{
    for (const Step *step = program->first; step; step = step->next) {
        if (step->is_needed && step->kind == STEP_ROUTINE)
            return true;
        for (const Call *call = step->calls; step->is_needed && call; call = call->next)
            if (call->may_fail)
                return true;
    }
    return false;
}

static void print_size_limits(Run *run)
{
    Program *program = run->program;
    for (int i = 0; i < program->nparameter; i++) {
        Dim *symbol = program->parameter[i];
        const char *name = map_get(program->symbol_name, symbol);
        const int64_t high = dim_upper(symbol) < program->most ? dim_upper(symbol) : program->most;
        text_line(run->text, "if (%s < %lld || %s > %lld)", name, (long long)dim_lower(symbol), name, (long long)high);
        text_line(run->text, "    return %s;", upper(run, "BAD_SIZE"));
    }
    for (int i = 0; i < dim_symbol_count(program->context->dims); i++) {
        const char *name = map_get(program->maximum_name, dim_symbol_at(program->context->dims, i));
        if (!name)
            continue;
        text_line(run->text, "if (%s < 0 || %s > %lld)", name, name, (long long)program->most);
        text_line(run->text, "    return %s;", upper(run, "BAD_SIZE"));
    }
}

static void print_output_shapes(Run *run)
{
    Program *program = run->program;
    for (int i = 0; i < program->noutput; i++) {
        const char *shape = output_shape_name(program, i);
        if (!shape)
            continue;
        for (int k = 0; k < program->output[i]->value->type.rank; k++)
            text_line(run->text, "%s[%d] = %s;", shape, k, dim_in_run(program, program->output[i]->value->type.dim[k]));
    }
}

static void print_run(Program *program, Text *text)
{
    Run run = {program, text, map_new(program->context->arena)};
    Map *made = map_new(program->context->arena);
    print_prototype(program, text, "run", false);
    text_line(text, "{");
    text->indent++;
    if (has_status(program))
        text_line(text, "enum %sstatus status;", program->prefix);
    print_size_limits(&run);
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed)
            print_requirements(&run, step, true, made);
    if (program->nslot > 0) {
        const char *sizes = size_arguments(program);
        text_line(text, "const struct %splaces at = %slayout(%s);", program->prefix, program->prefix, sizes);
        text_line(text, "char *base = (char *)workspace;");
        text_line(text, "if (at.end == SIZE_MAX)");
        text_line(text, "    return %s;", upper(&run, "BAD_SIZE"));
    } else {
        text_line(text, "(void)workspace;");
    }
    text_line(text, "%s", "");
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed)
            print_step_call(&run, step, made);
    print_output_shapes(&run);
    text_line(text, "return %s;", upper(&run, "OK"));
    text->indent--;
    text_line(text, "}");
}

/* ---- the workspace ---- */
static void print_layout(Program *program, Text *text)
{
    const char *prefix = program->prefix;
    if (program->nslot > 0) {
        text_line(text, "/* The workspace: byte offsets. Tensors that are never needed together share a place. */");
        text_line(text, "struct %splaces {", prefix);
        text_string(text, "    size_t ");
        for (int i = 0; i < program->nslot; i++)
            text_add(text, "%s, ", program->slot[i].buffer->name);
        text_line(text, "end;");
        text_line(text, "};");
        text_line(text, "%s", "");
        text_line(
            text,
            "/* Takes `bytes` at *end and moves *end to the next cache line; to SIZE_MAX if that is too much. */");
        text_line(text, "static size_t %splace(size_t *end, int64_t bytes)", prefix);
        text_line(text, "{");
        text_line(text, "    const size_t at = *end;");
        text_line(text, "    if (at == SIZE_MAX || bytes < 0 || (uint64_t)bytes > SIZE_MAX / 2 - at)");
        text_line(text, "        *end = SIZE_MAX;");
        text_line(text, "    else");
        text_line(text, "        *end = (at + (size_t)bytes + 63) & ~(size_t)63;");
        text_line(text, "    return at;");
        text_line(text, "}");
        text_line(text, "%s", "");
        text_line(text, "static struct %splaces %slayout(%s)", prefix, prefix, size_parameters(program));
        text_line(text, "{");
        text_line(text, "    struct %splaces at;", prefix);
        text_line(text, "    size_t end = 0;");
        for (int i = 0; i < program->nslot; i++)
            text_line(text, "    at.%s = %splace(&end, %s);", program->slot[i].buffer->name, prefix,
                      dim_before_run(program, program->slot[i].bytes));
        text_line(text, "    at.end = end;");
        for (int i = 0; i < nsizes(program); i++)
            text_line(text, "    (void)%s;", size_name(program, i));
        text_line(text, "    return at;");
        text_line(text, "}");
        text_line(text, "%s", "");
    }
    print_prototype(program, text, "workspace", false);
    text_line(text, "{");
    if (program->nslot == 0)
        for (int i = 0; i < nsizes(program); i++)
            text_line(text, "    (void)%s;", size_name(program, i));
    for (int i = 0; i < nsizes(program) && program->nslot > 0; i++) {
        text_line(text, "    if (%s < 0 || %s > %lld)", size_name(program, i), size_name(program, i),
                  (long long)program->most);
        text_line(text, "        return SIZE_MAX;");
    }
    text_line(text, program->nslot > 0 ? "    return %slayout(%s).end;" : "    return 0;", prefix,
              size_arguments(program));
    text_line(text, "}");
    text_line(text, "%s", "");
}

static void print_status_text(const Program *program, Text *text)
{
    static const char *const row[][2] = {
        {"OK", "ok"},
        {"BAD_SIZE", "a size is negative, too large, or does not fit another one"},
        {"BAD_INDEX", "an index points outside its tensor"},
        {"BAD_VALUE", "a value is outside what an operator accepts"},
    };
    text_line(text, "const char *%sstatus_text(enum %sstatus status)", program->prefix, program->prefix);
    text_line(text, "{");
    text_line(text, "    switch (status) {");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        text_line(text, "    case %s%s:", program->upper, row[i][0]);
        text_line(text, "        return \"%s\";", row[i][1]);
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
        text_line(text, " * %.*s", (int)length, words);
        words += length;
    }
}

static void print_head(Program *program, Text *text)
{
    const char *name = program->options->name;
    Arena *arena = program->context->arena;
    text_line(text, "/* %s.c -- generated by onnx2c %s. Do not edit.", name, ONNX2C_VERSION);
    text_line(text, " *");
    text_line(text, " *   model    SHA-256 %s, producer %s", program->model->hash,
              name_comment(arena, program->model->producer ? program->model->producer : ""));
    text_line(text, " *   options  %s",
              name_comment(arena, program->options->command ? program->options->command : ""));
    text_line(text, " *");
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed && step->kind != STEP_SIZE)
            text_line(text, step->operations ? " *   %-32s %s operations" : " *   %s", step->label,
                      step->operations ? dim_in_comment(program, step->operations) : "");
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

void write_source(Program *program, FILE *to)
{
    Text *head = text_new(program->context->arena), *body = text_new(program->context->arena);
    print_layout(program, body);
    print_status_text(program, body);
    print_run(program, body);
    print_head(program, head);
    text_line(head, "#include \"%s.h\"", program->options->name);
    print_carried_declarations(program, head);
    text_line(head, "#if defined(__GNUC__) || defined(_MSC_VER)");
    text_line(head, "#define %sRESTRICT __restrict", program->upper);
    text_line(head, "#else");
    text_line(head, "#define %sRESTRICT", program->upper);
    text_line(head, "#endif");
    text_line(head, "%s", "");
    print_weight_declarations(program, head);
    if (program->helpers->needs_tile)
        template_tile(head, program->prefix, program->upper, TILE_ROWS, TILE_COLUMNS);
    fputs(head->data, to);
    fputs(program->helpers->text->data, to);
    fputs(program->functions->data, to);
    fputs(body->data, to);
}
