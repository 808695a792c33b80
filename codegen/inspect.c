/* inspect.c -- `onnx2c inspect`: the graph, the passes, the operators; cost and memory come from codegen.h. */
#include "../frontend/ops/op.h"
#include "../rewrite/rule.h"
#include "command.h"
#include <string.h>

/* ---- --ops ---- */

static const char *form_text(OpForm form)
{
    static const char *const text[] = {[FORM_ELEMENTWISE] = "elementwise",
                                       [FORM_INDEX] = "index",
                                       [FORM_COMPOSED] = "composed",
                                       [FORM_ROUTINE] = "routine",
                                       [FORM_CONTROL] = "control"};
    return text[form];
}

static void print_ops(bool json)
{
    int count;
    const Op *const *op = op_all(&count);
    if (json)
        fputs("[", stdout);
    else
        printf("%-8s %-28s %-5s %-12s %s\n", "domain", "operator", "since", "form", "inputs -> outputs | types");
    for (int i = 0; i < count; i++) {
        const char *domain = *op[i]->domain ? op[i]->domain : "ai.onnx";
        if (!json) {
            printf("%-8s %-28s %-5d %-12s %s\n", domain, op[i]->name, op[i]->since, form_text(op[i]->form),
                   op[i]->schema);
            continue;
        }
        printf("%s\n  {\"domain\": ", i ? "," : "");
        json_string(domain, stdout);
        fputs(", \"name\": ", stdout);
        json_string(op[i]->name, stdout);
        printf(", \"since\": %d, \"form\": \"%s\", \"schema\": ", op[i]->since, form_text(op[i]->form));
        json_string(op[i]->schema, stdout);
        fputs(", \"attributes\": ", stdout);
        json_string(op[i]->attributes ? op[i]->attributes : "", stdout);
        fputs("}", stdout);
    }
    fputs(json ? "\n]\n" : "", stdout);
}

/* ---- --rule-functions ---- */

static void print_rule_functions(bool json)
{
    const char *signature, *what;
    fputs(json ? "[" : "", stdout);
    for (int i = 0; rule_function(i, &signature, &what); i++) {
        if (!json) {
            printf("%-34s %s\n", signature, what);
            continue;
        }
        printf("%s\n  {\"function\": ", i ? "," : "");
        json_string(signature, stdout);
        fputs(", \"gives\": ", stdout);
        json_string(what, stdout);
        fputs("}", stdout);
    }
    fputs(json ? "\n]\n" : "", stdout);
}

/* ---- --ir ---- */

static void print_values_json(Context *context, const char *key, Value *const *value, int count, bool types)
{
    printf("\"%s\": [", key);
    for (int i = 0; i < count; i++) {
        fputs(i ? ", " : "", stdout);
        if (types)
            fputs("{\"name\": ", stdout);
        json_string(value[i] ? value[i]->name : "", stdout);
        if (types) {
            fputs(", \"type\": ", stdout);
            json_string(type_text(&value[i]->type, context->arena), stdout);
            fputs("}", stdout);
        }
    }
    fputs("]", stdout);
}

static void print_graph_json(const Graph *graph)
{
    Context *context = graph->context;
    fputs("{", stdout);
    print_values_json(context, "inputs", graph->in, graph->nin, true);
    fputs(", ", stdout);
    print_values_json(context, "outputs", graph->out, graph->nout, true);
    fputs(", \"nodes\": [", stdout);
    for (const Node *node = graph->first; node; node = node->next) {
        printf("%s\n  {\"name\": ", node == graph->first ? "" : ",");
        json_string(node->name, stdout);
        fputs(", \"op\": ", stdout);
        json_string(node->function ? node->function->name : node->op->name, stdout);
        fputs(", \"domain\": ", stdout);
        json_string(node->function ? node->function->domain : node->op->domain, stdout);
        fputs(", ", stdout);
        print_values_json(context, "inputs", node->in, node->nin, false);
        fputs(", ", stdout);
        print_values_json(context, "outputs", node->out, node->nout, false);
        fputs("}", stdout);
    }
    fputs("\n]}\n", stdout);
}

/* The model as ONNX text; weights are only named, as external data, so that the text can be read. */
static bool print_ir(const Model *model)
{
    FILE *nowhere = fopen("/dev/null", "wb");
    if (!nowhere)
        return report_add(model->context->report, NULL, FILE_UNWRITABLE, "/dev/null", "it cannot be opened");
    model_print(model, stdout,
                &(PrintOptions){.inline_limit = 16, .data = nowhere, .data_name = "weights.bin", .types = true});
    fclose(nowhere);
    return true;
}

/* ---- --passes ---- */

static void print_log(const RewriteLog *log, bool json)
{
    if (json) {
        fputs("{\"passes\": [", stdout);
        for (int i = 0; i < log->npass; i++)
            printf("%s\n  {\"pass\": \"%s\", \"before\": %d, \"after\": %d}", i ? "," : "", log->pass[i].pass,
                   log->pass[i].nodes_before, log->pass[i].nodes_after);
        fputs("\n], \"rules\": [", stdout);
        for (int i = 0; i < log->nrule; i++) {
            fputs(i ? ",\n  {\"rule\": " : "\n  {\"rule\": ", stdout);
            json_string(log->rule[i].rule, stdout);
            printf(", \"fired\": %d}", log->rule[i].fired);
        }
        fputs("\n]}\n", stdout);
        return;
    }
    int count;
    const Pass *table = pass_table(&count);
    printf("%-12s %6s %6s  %s\n", "pass", "before", "after", "why it stands here");
    for (int i = 0; i < log->npass; i++) {
        const char *why = "";
        for (int k = 0; k < count; k++)
            if (strcmp(table[k].name, log->pass[i].pass) == 0)
                why = table[k].why;
        printf("%-12s %6d %6d  %s\n", log->pass[i].pass, log->pass[i].nodes_before, log->pass[i].nodes_after, why);
    }
    if (log->nrule)
        printf("\n%-28s %6s\n", "rule", "fired");
    for (int i = 0; i < log->nrule; i++)
        printf("%-28s %6d\n", log->rule[i].rule, log->rule[i].fired);
}

/* ---- the verb ---- */

static bool inspect(Context *context, const Options *options, void *who)
{
    (void)who;
    if (options->gnn)
        return inspect_gnn(context, options);
    PassOptions passes;
    BuildOptions build;
    RewriteLog *log = ARENA_NEW(context->arena, RewriteLog);
    if (!pass_options(context, options, &passes) || !build_options(context, options, &build))
        return false;
    build.folder = "";
    build.name = "model";
    Model *model = load_model(context, options);
    if (!model)
        return false;
    bool rewrites = options->passes || options->cost || options->mem || options->stop_after || options->dump_folder ||
                    options->debug.count;
    progress("rewriting");
    if (rewrites && !rewrite(model, &passes, log))
        return false;
    progress_end();
    if (options->passes)
        print_log(log, options->json);
    if (options->ir && options->json)
        print_graph_json(model->graph);
    else if (options->ir && !print_ir(model))
        return false;
    return !(options->cost || options->mem) ||
           codegen_print(model, &build, stdout, options->cost, options->mem, options->json);
}

/* Whether any option is given that speaks of training. */
static bool speaks_of_training(const Options *options)
{
    return options->loss || options->optimizer || options->rate || options->recompute || options->mask ||
           options->outputs || options->by.count + options->freeze.count + options->set.count > 0;
}

int verb_inspect(const Options *options)
{
    int wanted = options->ir + options->passes + options->cost + options->mem + options->gnn;
    const int lists = options->ops + options->rule_functions; /* which need no model */
    const bool trains = speaks_of_training(options);
    if (options->json && wanted + lists != 1)
        return usage_error(
            "inspect --json goes with one of --ir, --passes, --cost, --mem, --gnn, --ops, --rule-functions");
    if (options->ops)
        print_ops(options->json);
    if (options->rule_functions)
        print_rule_functions(options->json);
    if (options->operand.count == 0)
        return lists > 0 && wanted == 0 ? EXIT_OK
                                        : usage_error("inspect needs a MODEL, except for --ops and --rule-functions");
    if (options->gnn && (wanted > 1 || options->stop_after || options->dump_folder || options->debug.count))
        return usage_error(
            "inspect --gnn runs the passes several times: it goes with --at, --svg, --json, --dim, --fix, --rules");
    if (!options->gnn && (options->at.count || options->svg || trains))
        return usage_error("inspect --at, --svg, --loss, --by and what goes with them go with --gnn");
    if (trains && check_training(options) != EXIT_OK)
        return EXIT_USAGE;
    if (wanted == 0 && !options->dump_folder && options->debug.count == 0)
        return usage_error("inspect what? --ir, --passes, --cost, --mem, --gnn, --ops or --rule-functions");
    return with_context(options, options->operand.word[0], inspect, NULL);
}
