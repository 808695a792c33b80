/* unit.h -- what the unit tests share: each test_TOPIC.c has one function, suite_TOPIC, that adds its suite, and a row
 * in unit.def. */
#ifndef UNIT_H
#define UNIT_H
#include "frontend/ir.h"
#include <CUnit/CUnit.h>

/* The suites, as unit.def lists them. */
#define SUITE(topic) void suite_##topic(void);
#include "unit.def"
#undef SUITE

/* Adds a suite of these tests. */
typedef struct {
    const char *name;
    void (*run)(void);
} UnitTest;
void add_suite(const char *topic, const UnitTest *test, int count);
#define ADD_SUITE(topic, tests) add_suite(topic, tests, (int)(sizeof(tests) / sizeof *(tests)))

/* A context with a 64 MiB arena about "test.onnx", freed at the end of the test by context_free. */
Context *test_context(void);
/* The model of a graph in ONNX text of opset 28, inferred; NULL after errors in the report. */
Model *inferred_model(Context *context, const char *graph);
#endif
