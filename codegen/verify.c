/* verify.c -- `onnx2c verify`: runs models on the inputs beside them and compares with the outputs beside them. */
#include "verify.h"
#include "../frontend/frontend.h"
#include "../runtime/runtime.h"
#include "process.h"
#include "raw.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The set's data for the inputs that are left. */
static Datum **inputs_left(Case *test, const DataSet *set)
{
    Datum **input = ARENA_ARRAY(test->context->arena, test->nleft, Datum *);
    for (int i = 0, k = 0; i < test->nleft; i++) {
        while (test->input[k] != test->left[i])
            k++;
        input[i] = set->input[k];
    }
    return input;
}

static Type *output_types(Case *test)
{
    const Graph *graph = test->model->graph;
    Type *type = ARENA_ARRAY(test->context->arena, graph->nout, Type);
    for (int k = 0; k < graph->nout; k++)
        type[k] = graph->out[k]->type;
    return type;
}

/* Compares with all output files of a set; got: one for each output of the model. */
static bool compare_outputs(Case *test, const DataSet *set, Datum *const *got, int ngot, const Type *type)
{
    Context *context = test->context;
    for (int k = 0; k < ngot; k++) {
        Datum *wanted = datum_load(context, set_path(test, set, "output", k), &type[k]);
        if (!wanted)
            return false;
        const char *what = arena_printf(context->arena, "data set %d: output %d", set->number, k);
        if (!compare(&test->comparison, what, got[k], wanted))
            return false;
    }
    return true;
}

/* ---- the two ways to run ---- */

static bool run_evaluator(Case *test)
{
    const Graph *graph = test->model->graph;
    for (int i = 0; i < test->nset; i++) {
        Datum **output = ARENA_ARRAY(test->context->arena, graph->nout, Datum *);
        progress("evaluating %s", test->folder);
        if (!evaluate(graph, inputs_left(test, &test->set[i]), output) ||
            !compare_outputs(test, &test->set[i], output, graph->nout, output_types(test)))
            return false;
    }
    return true;
}

/* Says what went wrong with a program that was run, from its log: the first line that speaks of an error, or the first.
 */
static bool process_failed(Case *test, const char *what, int status, const char *log)
{
    char *text = file_text(test->context->arena, log), *line = strstr(text, "error");
    while (line && line > text && line[-1] != '\n')
        line--;
    line = line ? line : text;
    line[strcspn(line, "\n")] = '\0';
    snprintf(test->comparison.message, sizeof test->comparison.message, "%s ended with status %d: %.300s", what, status,
             line);
    return false;
}

/* Adds what stands between the blanks of a text; how many arguments there are then. */
static int add_words(Case *test, const char *text, const char **argument, int count, int limit)
{
    char *rest = arena_strdup(test->context->arena, text);
    for (char *word; (word = strsep(&rest, " ")) && count < limit;)
        if (*word)
            argument[count++] = word;
    return count;
}

/* The C compiler as the environment has it, the language, and the words of all --cflags, or -O2. */
static int add_compiler(Case *test, bool cuda, const char **argument, int limit)
{
    const char *given = getenv(cuda ? "NVCC" : "CC");
    const Words flags = test->options->cflags;
    int count = given ? add_words(test, given, argument, 0, limit) : 0;
    if (count == 0)
        argument[count++] = cuda ? "nvcc" : "cc";
    argument[count++] = cuda ? "-std=c++17" : "-std=c99";
    if (flags.count == 0)
        argument[count++] = "-O2";
    for (int i = 0; i < flags.count; i++)
        count = add_words(test, flags.word[i], argument, count, limit);
    return count;
}

/* Compiles the program in `folder` with one of the two files that have a main(): "driver" or "test". */
static bool compile_program(Case *test, const char *folder, const char *with)
{
    enum { LIMIT = 256 };
    const char *other = strcmp(with, "test") == 0 ? "_driver.c" : "_test.c";
    const bool cuda = test->options->target && strcmp(test->options->target, "cuda") == 0;
    const char *argument[LIMIT] = {NULL};
    int count = add_compiler(test, cuda, argument, LIMIT / 2);
    argument[count++] = "-o";
    argument[count++] = with;
    DIR *files = opendir(folder);
    for (const struct dirent *entry; files && (entry = readdir(files)) && count < LIMIT - 4;) {
        const char *suffix = strrchr(entry->d_name, '.');
        bool is_other = strstr(entry->d_name, other) != NULL;
        if (suffix && !is_other &&
            (strcmp(suffix, ".c") == 0 || strcmp(suffix, ".S") == 0 || strcmp(suffix, ".cu") == 0))
            argument[count++] = arena_strdup(test->context->arena, entry->d_name);
    }
    if (files)
        closedir(files);
    if (test->options->blas)
        argument[count++] = arena_printf(test->context->arena, "-l%s", test->options->blas);
    argument[count++] = "-lm";
    progress("compiling the C of %s", test->folder);
    const char *log = arena_printf(test->context->arena, "%s/compile.log", test->temporary);
    int status = process_run(argument, folder, log);
    return status == 0 || process_failed(test, "the C compiler", status, log);
}

/* Writes the inputs of a set where the driver finds them. */
static bool write_inputs(Case *test, const DataSet *set, const char *folder)
{
    Datum **input = inputs_left(test, set);
    for (int k = 0; k < test->nleft; k++) {
        const Tensor *tensor = input[k] ? input[k]->tensor : test->left[k]->constant;
        if (!tensor)
            return report_add(test->context->report, NULL, FILE_UNREADABLE, test->left[k]->name,
                              "only tensors can be given");
        if (!raw_write(test->context, arena_printf(test->context->arena, "%s/input_%d.raw", folder, k), tensor))
            return false;
    }
    return true;
}

static bool read_outputs(Case *test, const char *folder, const Type *type, int count, Datum **output)
{
    for (int k = 0; k < count; k++) {
        const char *path = arena_printf(test->context->arena, "%s/output_%d.raw", folder, k);
        Tensor *tensor = raw_read(test->context, path, type[k].dtype);
        if (!tensor)
            return false;
        output[k] = ARENA_NEW(test->context->arena, Datum);
        *output[k] = (Datum){.kind = TENSOR, .tensor = tensor, .dtype = tensor->dtype};
    }
    return true;
}

/* Runs the driver over one set and compares. */
static bool run_set(Case *test, const DataSet *set, const char *program, const Type *type, int ntype)
{
    Arena *arena = test->context->arena;
    const char *folder = arena_printf(arena, "%s/set_%d", test->temporary, set->number);
    if (mkdir(folder, 0777) != 0)
        return report_add(test->context->report, NULL, FILE_UNWRITABLE, folder, strerror(errno));
    if (!write_inputs(test, set, folder))
        return false;
    const char *log = arena_printf(arena, "%s/run.log", folder);
    const char *repeat = test->options->repeat ? test->options->repeat : "1";
    progress("running %s", test->folder);
    int exit_status = process_run((const char *[]){"./driver", "-r", repeat, folder, NULL}, program, log), status;
    if (exit_status != 0)
        return process_failed(test, "the program", exit_status, log);
    unsigned long long workspace;
    double seconds;
    if (sscanf(file_text(arena, log), "%d %llu %lf", &status, &workspace, &seconds) != 3)
        return process_failed(test, "a run", exit_status, log);
    if (status != O2C_OK) {
        snprintf(test->comparison.message, sizeof test->comparison.message, "set %d is refused with %s: %s",
                 set->number, status_name(status) ? status_name(status) : "?", status_text(status));
        return false;
    }
    if (seconds > test->seconds)
        test->seconds = seconds;
    Datum **output = ARENA_ARRAY(arena, ntype, Datum *);
    return read_outputs(test, folder, type, ntype, output) && compare_outputs(test, set, output, ntype, type);
}

/* Without data sets there is still the self-test: made-up inputs, and what the reference evaluator makes of them. */
static bool run_self_test(Case *test, const char *folder)
{
    const char *log = arena_printf(test->context->arena, "%s/test.log", test->temporary);
    int status = process_run((const char *[]){"./test", NULL}, folder, log);
    return status == 0 || process_failed(test, "the self-test", status, log);
}

static bool run_program(Case *test)
{
    Context *context = test->context;
    BuildOptions build;
    test->temporary = temporary_folder(context->arena);
    if (!test->temporary)
        return report_add(context->report, NULL, FILE_UNWRITABLE, "a temporary folder", strerror(errno));
    if (!build_options(context, test->options, &build))
        return false;
    build.folder = arena_printf(context->arena, "%s/program", test->temporary);
    build.name = "model";
    build.driver = true;
    if (!test->options->weights && test->nset > 0)
        build.weights = WEIGHTS_BIN; /* what the C compiler need not read */
    int noutput = test->model->graph->nout;
    Type *type = output_types(test);
    for (int k = 0; k < noutput; k++)
        if (type[k].kind != TENSOR)
            return report_add(context->report, NULL, OP_UNSUPPORTED, "an output that is no tensor", "in generated C");
    if (!compile_model(test->model, test->options, &build) ||
        !compile_program(test, build.folder, test->nset > 0 ? "driver" : "test"))
        return false;
    find_left(test); /* given edges are no input any more */
    if (test->nset == 0)
        return run_self_test(test, build.folder);
    for (int i = 0; i < test->nset; i++)
        if (!run_set(test, &test->set[i], build.folder, type, noutput))
            return false;
    return true;
}

/* ---- a case, all cases ---- */

static void run_case(void *who)
{
    Case *test = who;
    if (case_load(test))
        test->passed = test->options->evaluator ? run_evaluator(test) : run_program(test);
}

/* Why a case failed. */
static void print_failure(const Case *test, FILE *to)
{
    if (*test->comparison.message)
        fputs(test->comparison.message, to);
    else
        report_print_first(test->context->report, to);
}

static void print_case(const Case *test, const char *name)
{
    printf("%s %s: ", test->passed ? "ok  " : "FAIL", name);
    if (test->passed && test->nset == 0) {
        fputs("no data set; the self-test passes", stdout);
    } else if (test->passed) {
        printf("%d data set%s, largest difference %.2g", test->nset, test->nset == 1 ? "" : "s",
               test->comparison.largest);
        if (test->seconds >= 0 && test->options->repeat)
            printf(", %.6f s", test->seconds);
    } else {
        print_failure(test, stdout);
    }
    if (test->left_out > 0)
        printf(" (%d with other edges left out)", test->left_out);
    if (*test->fixed)
        printf(" (fixed: %s)", test->fixed);
    if (test->temporary && test->options->keep)
        printf(" (kept: %s)", test->temporary);
    putchar('\n');
}

/* The same as a JSON object. Its texts take no memory of the arena, which may be at its end. */
static void print_case_json(const Case *test, const char *name)
{
    fputs("{\"case\": ", stdout);
    json_string(name, stdout);
    printf(", \"passed\": %s, \"data_sets\": %d, \"left_out\": %d, \"self_test\": %s", test->passed ? "true" : "false",
           test->nset, test->left_out, test->nset == 0 && !test->options->evaluator ? "true" : "false");
    if (test->passed && test->nset > 0)
        printf(", \"largest_difference\": %.9g", test->comparison.largest);
    if (test->passed && test->seconds >= 0 && test->options->repeat)
        printf(", \"seconds\": %.9g", test->seconds);
    fputs(", \"fixed\": ", stdout);
    json_string(test->fixed, stdout);
    if (test->temporary && test->options->keep) {
        fputs(", \"kept\": ", stdout);
        json_string(test->temporary, stdout);
    }
    char *why = NULL;
    size_t size;
    FILE *to = test->passed ? NULL : open_memstream(&why, &size);
    if (to) {
        print_failure(test, to);
        fclose(to);
        fputs(", \"message\": ", stdout);
        json_string(why, stdout);
        free(why);
    }
    fputs("}", stdout);
}

/* Runs one case; 1 when it passed. */
static bool verify_case(const Options *options, const char *folder, size_t budget, double rtol, double atol)
{
    char absolute[PATH_MAX];
    const char *path = realpath(folder, absolute) ? absolute : folder;
    Case test = {.options = options, .folder = path, .fixed = "", .seconds = -1};
    test.comparison = (Comparison){.rtol = rtol, .atol = atol};
    test.context = context_new(budget, folder);
    if (!report_guard(test.context->report, run_case, &test))
        test.passed = false;
    progress_end();
    const char *slash = strrchr(path, '/'), *name = slash && slash[1] ? slash + 1 : path;
    if (options->json)
        print_case_json(&test, name);
    else
        print_case(&test, name);
    fflush(stdout);
    if (test.temporary && !options->keep)
        remove_folder(test.temporary);
    context_free(test.context);
    return test.passed;
}

/* A tolerance; negative after a message when the text is none. */
static double parse_tolerance(const char *name, const char *text, double otherwise)
{
    if (!text)
        return otherwise;
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= 0)
        return value;
    usage_error("--%s %s is not a tolerance", name, text);
    return -1;
}

/* Whether the options are right that every case takes. */
static bool check_options(Context *context, const Options *options, void *who)
{
    (void)who;
    BuildOptions build;
    PassOptions passes;
    return build_options(context, options, &build) && pass_options(context, options, &passes);
}

static int check_words(const Options *options)
{
    enum { MOST_RUNS = 1000000 };
    char *end;
    const long runs = options->repeat ? strtol(options->repeat, &end, 10) : 1; /* what is too large for it is large */
    if (options->repeat && (runs < 1 || runs > MOST_RUNS || *end != '\0'))
        return usage_error("--repeat %s is not a number of runs, 1 to %d", options->repeat, MOST_RUNS);
    for (int i = 0; i < options->operand.count; i++) {
        const char *path = options->operand.word[i], *slash = strrchr(path, '/');
        struct stat info;
        if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
            return usage_error("%s is a file; verify takes the folder of a model and its data sets: %.*s", path,
                               slash ? (int)(slash - path) : 1, slash ? path : ".");
    }
    return EXIT_OK;
}

int verb_verify(const Options *options)
{
    if (check_words(options) != EXIT_OK)
        return EXIT_USAGE;
    double rtol = parse_tolerance("rtol", options->rtol, 1e-3), atol = parse_tolerance("atol", options->atol, 1e-7);
    size_t budget = memory_budget(options, (size_t)16 << 30);
    if (rtol < 0 || atol < 0 || budget == 0)
        return EXIT_USAGE;
    const int status = with_context(options, "the command line", check_options, NULL);
    if (status != EXIT_OK)
        return status;
    int passed = 0, failed = 0;
    fputs(options->json ? "{\"cases\": [" : "", stdout);
    for (int i = 0; i < options->operand.count; i++) {
        if (options->json)
            fputs(i ? ",\n  " : "\n  ", stdout);
        if (verify_case(options, options->operand.word[i], budget, rtol, atol))
            passed++;
        else
            failed++;
    }
    printf(options->json ? "\n], \"passed\": %d, \"failed\": %d}\n" : "%d passed, %d failed\n", passed, failed);
    return failed ? EXIT_MODEL : EXIT_OK;
}
