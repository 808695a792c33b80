/* context.h -- what one compilation shares: its memory, sizes, report and limits. */
#ifndef CONTEXT_H
#define CONTEXT_H
#include "arena.h"
#include "dim.h"
#include "report.h"

enum { INDEX_CONSTANTS = 64 };

typedef struct Context Context;
typedef struct Model Model;

struct Context {
    Arena *arena;
    DimTable *dims;
    Report *report;
    int64_t max_tensor_bytes; /* limits on hostile models; see context_new for the defaults */
    int64_t max_nodes;
    int64_t max_trips;    /* of one loop that the evaluator runs */
    int64_t fold_bytes;   /* constants larger than this are not folded */
    Model *library;       /* see context_library; NULL until then */
    Requirements granted; /* what the user says of sizes (--dim 'A<=B'); a run must see to it that it holds */
    int node_count;       /* nodes made so far: the next node's id */
    int expr_count;       /* loop-level expressions and axes made so far: their next id */
    int expr_walk;        /* walks over expressions begun so far, ... */
    int *expr_met;        /* ... and by id in which of them each was met last; see ops/expr.h */
    int expr_met_capacity;
    struct RuleFile *rule_files;                  /* those read so far, see rewrite/rule_files.c */
    struct Expr *index_constant[INDEX_CONSTANTS]; /* the last made of those that equal its place modulo their number */
};

/* The operators of our own domains (gnn, o2c) as functions, in a model of their own; read when it is first wanted. */
Model *context_library(Context *context);

/* A context with its own arena: at most `budget` bytes; messages are about the file `about`. Free with context_free. */
Context *context_new(size_t budget, const char *about);
void context_free(Context *context);
#endif
