/* cuda_carry.c -- the sources of runtime/ in NAME.cu: the C of the C program, as functions of the device.
 *
 * A file with what it includes stands in a namespace of its own, so that the static functions of several do not meet;
 * what it defines is undefined behind it. In runtime/ all functions and tables, and nothing else but types, begin at
 * the left margin: these lines get __device__. */
#include "../frontend/embedded.h"
#include "cuda.h"
#include "interface.h"
#include "template.h"
#include <ctype.h>
#include <string.h>

typedef struct {
    const Program *program;
    Text *text;
    const char *space;             /* __device__, or with __host__ */
    const char *file[MAX_CARRIED]; /* what is there already */
    int nfile;
    Text *undefine;
} Carry;

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* Whether a function or a table begins here. */
static bool is_definition(const char *line)
{
    static const char *const other[] = {"struct ", "enum ", "typedef ", "FORMAT("};
    const size_t length = strcspn(line, "\n");
    if (!isalpha((unsigned char)*line))
        return false;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (begins(line, other[i]) && !memchr(line, '(', length))
            return false;
    return !begins(line, "typedef ");
}

/* Whether a line of a macro begins a function: a brace stands alone behind it. */
static bool is_function_of_macro(const char *line)
{
    const char *next = line + strcspn(line, "\n");
    return begins(line, "    ") && isalpha((unsigned char)line[4]) && next > line && next[-1] == '\\' &&
           begins(next, "\n    { ");
}

/* The line with o2c_ and O2C_ turned into the program's prefix. */
static void add_line(Carry *carry, const char *line, size_t length)
{
    const Program *program = carry->program;
    for (size_t i = 0; i < length;) {
        const bool starts_word = i == 0 || !(isalnum((unsigned char)line[i - 1]) || line[i - 1] == '_');
        if (starts_word && (begins(line + i, "o2c_") || begins(line + i, "O2C_"))) {
            text_string(carry->text, line[i] == 'o' ? program->prefix : program->upper);
            i += 4;
        } else {
            text_add(carry->text, "%c", line[i++]);
        }
    }
    text_string(carry->text, "\n");
}

static void note_definition(Carry *carry, const char *line)
{
    static const char define[] = "#define ";
    if (!begins(line, define))
        return;
    const char *name = line + sizeof define - 1;
    const size_t length = strcspn(name, " (\n");
    const bool is_ours = begins(name, "O2C_");
    text_add(carry->undefine, "#undef %s%.*s\n", is_ours ? carry->program->upper : "",
             (int)(length - (is_ours ? 4 : 0)), name + (is_ours ? 4 : 0));
}

static void add_file(Carry *carry, const char *file);

static void add_included(Carry *carry, const char *line)
{
    const char *name = line + strlen("#include \"");
    if (begins(line, "#include \""))
        add_file(carry, arena_strndup(carry->program->context->arena, name, strcspn(name, "\"\n")));
}

/* Includes are as deep as runtime/ has them. */
static void add_file(Carry *carry, const char *file)
{
    Arena *arena = carry->program->context->arena;
    for (int i = 0; i < carry->nfile; i++)
        if (strcmp(carry->file[i], file) == 0)
            return;
    carry->file[carry->nfile++] = file;
    if (strcmp(file, "runtime.h") == 0) /* its includes and statuses are there */
        return;
    const char *line = embedded_text(arena_printf(arena, "runtime/%s", file));
    if (!line)
        report_fatal(carry->program->context->report, NULL, INTERNAL,
                     arena_printf(arena, "runtime/%s is not carried", file));
    for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (begins(line, "#include")) {
            add_included(carry, line);
            continue;
        }
        note_definition(carry, line);
        if (is_function_of_macro(line)) {
            text_add(carry->text, "    %s", carry->space);
            line += strlen("   ");
        } else if (is_definition(line)) {
            text_add(carry->text, "%s%s", carry->space, *carry->space ? " " : "");
        }
        add_line(carry, line, strcspn(line, "\n"));
    }
}

/* The file under a namespace, in which nothing of another one is seen. */
static void add_apart(const Program *program, Text *text, const char *file)
{
    Arena *arena = program->context->arena;
    Carry carry = {.program = program, .text = text, .space = "__device__", .undefine = text_new(arena)};
    const char *name = arena_printf(arena, "%sfile_%.*s", program->prefix, (int)(strlen(file) - 2), file);
    text_line(text, "#ifdef __NVCC__ /* what a header has need not all be used */");
    text_line(text, "#pragma nv_diagnostic push");
    text_line(text, "#pragma nv_diag_suppress 177");
    text_line(text, "#endif");
    text_line(text, "namespace %s {", name);
    add_file(&carry, file);
    text_string(text, carry.undefine->data);
    text_line(text, "}");
    text_line(text, "#ifdef __NVCC__");
    text_line(text, "#pragma nv_diagnostic pop");
    text_line(text, "#endif");
    text_line(text, "using namespace %s;", name);
    text_line(text, "%s", "");
}

/* The files that are there already. */
typedef struct {
    const char *file[MAX_CARRIED];
    int count;
    bool has_serial; /* one of them is C */
} Routines;

/* The routine of a step, once; before the first, what they are written in. */
static void add_routine(Carry *carry, Routines *routines, const Step *step)
{
    const Program *program = carry->program;
    const bool is_parallel = is_parallel_csr(program, step);
    const char *file = is_parallel ? "csr.cuh" : routine_file(program, step->routine);
    for (int i = 0; i < routines->count; i++)
        if (strcmp(routines->file[i], file) == 0)
            return;
    routines->file[routines->count++] = file;
    if (is_parallel) {
        carry->space = ""; /* it says itself where its functions run */
        add_file(carry, file);
        text_line(carry->text, "%s", "");
        return;
    }
    if (!routines->has_serial)
        template_cuda_carried(carry->text, program->upper);
    routines->has_serial = true;
    add_apart(program, carry->text, file);
}

void cuda_print_carried(const Program *program, Text *text)
{
    Carry carry = {.program = program,
                   .text = text,
                   .space = "__host__ __device__",
                   .undefine = text_new(program->context->arena)};
    if (program->helpers->needs_scalar)
        add_file(&carry, "scalar.h");
    if (program->helpers->needs_float)
        add_apart(program, text, "float.c");
    Routines routines = {.count = 0};
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed && step->kind == STEP_ROUTINE)
            add_routine(&carry, &routines, step);
    carry.space = ""; /* they say themselves where they run */
    if (program->helpers->needs_team)
        add_file(&carry, "team.cuh");
}
