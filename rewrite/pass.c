/* pass.c -- the pass table, and what happens around every pass: verification, dumps, the log. */
#include "pass.h"
#include "pattern.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const Pass table[] = {
    {"inline", pass_inline, NULL, "functions and decided branches hide what all other passes look for"},
    {"fold", pass_fold, "inline", "a body shows its constants once it stands in place of its call"},
    {"shape", pass_shape, "fold", "constants are not computed anew, so they must be constants by now"},
    {"cse", pass_cse, "shape", "shape arithmetic repeats itself until it is spelled one way"},
    {"canon", pass_canon, "cse", "a name that stands twice in a rule must be one value"},
    {"gnn", pass_gnn, "canon", "its rules know one spelling only"},
    {"reshape", pass_shape, "gnn", "sizes of edge lists got new names when self loops were recognised"},
    {"relations", pass_relations, "gnn", "it looks for segment operators over the edges of one kind"},
    {"sparse", pass_sparse, "canon", "constant matrices stand untransposed; what they gather is postponed"},
    {"simplify", pass_simplify, "relations",
     "users' rules and those of normalisations want layers as their authors wrote them"},
    {"postpone", pass_postpone, "simplify",
     "projections move through segment operators, not through scatters, with the normalisations that joined them"},
    {"refold", pass_fold, "postpone", "weights that rules combined are computed now"},
    {"recse", pass_cse, "refold", "equal weights and projections of one tensor become one"},
    {"dce", pass_dce, "recse", "nothing unread is grouped"},
    {"csr", pass_csr, "recse", "one grouping serves all segment operators over one index vector"},
    {"structure", pass_structure, "csr", "message passing is recognised, and grouped, whatever the edges are"},
    {"expand", pass_expand, "csr", "elements are what nests are made of, and composed operators have none"},
    {"fold_bodies", pass_fold, "expand", "bodies compute with shapes and constants"},
    {"cse_bodies", pass_cse, "fold_bodies", "bodies of several operators compute the same"},
    {"fuse", pass_fuse, "cse_bodies", "a nest runs over the edges of a vertex, which csr provides"},
    {"schedule", pass_schedule, "fuse", "what is stored, and so takes memory, is known once nests are"},
};

const Pass *pass_table(int *count)
{
    *count = sizeof table / sizeof *table;
    return table;
}

/* ---- rule passes ---- the log is that of the running rewrite() ---- */
static bool apply(const char *file, Model *model, const PassOptions *options)
{
    RuleSet *const rules = pass_rules(model->context, options, file);
    return rules && rules_apply(rules, model, options, options->log);
}

static bool drop_defaults(Graph *graph, void *who)
{
    (void)who;
    for (Node *node = graph->first; node; node = node->next)
        if (node->op)
            attrs_drop_defaults(node);
    return true;
}

bool pass_canon(Model *model, const PassOptions *options)
{
    graph_each(model->graph, drop_defaults, NULL);
    return apply("canon", model, options);
}

bool pass_gnn(Model *model, const PassOptions *options)
{
    return apply("gnn", model, options);
}

bool pass_postpone(Model *model, const PassOptions *options)
{
    return apply("postpone", model, options);
}

bool pass_simplify(Model *model, const PassOptions *options)
{
    return apply("simplify", model, options);
}

/* ---- around every pass ---- */
static bool is_dumped(const PassOptions *options, const char *name)
{
    bool wanted = false;
    for (int i = 0; i < options->ndump_after; i++)
        wanted |= !strcmp(options->dump_after[i], name) || !strcmp(options->dump_after[i], "all");
    return wanted && options->trace;
}

static bool dump(const Model *model, const PassOptions *options, int number, const char *name)
{
    Context *const context = model->context;
    if (is_dumped(options, name)) {
        const PrintOptions print = {.inline_limit = INT64_MAX, .types = true};
        fprintf(options->trace, "# after %s\n", name);
        model_print(model, options->trace, &print);
    }
    if (!options->dump_folder)
        return true;
    const char *const data_name = arena_printf(context->arena, "%02d-%s.data", number, name);
    const char *const path = arena_printf(context->arena, "%s/%02d-%s.onnxtxt", options->dump_folder, number, name);
    FILE *const file = fopen(path, "w");
    FILE *const data =
        file ? fopen(arena_printf(context->arena, "%s/%s", options->dump_folder, data_name), "wb") : NULL;
    if (data) {
        const PrintOptions print = {.inline_limit = 256, .data = data, .data_name = data_name, .types = true};
        model_print(model, file, &print);
    }
    bool ok = data != NULL;
    ok = (!data || fclose(data) == 0) && ok;
    ok = (!file || fclose(file) == 0) && ok;
    return ok || report_add(context->report, NULL, FILE_UNWRITABLE, path, strerror(errno));
}

static bool add_nodes(Graph *graph, void *count)
{
    *(int *)count += graph->nnode;
    return true;
}

static int count_nodes(Model *model)
{
    int count = 0;
    graph_each(model->graph, add_nodes, &count);
    return count;
}

bool rewrite(Model *model, const PassOptions *options, RewriteLog *log)
{
    RewriteLog *const own = log ? log : ARENA_NEW(model->context->arena, RewriteLog);
    PassOptions with_log = *options;
    with_log.log = own;
    if (!dump(model, options, 0, "infer"))
        return false;
    int nodes = count_nodes(model);
    for (int i = 0; i < (int)(sizeof table / sizeof *table); i++) {
        own->pass =
            arena_grow(model->context->arena, own->pass, (size_t)own->npass, (size_t)own->npass + 1, sizeof *own->pass);
        PassRecord *const record = &own->pass[own->npass++];
        *record = (PassRecord){.pass = table[i].name, .nodes_before = nodes};
        if (!table[i].run(model, &with_log))
            return report_errors(model->context->report) == 0 && /* none is to fail without a word */
                   report_add(model->context->report, NULL, INTERNAL,
                              arena_printf(model->context->arena, "pass %s failed", table[i].name));
        record->nodes_after = nodes = count_nodes(model);
        if (!model_verify(model))
            return report_add(
                model->context->report, NULL, INTERNAL,
                arena_printf(model->context->arena, "the graph is not valid after pass %s", table[i].name));
        if (!dump(model, options, i + 1, table[i].name))
            return false;
        if (options->stop_after && !strcmp(options->stop_after, table[i].name))
            break;
    }
    return true;
}
