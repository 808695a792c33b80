/* replay.h -- which values of a training step are worth computing again: found on the kernels of its program.
 *
 * The step is played through in its order, a value that is computed again being so just before the backward part first
 * wants it, with all that it is computed from and that is not kept; or what it is computed from is kept from then on.
 * Where memory is greatest a value that only waits there is given up, the one that frees the most bytes for each
 * operation it costs; and so on, as long as the greatest memory does not grow. The list that comes out is a ladder: who
 * has less memory computes all that others do, and more. See Kumar, Purohit, Svitkina, Vee, Wang, "Efficient
 * rematerialization for deep networks", NeurIPS 2019. */
#ifndef REPLAY_H
#define REPLAY_H
#include "cost.h"

/* The values in the order in which they are given up, and those that the backward part reads from memory. */
typedef struct {
    const Value **again;
    int nagain;
    const Value **kept; /* those of `again` among them; and what is kept instead of one of these ... */
    int *since;         /* ... from so many of them on */
    int nkept;
    const Value **stored; /* all that the forward part writes */
    int nstored;
    const Value **written; /* ... and the backward part */
    int nwritten;
} Ladder;

/* `size` gives every symbol a value. The forward part is what the `nforward` outputs need, and what is computed in one
 * nest with that (fuse_join.c). A value is given up only if that costs at most `most` operations for each byte, where a
 * byte that has to be gathered again counts as so many, as far as they are more than twice those freed; HUGE_VAL:
 * whatever it costs, in operations alone. */
Ladder find_ladder(const Kernels *kernels, const int64_t *size, Value *const *forward, int nforward, double most);
#endif
