/* test_vector.c -- the functions of runtime/vector.h beside the C library's in double: the error they may have, single
 * values like vectors, and what is not a number. */
#include "runtime/vector.h"
#include "unit.h"
#include <float.h>

enum { STEPS = 200000 };

/* The distance from the true value in units in the last place of a float of its size; what is less than normal is 0. */
static double error_in_units(float value, double truth)
{
    int exponent;
    if (fabs(truth) < FLT_MIN)
        return fabs((double)value) < FLT_MIN ? 0 : INFINITY;
    if (truth > FLT_MAX)
        return isinf(value) ? 0 : INFINITY;
    (void)frexp(truth, &exponent);
    return fabs((double)value - truth) / ldexp(1, exponent - FLT_MANT_DIG);
}

static double greatest_error(float (*function)(float), double (*truth)(double), float low, float high)
{
    double greatest = 0;
    for (int i = 0; i <= STEPS; i++) {
        const float x = low + (high - low) * (float)i / STEPS;
        const double error = error_in_units(function(x), truth((double)x));
        greatest = error > greatest ? error : greatest;
    }
    return greatest;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double swish(double x)
{
    return x / (1 + exp(-x));
}
static double elu(double x)
{
    return x < 0 ? expm1(x) : x;
}
static float vector_exp(float x)
{
    return o2c_scalar_exp(x);
}
static float vector_tanh(float x)
{
    return o2c_scalar_tanh(x);
}
static float vector_sigmoid(float x)
{
    return o2c_scalar_sigmoid(x);
}
static float vector_swish(float x)
{
    return o2c_scalar_swish(x, 1);
}
static float vector_elu(float x)
{
    return o2c_scalar_elu(x, 1);
}

static void test_errors(void)
{
    const double bound = 3;
    CU_ASSERT(greatest_error(vector_exp, exp, -120, 120) <= bound);
    CU_ASSERT(greatest_error(vector_exp, exp, -1, 1) <= bound);
    CU_ASSERT(greatest_error(vector_tanh, tanh, -20, 20) <= bound);
    CU_ASSERT(greatest_error(vector_tanh, tanh, -1, 1) <= bound);
    CU_ASSERT(greatest_error(vector_sigmoid, sigmoid, -87, 120) <= bound);
    CU_ASSERT(greatest_error(vector_swish, swish, -80, 120) <= bound);
    CU_ASSERT(greatest_error(vector_elu, elu, -120, 120) <= bound);
    CU_ASSERT(greatest_error(vector_elu, elu, -1, 1) <= bound);
}

static void test_arrays(void)
{
    float x[64], y[64];
    for (int n = 1; n <= 37; n++) {
        for (int i = 0; i < n; i++)
            x[i] = y[i] = 0.37f * (float)(i - n / 2);
        o2c_each_exp(n, y);
        for (int i = 0; i < n; i++)
            CU_ASSERT_EQUAL(y[i], o2c_scalar_exp(x[i]));
    }
}

static void test_not_numbers(void)
{
    CU_ASSERT(isnan(o2c_scalar_exp(NAN)));
    CU_ASSERT(isnan(o2c_scalar_tanh(NAN)));
    CU_ASSERT(isnan(o2c_scalar_sigmoid(NAN)));
    CU_ASSERT(isnan(o2c_scalar_elu(NAN, 1)));
    CU_ASSERT_EQUAL(o2c_scalar_exp(-INFINITY), 0);
    CU_ASSERT_EQUAL(o2c_scalar_exp(INFINITY), INFINITY);
    CU_ASSERT_EQUAL(o2c_scalar_tanh(-INFINITY), -1);
    CU_ASSERT_EQUAL(o2c_scalar_tanh(INFINITY), 1);
    CU_ASSERT_EQUAL(o2c_scalar_sigmoid(-INFINITY), 0);
    CU_ASSERT_EQUAL(o2c_scalar_elu(-INFINITY, 1), -1);
    CU_ASSERT_EQUAL(o2c_scalar_elu(INFINITY, 1), INFINITY);
}

static void test_choices(void)
{
    const o2c_vector one = o2c_splat(1), two = o2c_splat(2), nan = o2c_splat(NAN);
    CU_ASSERT_EQUAL(o2c_first(o2c_choose(o2c_less(one, two), one, two)), 1);
    CU_ASSERT_EQUAL(o2c_first(o2c_choose(o2c_less(two, two), one, two)), 2);
    CU_ASSERT_EQUAL(o2c_first(o2c_choose(o2c_less_equal(two, two), one, two)), 1);
    CU_ASSERT_EQUAL(o2c_first(o2c_choose(o2c_less_equal(nan, two), one, two)), 2);
    CU_ASSERT(isnan(o2c_first(o2c_vector_max(nan, one))));
    CU_ASSERT(isnan(o2c_first(o2c_vector_max(one, nan))));
    CU_ASSERT_EQUAL(o2c_sum(o2c_splat(3)), 3 * O2C_LANES);
}

/* Rows of 19 that stand 21 apart: whole vectors of every width, and what is left. Between them anything may stand. */
static void test_finite(void)
{
    enum { ROWS = 3, COLUMNS = 19, STRIDE = 21 };
    float a[ROWS * STRIDE];
    for (int i = 0; i < ROWS * STRIDE; i++)
        a[i] = i % STRIDE < COLUMNS ? (i % 2 ? FLT_MAX : -FLT_MAX) : NAN;
    CU_ASSERT(o2c_all_finite(ROWS, COLUMNS, a, STRIDE));
    CU_ASSERT(o2c_all_finite(0, COLUMNS, a, STRIDE));
    CU_ASSERT(!o2c_all_finite(ROWS, COLUMNS + 1, a, STRIDE));
    for (int i = 0; i < ROWS * STRIDE; i++) {
        const float kept = a[i];
        a[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
        CU_ASSERT_EQUAL(o2c_all_finite(ROWS, COLUMNS, a, STRIDE), i % STRIDE >= COLUMNS);
        a[i] = kept;
    }
}

void suite_vector(void)
{
    const UnitTest tests[] = {{"functions are within their bound", test_errors},
                              {"arrays are like single values", test_arrays},
                              {"infinities and NaN", test_not_numbers},
                              {"comparisons and choices", test_choices},
                              {"whether all are finite", test_finite}};
    ADD_SUITE("vector", tests);
}
