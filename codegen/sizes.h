/* sizes.h -- the sizes that --at gives, which formulas are evaluated for; the model stays as general as it is. */
#ifndef SIZES_H
#define SIZES_H
#include "command.h"

typedef struct {
    int64_t *value; /* by symbol index; -1: not given */
    bool given;     /* --at was there */
} Sizes;

/* Reads the words of --at, "N=64,E=128" each; a name must be a symbol that the context knows by now. False after errors
 * in the report. */
bool sizes_read(Context *context, const Words *at, Sizes *sizes);

/* The first symbol of a formula whose size is not given; NULL: all are. */
Dim *sizes_missing(Context *context, const Sizes *sizes, Dim *formula);
/* A formula's value; -1 where it is not known: some size is not given, or it takes more than 64 bits. */
int64_t sizes_evaluate(Context *context, const Sizes *sizes, Dim *formula);
/* Reports that what is counted takes more than 64 bits at these sizes; returns false. */
bool sizes_too_great(Context *context, const Words *at);
#endif
