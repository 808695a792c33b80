/* test_traits.c -- what the rows of operators promise to the passes that ask them: is_commutative, is_movement,
 * is_random, is_segment. Every operator that makes the promise is evaluated. */
#include "frontend/evaluate.h"
#include "frontend/ops/gnn.h"
#include "unit.h"
#include <string.h>

/* The outputs of a graph in text. */
static bool results(Context *context, const char *text, Datum **output)
{
    Model *const model = inferred_model(context, text);
    return model && evaluate(model->graph, NULL, output);
}

/* Whether both outputs of a graph of two are equal. */
static bool gives_twice(Context *context, const char *text)
{
    Datum *output[2] = {NULL};
    return results(context, text, output) && tensor_equal(output[0]->tensor, output[1]->tensor);
}

static void test_commutative(void)
{
    int count, found = 0;
    const Op *const *const op = op_all(&count);
    for (int i = 0; i < count; i++) {
        if (!op[i]->is_commutative)
            continue;
        Context *const context = test_context();
        const char *const operands = strstr(op[i]->schema, "T=bool")
                                         ? "bool[4] a = {0, 1, 0, 1}, bool[4] b = {0, 0, 1, 1}"
                                     : strstr(op[i]->schema, "T=integer")
                                         ? "int64[3] a = {12, -1, 7}, int64[3] b = {10, 5, 7}"
                                         : "float[4] a = {0.5, -2, 3.25, 1e30}, float[4] b = {0.25, -2, -7.5, 1}";
        CU_ASSERT(
            gives_twice(context, arena_printf(context->arena, "g () => (y, z) <%s> { y = %s (a, b) z = %s (b, a) }",
                                              operands, op[i]->name, op[i]->name)));
        found++;
        context_free(context);
    }
    CU_ASSERT(found >= 11);
}

/* Elements are all of input 0's: of ones there are only ones. What else an operator takes is in the table. */
static void test_movement(void)
{
    static const char *const call[][2] = {
        {"Expand", "s = Constant <value = int64[3] {4, 2, 3}> () y = Expand (x, s)"},
        {"Reshape", "s = Constant <value = int64[2] {3, 2}> () y = Reshape (x, s)"},
        {"Unsqueeze", "s = Constant <value = int64[1] {0}> () y = Unsqueeze (x, s)"},
        {"Squeeze", "y = Squeeze (x)"},
        {"Identity", "y = Identity (x)"},
        {"Transpose", "y = Transpose (x)"},
    };
    int count;
    const Op *const *const op = op_all(&count);
    for (int i = 0; i < count; i++) {
        const char *text = NULL;
        for (size_t k = 0; k < sizeof call / sizeof *call; k++)
            if (strcmp(call[k][0], op[i]->name) == 0 && !*op[i]->domain)
                text = call[k][1];
        CU_ASSERT_EQUAL(op[i]->is_movement, text != NULL);
        if (!op[i]->is_movement || !text)
            continue;
        Context *const context = test_context();
        Datum *output[1] = {NULL};
        const char *const graph =
            arena_printf(context->arena, "g () => (y) <float[2,3] x = {7, 7, 7, 7, 7, 7}> { %s }", text);
        CU_ASSERT_FATAL(results(context, graph, output));
        CU_ASSERT(output[0]->tensor->count >= 6);
        for (int64_t k = 0; k < output[0]->tensor->count; k++)
            CU_ASSERT_EQUAL(tensor_number(output[0]->tensor, k), 7);
        context_free(context);
    }
}

/* Segment operators take their inputs in the order of gnn.h, and nothing else of domain gnn is one. */
static void test_segment(void)
{
    int count, found = 0;
    const Op *const *const op = op_all(&count);
    for (int i = 0; i < count; i++) {
        const bool is_named_so = strcmp(op[i]->domain, "gnn") == 0 && strncmp(op[i]->name, "Segment", 7) == 0;
        CU_ASSERT_EQUAL(op[i]->is_segment, is_named_so);
        if (!is_named_so)
            continue;
        const char *const inputs = "x:T index:I n:int64 row:int32? order:int32? source:I? from:int32? ->";
        CU_ASSERT(strncmp(op[i]->schema, inputs, strlen(inputs)) == 0 || op[i]->schema[0] == 'z');
        found++;
    }
    CU_ASSERT_EQUAL(found, 6);
}

/* ONNX's generators, all that draw numbers. */
static void test_random(void)
{
    static const char *const name[] = {"Bernoulli",        "Dropout",       "Multinomial",      "RandomNormal",
                                       "RandomNormalLike", "RandomUniform", "RandomUniformLike"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        CU_ASSERT(op_find("", name[i])->is_random);
}

void suite_traits(void)
{
    static const UnitTest tests[] = {
        {"operators that commute", test_commutative},
        {"operators that only move elements", test_movement},
        {"segment operators", test_segment},
        {"operators that draw numbers", test_random},
    };
    ADD_SUITE("traits", tests);
}
