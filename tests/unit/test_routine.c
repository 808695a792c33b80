/* test_routine.c -- the routines of runtime/ called directly, where the ONNX backend tests do not reach: ties, NaN,
 * empty tensors, data that must be refused, sequences of different length, random numbers. */
#include "frontend/ops/call.h"
#include "runtime/element.h"
#include "unit.h"
#include <math.h>
#include <string.h>

static RoutineFunction *find(const char *name, const char *suffix)
{
    RoutineFunction *function = routine_function(&(Routine){.name = name, .suffix = suffix});
    CU_ASSERT_PTR_NOT_NULL_FATAL(function);
    return function;
}

static void test_topk(void)
{
    const float x[] = {1, 3, NAN, 3, -0.0f, 0};
    float value[4];
    int64_t index[4], scratch[8];
    const void *in[] = {x};
    void *out[] = {value, index};
    RoutineFunction *topk = find("topk", "");

    CU_ASSERT_EQUAL(topk(in, out, (int64_t[]){O2C_FLOAT, 1, 6, 1, 3, 1}, NULL, scratch), O2C_OK);
    CU_ASSERT(isnan(value[0]));
    CU_ASSERT_EQUAL(index[1], 1); /* of equal elements the earlier one */
    CU_ASSERT_EQUAL(index[2], 3);
    CU_ASSERT_EQUAL(topk(in, out, (int64_t[]){O2C_FLOAT, 1, 6, 1, 2, 0}, NULL, scratch), O2C_OK);
    CU_ASSERT_EQUAL(index[0], 4); /* -0 is no less than 0 */
    CU_ASSERT_EQUAL(index[1], 5);
    CU_ASSERT_EQUAL(topk(in, out, (int64_t[]){O2C_FLOAT, 1, 6, 1, 7, 1}, NULL, scratch), O2C_BAD_VALUE);
    CU_ASSERT_EQUAL(topk(in, out, (int64_t[]){O2C_FLOAT, 1, 6, 1, -1, 1}, NULL, scratch), O2C_BAD_VALUE);
    CU_ASSERT_EQUAL(topk(in, out, (int64_t[]){O2C_FLOAT, 1, 6, 1, 0, 1}, NULL, scratch), O2C_OK);
    CU_ASSERT_EQUAL(topk(in, out, (int64_t[]){O2C_FLOAT, 0, 0, 0, 0, 1}, NULL, scratch), O2C_OK);
}

/* Points on a line, more than a tile of them: equals in their order, what is no number last. */
static void test_knn(void)
{
    enum { POINTS = 130, QUERIES = 33, NEAREST = 3 };
    float y[POINTS], x[QUERIES], distance[QUERIES * NEAREST];
    int64_t index[QUERIES * NEAREST];
    RoutineFunction *knn = find("knn", "f32");
    for (int i = 0; i < POINTS; i++)
        y[i] = (float)(i % 65); /* each place twice */
    for (int i = 0; i < QUERIES; i++)
        x[i] = (float)i;
    y[70] = NAN;
    const void *in[] = {x, y};
    void *out[] = {index, distance};
    CU_ASSERT_EQUAL(knn(in, out, (int64_t[]){1, QUERIES, POINTS, 1, NEAREST}, NULL, NULL), O2C_OK);
    CU_ASSERT_EQUAL(memcmp(index, (int64_t[]){0, 65, 1}, 24), 0);
    CU_ASSERT_EQUAL(memcmp(index + 15, (int64_t[]){5, 4, 6}, 24), 0); /* the other place 5 is no number */
    CU_ASSERT_EQUAL(memcmp(index + 96, (int64_t[]){32, 97, 31}, 24), 0);
    CU_ASSERT_EQUAL(memcmp(distance + 96, (float[]){0, 0, 1}, 12), 0);
    void *only_index[] = {index, NULL};
    CU_ASSERT_EQUAL(knn(in, only_index, (int64_t[]){1, QUERIES, POINTS, 1, NEAREST}, NULL, distance), O2C_OK);
    CU_ASSERT_EQUAL(index[97], 97);
    const void *all_nan[] = {x, y + 70};
    CU_ASSERT_EQUAL(knn(all_nan, out, (int64_t[]){1, 1, 1, 1, 1}, NULL, NULL), O2C_OK);
    CU_ASSERT(index[0] == 0 && isinf(distance[0]));
    CU_ASSERT_EQUAL(knn(in, out, (int64_t[]){1, 1, 2, 1, 3}, NULL, NULL), O2C_BAD_VALUE);
    CU_ASSERT_EQUAL(knn(in, out, (int64_t[]){1, 1, 2, 1, -1}, NULL, NULL), O2C_BAD_VALUE);
    CU_ASSERT_EQUAL(knn(in, out, (int64_t[]){0, 0, 0, 0, 0}, NULL, NULL), O2C_OK);
}

/* Two batches of points in a plane, in double. */
static void test_knn_batches(void)
{
    const double y[] = {0, 0, 3, 4, 1, 1, /* */ 5, 5, 0, 1, 9, 9}, x[] = {0, 0, /* */ 9, 8};
    double distance[4];
    int64_t index[4];
    const void *in[] = {x, y};
    void *out[] = {index, distance};
    CU_ASSERT_EQUAL(find("knn", "f64")(in, out, (int64_t[]){2, 1, 3, 2, 2}, NULL, NULL), O2C_OK);
    CU_ASSERT_EQUAL(memcmp(index, (int64_t[]){0, 2, 2, 0}, sizeof index), 0);
    CU_ASSERT_EQUAL(memcmp(distance, (double[]){0, 2, 1, 25}, sizeof distance), 0);
}

static void test_order(void)
{
    const uint64_t wide[] = {0, INT64_MAX, UINT64_MAX};
    CU_ASSERT(o2c_order_key(wide, 0, O2C_UINT64) < o2c_order_key(wide, 1, O2C_UINT64));
    CU_ASSERT(o2c_order_key(wide, 1, O2C_UINT64) < o2c_order_key(wide, 2, O2C_UINT64));
    const double reals[] = {-INFINITY, -1, -0.0, 0, 5e-324, INFINITY, NAN};
    for (int i = 0; i < 6; i++) {
        const int64_t a = o2c_order_key(reals, i, O2C_DOUBLE), b = o2c_order_key(reals, i + 1, O2C_DOUBLE);
        CU_ASSERT(i == 2 ? a == b : a < b);
    }
    const uint16_t halves[] = {0xFC00, 0x8001, 0x8000, 0x0001, 0x7C00}; /* -inf, the least below 0, -0, above 0, inf */
    for (int i = 0; i < 4; i++)
        CU_ASSERT(o2c_order_key(halves, i, O2C_FLOAT16) < o2c_order_key(halves, i + 1, O2C_FLOAT16));
}

static void test_unique(void)
{
    const int32_t x[] = {2, 1, 2, 1, 2, 1, 3, 3}; /* [2, 4]: columns (2 2) (1 1) (2 3) (1 3) */
    int32_t y[8];
    int64_t first[8], inverse[8], occurrences[8], count, scratch[12];
    const void *in[] = {x};
    void *out[] = {y, first, inverse, occurrences, &count};
    CU_ASSERT_EQUAL(find("unique", "")(in, out, (int64_t[]){O2C_INT32, 2, 4, 1, 1}, NULL, scratch), O2C_OK);
    CU_ASSERT_EQUAL(count, 4);
    CU_ASSERT_EQUAL(memcmp(y, (int32_t[]){1, 1, 2, 2, 1, 3, 2, 3}, sizeof y), 0);
    CU_ASSERT_EQUAL(memcmp(inverse, (int64_t[]){2, 0, 3, 1}, 32), 0);

    CU_ASSERT_EQUAL(find("unique", "")(in, out, (int64_t[]){O2C_INT32, 1, 8, 1, 0}, NULL, (int64_t[24]){0}), O2C_OK);
    CU_ASSERT_EQUAL(count, 3); /* in the order of first occurrence */
    CU_ASSERT_EQUAL(memcmp(y, (int32_t[]){2, 1, 3}, 12), 0);
    CU_ASSERT_EQUAL(memcmp(occurrences, (int64_t[]){3, 3, 2}, 24), 0);

    CU_ASSERT_EQUAL(find("unique", "")(in, out, (int64_t[]){O2C_INT32, 1, 0, 1, 1}, NULL, NULL), O2C_OK);
    CU_ASSERT_EQUAL(count, 0);
}

static void test_compress_refuses(void)
{
    const float x[] = {1, 2};
    const uint8_t condition[] = {0, 1, 1};
    float y[2];
    int64_t count;
    const void *in[] = {x, condition};
    void *out[] = {y, &count};
    CU_ASSERT_EQUAL(find("compress", "")(in, out, (int64_t[]){4, 1, 2, 1, 3}, NULL, NULL), O2C_BAD_INDEX);
    CU_ASSERT_EQUAL(find("compress", "")(in, out, (int64_t[]){4, 1, 2, 1, 2}, NULL, NULL), O2C_OK);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_EQUAL(y[0], 2);
}

/* An LSTM of one unit whose candidate is x and whose gates are open: states add up. Reversed runs begin at the end of
 * each item's own sequence; what lies behind it is zero. */
static void test_lstm_lengths(void)
{
    const float x[] = {1, 10, 2, 20, 3, 30}; /* [3, 2, 1] */
    const float w[] = {0, 0, 0, 1}, r[] = {0, 0, 0, 0}, b[] = {1, 1, 1, 0, 0, 0, 0, 0};
    int32_t lengths[] = {3, 2};
    float y[6], y_h[2], y_c[2], scratch[10];
    const void *in[] = {x, w, r, b, lengths, NULL, NULL, NULL};
    void *out[] = {y, y_h, y_c};
    enum { AFFINE = 0, RELU = 4 };
    const double p[13] = {0, 0, 1, 1, 0, 1, 0}; /* the gates' activation is 0 x + 1, the others' x */
    int64_t n[] = {3, 2, 1, 1, 1, 0, 0, 0, AFFINE, AFFINE, AFFINE, 0, 0, 0};
    RoutineFunction *lstm = find("lstm", "f32");

    CU_ASSERT_EQUAL(lstm(in, out, n, p, scratch), O2C_OK);
    CU_ASSERT_EQUAL(memcmp(y, (float[]){1, 10, 3, 30, 6, 0}, sizeof y), 0);
    CU_ASSERT_EQUAL(y_h[1], 30);
    CU_ASSERT_EQUAL(y_c[0], 6);
    n[5] = 1;
    CU_ASSERT_EQUAL(lstm(in, out, n, p, scratch), O2C_OK);
    CU_ASSERT_EQUAL(memcmp(y, (float[]){6, 30, 5, 20, 3, 0}, sizeof y), 0);
    lengths[1] = 4;
    CU_ASSERT_EQUAL(lstm(in, out, n, p, scratch), O2C_BAD_VALUE);
    lengths[1] = -1;
    CU_ASSERT_EQUAL(lstm(in, out, n, p, scratch), O2C_BAD_VALUE);
}

/* A transform and its inverse give the signal back, for lengths that are powers of two, prime, and one. */
static void test_dft(void)
{
    static const int64_t lengths[] = {1, 7, 8, 12, 64};
    RoutineFunction *dft = find("dft", "f64");
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        const int64_t length = lengths[k];
        double x[128], y[128], z[128], scratch[6 * 64];
        for (int64_t i = 0; i < 2 * length; i++)
            x[i] = sin((double)(i * i)) + 0.25;
        const void *in[] = {x}, *back[] = {y};
        void *out[] = {y}, *result[] = {z};
        int64_t n[] = {1, length, 1, 2, length, length, 2, 0, 0};
        CU_ASSERT_EQUAL(dft(in, out, n, NULL, scratch), O2C_OK);
        n[7] = 1;
        CU_ASSERT_EQUAL(dft(back, result, n, NULL, scratch), O2C_OK);
        for (int64_t i = 0; i < 2 * length; i++)
            CU_ASSERT_DOUBLE_EQUAL(z[i], x[i], 1e-12);
    }
    const void *nothing[] = {NULL};
    void *nowhere[] = {NULL};
    CU_ASSERT_EQUAL(dft(nothing, nowhere, (int64_t[]){1, 0, 1, 1, 0, 0, 2, 0, 0}, NULL, NULL), O2C_BAD_VALUE);
}

static void test_random(void)
{
    enum { COUNT = 20000 };
    static float x[COUNT], again[COUNT];
    void *out[] = {x}, *second[] = {again};
    RoutineFunction *draw = find("random", "f32");
    for (int64_t normal = 0; normal <= 1; normal++) {
        double mean = 0, square = 0;
        CU_ASSERT_EQUAL(draw(NULL, out, (int64_t[]){COUNT, 7, normal}, (double[]){0, 1}, NULL), O2C_OK);
        CU_ASSERT_EQUAL(draw(NULL, second, (int64_t[]){COUNT, 7, normal}, (double[]){0, 1}, NULL), O2C_OK);
        CU_ASSERT_EQUAL(memcmp(x, again, sizeof x), 0); /* the same seed, the same numbers */
        for (int i = 0; i < COUNT; i++) {
            CU_ASSERT(normal || (x[i] >= 0 && x[i] < 1));
            mean += (double)x[i] / COUNT;
            square += (double)x[i] * (double)x[i] / COUNT;
        }
        CU_ASSERT_DOUBLE_EQUAL(mean, normal ? 0 : 0.5, 0.02);
        CU_ASSERT_DOUBLE_EQUAL(square, normal ? 1 : 1.0 / 3, 0.03);
    }
}

/* A call takes as many arguments as it is given. */
static void test_call(void)
{
    enum { MANY = 100 };
    Definition definition = {.context = test_context()};
    Routine *routine = call(&definition, "topk", "", 0, 2);
    CU_ASSERT_PTR_EQUAL(definition.routine, routine);
    for (int i = 0; i < MANY; i++) {
        pass(routine, dim_const(definition.context->dims, i));
        pass_real(routine, i);
        pass_input(routine, NULL);
    }
    int64_t value;
    for (int i = 0; i < MANY; i++)
        CU_ASSERT(dim_is_const(routine->n[i], &value) && value == i && routine->p[i] == i && !routine->in[i]);
    CU_ASSERT(routine->nn == MANY && routine->np == MANY && routine->nin == MANY && routine->nout == 2);
    context_free(definition.context);
}

void suite_routine(void)
{
    static const UnitTest tests[] = {
        {"the best k", test_topk},
        {"the nearest k", test_knn},
        {"the nearest k of each batch", test_knn_batches},
        {"order of elements", test_order},
        {"distinct slices", test_unique},
        {"a condition longer than its axis", test_compress_refuses},
        {"sequences of different length", test_lstm_lengths},
        {"Fourier transforms", test_dft},
        {"random numbers", test_random},
        {"calls of many arguments", test_call},
    };
    ADD_SUITE("routine", tests);
}
