/* recompute.h -- values of the forward part are computed again for the backward part, so that they need not be kept.
 *
 * What is computed again stands in the graph as ordinary nodes, late, and reads what is kept through o2c.Kept, whose
 * result is its operand: so the nodes differ from those of the forward part and are never merged with them. No nest
 * reaches across o2c.Kept: with it behind what is stored, and behind the copies of that, the nests are those that there
 * would be if nothing were computed again, and so is every sum. See Chen,
 * Xu, Zhang, Guestrin, "Training deep nets with sublinear memory cost", 2016. */
#ifndef RECOMPUTE_H
#define RECOMPUTE_H
#include "cut.h"
#include "keep.h"

/* Names of values of the forward part. */
typedef struct {
    const char **again; /* computed again ... */
    int nagain;
    const char *
        *kept; /* ... from these, which are kept anyway (those of `again` are not), and from the graph's inputs */
    int nkept;
    const char **stored; /* those that nests end at when nothing is computed again, all of the above among them */
    int nstored;
    const char *
        *passing; /* of `again`: those that are stored nowhere, since nests compute them on the way; see cut.h */
    int npassing;
    bool is_open;         /* operators of the forward part are taken apart first: open_forward */
    const char **written; /* what programs write to memory, of both parts; for the cut alone */
    int nwritten;
    const int64_t *(*sizes)(Context *context, const void *of); /* gives every symbol a value; NULL: no cut is wanted */
    const void *of;
    Cut cut;    /* set if it is wanted */
    bool keeps; /* what fusion would compute again is kept: as keep_values does it, and nothing of the above */
    Keep keep;
    int nforward; /* outputs of the graph, from the first on, that the forward part computes; set by train_derive */
} Recompute;

/* Every node that the graph's first nforward outputs do not need, and that reads a value of `again`, or one that is
 * computed from such a value without anything that is kept, then reads a copy, computed by copies of the same nodes;
 * results are the same bit by bit. What cannot be computed twice (random numbers, control flow), integers, and names
 * that the graph has not got are taken as kept. False after errors in the report. */
bool recompute(Graph *graph, Recompute *plan);
#endif
