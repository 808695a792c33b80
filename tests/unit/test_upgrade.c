/* test_upgrade.c -- nodes of old opsets: what they are after the upgrade. That old and new compute the same is tested
 * on the models of upgrade.test; here are the forms, and what is refused. */
#include "frontend/frontend.h"
#include "frontend/ops/op.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

/* The operators of the graph in execution order, "Shape Shape Sub ... Add", after an upgrade from this opset. */
static const char *operators(Context *context, int opset, const char *graph)
{
    Model *model = model_parse(
        context, arena_printf(context->arena, "<ir_version: 8, opset_import: [\"\" : %d]> g %s", opset, graph));
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    if (!model_upgrade(model))
        return "";
    CU_ASSERT(model_verify(model));
    CU_ASSERT_EQUAL(model->opset[0].version, NEWEST_OPSET);
    const char *text = "";
    for (const Node *node = model->graph->first; node; node = node->next)
        text = arena_printf(context->arena, "%s%s%s", text, *text ? " " : "", node->op->name);
    return text;
}

static void expect(int opset, const char *graph, const char *wanted)
{
    Context *context = test_context();
    const char *got = operators(context, opset, graph);
    CU_ASSERT_STRING_EQUAL(got, wanted);
    if (strcmp(got, wanted) != 0)
        printf("\n  got %s\n", got);
    context_free(context);
}

static void test_attributes_become_inputs(void)
{
    expect(11, "(float[1,3] x) => (float[N] y) { y = Squeeze <axes = [0]> (x) }", "Constant Squeeze");
    expect(13, "(float[1,3] x, int64[1] a) => (float[N] y) { y = Squeeze (x, a) }", "Squeeze");
    expect(11, "(float[3] x) => (float[N] y) { y = Clip (x) }", "Clip");
    expect(9, "(float[3] x) => (float[M] y) { y = Slice <starts = [0], ends = [2]> (x) }", "Constant Constant Slice");
    expect(9, "(float[3] x) => (float[M] y, int64[M] i) { y, i = TopK <k = 2> (x) }", "Constant Constant Reshape TopK");
    expect(12, "(float[3] x) => (float[M] y, float[M] z) { y, z = Split <split = [1, 2]> (x) }", "Constant Split");
    expect(1, "(float[2,2] x) => (float[M] y) { y = Reshape <shape = [4]> (x) }", "Constant Reshape");
}

static void test_broadcast(void)
{
    /* the shape of b, then as many ones as a has axes behind those of b */
    expect(6, "(float[2,3,4] a, float[3] b) => (float[2,3,4] y) { y = Add <broadcast = 1, axis = 1> (a, b) }",
           "Constant Shape Shape Sub Shape Shape Sub Constant Max Shape ConstantOfShape Concat Reshape Add");
    expect(6, "(float[2,3] a, float[3] b) => (float[2,3] y) { y = Add <broadcast = 1> (a, b) }", "Add");
    expect(7, "(float[2,3] a, float[3] b) => (float[2,3] y) { y = Add (a, b) }", "Add");
}

static void test_operators_become_others(void)
{
    expect(12, "(float[2,3,4] x) => (float[2,3,4] y) { y = Softmax (x) }", "Flatten Softmax Shape Reshape");
    expect(12, "(float[2,3,4] x) => (float[2,3,4] y) { y = Softmax <axis = -1> (x) }", "Softmax");
    expect(13, "(float[2,3,4] x) => (float[2,3,4] y) { y = Softmax (x) }", "Softmax");
    expect(9, "(float[2] x, int64[1] i, float[1] u) => (float[2] y) { y = Scatter (x, i, u) }", "ScatterElements");
    expect(9, "(float[1,1,2,2] x, float[4] s) => (float[1,1,N,M] y) { y = Upsample (x, s) }", "Resize");
    expect(7, "(float[1,1,2,2] x) => (float[1,1,N,M] y) { y = Upsample <scales = [1.0, 1.0, 2.0, 2.0]> (x) }",
           "Constant Resize");
}

static void test_scan_8(void)
{
    Context *context = test_context();
    const char *got = operators(context, 8,
                                "(float[B,3] s, float[B,N,3] x) => (float[B,3] t, float[B,N,3] y) {"
                                " t, y = Scan <num_scan_inputs = 1, body = b (float[3] u, float[3] v) =>"
                                " (float[3] w, float[3] z) { w = Add (u, v) z = Identity (w) }> (\"\", s, x) }");
    CU_ASSERT_STRING_EQUAL(got, "Scan");
    context_free(context);
}

static void test_functions_have_their_own_opset(void)
{
    Context *context = test_context();
    Model *model = model_parse(context, "<ir_version: 8, opset_import: [\"\" : 18, \"local\" : 1]>\n"
                                        "g (float[1,3] x) => (float[3] y) { y = local.f (x) }\n"
                                        "<domain: \"local\", opset_import: [\"\" : 11]>\n"
                                        "f (a) => (b) { b = Squeeze <axes = [0]> (a) }\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    CU_ASSERT(model_upgrade(model));
    CU_ASSERT_EQUAL_FATAL(model->nfunction, 1);
    CU_ASSERT_EQUAL(model->function[0]->nnode, 2);
    CU_ASSERT_EQUAL(model->function[0]->last->nin, 2);
    context_free(context);
}

static void test_refuses(void)
{
    const struct {
        int opset;
        const char *graph;
        Message message;
    } bad[] = {
        {11,
         "(float[1,1,2,2] x, float[0] r, float[4] s) => (float[1,1,N,M] y) { y = Resize"
         " <coordinate_transformation_mode = \"tf_half_pixel_for_nn\"> (x, r, s) }",
         OP_UNSUPPORTED},
        {5, "(float[2] x) => (float[2] y) { y = Cast <to = \"FLOAT7\"> (x) }", OP_UNSUPPORTED},
        {21, "(float[2] x) => (float[2] y) { y = NoSuchOperator (x) }", OP_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Context *context = test_context();
        CU_ASSERT_STRING_EQUAL(operators(context, bad[i].opset, bad[i].graph), "");
        CU_ASSERT(report_has(context->report, bad[i].message));
        context_free(context);
    }
}

void suite_upgrade(void)
{
    static const UnitTest tests[] = {{"attributes become inputs", test_attributes_become_inputs},
                                     {"broadcast", test_broadcast},
                                     {"operators become others", test_operators_become_others},
                                     {"Scan 8", test_scan_8},
                                     {"functions have their own opset", test_functions_have_their_own_opset},
                                     {"refuses", test_refuses}};
    ADD_SUITE("upgrade", tests);
}
