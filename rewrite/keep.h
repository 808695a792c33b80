/* keep.h -- values of the forward part that the backward part reads, and that fusion would rather compute again there.
 *
 * What a framework would store for the backward part: every value that costs operations and that is read there,
 * directly or by way of others that only move elements. Values in loop nests are among them, scores of edges, say. Of a
 * product or a quotient the factors are kept, since sums take those apart (codegen/factor.c); and what is summed along
 * rows is left to fusion: for results must be the same bit by bit, whatever is kept. */
#ifndef KEEP_H
#define KEEP_H
#include "../frontend/ir.h"

/* Names of values. */
typedef struct {
    const char **stored; /* those that programs write to memory in any case */
    int nstored;
    const char **again; /* those that are not kept */
    int nagain;
    Value **found; /* set by keep_values: all that could be kept, those of `again` among them ... */
    int nfound;    /* ... in the order in which the graph computes them */
} Keep;

/* Puts o2c.Kept behind the values that are to be kept: they are stored once, and everything reads them from there. The
 * forward part is what the graph's first nforward outputs need. Composed operators that compute such values are
 * replaced by their bodies. False after errors in the report. */
bool keep_values(Graph *graph, int nforward, Keep *keep);

/* By node id, of graph->context->node_count nodes: the graph's first nforward outputs need it, or values of these
 * names.
 */
bool *nodes_needed(const Graph *graph, int nforward, const char *const *name, int count);
/* Stores a value, by way of an o2c.Kept that all its readers read from now on; false after errors in the report. */
bool keep_value(Value *value);
/* Puts a composed operator's body in its place; false after errors in the report. */
bool take_apart(Node *node);
/* Once operators were taken apart: what the bodies of several compute alike is computed once. False after errors. */
bool share_parts(Graph *graph);
#endif
