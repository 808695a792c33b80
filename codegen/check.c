/* check.c -- `onnx2c check`: everything that is wrong with a model, and what is merely suspicious; whether the two
 * sides of each rule of a rule file agree. */
#include "../frontend/frontend.h"
#include "../rewrite/rule.h"
#include "command.h"

/* Whether the edges of --graph lead somewhere: the passes that compute what depends on them see that. */
static bool check_graph(Context *context, const Options *options, Model *model)
{
    PassOptions passes;
    if (options->graph.count == 0)
        return true;
    if (!pass_options(context, options, &passes))
        return false;
    passes.stop_after = "structure";
    return rewrite(model, &passes, NULL);
}

static bool check_model(Context *context, const Options *options)
{
    const char *file = options->operand.word[0];
    report_turn_to(context->report, file);
    Model *model = load_model(context, options);
    if (!model)
        return false;
    model_lint(model);
    const Graph *graph = model->graph;
    const int nodes = graph->nnode, inputs = graph->nin, outputs = graph->nout;
    if (!check_graph(context, options, model) || report_errors(context->report) > 0)
        return false;
    if (!options->json)
        printf("%s: %d nodes, %d inputs, %d outputs: no errors, %d warnings\n", file, nodes, inputs, outputs,
               report_warnings(context->report));
    return true;
}

/* Tests the rules of one file, by its test lines. */
static bool check_rules(Context *context, const Options *options, const char *file)
{
    progress("testing %s", file);
    report_turn_to(context->report, file);
    RuleSet *rules = rules_read(context, file);
    if (!rules || !rules_test(context, rules, options->dump_folder, options->guards))
        return false;
    if (!options->json)
        printf("%s: both sides of every rule agree\n", file);
    return true;
}

/* Checks all rules, then the model: one report, and so one JSON document. */
static bool check(Context *context, const Options *options, void *who)
{
    (void)who;
    bool right = true;
    for (int i = 0; i < options->rules.count; i++)
        right = check_rules(context, options, options->rules.word[i]) && right;
    if (right && options->operand.count > 0)
        right = check_model(context, options);
    if (right && options->json)
        report_print_json(context->report, stdout);
    return right;
}

int verb_check(const Options *options)
{
    if (options->operand.count == 0 && options->rules.count == 0)
        return usage_error("check what? onnx2c check MODEL, or onnx2c check --rules FILE");
    return with_context(options, options->operand.count > 0 ? options->operand.word[0] : options->rules.word[0], check,
                        NULL);
}
