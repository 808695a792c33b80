/* test_control.c -- loops, sequences and composed bodies: what the ONNX backend tests do not have. */
#include "frontend/evaluate.h"
#include "frontend/frontend.h"
#include "unit.h"
#include <string.h>

static Context *context;

/* The last output of a graph of opset 28; NULL after an error. */
static const Tensor *run(const char *graph)
{
    Datum *output[4] = {NULL};
    context = test_context();
    const Model *model = inferred_model(context, graph);
    return model && evaluate(model->graph, NULL, output) ? output[model->graph->nout - 1]->tensor : NULL;
}

static void check(const char *graph, int rank, const int64_t *dim, const float *wanted)
{
    const Tensor *result = run(graph);
    if (!result)
        report_print(context->report, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    CU_ASSERT_EQUAL_FATAL(result->rank, rank);
    for (int i = 0; i < rank; i++)
        CU_ASSERT_EQUAL(result->dim[i], dim[i]);
    for (int64_t i = 0; i < result->count; i++)
        CU_ASSERT_DOUBLE_EQUAL((double)*(const float *)tensor_at(result, i), (double)wanted[i], 1e-6);
    context_free(context);
}

static void check_failure(const char *graph, Message message)
{
    CU_ASSERT_PTR_NULL(run(graph));
    CU_ASSERT(report_has(context->report, message));
    context_free(context);
}

#define LOOP(trips)                                                                                                    \
    "g () => (float[T,2] all) <int64 trips = {" trips "}, float[2] start = {1, 2}> {"                                  \
    "  last, all = Loop <body = step (int64 i, bool go, float[2] s) => (bool on, float[2] next, float[2] each) {"      \
    "    on = Identity (go) next = Add (s, s) each = Identity (s) }> (trips, , start) }"

static void test_loop(void)
{
    check(LOOP("3"), 2, (int64_t[]){3, 2}, (float[]){1, 2, 2, 4, 4, 8});
    check(LOOP("0"), 2, (int64_t[]){0, 2}, NULL);
    check(LOOP("-1"), 2, (int64_t[]){0, 2}, NULL);
}

/* A state that grows in every iteration. */
static void test_growing_state(void)
{
    check("g () => (float[n] y) <int64 trips = {3}, float[1] start = {7}> {"
          "  y = Loop <body = step (int64 i, bool go, float[m] s) => (bool on, float[k] next) {"
          "    on = Identity (go) next = Concat <axis = 0> (s, s) }> (trips, , start) }",
          1, (int64_t[]){8}, (float[]){7, 7, 7, 7, 7, 7, 7, 7});
}

/* Read backwards along axis 1, written backwards along axis 1: sums from the end. */
static void test_scan(void)
{
    check("g () => (float[2,3] y) <float[2] start = {0, 0}, float[2,3] x = {1, 2, 3, 10, 20, 30}> {"
          "  last, y = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [1],"
          "    scan_output_axes = [1], scan_output_directions = [1],"
          "    body = step (float[2] s, float[2] e) => (float[2] t, float[2] out) {"
          "      t = Add (s, e) out = Identity (t) }> (start, x) }",
          2, (int64_t[]){2, 3}, (float[]){6, 5, 3, 60, 50, 30});
}

static void test_sequences(void)
{
    check("g () => (float[n] y) <float[4] x = {1, 2, 3, 4}, int64 first = {0}, int64 last = {-1}, int64 two = {2}> {"
          "  parts = SplitToSequence <axis = 0> (x, two)"
          "  part = SequenceAt (parts, last)"
          "  more = SequenceInsert (parts, part, first)"
          "  less = SequenceErase (more, last)"
          "  y = ConcatFromSequence <axis = 0> (less) }",
          1, (int64_t[]){4}, (float[]){3, 4, 1, 2});
    check_failure("g () => (float[n] y) <float[4] x = {1, 2, 3, 4}, int64 third = {2}, int64 two = {2}> {"
                  "  parts = SplitToSequence <axis = 0> (x, two) y = SequenceAt (parts, third) }",
                  NODE_FAILED);
}

static void test_composed(void)
{
    check("g () => (float[1,2] y) <float[1,2] x = {3, 3}> { y = Softmax (x) }", 2, (int64_t[]){1, 2},
          (float[]){0.5f, 0.5f});
    /* an ignored target may be any number */
    check("g () => (float y) <float[2,2] x = {-1, -2, -3, -4}, int64[2] t = {1, -100}> {"
          "  y = NegativeLogLikelihoodLoss <ignore_index = -100> (x, t) }",
          0, NULL, (float[]){2});
    /* nobody to attend to: zeros, not NaN */
    check("g () => (float[1,1,1,2] y) <float[1,1,1,2] q = {1, 2}, bool[1,1] mask = {0}> {"
          "  y = Attention (q, q, q, mask) }",
          4, (int64_t[]){1, 1, 1, 2}, (float[]){0, 0});
    check_failure("g () => (float[2] y) <float[2] x = {1, 2}> { y = LayerNormalization <axis = 1> (x, x) }",
                  NODE_SHAPE);
    check_failure("g () => (float[2] y) <float[2] x = {1, 2}> { y = Gelu <approximate = \"a\\\"b\"> (x) }", NODE_SHAPE);
}

void suite_control(void)
{
    static const UnitTest tests[] = {
        {"loops", test_loop},          {"a growing state", test_growing_state}, {"scans", test_scan},
        {"sequences", test_sequences}, {"composed operators", test_composed},
    };
    ADD_SUITE("control", tests);
}
