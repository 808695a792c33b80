/* evaluate.h -- the reference evaluator: runs a graph on concrete tensors straight from the operators' definitions.
 * Slow and obvious, but blockwise over the innermost axis so that whole networks can be checked with it. */
#ifndef EVALUATE_H
#define EVALUATE_H
#include "ir.h"

/* What a value holds when it runs: a tensor, a sequence, or an optional. */
typedef struct Datum Datum;
struct Datum {
    TypeKind kind;
    const Tensor *tensor; /* TENSOR; NULL in an empty OPTIONAL */
    Datum **item;         /* SEQUENCE: count of them; OPTIONAL: one or none */
    int count;
    DType dtype; /* of a sequence's elements */
};

/* Runs graph on inputs (one for each graph input; NULL: the initialiser of that name) and fills outputs (one for each
 * graph output). All in the context's arena. False after errors in the report: a wrong shape, an index out of range. */
bool evaluate(const Graph *graph, Datum *const *input, Datum **output);

/* Runs one node whose inputs all have constants; fills one tensor for each output (NULL: not wanted). */
bool evaluate_node(const Node *node, const Tensor **output);

/* ---- control: If, Loop, Scan, sequences and optionals (control.c) ---- */
/* What each value holds while a graph runs, those of the graphs around it included. */
typedef struct Environment Environment;

/* A datum of this kind with room for `count` items, none of them set. */
Datum *datum_new(Context *context, TypeKind kind, int count);
/* A tensor as a datum. */
Datum *datum_of_tensor(Context *context, const Tensor *tensor);

/* Runs a subgraph once: its inputs hold `input`, values of outer graphs are found in the environment. Fills one Datum
 * for each output of the graph. False after errors in the report. */
bool evaluate_subgraph(Environment *environment, const Graph *graph, Datum *const *input, Datum **output);

/* Runs a node of FORM_CONTROL. input: one for each input slot (NULL: not given); fills one for each output slot. */
bool evaluate_control(Environment *environment, const Node *node, Datum *const *input, Datum **output);

/* The elements of one definition on concrete inputs: every Value it loads has a constant. */
struct Definition;
bool interpret(struct Definition *definition, int output, Tensor *into);
#endif
