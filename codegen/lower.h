/* lower.h -- graphs become steps: what lower.c, control.c, buffer.c, symbol.c and program.c share. */
#ifndef LOWER_H
#define LOWER_H
#include "program.h"

/* Appends the steps of all nodes of a graph, one of whose values may already have a buffer to be written to. False
 * after errors in the report. */
bool lower_graph(Program *program, const Graph *graph);

/* Appends the steps of an If, Loop or Scan: those of its subgraphs between steps that open and close a block. False
 * after errors in the report. */
bool lower_control(Program *program, Node *node);

/* A step at the end of the program. */
Step *step_new(Program *program, StepKind kind, const char *label);
/* Takes the long sums of a step of loops in parts, computed by a new step before it: see parts.c. Nests are built in
 * `scope`. */
void split_long_sums(Program *program, Step *step, const NestScope *scope);
/* A step that writes elements, with a C function named after `label`. */
Step *loops_step_new(Program *program, const char *label);
/* Adds an output to a step of loops. */
void loops_step_add(Program *program, Step *step, Value *value, const Element *element);
/* Gives the value a buffer that only shows part of another one where its elements are such a part; false where not. */
bool make_view(Program *program, Value *value, const Element *element);
/* Whether the type is one that programs hold; an error about the node where not. */
bool require_tensor(Program *program, const Node *node, const Type *type);

/* ---- buffers ---- */
/* A new buffer for the value, which lives there unless it has one already. */
Buffer *buffer_new(Program *program, BufferKind kind, Value *value);
/* The value lives in that buffer, and so is written there or read from there. */
void share_buffer(Program *program, Value *value, Buffer *buffer);
/* A value that no graph has, with a place in the workspace or, where it has a constant, among the weights. */
Value *hidden_value(Program *program, const char *name, Type type, const Tensor *constant);
/* ---- symbols ---- */
/* From here on the program knows the symbol. */
void define_symbol(Program *program, Dim *symbol);
/* Symbols that stand for elements of this value are read from it: made for it, or known to be what it holds. */
void define_sizes(Program *program, Value *value);
/* Whether the program still has to read a size from this value. */
bool holds_size(const Program *program, const Value *value);
/* Gives a symbol a C name made of `name`, if it has none yet. */
void name_symbol(Program *program, Dim *symbol, const char *name);
/* Makes room for what is known of symbols, whose number may have grown. */
void grow_symbols(Program *program);
#endif
