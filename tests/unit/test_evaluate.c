/* test_evaluate.c -- the evaluator on small graphs whose results are known. */
#include "frontend/evaluate.h"
#include "frontend/frontend.h"
#include "unit.h"
#include <math.h>
#include <string.h>

static Context *context;

/* The first output of a graph of opset 28 whose inputs are all initialisers; NULL after an error. */
static const Tensor *run(const char *graph)
{
    Datum *output[4] = {NULL};
    context = test_context();
    const Model *model = inferred_model(context, graph);
    return model && evaluate(model->graph, NULL, output) ? output[0]->tensor : NULL;
}

static bool is_close(float value, float wanted)
{
    return value == wanted || (isnan(value) && isnan(wanted)) || fabsf(value - wanted) <= 1e-6f * fabsf(wanted);
}

static void check_floats(const char *graph, int count, const float *wanted)
{
    const Tensor *result = run(graph);
    if (!result)
        report_print(context->report, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    CU_ASSERT_EQUAL(result->dtype, F32);
    CU_ASSERT_EQUAL(result->count, count);
    for (int i = 0; i < count && result->count == count; i++) {
        const float value = *(const float *)tensor_at(result, i);
        if (!is_close(value, wanted[i]))
            printf("\n  [%d] is %g, not %g\n", i, (double)value, (double)wanted[i]);
        CU_ASSERT(is_close(value, wanted[i]));
    }
    context_free(context);
}

static void check_integers(const char *graph, int count, const int64_t *wanted)
{
    const Tensor *result = run(graph);
    if (!result)
        report_print(context->report, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    CU_ASSERT_EQUAL(result->dtype, I64);
    CU_ASSERT_EQUAL(result->count, count);
    for (int i = 0; i < count && result->count == count; i++)
        CU_ASSERT_EQUAL(*(const int64_t *)tensor_at(result, i), wanted[i]);
    context_free(context);
}

static void check_failure(const char *graph)
{
    CU_ASSERT_PTR_NULL(run(graph));
    CU_ASSERT_EQUAL(report_errors(context->report), 1);
    context_free(context);
}

static void test_broadcast(void)
{
    check_floats("g () => (y) <float[2,1] a = {1, 2}, float[3] b = {10, 20, 30}> { y = Add (a, b) }", 6,
                 (float[]){11, 21, 31, 12, 22, 32});
    check_floats("g () => (y) <float[2,0] a = {}, float[1,1] b = {1}> { y = Add (a, b) }", 0, NULL);
    check_floats("g () => (y) <float a = {2}, float b = {3}> { y = Pow (a, b) }", 1, (float[]){8});
    check_integers("g () => (y) <int64[3] a = {-7, 7, 0}, int64 b = {2}> { y = Div (a, b) }", 3, (int64_t[]){-3, 3, 0});
}

static void test_reduce(void)
{
    check_floats(
        "g () => (y) <float[2,3] a = {1, 2, 3, 4, 5, 6}, int64[1] k = {1}> { y = ReduceSum <keepdims = 0> (a, k) }", 2,
        (float[]){6, 15});
    check_floats("g () => (y) <float[2,0] a = {}, int64[1] k = {1}> { y = ReduceMax <keepdims = 0> (a, k) }", 2,
                 (float[]){-INFINITY, -INFINITY});
    check_integers("g () => (y) <float[5] a = {1, 7, 3, 7, 0}> { y = ArgMax <axis = 0, keepdims = 0> (a) }", 1,
                   (int64_t[]){1});
    check_integers("g () => (y) <float[5] a = {1, 7, 3, 7, 0}>"
                   " { y = ArgMax <axis = 0, keepdims = 0, select_last_index = 1> (a) }",
                   1, (int64_t[]){3});
    check_floats(
        "g () => (y) <float[2,3] a = {1, 2, 3, 4, 5, 6}, float[3,2] b = {1, 0, 0, 1, 1, 1}> { y = MatMul (a, b) }", 4,
        (float[]){4, 5, 10, 11});
    check_floats("g () => (y) <float[1,3] a = {0, 0, 0}> { y = Softmax (a) }", 3,
                 (float[]){1.0f / 3, 1.0f / 3, 1.0f / 3});
}

/* More points than a block has lanes, along each axis in turn. */
static void test_blocks(void)
{
    check_floats(
        "g () => (y) <int64[2] s = {700, 3}, int64[1] k = {0}> {"
        "  ones = ConstantOfShape <value = float[1] {1}> (s)  c = Exp (ones)  z = Sub (c, c)  o = Add (z, ones)"
        "  y = ReduceSum <keepdims = 0> (o, k) }",
        3, (float[]){700, 700, 700});
    check_integers("g () => (y) <int64 z = {0}, int64 n = {600}, int64 one = {1}, int64[2] at = {255, 599}> {"
                   "  r = Range (z, n, one)  s = CumSum (r, z)  y = Gather (s, at) }",
                   2, (int64_t[]){255 * 256 / 2, 599 * 600 / 2});
}

/* The padding's guard keeps a load from being made, and bad indices are errors only where they are used. */
static void test_lazy(void)
{
    check_floats(
        "g () => (y) <float[1,1,3] x = {1, 2, 3}, float[1,1,3] w = {1, 1, 1}> { y = Conv <pads = [1, 1]> (x, w) }", 3,
        (float[]){3, 6, 5});
    check_integers("g () => (y) <int64[3] a = {1, 2, 3}, int64[2] at = {-1, 0}> { y = Gather (a, at) }", 2,
                   (int64_t[]){3, 1});
    check_failure("g () => (y) <int64[3] a = {1, 2, 3}, int64[2] at = {0, 3}> { y = Gather (a, at) }");
    check_failure("g () => (y) <int64[3] a = {1, 2, 3}, int64[2] at = {0, -4}> { y = Gather (a, at) }");
    /* indices that are computed are found out when they are used */
    check_failure("g () => (y) <float[3] a = {1, 2, 3}, float[70] f = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
                  "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
                  "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3}>"
                  " { at = Cast <to = 7> (f)  y = Gather (a, at) }");
    check_failure("g () => (y) <int64[0] a = {}, int64[1] at = {0}> { y = Gather (a, at) }");
    check_failure("g () => (y) <float[3] a = {1, 2, 3}, int64[1] at = {8589934592}, float[1] u = {1}>"
                  " { y = ScatterElements (a, at, u) }");
}

static void test_update(void)
{
    check_floats("g () => (y) <float[3] a = {1, 2, 3}, int64[4] at = {0, 2, 0, -1}, float[4] u = {10, 20, 30, 40}>"
                 " { y = ScatterElements <reduction = \"add\"> (a, at, u) }",
                 3, (float[]){41, 2, 63});
    check_floats("g () => (y) <float[2,3] a = {1, 2, 3, 4, 5, 6}, int64 k = {1}> { y = CumSum <reverse = 1> (a, k) }",
                 6, (float[]){6, 5, 3, 15, 11, 6});
}

static void test_casts(void)
{
    check_floats("g () => (y) <float[3] a = {1.0004, 65520, 3}> { h = Cast <to = 10> (a)  y = Cast <to = 1> (h) }", 3,
                 (float[]){1.0f, INFINITY, 3});
    check_floats("g () => (y) <float[2] a = {1000, 0.3}> { h = Cast <to = 17> (a)  y = Cast <to = 1> (h) }", 2,
                 (float[]){448, 0.3125f});
    check_floats("g () => (y) <float[1] a = {1000}> { h = Cast <to = 17, saturate = 0> (a)  y = Cast <to = 1> (h) }", 1,
                 (float[]){NAN});
    /* each operator rounds to its type */
    check_floats(
        "g () => (y) <float[1] a = {2048}, float[1] b = {1}> {"
        "  x = Cast <to = 10> (a)  s = Cast <to = 10> (b)  p = Add (x, s)  q = Add (p, s)  y = Cast <to = 1> (q) }",
        1, (float[]){2048});
}

static void test_routine(void)
{
    check_integers("g () => (y) <float[2,2] a = {0, 1, 2, 0}> { y = NonZero (a) }", 4, (int64_t[]){0, 1, 1, 0});
    check_integers("g () => (y) <float[2,2] a = {0, 0, 0, 0}> { y = NonZero (a) }", 0, NULL);
}

void suite_evaluate(void)
{
    static const UnitTest tests[] = {
        {"broadcasting", test_broadcast}, {"reductions", test_reduce}, {"blocks of lanes", test_blocks},
        {"errors are lazy", test_lazy},   {"updates", test_update},    {"casts and rounding", test_casts},
        {"routines", test_routine},
    };
    ADD_SUITE("evaluate", tests);
}
