/* test_nest.c -- generated code: names, expressions in normal form, the C of loop nests, the workspace plan. */
#include "codegen/program.h"
#include "codegen/simplify.h"
#include "frontend/frontend.h"
#include "unit.h"
#include <string.h>

static Context *context;

static void test_identifiers(void)
{
    context = test_context();
    Names *outer = names_new(context->arena, NULL), *inner = names_new(context->arena, outer);
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "m_", "/conv1/lin/MatMul"), "m_conv1_lin_MatMul");
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "", "x"), "x");
    CU_ASSERT_STRING_EQUAL(name_identifier(inner, "", "x"), "x_2"); /* outer scopes count */
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "", "7"), "v7");
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "", "*/ \n\"\?\?/"), "v");
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "", "while"), "while_");
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "", "int64_t"), "int64_t_");
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "", "INT32_MAX"), "INT32_MAX_");
    CU_ASSERT_STRING_EQUAL(name_identifier(outer, "", "__reserved"), "reserved");
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    CU_ASSERT_EQUAL(strlen(name_identifier(outer, "", longer)), 40);
    Names *parameters = names_new(context->arena, NULL);
    names_avoid(parameters, "m_", "M_");
    CU_ASSERT_STRING_EQUAL(name_identifier(names_new(context->arena, parameters), "", "m_M_7"), "v7");
    context_free(context);
}

static void test_comments_and_literals(void)
{
    context = test_context();
    CU_ASSERT_STRING_EQUAL(name_comment(context->arena, "a */ b\\\n?"), "a \\x2a/ b\\x5c\\x0a\\x3f");
    CU_ASSERT_STRING_EQUAL(name_literal(context->arena, "a\"b\\?\n"), "\"a\\042b\\134\\077\\012\"");
    context_free(context);
}

static Expr *arith(IndexOp op, Expr *a, Expr *b)
{
    return expr_arith(context, op, a, b);
}

static void test_quotients(void)
{
    context = test_context();
    Simplifier *s = simplifier_new(context);
    Expr *eight = expr_index(context, 8);
    Dim *n = dim_symbol(context->dims, "N");
    Expr *h = expr_axis(context, axis_dim(context, "h", n));
    Expr *f = expr_axis(context, axis_dim(context, "f", dim_const(context->dims, 8)));
    Expr *c = arith(I_ADD, arith(I_MUL, h, eight), f);
    CU_ASSERT_PTR_EQUAL(simplify(s, arith(I_DIV, c, eight)), simplify(s, h));
    CU_ASSERT_PTR_EQUAL(simplify(s, arith(I_MOD, c, eight)), simplify(s, f));
    Expr *whole = expr_axis(context, axis_dim(context, "c", dim_mul(context->dims, n, dim_const(context->dims, 8))));
    Expr *taken_apart = arith(I_ADD, arith(I_MUL, arith(I_DIV, whole, eight), eight), arith(I_MOD, whole, eight));
    CU_ASSERT_PTR_EQUAL(simplify(s, taken_apart), simplify(s, whole));
    CU_ASSERT_PTR_EQUAL(simplify(s, arith(I_ADD, f, h)), simplify(s, arith(I_ADD, h, f)));
    context_free(context);
}

/* The functions of a program for a model in ONNX text, without the passes: one for each operator. */
static const char *functions_of(const char *text, bool threads)
{
    context = test_context();
    const BuildOptions options = {.name = "m", .threads = threads};
    Model *model = model_parse(context, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    CU_ASSERT_FATAL(model_upgrade(model) && model_infer(model));
    Program *program = program_new(model, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(program);
    CU_ASSERT_FATAL(program_functions(program));
    program_plan(program);
    return program->functions->data;
}

#define MODEL "<ir_version: 10, opset_import: [\"\" : 21]>\n"

static void test_elementwise(void)
{
    CU_ASSERT_STRING_EQUAL(
        functions_of(MODEL "g (float[N,3] x, float[3] b) => (float[N,3] y) { y = Add (x, b) }", false),
        "/* y: float[N,3] y\n"
        " *     y = Add(x, b) */\n"
        "static void m_node_y(int64_t N, const float *M_RESTRICT x, const float *M_RESTRICT b, float *M_RESTRICT y)\n"
        "{\n"
        "    for (int64_t i = 0; i < N; i++)\n"
        "        for (int64_t j = 0; j < 3; j++)\n"
        "            y[i * 3 + j] = x[i * 3 + j] + b[j];\n"
        "}\n\n");
    context_free(context);
}

static void test_reduction_over_lanes(void)
{
    const char *text =
        functions_of(MODEL "g (float[N,K] x, float[K,5] w) => (float[N,5] y) { y = MatMul (x, w) }", true);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "#pragma omp parallel for if (10 * N * K + 5 * N > 32768)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "        float sum[5] = {0};\n"
                                        "        for (int64_t k = 0; k < K; k++) {\n"
                                        "            const float x_at = x[i * K + k];\n"
                                        "            for (int64_t j = 0; j < 5; j++)\n"
                                        "                sum[j] += x_at * w[k * 5 + j];\n"
                                        "        }\n"));
    context_free(context);
}

static void test_indices_are_checked(void)
{
    const char *text = functions_of(
        MODEL "g (float[N,3] x, int64[E] k) => (float[E,3] y, float[E,3] z) { y = Gather (x, k) z = Gather (x, k) }",
        false);
    const char *check = strstr(text, "    for (int64_t i = 0; i < E; i++) {\n"
                                     "        const int64_t k_at = k[i];\n"
                                     "        if (k_at < -N || N <= k_at)\n"
                                     "            return M_BAD_INDEX;\n"
                                     "    }\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(check);
    CU_ASSERT_PTR_NULL(strstr(strstr(check, "BAD_INDEX") + 1, "BAD_INDEX")); /* once is enough */
    context_free(context);
}

static void test_views_and_dead_steps(void)
{
    const char *text =
        functions_of(MODEL "g (float[N,6] x) => (float[N,6] z) {\n"
                           "  s = Shape (x) t = Constant <value = int64[3] {0, 2, 3}> () r = Reshape (x, t)\n"
                           "  q = Exp (r) z = Reshape (q, s) }",
                     false);
    CU_ASSERT_PTR_NULL(strstr(text, "m_node_r("));
    CU_ASSERT_PTR_NULL(strstr(text, "m_node_s("));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "m_node_q("));
    context_free(context);
}

/* What gnn.Csr has not checked would be read through without a check. */
static void test_foreign_edges_are_refused(void)
{
    context = test_context();
    const BuildOptions options = {.name = "m"};
    Model *model =
        model_parse(context, "<ir_version: 10, opset_import: [\"\" : 21, \"gnn\" : 1]>\n"
                             "g (float[E,4] x, int64[E] k, int32[8] row, int32[E] order) => (float[7,4] y) {\n"
                             "  n = Constant <value = int64 {7}> () y = gnn.SegmentSum (x, k, n, row, order) }");
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    CU_ASSERT_FATAL(model_upgrade(model) && model_infer(model));
    CU_ASSERT_PTR_NULL(program_new(model, &options, NULL));
    CU_ASSERT(report_has(context->report, OP_UNSUPPORTED));
    context_free(context);
}

void suite_nest(void)
{
    static const UnitTest tests[] = {
        {"identifiers", test_identifiers},
        {"comments and literals", test_comments_and_literals},
        {"quotients", test_quotients},
        {"elementwise", test_elementwise},
        {"reduction over lanes", test_reduction_over_lanes},
        {"indices are checked once", test_indices_are_checked},
        {"foreign edges are refused", test_foreign_edges_are_refused},
        {"views, and steps only shapes needed", test_views_and_dead_steps},
    };
    ADD_SUITE("nest", tests);
}
