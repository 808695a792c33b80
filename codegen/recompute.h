/* recompute.h -- what --recompute asks for: which values a training step computes again, judged by the programs that
 * come of it.
 *
 * The rungs of a ladder: on the lowest all is kept that costs operations (rewrite/keep.h); then one after the other is
 * left to fusion, which computes it again in its nests, in order of the operations that each byte of it saves; then of
 * what fusion would store all that takes but operations on elements is computed in the nests that read it, from the
 * fewest bytes (rewrite/cut.h); then the rest is given up as well, in the order of replay.h. For each rung that is
 * tried the model is derived, rewritten and planned, and the workspace is that of the real program. A budget takes the
 * lowest rung that meets it, so that less memory means more of the same values, and never more memory than a greater
 * budget does. */
#ifndef CODEGEN_RECOMPUTE_H
#define CODEGEN_RECOMPUTE_H
#include "command.h"

/* What a training step needs, without and with it. */
typedef struct {
    bool is_on; /* --recompute is there */
    int64_t workspace[2], flops[2];
    int values; /* that are computed again */
} Recomputed;

/* Sets train->recompute as the options say. False after errors in the report, among them a budget that no rung meets.
 */
bool recompute_choose(Context *context, const Options *options, TrainOptions *train, Recomputed *result);
#endif
