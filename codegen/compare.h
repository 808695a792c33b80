/* compare.h -- whether what a program computed is what was expected. */
#ifndef COMPARE_H
#define COMPARE_H
#include "../frontend/evaluate.h"

typedef struct {
    double rtol, atol;
    double largest;    /* difference met so far, over all floating values */
    char message[400]; /* the first thing that differs; "" when nothing does */
} Comparison;

/* Compares kind, element type, shape and elements: floating ones by |got - wanted| <= atol + rtol * |wanted|, where NaN
 * equals NaN, infinities themselves, and rtol is at least 2^-6 for bfloat16; all others exactly. False, with a message
 * beginning with `what`, when they differ. */
bool compare(Comparison *comparison, const char *what, const Datum *got, const Datum *wanted);
#endif
