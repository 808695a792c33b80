/* build.c -- all files of a generated program, written beside their folder and moved into place when all are there. */
#include "codegen.h"
#include "cuda.h"
#include "interface.h"
#include "process.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const Program *program;
    const char *folder; /* the one being filled */
    void (*write)(const Program *program, FILE *to);
    const char *carried; /* a file of runtime/ */
} Build;

static bool write_error(const Program *program, const char *path)
{
    return report_add(program->context->report, NULL, FILE_UNWRITABLE, path, strerror(errno));
}

/* Whether a folder may be replaced: it is not there, is empty, or holds an earlier program. False after an error in the
 * report. */
static bool may_replace(const Program *program, const char *path)
{
    DIR *folder = opendir(path);
    bool is_empty = true, is_program = false;
    if (!folder)
        return errno == ENOENT || write_error(program, path);
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            is_empty = false;
            is_program |= strcmp(entry->d_name, "manifest.json") == 0;
        }
    closedir(folder);
    return is_empty || is_program ||
           report_add(program->context->report, NULL, FILE_UNWRITABLE, path,
                      "it holds other files than an earlier program's, which would be lost");
}

/* mode: fopen's. */
static bool write_named(const Build *build, const char *name, const char *mode,
                        void (*write)(const Build *build, FILE *to))
{
    const char *path = arena_printf(build->program->context->arena, "%s/%s", build->folder, name);
    FILE *to = fopen(path, mode);
    if (!to)
        return write_error(build->program, path);
    write(build, to);
    const bool failed = ferror(to);
    return (fclose(to) == 0 && !failed) || write_error(build->program, path);
}

static void write_part(const Build *build, FILE *to)
{
    build->write(build->program, to);
}

static void write_carried_part(const Build *build, FILE *to)
{
    fputs(carried_text(build->program, build->carried), to);
}

/* Adds to a file that is there. */
static bool add_to_file(const Build *build, const char *name, const char *mode,
                        void (*write)(const Program *program, FILE *to))
{
    Build part = *build;
    part.write = write;
    return write_named(&part, name, mode, write_part);
}

/* A file of this name, or, where it starts with a dot or an underscore, of the program's name and this. */
static bool write_file(const Build *build, const char *name, void (*write)(const Program *program, FILE *to))
{
    Build part = *build;
    part.write = write;
    if (*name == '.' || *name == '_')
        name = arena_printf(build->program->context->arena, "%s%s", build->program->options->name, name);
    return write_named(&part, name, "wx", write_part);
}

static bool write_runtime(const Build *build)
{
    const Carried carried = carried_files(build->program);
    Build part = *build;
    for (int i = 0; i < carried.count; i++) {
        part.carried = carried.file[i];
        if (!write_named(&part,
                         arena_printf(build->program->context->arena, "%s%s", build->program->prefix, part.carried),
                         "wx", write_carried_part))
            return false;
    }
    return true;
}

static void write_source_file(const Program *program, FILE *to)
{
    write_source((Program *)program, to);
}

static void write_header_file(const Program *program, FILE *to)
{
    write_header((Program *)program, to);
}

static bool write_weights(const Build *build)
{
    if (!has_weights(build->program))
        return true;
    const WeightsForm form = build->program->options->weights;
    if (form == WEIGHTS_C)
        return write_file(build, "_weights.c", write_weights_c);
    return write_file(build, "_weights.bin", write_weights_bin) &&
           (form == WEIGHTS_BIN || write_file(build, "_weights.S", write_weights_s));
}

static bool write_cuda_sources(const Build *build)
{
    return write_file(build, ".cu", write_source_file) && write_weights(build) &&
           (!build->program->options->driver || write_file(build, "_driver.cu", write_driver)) &&
           write_file(build, "_test.cu", write_test);
}

static bool write_cuda_files(const Build *build)
{
    return write_cuda_sources(build) && write_file(build, ".h", write_header_file) &&
           write_file(build, "Makefile", write_cuda_makefile) &&
           write_file(build, "CMakeLists.txt", write_cuda_cmake) && write_file(build, "manifest.json", write_manifest);
}

/* Beside the program in C: one header, one manifest. */
static bool add_cuda_files(const Build *build)
{
    const char *header = arena_printf(build->program->context->arena, "%s.h", header_name(build->program));
    return write_cuda_sources(build) && write_file(build, "cuda.mk", write_cuda_makefile) &&
           add_to_file(build, header, "a", write_header_file) &&
           add_to_file(build, "CMakeLists.txt", "a", write_cuda_cmake) &&
           add_to_file(build, "manifest.json", "r+", add_manifest);
}

static bool write_files(const Build *build)
{
    const Program *program = build->program;
    if (is_for_cuda(program))
        return write_cuda_files(build);
    if (!write_file(build, ".c", write_source_file) || !write_file(build, ".h", write_header_file))
        return false;
    return write_runtime(build) && write_weights(build) &&
           (!program->options->driver || write_file(build, "_driver.c", write_driver)) &&
           write_file(build, "_test.c", write_test) && write_file(build, "Makefile", write_makefile) &&
           write_file(build, "CMakeLists.txt", write_cmake) && write_file(build, ".pc", write_pkgconfig) &&
           write_file(build, "manifest.json", write_manifest);
}

/* Whether nothing overflows that is compared while no size is greater than these. */
static bool can_be_compared(const Requirements *list, const int64_t *values)
{
    int64_t bound;
    for (const Requirement *r = list->first; r; r = r->next)
        if (!dim_bound(r->low, values, &bound) || !dim_bound(r->high, values, &bound))
            return false;
    return true;
}

/* Whether all that a run compares can be while no size is greater than these. */
static bool can_compare_all(const Program *program, const int64_t *values)
{
    bool can = can_be_compared(&program->requires, values);
    for (const Step *step = program->first; step && can; step = step->next)
        can = !step->is_needed || can_be_compared(&step->requires, values);
    return can;
}

/* A tensor whose bytes overflow for these sizes; NULL: there is none. */
static const Buffer *find_overflow(const Program *program, const int64_t *values)
{
    int64_t bytes;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (!dim_evaluate(buffer_bytes(program, buffer->value), values, &bytes) || bytes >= INT64_MAX / 4)
            return buffer;
    return NULL;
}

/* Whether the caller has sizes to give that are no greater than the program accepts. */
static bool check_least_sizes(const Program *program)
{
    Context *context = program->context;
    for (int i = 0; i < program->nparameter; i++) {
        Dim *size = program->parameter[i];
        if (dim_lower(size) > program->most)
            return report_add(
                context->report, NULL, OP_UNSUPPORTED, arena_printf(context->arena, "size %s", dim_symbol_name(size)),
                arena_printf(context->arena, "it is at least %lld, programs of this model take up to %lld",
                             (long long)dim_lower(size), (long long)program->most));
    }
    return true;
}

/* Finds the greatest size for which no tensor's bytes overflow, nor what is compared: what NAME_run accepts. */
static bool find_greatest_size(Program *program)
{
    Context *context = program->context;
    const int count = dim_symbol_count(context->dims);
    int64_t *values = ARENA_ARRAY(context->arena, count + 1, int64_t);
    const Buffer *overflow = NULL;
    for (program->most = INT32_MAX; program->most > 0; program->most /= 2) {
        for (int i = 0; i < count; i++) {
            const int64_t upper = dim_upper(dim_symbol_at(context->dims, i));
            values[i] = upper < program->most ? upper : program->most;
        }
        overflow = find_overflow(program, values);
        if (!overflow && can_compare_all(program, values))
            return check_least_sizes(program);
    }
    return report_add(context->report, NULL, OP_UNSUPPORTED,
                      overflow ? arena_printf(context->arena, "tensor '%s'", overflow->value->name) : "a model",
                      "its size overflows 64 bits, however small the sizes are that a run may choose");
}

/* Moves the filled folder to where it belongs; what was there goes to `old`. */
static bool put_in_place(const Program *program, const char *from, const char *to, const char *old)
{
    if (rename(to, old) != 0 && errno != ENOENT)
        return write_error(program, to);
    if (rename(from, to) == 0)
        return true;
    const int why = errno;
    rename(old, to);
    errno = why;
    return write_error(program, to);
}

static void release_folder(void *path)
{
    remove_folder(path);
}

bool codegen_build(Model *model, const BuildOptions *options, const RewriteLog *log)
{
    Arena *arena = model->context->arena;
    Program *program = program_new(model, options, log);
    if (!program || !program_functions(program) || (is_for_cuda(program) && !cuda_supports(program)))
        return false;
    program_plan(program);
    if (!find_greatest_size(program))
        return false;
    if (options->beside)
        return add_cuda_files(&(Build){.program = program, .folder = options->folder});
    size_t length = strlen(options->folder);
    while (length > 1 && options->folder[length - 1] == '/')
        length--;
    const char *folder = arena_strndup(arena, options->folder, length);
    if (!may_replace(program, folder))
        return false;
    /* beside the folder and with a name of its own, so that moving is all it takes and nobody else's files are met */
    char *beside = arena_printf(arena, "%s.XXXXXX", folder);
    if (!mkdtemp(beside))
        return write_error(program, folder);
    const Build build = {.program = program, .folder = arena_printf(arena, "%s/new", beside)};
    arena_at_free(arena, release_folder, beside); /* also when writing ends in report_fatal */
    return (mkdir(build.folder, 0777) == 0 || write_error(program, build.folder)) && write_files(&build) &&
           (!options->complete || options->complete(options->who, build.folder)) &&
           put_in_place(program, build.folder, folder, arena_printf(arena, "%s/old", beside));
}
