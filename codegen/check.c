/* check.c -- `onnx2c check`: everything that is wrong with a model, and what is merely suspicious. */
#include "../frontend/frontend.h"
#include "command.h"

static bool check(Context *context, const Options *options, void *who)
{
    (void)who;
    Model *model = load_model(context, options);
    if (!model)
        return false;
    model_lint(model);
    if (options->json)
        return report_errors(context->report) == 0 ? (report_print_json(context->report, stdout), true) : false;
    printf("%s: %d nodes, %d inputs, %d outputs: no errors, %d warnings\n", options->operand.word[0],
           model->graph->nnode, model->graph->nin, model->graph->nout, report_warnings(context->report));
    return true;
}

int verb_check(const Options *options)
{
    return with_context(options, options->operand.word[0], check, NULL);
}
