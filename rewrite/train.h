/* train.h -- from a model that infers to one that trains it, or that gives gradients: a rewrite from graph to graph.
 *
 * The model that trains has as inputs those of the model, the targets, the mask where there is one, the parameters,
 * what the optimizer remembers of each, the learning rate and the number of steps made; as outputs the loss, the new
 * parameters, the new memory, the new number. `p` becomes `p_new`. Parameters, memory and learning rate
 * have their initial values as defaults. */
#ifndef TRAIN_H
#define TRAIN_H
#include "pass.h"
#include "recompute.h"

/* What is asked for; names are those of the model and of train.onnxtxt. */
typedef struct {
    const char *loss;      /* NULL: the sum of all that the model computes */
    const char *optimizer; /* NULL: the gradients themselves are outputs, "d" + name */
    const char **by;       /* gradients by these inputs instead of parameters; not with an optimizer */
    int nby;
    const char **freeze; /* initialisers that are no parameters; a trailing * stands for any rest */
    int nfreeze;
    const char **hyper; /* "NAME=NUMBER": hyperparameters of the optimizer */
    int nhyper;
    double rate;  /* the learning rate's default */
    bool mask;    /* an input says which samples count */
    bool outputs; /* the model's own outputs stay */
    const char
        *last_pass; /* reorganise as far as this pass: "gnn", as frameworks would train it; NULL: before fusion */
    PassOptions passes;
    Recompute *recompute; /* what is computed again; NULL: nothing */
} TrainOptions;

/* Rewrites a model as it was read so that it trains: upgrades and infers it, and runs the passes before fusion. False
 * after errors in the report. */
bool train_derive(Model *model, const TrainOptions *options);

/* The names of losses and optimizers: "ce, bce, mse, nll, hinge". */
extern const char *const train_losses, *const train_optimizers;
/* The learning rate where none is given. */
#define TRAIN_RATE "0.01"
/* Prints, for the help, a table of the losses and one of the optimizers with their hyperparameters. */
void train_print_tables(FILE *to);
#endif
