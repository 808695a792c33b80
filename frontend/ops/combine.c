/* combine.c -- the rows of combine.def, and what they say. */
#include "expr.h"
#include <math.h>

typedef enum { ZERO, ONE, LEAST, GREATEST } Neutral;

static const struct {
    Scalar scalar;
    Neutral neutral;
    bool is_index;
    Scalar better;
    bool last;
} row[] = {
#define COMBINE(name, scalar, neutral)                     {S_##scalar, neutral, false, S_##scalar, false},
#define COMBINE_INDEX(name, scalar, neutral, better, last) {S_##scalar, neutral, true, S_##better, last},
#include "combine.def"
};

bool combine_is_arg(Combine combine)
{
    return row[combine].is_index;
}

Scalar combine_scalar(Combine combine)
{
    return row[combine].scalar;
}

double combine_neutral(Combine combine, DType dtype)
{
    switch (row[combine].neutral) {
    case ONE:
        return 1;
    case LEAST:
        return dtype == BOOL ? 0 : -INFINITY;
    case GREATEST:
        return dtype == BOOL ? 1 : INFINITY;
    default:
        return 0;
    }
}

Scalar combine_better(Combine combine)
{
    return row[combine].better;
}

bool combine_takes_last(Combine combine)
{
    return row[combine].last;
}
