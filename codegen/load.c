/* load.c -- what every verb begins with: a context, a model with the options applied, the passes' options. */
#include "../frontend/evaluate.h"
#include "../frontend/frontend.h"
#include "../rewrite/rule.h"
#include "command.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- context ---- */

size_t bytes_of_text(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    bool is_bytes = errno == 0 && end != text && *text != '-' && end[shift ? 1 : 0] == '\0';
    return is_bytes && value <= SIZE_MAX >> shift ? (size_t)value << shift : 0;
}

size_t memory_budget(const Options *options, size_t otherwise)
{
    size_t budget = options->max_memory ? bytes_of_text(options->max_memory) : otherwise;
    if (budget == 0)
        usage_error("--max-memory %s is not a number of bytes", options->max_memory);
    return budget;
}

typedef struct {
    Context *context;
    const Options *options;
    Work *work;
    void *who;
    bool done;
} Job;

static void run_job(void *who)
{
    Job *job = who;
    job->done = job->work(job->context, job->options, job->who);
}

int with_context(const Options *options, const char *file, Work *work, void *who)
{
    size_t budget = memory_budget(options, (size_t)2 << 30);
    if (budget == 0)
        return EXIT_USAGE;
    Job job = {context_new(budget, file), options, work, who, false};
    Report *report = job.context->report;
    bool finished = report_guard(report, run_job, &job);
    progress_end();
    if (options->json && report_errors(report))
        report_print_json(report, stdout);
    else
        report_print(report, stderr);
    int status = report_has(report, INTERNAL)                          ? EXIT_INTERNAL
                 : report_has(report, OPTION_INVALID)                  ? EXIT_USAGE
                 : !finished || !job.done || report_errors(report) > 0 ? EXIT_MODEL
                                                                       : EXIT_OK;
    context_free(job.context);
    return status;
}

/* An error of the command line; always false. */
static bool wrong_option(Context *context, const char *option, const char *word, const char *why)
{
    return report_add(context->report, NULL, OPTION_INVALID, option, word, why);
}

/* An error about a file that holds something else than an input; always false. */
static bool wrong_type(const Datum *datum, const Value *input, const char *option, const char *word)
{
    Context *context = input->graph->context;
    Type actual;
    if (datum->tensor)
        actual = type_of_tensor(context, datum->tensor);
    const char *is = datum->tensor ? type_text(&actual, context->arena) : "no tensor";
    return wrong_option(context, option, word,
                        arena_printf(context->arena, "the file holds %s, the input is %s", is,
                                     type_text(&input->type, context->arena)));
}

/* ---- --fix ---- */

/* Whether a tensor is of an input's type, as far as that is known. */
static bool is_of_type(const Tensor *tensor, const Value *input)
{
    const Type actual = type_of_tensor(input->graph->context, tensor), *declared = &input->type;
    if (declared->kind != TENSOR || declared->dtype != actual.dtype ||
        (declared->rank >= 0 && declared->rank != actual.rank))
        return false;
    for (int i = 0; i < declared->rank; i++)
        if (dim_is_const(declared->dim[i], NULL) && declared->dim[i] != actual.dim[i])
            return false;
    return true;
}

bool fix_input(Graph *graph, Value *input, const Tensor *tensor)
{
    if (!is_of_type(tensor, input))
        return false;
    graph_fix_input(graph, input, tensor);
    return true;
}

static Value *find_input(const Graph *graph, const char *name, size_t length)
{
    for (int i = 0; i < graph->nin; i++)
        if (strlen(graph->in[i]->name) == length && memcmp(graph->in[i]->name, name, length) == 0)
            return graph->in[i];
    return NULL;
}

/* Applies one INPUT=FILE.pb. */
static bool apply_fix(Model *model, const char *word)
{
    Context *context = model->context;
    const char *equals = strrchr(word, '='); /* names may hold an equals sign, the file follows the last */
    if (!equals || equals == word)
        return wrong_option(context, "--fix", word, "it must be INPUT=FILE.pb");
    Value *input = find_input(model->graph, word, (size_t)(equals - word));
    if (!input)
        return wrong_option(context, "--fix", word, "the model has no input of this name");
    Datum *datum = datum_load(context, equals + 1, &input->type);
    if (!datum)
        return false;
    if (!datum->tensor || !fix_input(model->graph, input, datum->tensor))
        return wrong_type(datum, input, "--fix", word);
    return true;
}

/* ---- --dim ---- */

/* Replaces a symbol in the types of the model's inputs and outputs. */
static void fix_dimension(Model *model, Dim *symbol, Dim *by)
{
    DimTable *table = model->context->dims;
    Dim **replacement = ARENA_ARRAY(model->context->arena, dim_symbol_count(table), Dim *);
    replacement[dim_symbol_index(symbol)] = by;
    const Graph *graph = model->graph;
    for (int i = 0; i < graph->nin + graph->nout; i++) {
        Type *type = &(i < graph->nin ? graph->in[i] : graph->out[i - graph->nin])->type;
        for (int k = 0; type->kind == TENSOR && k < type->rank; k++)
            type->dim[k] = dim_substitute(table, type->dim[k], replacement);
    }
}

static const char other_range[] = "the dimension has another range"; /* by another option */

/* What is said of a dimension's range holds beside what was said before; false when both cannot. */
static bool narrow_dimension(Model *model, Dim *symbol, int64_t low, int64_t high)
{
    low = low > dim_lower(symbol) ? low : dim_lower(symbol);
    high = high < dim_upper(symbol) ? high : dim_upper(symbol);
    if (low > high)
        return false;
    dim_set_range(model->context->dims, symbol, low, high);
    if (low == high)
        fix_dimension(model, symbol, dim_const(model->context->dims, low));
    return true;
}

/* The dimension a text names, none of whose symbols is new; NULL otherwise. */
static Dim *known_dimension(DimTable *table, const char *text)
{
    int known = dim_symbol_count(table);
    Dim *dim = dim_parse(table, text);
    return dim_symbol_count(table) == known ? dim : NULL;
}

/* Applies one N=LOW..HIGH, N=VALUE or A<=B. */
static bool apply_dim(Model *model, const char *word)
{
    Context *context = model->context;
    const char *wrong = "it must be NAME=LOW..HIGH, NAME=VALUE or NAME<=NAME";
    const char *relation = strstr(word, "<="), *equals = strrchr(word, '=');
    if (!equals || equals == word)
        return wrong_option(context, "--dim", word, wrong);
    const char *end = relation ? relation : equals;
    Dim *left = known_dimension(context->dims, arena_strndup(context->arena, word, (size_t)(end - word)));
    Dim *right = relation ? known_dimension(context->dims, relation + 2) : NULL;
    if (!left || (relation && !right))
        return wrong_option(context, "--dim", word, "the model has no dimension of this name");
    if (relation) {
        dim_require(context->dims, &context->granted, left, right, false);
        dim_assume_le(context->dims, left, right);
        return true;
    }
    if (!dim_is_symbol(left))
        return wrong_option(context, "--dim", word, wrong);
    char *next;
    errno = 0;
    bool has_low = strncmp(equals + 1, "..", 2) != 0;
    long long low = has_low ? strtoll(equals + 1, &next, 10) : 0, high = low;
    const char *dots = has_low ? next : equals + 1;
    if (strncmp(dots, "..", 2) == 0) {
        bool has_high = dots[2] != '\0';
        high = has_high ? strtoll(dots + 2, &next, 10) : INT64_MAX;
        dots = has_high ? next : dots + 2;
    }
    if (errno || *dots || equals[1] == '\0' || low < 0 || high < low)
        return wrong_option(context, "--dim", word, wrong);
    return narrow_dimension(model, left, low, high) || wrong_option(context, "--dim", word, other_range);
}

/* ---- --graph ---- */

/* Edges: integers in two rows. */
static bool may_be_edges(const Value *input)
{
    return !input->constant && input->type.kind == TENSOR && input->type.rank == 2 &&
           dtype_is_integer(input->type.dtype) && dim_equals(input->type.dim[0], 2);
}

/* The one input that may be the edges; NULL after an error. */
static Value *only_edges(const Model *model, const char *word)
{
    const Graph *graph = model->graph;
    Value *edges = NULL;
    int count = 0;
    for (int i = 0; i < graph->nin; i++)
        if (may_be_edges(graph->in[i])) {
            edges = graph->in[i];
            count++;
        }
    if (count == 1)
        return edges;
    wrong_option(model->context, "--graph", word,
                 count ? "several inputs may be the edges; say which: INPUT=FILE.pb"
                       : "no input has edges, integers [2, E]; say which is meant: INPUT=FILE.pb");
    return NULL;
}

/* The input that a word INPUT=FILE or FILE is about, and the file; NULL after an error. */
static Value *find_edges(const Model *model, const char *word, const char **file)
{
    const char *equals = strrchr(word, '=');
    Value *edges = equals ? find_input(model->graph, word, (size_t)(equals - word)) : NULL;
    *file = edges ? equals + 1 : word;
    if (equals && !edges && access(word, F_OK) != 0) {
        wrong_option(model->context, "--graph", word, "the model has no input of this name");
        return NULL;
    }
    edges = edges ? edges : only_edges(model, word);
    for (int i = 0; edges && i < model->ngiven; i++)
        if (model->given[i].in == edges) {
            wrong_option(model->context, "--graph", word, "the edges of this input are given already");
            return NULL;
        }
    return edges;
}

/* Applies one --graph FILE.pb or INPUT=FILE.pb: from now on the sizes are known, from the pass `structure` on the rest.
 */
static bool apply_graph(Model *model, const char *word)
{
    Context *context = model->context;
    const char *file;
    Value *edges = find_edges(model, word, &file);
    const Datum *datum = edges ? datum_load(context, file, &edges->type) : NULL;
    if (!datum)
        return false;
    if (!datum->tensor || !dtype_is_integer(datum->tensor->dtype) || !is_of_type(datum->tensor, edges))
        return wrong_type(datum, edges, "--graph", word);
    for (int i = 0; i < datum->tensor->rank && i < edges->type.rank; i++) {
        const int64_t size = datum->tensor->dim[i];
        if (dim_is_symbol(edges->type.dim[i]) && !narrow_dimension(model, edges->type.dim[i], size, size))
            return wrong_option(context, "--graph", word, other_range);
    }
    model->given = arena_grow(context->arena, model->given, (size_t)model->ngiven, (size_t)model->ngiven + 1,
                              sizeof *model->given);
    model->given[model->ngiven++] = (Given){edges, datum->tensor, file};
    return true;
}

Model *read_model(Context *context, const char *path, const Options *options)
{
    progress("reading %s", path);
    Model *model = model_load(context, path);
    if (!model)
        return NULL;
    for (int i = 0; i < options->dim.count; i++)
        apply_dim(model, options->dim.word[i]);
    for (int i = 0; i < options->fix.count; i++)
        apply_fix(model, options->fix.word[i]);
    for (int i = 0; i < options->graph.count; i++)
        apply_graph(model, options->graph.word[i]);
    return report_errors(context->report) ? NULL : model;
}

bool prepare_model(Model *model)
{
    progress("inferring shapes");
    return model_upgrade(model) && model_infer(model) && model_open_kept(model);
}

Model *load_model(Context *context, const Options *options)
{
    Model *model = read_model(context, options->operand.word[0], options);
    return model && prepare_model(model) ? model : NULL;
}

/* ---- passes ---- */

/* Whether a name is among those there are; otherwise an error, with the nearest ones or, where none comes near, `hint`.
 */
static bool is_known(Context *context, const char *option, const char *word, const char *name, const char *const *known,
                     int count, const char *hint)
{
    for (int i = 0; i < count; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    const char *nearest = did_you_mean(context->arena, name, known, count);
    return wrong_option(context, option, word,
                        arena_printf(context->arena, "there is none of this name%s", *nearest ? nearest : hint));
}

static bool is_pass(Context *context, const char *option, const char *word, const char *name)
{
    int count;
    const Pass *pass = pass_table(&count);
    const char **names = ARENA_ARRAY(context->arena, count, const char *);
    for (int i = 0; i < count; i++)
        names[i] = pass[i].name;
    return is_known(context, option, word, name, names, count, "; inspect MODEL --passes lists the passes");
}

static bool is_rule(Context *context, const PassOptions *passes, const char *word, const char *name)
{
    int count;
    const char **names = pass_rule_names(context, passes, &count);
    return names &&
           is_known(context, "--debug", word, name, names, count, "; inspect MODEL --passes lists the rules that fire");
}

/* Applies one -d WHAT. */
static bool debug_option(Context *context, const char *what, PassOptions *passes)
{
    if (strcmp(what, "rules") == 0) {
        passes->trace_rules = true;
    } else if (strncmp(what, "why:", 4) == 0) {
        passes->why_rule[passes->nwhy_rule++] = what + 4;
        return is_rule(context, passes, what, what + 4);
    } else if (strncmp(what, "after:", 6) == 0) {
        passes->dump_after[passes->ndump_after++] = what + 6;
        return strcmp(what, "after:all") == 0 || is_pass(context, "--debug", what, what + 6);
    } else {
        return wrong_option(context, "--debug", what, "it must be after:PASS, rules or why:RULE");
    }
    return true;
}

bool pass_options(Context *context, const Options *options, PassOptions *passes)
{
    *passes = (PassOptions){.allowed = options->exact ? EXACT : LOSSY,
                            .rule_file = options->rules.word,
                            .nrule_file = options->rules.count,
                            .dump_after = ARENA_ARRAY(context->arena, options->debug.count, const char *),
                            .why_rule = ARENA_ARRAY(context->arena, options->debug.count, const char *),
                            .stop_after = options->stop_after,
                            .trace = stderr,
                            .dump_folder = options->dump_folder};
    bool right = !options->stop_after || is_pass(context, "--stop-after", options->stop_after, options->stop_after);
    for (int i = 0; i < options->debug.count && right; i++)
        right = debug_option(context, options->debug.word[i], passes);
    return right;
}
