/* carry.c -- the sources of runtime/ that a program needs, under its own prefix.
 *
 * Headers with an include guard go to NAME_runtime.h, the rest to NAME_runtime.c, where a header without one (a text
 * that several sources include with other settings) is put in place of its #include. */
#include "../frontend/embedded.h"
#include "interface.h"
#include <ctype.h>
#include <string.h>

typedef struct {
    const Program *program;
    FILE *to;
    Names *taken;             /* paths that are written already */
    const char *settings[32]; /* macros the source set, to be undone at its end */
    int nsetting;
} Carrying;

static const char *runtime_text(const Carrying *c, const char *file)
{
    const char *text = embedded_text(arena_printf(c->program->context->arena, "runtime/%s", file));
    if (!text)
        report_fatal(c->program->context->report, NULL, INTERNAL,
                     arena_printf(c->program->context->arena, "runtime/%s is not carried", file));
    return text;
}

static bool has_guard(const char *text)
{
    return strstr(text, "\n#ifndef O2C_") && strstr(text, "_H\n");
}

/* A line with o2c_ and O2C_ turned into the program's prefix. */
static void write_line(const Carrying *c, const char *line, size_t length)
{
    for (size_t i = 0; i < length;) {
        const bool starts_word = i == 0 || !(isalnum((unsigned char)line[i - 1]) || line[i - 1] == '_');
        if (starts_word && i + 4 <= length &&
            (strncmp(line + i, "o2c_", 4) == 0 || strncmp(line + i, "O2C_", 4) == 0)) {
            fputs(line[i] == 'o' ? c->program->prefix : c->program->upper, c->to);
            i += 4;
        } else {
            putc(line[i++], c->to);
        }
    }
    putc('\n', c->to);
}

/* The file an #include "..." line names; NULL for other lines. */
static const char *included(const Carrying *c, const char *line, size_t length)
{
    static const char start[] = "#include \"";
    if (length < sizeof start || strncmp(line, start, sizeof start - 1) != 0)
        return NULL;
    return arena_strndup(c->program->context->arena, line + sizeof start - 1, length - sizeof start);
}

static bool is_written(Carrying *c, const char *file)
{
    const char *name = name_identifier(c->taken, "", file);
    return strcmp(name, name_identifier(names_new(c->program->context->arena, NULL), "", file)) != 0;
}

static void note_setting(Carrying *c, const char *line)
{
    static const char define[] = "#define O2C_";
    if (strncmp(line, define, sizeof define - 1) != 0 || c->nsetting == 32)
        return;
    const char *name = line + strlen("#define ");
    c->settings[c->nsetting++] =
        arena_strndup(c->program->context->arena, name, strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"));
}

/* Writes guarded headers that the text includes (is_header), or the text itself with the others in place. Headers
 * include a few levels deep. */
static void carry(Carrying *c, const char *text, bool is_header)
{
    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        const char *file = included(c, line, length);
        if (file) {
            const char *inner = runtime_text(c, file);
            if (!has_guard(inner))
                carry(c, inner, is_header);
            else if (is_header && !is_written(c, file)) {
                carry(c, inner, true);
                for (const char *at = inner; *at;) { /* the header itself, its own includes written before */
                    const size_t n = strcspn(at, "\n");
                    if (!included(c, at, n) && !strstr(arena_strndup(c->program->context->arena, at, n), "O2C_OK = 0"))
                        write_line(c, at, n);
                    at += n + (at[n] == '\n');
                }
            }
        } else if (!is_header) {
            note_setting(c, line);
            write_line(c, line, length);
        }
        line += length + (line[length] == '\n');
    }
}

/* ---- which files ---- */
static const char *routine_file(const Program *program, const Routine *routine)
{
    return arena_printf(program->context->arena, "%s%s%s.c", routine->name, *routine->suffix ? "_" : "",
                        routine->suffix);
}

bool program_needs_runtime(const Program *program)
{
    bool needed = program->helpers->needs_float || program->helpers->needs_scalar;
    for (const Step *step = program->first; step; step = step->next)
        needed |= step->is_needed && step->kind == STEP_ROUTINE;
    return needed;
}

/* Calls `visit` with each source file, once. */
static void each_source(Carrying *c, void (*visit)(Carrying *c, const char *file))
{
    Names *seen = c->taken;
    c->taken = names_new(c->program->context->arena, NULL);
    Names *headers = seen;
    for (const Step *step = c->program->first; step; step = step->next) {
        if (!step->is_needed || step->kind != STEP_ROUTINE)
            continue;
        const char *file = routine_file(c->program, step->routine);
        Names *sources = c->taken;
        if (is_written(c, file))
            continue;
        c->taken = headers;
        visit(c, file);
        c->taken = sources;
    }
    c->taken = headers;
    if (c->program->helpers->needs_float)
        visit(c, "float.c");
}

static void visit_header(Carrying *c, const char *file)
{
    carry(c, runtime_text(c, file), true);
}

static void visit_declaration(Carrying *c, const char *file)
{
    if (strcmp(file, "float.c") != 0) /* declared in its header */
        fprintf(c->to,
                "int %s%.*s(const void *const in[], void *const out[], const int64_t n[], const double p[], void "
                "*scratch);\n",
                c->program->prefix, (int)(strlen(file) - 2), file);
}

static void visit_source(Carrying *c, const char *file)
{
    c->nsetting = 0;
    carry(c, runtime_text(c, file), false);
    for (int i = 0; i < c->nsetting; i++)
        write_line(c, arena_printf(c->program->context->arena, "#undef %s", c->settings[i]),
                   strlen("#undef ") + strlen(c->settings[i]));
    putc('\n', c->to);
}

void write_runtime_header(const Program *program, FILE *to)
{
    Carrying c = {.program = program, .to = to, .taken = names_new(program->context->arena, NULL)};
    const char *name = program->options->name;
    fprintf(to, "/* %s_runtime.h -- generated by onnx2c %s: what %s.c carries with it. */\n", name, ONNX2C_VERSION,
            name);
    fprintf(to, "#ifndef %sRUNTIME_CARRIED_H\n#define %sRUNTIME_CARRIED_H\n#include \"%s.h\"\n", program->upper,
            program->upper, name);
    fputs("#ifdef __cplusplus\nextern \"C\" {\n#endif\n", to);
    each_source(&c, visit_header);
    if (program->helpers->needs_scalar)
        carry(&c, "#include \"scalar.h\"\n", true);
    each_source(&c, visit_declaration);
    fputs("#ifdef __cplusplus\n}\n#endif\n#endif\n", to);
}

void write_runtime_source(const Program *program, FILE *to)
{
    Carrying c = {.program = program, .to = to, .taken = names_new(program->context->arena, NULL)};
    const char *name = program->options->name;
    fprintf(to,
            "/* %s_runtime.c -- generated by onnx2c %s: what %s.c carries with it. */\n#include \"%s_runtime.h\"\n\n",
            name, ONNX2C_VERSION, name, name);
    each_source(&c, visit_source);
}
