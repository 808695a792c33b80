/* cut.h -- the fewest bytes from which the backward part can compute what it reads of the forward part, without any but
 * operations on elements: nests do these on the way, and need not find the results in memory.
 *
 * A minimum cut between what only products, sums or inputs give and what is read backwards, each value weighing its
 * bytes. See He, Yu, "Transcending runtime-memory tradeoffs in checkpointing by being fusion aware",
 * MLSys 2023. */
#ifndef CUT_H
#define CUT_H
#include "../frontend/ir.h"

typedef struct {
    Value **kept; /* the cut: of several as small the one that leaves the fewest operations */
    int nkept;
    Value **again; /* what programs would store, and is computed from the cut instead */
    int nagain;
} Cut;

/* The forward part are the nodes, by id, that are so marked; `size` gives every symbol a value; programs write the
 * values of these names to memory. No value is computed on the way that a sum reads, but for products of matrices and
 * what reads it from there: its bits would depend on that. */
Cut find_cut(const Graph *graph, const int64_t *size, const bool *is_forward, const char *const *written, int nwritten);
/* Puts the bodies of composed operators of the forward part in their place, but for dropout and message passing, so
 * that both parts share what both compute; false after errors in the report. */
bool open_forward(Graph *graph, int nforward);
#endif
