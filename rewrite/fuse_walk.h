/* fuse_walk.h -- reading definitions: what an element loads, in which loops, and what work that is. */
#ifndef FUSE_WALK_H
#define FUSE_WALK_H
#include "fuse.h"

enum { MAX_LOADS = 64 };

/* A reduction of at most so many terms for an edge costs less than writing its result and reading it again. */
enum { CHEAP_TERMS = 16 };

/* One read of a value in a reader's nest: the loops around it, outermost first. */
typedef struct {
    const Expr *load;
    Axis *loop[3 * MAX_RANK];
    int nloop, nspatial;
} Load;

/* One element after the other is walked: what is found is of the last. */
typedef struct {
    Context *context;
    const Value *value; /* whose reads are looked for; NULL: all */
    Load found[MAX_LOADS];
    int nfound;
    bool overflowed, has_calls, has_reduction, has_contraction;
    int64_t terms;     /* the most that a reduction has; those of unknown extents have INT64_MAX */
    const Axis *edges; /* an axis over the edges of a vertex */
    int *seen;         /* by expression id, the visit that saw it */
    int visit;
} Walk;

/* Ready to walk the elements that were made so far. */
Walk *walk_new(Context *context);
/* Walks all of an element: its body over its axes, its update over the update's. */
void walk_element(Walk *walk, const Element *element, int rank);

/* An index that is itself read from a tensor; NULL: it is not. The permutation of an edge axis does not count. */
const Value *index_vector(const Expr *index, const Load *read);
/* The vector of targets through which rows are read, at the first axis; NULL: there is none. */
const Value *target_vector(const Load *read);
/* Whether a load stands in a reduction along the rows it reads, not over edges. */
bool is_summed(Context *context, const Load *read);
/* How a reader's loops meet a value. */
Reading reading_of(Context *context, const Load *read);
#endif
