/* carry.c -- the sources of runtime/ that a program needs: copied file by file, under the program's own prefix. */
#include "../frontend/embedded.h"
#include "interface.h"
#include <ctype.h>
#include <string.h>

static const char *runtime_text(const Program *program, const char *file)
{
    Arena *arena = program->context->arena;
    const char *text = embedded_text(arena_printf(arena, "runtime/%s", file));
    if (!text)
        report_fatal(program->context->report, NULL, INTERNAL, arena_printf(arena, "runtime/%s is not carried", file));
    return text;
}

/* The file an #include "..." line names; NULL for other lines. */
static const char *included(const Program *program, const char *line)
{
    static const char start[] = "#include \"";
    const char *name = line + sizeof start - 1;
    return strncmp(line, start, sizeof start - 1) == 0
               ? arena_strndup(program->context->arena, name, strcspn(name, "\"\n"))
               : NULL;
}

/* Adds the file and what it includes, each once. */
static void add_file(const Program *program, Carried *carried, const char *file)
{
    for (int i = 0; i < carried->count; i++)
        if (strcmp(carried->file[i], file) == 0)
            return;
    if (carried->count == MAX_CARRIED)
        report_fatal(program->context->report, NULL, LIMIT_EXCEEDED, "the number of runtime files", "64");
    carried->file[carried->count++] = file;
    for (const char *line = runtime_text(program, file); *line;) {
        const char *inner = included(program, line);
        if (inner)
            add_file(program, carried, inner);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

const char *routine_file(const Program *program, const Routine *routine)
{
    return arena_printf(program->context->arena, "%s%s%s.c", routine->name, *routine->suffix ? "_" : "",
                        routine->suffix);
}

Carried carried_files(const Program *program)
{
    Carried carried = {.count = 0};
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed && step->kind == STEP_ROUTINE)
            add_file(program, &carried, routine_file(program, step->routine));
    if (program->helpers->needs_float)
        add_file(program, &carried, "float.c");
    if (program->helpers->needs_scalar)
        add_file(program, &carried, "scalar.h");
    if (program->helpers->needs_vector)
        add_file(program, &carried, "vector.h");
    if (program->helpers->needs_rows)
        add_file(program, &carried, "rows.h");
    return carried;
}

/* ---- text ---- */
/* A line with o2c_ and O2C_ turned into the program's prefix. */
static void add_line(const Program *program, const char *line, size_t length, Text *to)
{
    for (size_t i = 0; i < length;) {
        const bool starts_word = i == 0 || !(isalnum((unsigned char)line[i - 1]) || line[i - 1] == '_');
        if (starts_word && (strncmp(line + i, "o2c_", 4) == 0 || strncmp(line + i, "O2C_", 4) == 0)) {
            text_string(to, line[i] == 'o' ? program->prefix : program->upper);
            i += 4;
        } else {
            text_string(to, (char[]){line[i++], '\0'});
        }
    }
    text_string(to, "\n");
}

const char *carried_text(const Program *program, const char *file)
{
    Text *to = text_new(program->context->arena);
    text_add(to, "/* Carried by %s.c, which onnx2c %s generated. */\n", program->options->name, ONNX2C_VERSION);
    for (const char *line = runtime_text(program, file); *line;) {
        const size_t length = strcspn(line, "\n");
        const char *inner = included(program, line);
        if (inner)
            text_add(to, "#include \"%s%s\"\n", program->prefix, inner);
        else if (strncmp(line, "enum { O2C_OK = 0", 17) == 0) /* the program's header has the same */
            text_add(to, "#include \"%s.h\"\n", program->options->name);
        else
            add_line(program, line, length, to);
        line += length + (line[length] == '\n');
    }
    return to->data;
}

void print_carried_declarations(const Program *program, Text *text)
{
    Arena *arena = program->context->arena;
    if (program->helpers->needs_float)
        text_line(text, "#include \"%sfloat.h\"", program->prefix);
    if (program->helpers->needs_scalar)
        text_line(text, "#include \"%sscalar.h\"", program->prefix);
    if (program->helpers->needs_vector)
        text_line(text, "#include \"%svector.h\"", program->prefix);
    if (program->helpers->needs_rows)
        text_line(text, "#include \"%srows.h\"", program->prefix);
    if (program->helpers->needs_cblas)
        text_line(text, "#include <cblas.h>");
    text_line(text, "#include <math.h>");
    text_line(text, "#include <string.h>");
    text_line(text, "%s", "");
    Names *seen = names_new(arena, NULL);
    for (const Step *step = program->first; step; step = step->next) {
        if (!step->is_needed || step->kind != STEP_ROUTINE)
            continue;
        const char *file = routine_file(program, step->routine);
        const char *name = arena_strndup(arena, file, strlen(file) - 2);
        if (strcmp(name_identifier(seen, "r_", name) + 2, name) != 0)
            continue;
        text_line(text, "/* In %s%s. */", program->prefix, file);
        const char *head = arena_printf(arena, "int %s%s(", program->prefix, name);
        text_wrapped(text,
                     arena_printf(arena,
                                  "%sconst void *const in[], void *const out[], const int64_t n[], const double p[], "
                                  "void *scratch);",
                                  head),
                     (int)strlen(head));
        text_line(text, "%s", "");
    }
}
