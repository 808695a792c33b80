/* gradient.h -- derivatives of a graph: gradient.rules says what each operator's are, gradient.c only walks.
 *
 * A gradient rule has one operator on its left side and, on its right, dx for every operand x that it passes a gradient
 * to, in terms of operands, outputs and the gradients of outputs (dy of y). What broadcasting repeats is summed, and
 * what is smaller than its operand repeated, by the walk. */
#ifndef GRADIENT_H
#define GRADIENT_H
#include "rule.h"

/* The built-in gradient rules, then those of the user's files. NULL after errors in the report. */
RuleSet *gradient_rules(Context *context, const PassOptions *options);

/* Adds nodes to the end of an inferred graph that compute, for each of `by`, the gradient of the sum of of[i] *
 * seed[i]: gradient[k] has the type of by[k] and is NULL where nothing depends on it. A seed may have fewer axes or 1
 * where it is the same along an axis. Composed operators for which there is no rule are inlined first. The first rule
 * that matches an operator is taken; rules that are no gradients are passed over. False after errors in the report, one
 * for every operator that has no gradient. */
typedef struct {
    Value **of, **seed;
    int nof;
    Value **by, **gradient;
    int nby;
} Derivation;
bool gradient_derive(Graph *graph, const RuleSet *rules, const Derivation *derivation);

#endif
