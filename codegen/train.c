/* train.c -- `onnx2c train`: from a model that infers to an ordinary ONNX model that trains it, or gives gradients. */
#include "../rewrite/train.h"
#include "../frontend/frontend.h"
#include "../frontend/whole_file.h"
#include "command.h"
#include "recompute.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void print_text(const Model *model, FILE *to)
{
    model_print(model, to, &(PrintOptions){.inline_limit = INT64_MAX, .types = true});
}

static bool write_text(FILE *to, void *model)
{
    print_text(model, to);
    return true;
}

static bool save(Model *model, const char *path)
{
    return ends_with(path, ".onnxtxt") ? whole_file_write(model->context, path, write_text, model)
                                       : model_save(model, path);
}

/* What a value holds: "float[16,64]", and how many numbers where that is known. */
static void print_values(const Graph *graph, Value *const *value, int count, const char *head)
{
    for (int i = 0; i < count; i++)
        printf("%-10s%-32s %s\n", i ? "" : head, value[i]->name, type_text(&value[i]->type, graph->context->arena));
}

static void print_recomputed(const Recomputed *r)
{
    printf("recomputes %d values: workspace %lld of %lld bytes, %.3f times the operations\n", r->values,
           (long long)r->workspace[1], (long long)r->workspace[0],
           r->flops[0] > 0 ? (double)r->flops[1] / (double)r->flops[0] : 1.0);
}

static bool train(Context *context, const Options *options, void *who)
{
    (void)who;
    TrainOptions train;
    if (!train_options(context, options, &train))
        return false;
    Recomputed recomputed;
    progress("deriving");
    if (!recompute_choose(context, options, &train, &recomputed))
        return false;
    Model *model = read_model(context, options->operand.word[0], options);
    if (!model)
        return false;
    if (!train_derive(model, &train))
        return false;
    if (strcmp(options->output, "-") == 0) {
        progress_end();
        print_text(model, stdout);
        return true;
    }
    progress("writing %s", options->output);
    if (!save(model, options->output))
        return false;
    progress_end();
    print_values(model->graph, model->graph->in, model->graph->nin, "inputs");
    print_values(model->graph, model->graph->out, model->graph->nout, "outputs");
    if (recomputed.is_on)
        print_recomputed(&recomputed);
    return true;
}

/* Reads the learning rate; false when it is none. */
static bool read_rate(const char *text, double *rate)
{
    char *end;
    *rate = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*rate) && *rate >= 0;
}

int check_training(const Options *options)
{
    if (options->by.count > 0 && options->optimizer)
        return usage_error("--by gives gradients by inputs; an optimizer has nothing to do there");
    if (options->by.count > 0 && options->freeze.count > 0)
        return usage_error("--freeze says which initialisers are not trained; --by trains none");
    if (options->by.count == 0 && !options->loss)
        return usage_error("training needs --loss %s, or --by INPUT", train_losses);
    if ((options->set.count > 0 || options->rate) && !options->optimizer)
        return usage_error("--set and --lr go with --optimizer %s", train_optimizers);
    if (options->mask && !options->loss)
        return usage_error("--mask says which samples a loss counts; there is no --loss");
    return EXIT_OK;
}

bool train_options(Context *context, const Options *options, TrainOptions *train)
{
    *train = (TrainOptions){.loss = options->loss,
                            .optimizer = options->optimizer,
                            .by = options->by.word,
                            .nby = options->by.count,
                            .freeze = options->freeze.word,
                            .nfreeze = options->freeze.count,
                            .hyper = options->set.word,
                            .nhyper = options->set.count,
                            .mask = options->mask,
                            .outputs = options->outputs};
    const char *const rate = options->rate ? options->rate : TRAIN_RATE;
    if (!read_rate(rate, &train->rate))
        return report_add(context->report, NULL, OPTION_INVALID, "--lr", rate, "it is not a learning rate");
    return pass_options(context, options, &train->passes);
}

int verb_train(const Options *options)
{
    if (!options->output || !*options->output)
        return usage_error("train needs -o FILE.onnx");
    if (options->at.count > 0 && !options->recompute)
        return usage_error("train --at says for which sizes --recompute saves memory; there is no --recompute");
    const int status = check_training(options);
    return status == EXIT_OK ? with_context(options, options->operand.word[0], train, NULL) : status;
}
