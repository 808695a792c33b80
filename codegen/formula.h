/* formula.h -- what a step computes, for the comment above its C function: the graph's own statements. */
#ifndef FORMULA_H
#define FORMULA_H
#include "../frontend/ir.h"

typedef struct {
    const char **line; /* "y = Add(x, bias)", escaped for comments */
    int count;
} Formula;

/* The statements of the nodes from `first` to before `end`; constants stand where they are used. */
Formula formula_new(Arena *arena, const Node *first, const Node *end);

/* What to call a value: by its name in the model, or else by what its operator calls that output. */
const char *value_label(Arena *arena, const Value *value);
#endif
