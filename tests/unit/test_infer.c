/* test_infer.c -- inferred types, symbolic shapes, elements and bounds; what is said about wrong graphs. */
#include "frontend/frontend.h"
#include "unit.h"
#include <string.h>

static Context *context;

/* The inferred model; NULL after errors. */
static Model *infer(const char *text)
{
    context = test_context();
    Model *model = model_parse(context, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    return model_infer(model) ? model : NULL;
}

/* Infers a graph of opset 28 and compares the type of its first output. */
static void check_type(const char *graph, const char *wanted)
{
    context = test_context();
    const Model *model = inferred_model(context, graph);
    const char *type = model ? type_text(&model->graph->out[0]->type, context->arena) : "";
    if (strcmp(type, wanted) != 0) {
        printf("\n  %s\n    is %s, not %s\n", graph, type, wanted);
        report_print(context->report, stdout);
    }
    CU_ASSERT_STRING_EQUAL(type, wanted);
    context_free(context);
}

static void test_shapes(void)
{
    check_type("g (float[N,1] a, float[M] b) => (y) { y = Add (a, b) }", "float[N,M]");
    check_type("g (float[N,3] a) => (y) { y = Exp (a) }", "float[N,3]");
    check_type("g (float[N] a) => (y) { z = Constant <value = float {0.5}> () y = Less (a, z) }", "bool[N]");
    check_type("g (float16[N,4] a) => (y) { y = Cast <to = 9> (a) }", "bool[N,4]");
    check_type("g (float[2,0] a, float[1,1] b) => (y) { y = Mul (a, b) }", "float[2,0]");
    check_type("g (float[N,K] a, float[K,4] b) => (y) { y = MatMul (a, b) }", "float[N,4]");
}

/* What inferring this graph has taken for granted, in order: "N = M, K <= 4". */
static void check_requires(const char *graph, const char *wanted)
{
    char text[4000], list[400] = "";
    snprintf(text, sizeof text, "<ir_version: 14, opset_import: [\"\" : 28, \"f\" : 1]> %s", graph);
    Model *model = infer(text);
    CU_ASSERT_PTR_NOT_NULL(model);
    for (const Requirement *r = model ? model->graph->requires.first : NULL; r; r = r->next)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s %s %s", *list ? ", " : "",
                 dim_text(r->low, context->arena, NULL, NULL),
                 r->is_equal ? "=" : "<=", dim_text(r->high, context->arena, NULL, NULL));
    if (strcmp(list, wanted) != 0)
        printf("\n  %s\n    requires %s, not %s\n", graph, list, wanted);
    CU_ASSERT_STRING_EQUAL(list, wanted);
    context_free(context);
}

static void test_requires(void)
{
    check_requires("g (float[N] a, float[N] b) => (y) { y = Add (a, b) }", "");
    check_requires("g (float[N] a, float[1] b) => (y) { y = Add (a, b) }", "");
    check_requires("g (float[N] a, float[M] b) => (y) { y = Add (a, b) }", "N = M");
    check_requires("g (float[N] a, float[M] b) => (y) { s = Add (a, b) y = Sub (b, a) }", "N = M"); /* once */
    check_requires("g (float[N] a, float[3] b) => (y) { y = Add (a, b) }", "N = 3");
    check_requires("g (float[N,K] a, float[L,M] b) => (y) { y = MatMul (a, b) }", "K = L");
    check_requires("g (float[N,A] a, float[M,B] b) => (y) { y = Concat <axis = 1> (a, b) }", "N = M");
    check_requires("g (float[1,2,H] x, float[4,2,3] w) => (y) { y = Conv (x, w) }", "3 <= H, 2 <= H");
    check_requires("g (float[N] x) => (y) { k = Constant <value = int64[1] {3}> () y, i = TopK (x, k) }", "3 <= N");
    check_requires("g (float[N] x, int64[E] i, float[F] u) => (y) { y = ScatterElements (x, i, u) }", "E = F");
    check_requires("g (float[N,16] x, float[M] w) => (y) { m = Shape (w) r = Constant <value = int64[1] {4}> ()"
                   "  s = Concat <axis = 0> (m, r) y = Reshape (x, s) }",
                   "16*N = 4*M");
    check_requires("g (float[N,4] x, int64[2] s) => (y) { y = Reshape (x, s) }", "4*N = u0*u1");
    /* operators made of others, and functions */
    check_requires("g (float[N,K] x, float[M] scale) => (y) { y = LayerNormalization (x, scale) }", "K = M");
    check_requires("g (float[N] a, float[M] b) => (y) { y = f.add (a, b) }"
                   "<domain: \"f\", opset_import: [\"\" : 28]> add (p, q) => (r) { r = Add (p, q) }",
                   "N = M");
    /* a branch that may not be taken requires nothing of the graph */
    check_requires("g (bool c, float[N] a, float[M] b) => (y) { y = If (c) <"
                   "  then_branch = t () => (u) { u = Add (a, b) }, else_branch = e () => (v) { v = Neg (a) }> }",
                   "");
}

static void test_elements(void)
{
    /* what an exporter writes for x.view(x.size(0), -1) */
    check_type("g (float[N,3,4] x) => (y) {"
               "  s = Shape (x)  zero = Constant <value = int64 {0}> ()  n = Gather (s, zero)"
               "  axes = Constant <value = int64[1] {0}> ()  n1 = Unsqueeze (n, axes)"
               "  rest = Constant <value = int64[1] {-1}> ()  shape = Concat <axis = 0> (n1, rest)"
               "  y = Reshape (x, shape) }",
               "float[N,12]");
    /* and for expand, with -1 where the size stays */
    check_type("g (float[N,1] x, float[M] w) => (y) {"
               "  m = Shape (w)  minus = Constant <value = int64[1] {-1}> ()  want = Concat <axis = 0> (minus, m)"
               "  two = Constant <value = int64[1] {2}> ()  ones = ConstantOfShape <value = int64[1] {1}> (two)"
               "  is_minus = Equal (want, minus)  shape = Where (is_minus, ones, want)"
               "  y = Expand (x, shape) }",
               "float[N,M]");
    /* arithmetic, casts to int32 and back, minima, products */
    check_type("g (float[N,3] x) => (y) {"
               "  s = Shape (x)  n = ReduceProd <keepdims = 1> (s)  two = Constant <value = int32[1] {2}> ()"
               "  i = Cast <to = 6> (n)  half = Div (i, two)  l = Cast <to = 7> (half)"
               "  y = ConstantOfShape (l) }",
               "float[\"N + N/2\"]");
}

/* Scales that are computed in floating point decide a shape when they are known. */
static void test_small_results(void)
{
    check_type("g (float[1,2,5,5] x) => (y) {"
               "  s = Shape (x)  f = Cast <to = 1> (s)  q = Constant <value = float[4] {1,1,2,2}> ()  d = Mul (f, q)"
               "  l = Cast <to = 7> (d)  y = ConstantOfShape (l) }",
               "float[1,2,10,10]");
}

/* Sizes that only the data tells are symbols, the same ones wherever they go. */
static void test_fresh(void)
{
    check_type("g (int64[2] s) => (y) {"
               "  zero = Constant <value = int64[1] {0}> ()  one = Constant <value = int64[1] {1}> ()"
               "  a = Gather (s, zero)  b = Slice (s, zero, one)  twice = Concat <axis = 0> (a, b)"
               "  y = ConstantOfShape (twice) }",
               "float[u0,u0]");
    check_type("g (float[N,4] x, int64[2] s) => (y) { y = Reshape (x, s) }", "float[u0,u1]");
    check_type("g (float[N] x, int64[1] a, int64[1] b) => (y) { y = Slice (x, a, b) }", "float[u1]"); /* u0: where */
    check_type("g (float[N] x, int64[1] k) => (y) {" /* k is known to be a size from its other reader */
               "  zero = Constant <value = int64[1] {0}> ()  z = ConstantOfShape (k)  s = Slice (x, zero, k)"
               "  y = Add (z, s) }",
               "float[u0]");
    check_type("g (bool[N] m, float[N,2] x) => (y) { y = Compress <axis = 0> (x, m) }", "float[u0,2]");
}

static void test_bound(void)
{
    Model *model = infer("<ir_version: 14, opset_import: [\"\" : 28]> g (int64[N] n) => (y) {"
                         "  zero = Constant <value = int64 {0}> ()  one = Constant <value = int64 {1}> ()"
                         "  s = Size (n)  y = Range (zero, s, one) }");
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    const Value *y = model->graph->out[0];
    CU_ASSERT_PTR_NOT_NULL_FATAL(y->bound);
    CU_ASSERT_PTR_EQUAL(y->bound, dim_symbol(context->dims, "N"));
    context_free(context);
}

/* ---- errors ---- */
static void check_error(const char *graph, Message message)
{
    char text[4000];
    snprintf(text, sizeof text, "<ir_version: 14, opset_import: [\"\" : 28]> %s", graph);
    CU_ASSERT_PTR_NULL(infer(text));
    if (!report_has(context->report, message))
        report_print(context->report, stdout);
    CU_ASSERT(report_has(context->report, message));
    CU_ASSERT_EQUAL(report_errors(context->report), 1);
    context_free(context);
}

static void test_errors(void)
{
    check_error("g (float[3] a, float[4] b) => (y) { y = Add (a, b) }", NODE_SHAPE);
    check_error("g (float[3] a, int64[3] b) => (y) { y = Add (a, b) }", NODE_TYPE);
    check_error("g (bool[3] a) => (y) { y = Exp (a) }", NODE_TYPE);
    check_error("g (float[3] a) => (y) { y = Add (a) }", NODE_ARITY);
    check_error("g (float[3] a) => (y) { y = LeakyRelu <slope = 0.1> (a) }", NODE_ATTRIBUTE);
    check_error("g (float[3] a) => (y) { y = Cast <to = 1.5> (a) }", NODE_ATTRIBUTE);
    check_error("g (float[3] a) => (y) { y = Cast (a) }", NODE_ATTRIBUTE);
    /* one error, and silence about what depends on it */
    check_error("g (float[3] a, float[4] b) => (y) { x = Add (a, b)  z = Exp (x)  y = MatMul (z, a) }", NODE_SHAPE);
}

void suite_infer(void)
{
    static const UnitTest tests[] = {
        {"shapes", test_shapes},
        {"what is required of sizes", test_requires},
        {"shape arithmetic", test_elements},
        {"small results", test_small_results},
        {"sizes from data", test_fresh},
        {"bounds", test_bound},
        {"errors", test_errors},
    };
    ADD_SUITE("infer", tests);
}
