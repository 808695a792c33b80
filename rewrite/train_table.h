/* train_table.h -- the losses and optimizers there are (train.def), and the functions they are made of. */
#ifndef TRAIN_TABLE_H
#define TRAIN_TABLE_H
#include "../frontend/ir.h"

typedef enum { CLASSES, LIKE_OUTPUT } TargetKind;
typedef struct {
    const char *name;
    TargetKind target;
    const char *activation; /* an operator that the loss contains: taken off the model's end; NULL: none */
} Loss;
typedef struct {
    const char *name, *step, *decay; /* functions of the library */
} Optimizer;

/* The row of this name; NULL after an error in the report that names those there are. */
const Loss *loss_find(Context *context, const char *name);
const Optimizer *optimizer_find(Context *context, const char *name);

/* Whether the optimizer's weight decay changes the parameter rather than its gradient. */
bool is_decoupled(const Optimizer *optimizer);

/* The functions of train.onnxtxt; NULL after an error in the report. */
Model *train_library(Context *context);
#endif
