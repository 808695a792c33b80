/* rule_test.h -- inputs drawn as a rule's test line says: what tests of rewrites and of gradients share. */
#ifndef RULE_TEST_H
#define RULE_TEST_H
#include "../frontend/evaluate.h"
#include "pattern.h"

/* What is being tested. */
typedef struct {
    Context *context;
    const Rule *rule;
    const TestLine *test;
    int alternative; /* of operators that stand in alternatives */
    uint64_t random;
} Drawing;

/* A graph and the data of its inputs. */
typedef struct {
    Model *model;
    Datum *input[MAX_SLOT];
} Side;

/* Draws the inputs of the test line and builds the left side over them as a graph without outputs; fills the binding.
 * False after errors in the report. */
bool draw_left(Drawing *drawing, Side *side, Binding *binding);
/* The same with outputs, the left side's and what else reads its values. */
bool build_left(Drawing *drawing, Side *side);
/* Whether a line is for this choice among the alternatives, of which there are so many. */
int rule_alternatives(const Rule *rule);
bool is_tested(const Rule *rule, const TestLine *test, int alternative);
/* Tests the `never` lines of a rule: exactly one guard refuses each of them. `all`: and each guard refuses one. False
 * after errors in the report. */
bool guards_test(Context *context, const Rule *rule, bool all);
/* Uniform in [0, 1), the same sequence for every drawing. */
double draw_number(Drawing *drawing);
/* Reports that the test failed; returns false. */
bool test_fails(const Drawing *drawing, const char *what);

/* Tests a gradient rule by finite differences in double precision (central, of fourth order), to 1e-6 of the
 * derivative: every floating input that is not `const` is varied, element by element; where the rule gives no gradient,
 * the differences must be 0. False after an error in the report. */
bool gradient_test(Drawing *drawing);
#endif
