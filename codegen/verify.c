/* verify.c -- `onnx2c verify`: runs models on the inputs beside them and compares with the outputs beside them. */
#include "../frontend/frontend.h"
#include "../runtime/runtime.h"
#include "command.h"
#include "compare.h"
#include "process.h"
#include "raw.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A test_data_set_N folder. */
typedef struct {
    int number;
    const char *folder;
    Datum **input; /* one for each input of the model; NULL: its default */
} DataSet;

/* One CASE. */
typedef struct {
    const Options *options;
    const char *folder;
    Context *context;
    Comparison comparison;
    Model *model;
    Value **input; /* the model's inputs, fixed ones included */
    int ninput;
    Value **left; /* those that are not fixed */
    int nleft;
    DataSet *set;
    int nset;
    int left_out;          /* sets with other edges than --graph says */
    const char *fixed;     /* names of the inputs that became constants; "" */
    const char *temporary; /* to be removed; NULL */
    double seconds;        /* the fastest run of the slowest data set; < 0: not measured */
    bool passed;
} Case;

/* ---- the folder ---- */

static int by_number(const void *a, const void *b)
{
    return ((const DataSet *)a)->number - ((const DataSet *)b)->number;
}

static bool find_sets(Case *test)
{
    static const char prefix[] = "test_data_set_";
    DIR *folder = opendir(test->folder);
    if (!folder)
        return report_add(test->context->report, NULL, FILE_UNREADABLE, test->folder, strerror(errno));
    Arena *arena = test->context->arena;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        if ((test->nset & (test->nset - 1)) == 0) /* room for the next power of two */
            test->set = arena_grow(arena, test->set, (size_t)test->nset, (size_t)test->nset * 2 + 1, sizeof *test->set);
        test->set[test->nset++] = (DataSet){.number = atoi(entry->d_name + sizeof prefix - 1),
                                            .folder = arena_printf(arena, "%s/%s", test->folder, entry->d_name)};
    }
    closedir(folder);
    if (test->nset > 0)
        qsort(test->set, (size_t)test->nset, sizeof *test->set, by_number);
    return test->nset > 0 || !test->options->evaluator ||
           report_add(test->context->report, NULL, FILE_UNREADABLE, test->folder, "there is no test_data_set_0 in it");
}

/* The K-th input or output file of a set; NULL when it is not there. */
static const char *set_file(Case *test, const DataSet *set, const char *kind, int k)
{
    const char *path = arena_printf(test->context->arena, "%s/%s_%d.pb", set->folder, kind, k);
    return access(path, F_OK) == 0 ? path : NULL;
}

/* Files are numbered by the model's inputs, or, where there are fewer, by those without a default. */
static bool load_inputs(Case *test, DataSet *set)
{
    int files = 0, needed = 0;
    while (set_file(test, set, "input", files))
        files++;
    for (int i = 0; i < test->ninput; i++)
        needed += !test->input[i]->constant;
    if (files > test->ninput || files < needed)
        return report_add(test->context->report, NULL, FILE_UNREADABLE, set->folder,
                          arena_printf(test->context->arena, "it has %d inputs where the model has %d", files, needed));
    bool skip_defaults = files == needed;
    set->input = ARENA_ARRAY(test->context->arena, test->ninput, Datum *);
    for (int i = 0, file = 0; i < test->ninput && file < files; i++) {
        if (skip_defaults && test->input[i]->constant)
            continue;
        const char *path = set_file(test, set, "input", file++);
        set->input[i] = datum_load(test->context, path, &test->input[i]->type);
        if (!set->input[i])
            return false;
    }
    return true;
}

/* Whether a set has a file for each output of the model, and for no other: what is not compared is not verified. */
static bool check_output_files(Case *test, const DataSet *set)
{
    Context *context = test->context;
    const int count = test->model->graph->nout;
    const char *what = NULL;
    for (int k = 0; k < count && !what; k++)
        if (!set_file(test, set, "output", k))
            what = arena_printf(context->arena, "there is no output_%d.pb in it; the model has %d outputs", k, count);
    if (!what && set_file(test, set, "output", count))
        what = arena_printf(context->arena, "it has an output_%d.pb, the model has %d outputs", count, count);
    return !what || report_add(context->report, NULL, FILE_UNREADABLE, set->folder, what);
}

/* Compares with all output files of a set; got: one for each output of the model. */
static bool compare_outputs(Case *test, const DataSet *set, Datum *const *got, int ngot, const Type *type)
{
    Context *context = test->context;
    for (int k = 0; k < ngot; k++) {
        Datum *wanted = datum_load(context, set_file(test, set, "output", k), &type[k]);
        if (!wanted)
            return false;
        const char *what = arena_printf(context->arena, "data set %d: output %d", set->number, k);
        if (!compare(&test->comparison, what, got[k], wanted))
            return false;
    }
    return true;
}

/* ---- loading, with inputs fixed whose values must be known ---- */

/* Marks the model inputs that a value is computed from; whether all of them were found. */
static bool mark_sources(Case *test, Value *value, bool *marked)
{
    enum { LIMIT = 1024 };
    Value *pending[LIMIT] = {value};
    int count = 1;
    for (int i = 0; i < count; i++) {
        const Node *node = pending[i]->def;
        bool is_input = false;
        for (int k = 0; !node && k < test->ninput; k++) {
            marked[k] |= test->input[k] == pending[i];
            is_input |= test->input[k] == pending[i];
        }
        if (!node && !is_input && !pending[i]->constant)
            return false; /* a parameter of a function or subgraph */
        for (int k = 0; node && k < node->nin; k++) {
            bool known = !node->in[k];
            for (int j = 0; j < count && !known; j++)
                known = pending[j] == node->in[k];
            if (!known && count == LIMIT)
                return false;
            if (!known)
                pending[count++] = node->in[k];
        }
    }
    return true;
}

static int count_marked(const Case *test, const bool *marked)
{
    int count = 0;
    for (int k = 0; k < test->ninput; k++)
        count += marked[k];
    return count;
}

/* Marks the inputs that inference wanted to know; whether there are new ones. */
static bool inputs_to_fix(Case *test, bool *marked)
{
    const Report *report = test->context->report;
    bool found = true;
    int before = count_marked(test, marked);
    for (int i = 0; report_value(report, NODE_CONSTANT, i); i++)
        found &= mark_sources(test, report_value(report, NODE_CONSTANT, i), marked);
    if (!found) /* the value is inside a function */
        for (int k = 0; k < test->ninput; k++)
            marked[k] |= test->input[k]->type.kind == TENSOR && !dtype_is_float(test->input[k]->type.dtype);
    return count_marked(test, marked) > before;
}

/* What a set has for the K-th input; NULL: nothing, or no tensor. */
static const Tensor *set_tensor(const DataSet *set, int k)
{
    return set->input[k] ? set->input[k]->tensor : NULL;
}

/* Makes an input the constant that all data sets have for it. */
static bool fix_to_sets(Case *test, int k)
{
    Context *context = test->context;
    const char *name = test->input[k]->name;
    const Tensor *tensor = set_tensor(&test->set[0], k);
    for (int i = 1; i < test->nset; i++) {
        const Tensor *other = set_tensor(&test->set[i], k);
        if (!other || !tensor_equal(tensor, other))
            return report_add(context->report, NULL, OPTION_INVALID, "fixed input", name,
                              "the data sets have different values for it");
    }
    if (!fix_input(test->model->graph, test->input[k], tensor))
        return report_add(context->report, NULL, OPTION_INVALID, "fixed input", name, "the file is not of its type");
    test->fixed = arena_printf(context->arena, "%s%s%s", test->fixed, *test->fixed ? " " : "", name);
    return true;
}

/* Whether a set has the edges of --graph. */
static bool has_given_edges(const Case *test, const DataSet *set)
{
    for (int i = 0; i < test->model->ngiven; i++) {
        int k = 0;
        while (test->input[k] != test->model->given[i].in)
            k++;
        const Tensor *tensor = set_tensor(set, k);
        if (!tensor || !tensor_equal(tensor, test->model->given[i].tensor))
            return false;
    }
    return true;
}

/* Outputs belong to the edges of their own set: of those with others than --graph says there is nothing to compare. */
static bool leave_out_other_edges(Case *test)
{
    int kept = 0;
    for (int i = 0; i < test->nset; i++)
        if (has_given_edges(test, &test->set[i]))
            test->set[kept++] = test->set[i];
    const bool none = kept == 0 && test->nset > 0;
    test->left_out += test->nset - kept;
    test->nset = kept;
    return !none || report_add(test->context->report, NULL, OPTION_INVALID, "--graph", test->model->given[0].from,
                               "no data set has these edges");
}

/* The inputs that are no constants. */
static void find_left(Case *test)
{
    const Graph *graph = test->model->graph;
    test->nleft = graph->nin;
    test->left = arena_grow(test->context->arena, graph->in, (size_t)graph->nin, (size_t)graph->nin, sizeof *graph->in);
}

/* Reads and prepares the model; inputs that are marked become the constants that the data sets have for them. */
static bool load_case(Case *test, const bool *marked)
{
    Context *context = test->context;
    const char *path = arena_printf(context->arena, "%s/model.onnx", test->folder);
    Model *model = read_model(context, path, test->options);
    if (!model)
        return false;
    Graph *graph = model->graph;
    test->model = model;
    test->ninput = graph->nin;
    test->input = arena_grow(context->arena, graph->in, (size_t)graph->nin, (size_t)graph->nin, sizeof *graph->in);
    for (int i = 0; i < test->nset; i++)
        if (!load_inputs(test, &test->set[i]) || !check_output_files(test, &test->set[i]))
            return false;
    if (!leave_out_other_edges(test))
        return false;
    test->fixed = "";
    for (int k = 0; marked && k < test->ninput; k++)
        if (marked[k] && set_tensor(&test->set[0], k) && !fix_to_sets(test, k))
            return false;
    find_left(test);
    return prepare_model(model);
}

/* Fixes inputs until inference has what it wants, or wants what no input holds, or no data set. */
static bool load_fixing(Case *test)
{
    Report *report = test->context->report;
    ReportMark mark = report_mark(report);
    if (load_case(test, NULL))
        return true;
    bool *marked = ARENA_ARRAY(test->context->arena, test->ninput, bool);
    while (test->nset > 0 && report_has(report, NODE_CONSTANT) && inputs_to_fix(test, marked)) {
        report_rewind(report, mark);
        if (load_case(test, marked))
            return true;
    }
    return false;
}

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
    if (find_sets(test) && load_fixing(test))
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
