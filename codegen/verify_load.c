/* verify_load.c -- the data sets of a case, and its model with the inputs fixed that they must know. See verify.h. */
#include "../frontend/frontend.h"
#include "verify.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

const char *set_path(Case *test, const DataSet *set, const char *kind, int k)
{
    return arena_printf(test->context->arena, "%s/%s_%d.pb", set->folder, kind, k);
}

static bool has_file(Case *test, const DataSet *set, const char *kind, int k)
{
    return access(set_path(test, set, kind, k), F_OK) == 0;
}

/* Files are numbered by the model's inputs, or, where there are fewer, by those without a default. */
static bool load_inputs(Case *test, DataSet *set)
{
    int files = 0, needed = 0;
    while (has_file(test, set, "input", files))
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
        const char *path = set_path(test, set, "input", file++);
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
        if (!has_file(test, set, "output", k))
            what = arena_printf(context->arena, "there is no output_%d.pb in it; the model has %d outputs", k, count);
    if (!what && has_file(test, set, "output", count))
        what = arena_printf(context->arena, "it has an output_%d.pb, the model has %d outputs", count, count);
    return !what || report_add(context->report, NULL, FILE_UNREADABLE, set->folder, what);
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

void find_left(Case *test)
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

bool case_load(Case *test)
{
    return find_sets(test) && load_fixing(test);
}
