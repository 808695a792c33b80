/* train_table.c -- see train_table.h. */
#include "train_table.h"
#include "../frontend/embedded.h"
#include "../frontend/frontend.h"
#include "train.h"
#include <string.h>

static const Loss losses[] = {
#define LOSS(name, target, activation, target_text, text) {name, target, activation},
#include "train.def"
};
static const Optimizer optimizers[] = {
#define OPTIMIZER(name, step, decay) {name, step, decay},
#include "train.def"
};
enum { NUM_LOSS = sizeof losses / sizeof *losses, NUM_OPTIMIZER = sizeof optimizers / sizeof *optimizers };

static const char loss_names[] =
#define LOSS(name, target, activation, target_text, text) ", " name
#include "train.def"
    ;
static const char optimizer_names[] =
#define OPTIMIZER(name, step, decay) ", " name
#include "train.def"
    ;
const char *const train_losses = loss_names + 2, *const train_optimizers = optimizer_names + 2;

/* ---- rows ---- */
static const void *unknown(Context *context, const char *option, const char *name, const char *known)
{
    report_add(context->report, NULL, OPTION_INVALID, option, name,
               arena_printf(context->arena, "it must be one of %s", known));
    return NULL;
}

const Loss *loss_find(Context *context, const char *name)
{
    for (int i = 0; i < NUM_LOSS; i++)
        if (strcmp(losses[i].name, name) == 0)
            return &losses[i];
    return unknown(context, "--loss", name, train_losses);
}

const Optimizer *optimizer_find(Context *context, const char *name)
{
    for (int i = 0; i < NUM_OPTIMIZER; i++)
        if (strcmp(optimizers[i].name, name) == 0)
            return &optimizers[i];
    return unknown(context, "--optimizer", name, train_optimizers);
}

bool is_decoupled(const Optimizer *optimizer)
{
    return strcmp(optimizer->decay, "decoupled_decay") == 0;
}

/* ---- functions ---- */
Model *train_library(Context *context)
{
    Model *const library = model_new(context);
    library->opset[library->nopset++] = (Opset){"", NEWEST_OPSET};
    const char *const text = embedded_text("rewrite/train.onnxtxt");
    if (text && functions_parse(library, text))
        return library;
    report_add(context->report, NULL, INTERNAL, "train.onnxtxt cannot be read");
    return NULL;
}

/* ---- for people ---- */
/* The hyperparameters of a function with their defaults. */
static void print_hyperparameters(const Model *library, const char *name, FILE *to)
{
    const Graph *const function = model_find_function(library, "optimizer", name, "");
    for (const Attr *a = function ? function->attribute_default : NULL; a; a = a->next)
        fprintf(to, " %s=%g", a->name, tensor_number(a->tensor, 0));
}

void train_print_tables(FILE *to)
{
    fprintf(to, "    %-7s %-31s %s\n", "loss", "target", "what it is");
#define LOSS(name, target, activation, target_text, text) fprintf(to, "    %-7s %-31s %s\n", name, target_text, text);
#include "train.def"
    fputs("\n    optimizer   --set, with what it is otherwise\n", to);
    Context *const context = context_new((size_t)64 << 20, "train.onnxtxt");
    const Model *const library = train_library(context);
    for (int i = 0; library && i < NUM_OPTIMIZER; i++) {
        fprintf(to, "    %-11s", optimizers[i].name);
        print_hyperparameters(library, optimizers[i].step, to);
        print_hyperparameters(library, optimizers[i].decay, to);
        fputs(is_decoupled(&optimizers[i]) ? ", decoupled from the gradient\n" : "\n", to);
    }
    context_free(context);
}
