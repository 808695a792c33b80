/* test_text.c -- ONNX text: what is printed is read back, bit for bit; what is wrong is said, with its line. */
#include "frontend/frontend.h"
#include "frontend/ops/op.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

#define HEADER "<ir_version: 8, opset_import: [\"\" : 18]>\n"

static char *printed(const Model *model)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    const PrintOptions options = {.types = false};
    model_print(model, to, &options);
    fclose(to);
    return text;
}

/* Parses, prints, parses and prints: both prints are `text` itself. */
static void same(const char *text)
{
    Context *context = test_context();
    Model *model = model_parse(context, text);
    CU_ASSERT_PTR_NOT_NULL(model);
    if (model) {
        CU_ASSERT(model_verify(model));
        char *once = printed(model);
        if (strcmp(once, text) != 0)
            fprintf(stderr, "got:\n%s\nwanted:\n%s\n", once, text);
        CU_ASSERT_STRING_EQUAL(once, text);
        Model *again = model_parse(context, once);
        char *twice = again ? printed(again) : NULL;
        CU_ASSERT(again && strcmp(once, twice) == 0);
        free(once);
        free(twice);
    }
    report_print(context->report, stderr);
    context_free(context);
}

static void test_models(void)
{
    same(HEADER "g (float[N,2] x, float[] any, float scalar, int64[\"2*N\"] odd) => (float[N] y) {\n"
                "    [label] y = Relu (x)\n"
                "}\n");
    same("<ir_version: 8, opset_import: [\"\" : 18, \"ai.onnx.ml\" : 5]>\n"
         "g (float[N] x) => (float[N] y) <\n"
         "    float[2] w = {1.5,-2},\n"
         "    float one = {1}\n"
         "> {\n"
         "    t, \"\", u = Op (x, \"\", w)\n"
         "    y = ai.onnx.ml.Op <b: int = 1, c: floats = [1, 0.1], d: string = \"s\"> (t, one)\n"
         "}\n");
}

static void test_names(void)
{
    same(HEADER "\"a graph\" (float[\"a b\"] \"x \\\"*/\\\\ /y\", float \"float\") => (y) {\n"
                "    [\"1/odd\"] y = Relu (\"x \\\"*/\\\\ /y\")\n"
                "}\n");
    same(HEADER "g (float x) => (\"line\nbreak\") {\n    \"line\nbreak\" = Relu (x)\n}\n");
}

static void test_attributes(void)
{
    same(HEADER "g (float x) => (y) {\n"
                "    y = Op <a: int = -9223372036854775808, b: float = -inf, c: float = nan, d: string = \"\", "
                "e: ints = [], f: strings = [\"a\", \"\\\"\"], g: type_proto = seq(map(int64, float[N])), "
                "h: tensor = string[2] {\"x\",\"\\\\\"}, i: float = 1.4013e-45> (x)\n"
                "}\n");
}

static void test_literals(void)
{
    same(HEADER "g (float x) => (y) <\n"
                "    float[4] a = {3.4028235e+38,1.4013e-45,-0,nan},\n"
                "    double[2] b = {0.1,4.94065645841247e-324},\n"
                "    float16[2] c = {15360,31744},\n"
                "    bfloat16 d = {16256},\n"
                "    float8e4m3fn[1] e = {255},\n"
                "    int4[3] f = {33,13},\n"
                "    uint2[5] g = {228,1},\n"
                "    float4e2m1[2] h = {33},\n"
                "    float6e2m3[2] i = {1,63},\n"
                "    bool[2] j = {1,0},\n"
                "    string[2] k = {\"\",\"a \\\"b\\\"\"},\n"
                "    uint64[1] l = {18446744073709551615},\n"
                "    int8[2] m = {-128,127},\n"
                "    complex64[1] n = {1,-2},\n"
                "    float[0,3] o = {}\n"
                "> {\n"
                "    y = Relu (x)\n"
                "}\n");
}

static void test_subgraphs(void)
{
    same(HEADER "g (bool c, float x) => (y) {\n"
                "    y = If (c) <else_branch: graph = e () => (a) <\n"
                "        float one = {1}\n"
                "    > {\n"
                "        a = Add (x, one)\n"
                "    }, then_branch: graph = t () => (b) {\n"
                "        b = Relu (x)\n"
                "    }>\n"
                "}\n");
}

static void test_functions(void)
{
    same("<ir_version: 10, opset_import: [\"\" : 18, \"f\" : 1]>\n"
         "g (float x) => (y) {\n"
         "    t = f.twice <slope: float = 0.5> (x)\n"
         "    y = f.twice:other (t)\n"
         "}\n"
         "\n"
         "<domain: \"f\", opset_import: [\"\" : 18, \"f\" : 1]>\n"
         "twice <slope> (a) => (b) {\n"
         "    t = Elu <alpha: float = @slope> (a)\n"
         "    b = Add (t, t)\n"
         "}\n"
         "\n"
         "<domain: \"f\", overload: \"other\", opset_import: [\"\" : 18, \"f\" : 1]>\n"
         "twice <axis: int = 1> (a) => (b) {\n"
         "    b = Softmax <axis: int = @axis> (a)\n"
         "}\n");
}

/* Our own operators are printed as calls of functions, and read back as themselves. */
static void test_own_operators(void)
{
    static const char text[] = "<ir_version: 8, opset_import: [\"\" : 18, \"gnn\" : 1]>\n"
                               "g (float[E,3] x, int64[E] index, int64 n) => (y) {\n"
                               "    y = gnn.SegmentSum (x, index, n)\n"
                               "}\n";
    Context *context = test_context();
    Model *model = model_parse(context, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    CU_ASSERT_PTR_EQUAL(model->graph->first->op, op_find("gnn", "SegmentSum"));
    char *once = printed(model);
    CU_ASSERT(strncmp(once, text, strlen(text)) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(once, "\n<domain: \"gnn\""));
    Model *again = model_parse(context, once);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_EQUAL(again->nfunction, 0);
    char *twice = printed(again);
    CU_ASSERT_STRING_EQUAL(once, twice);
    free(once);
    free(twice);
    context_free(context);
}

/* What is called as an operator of ours must be that operator. */
static void test_other_meaning(void)
{
    Context *context = test_context();
    CU_ASSERT_PTR_NULL(model_parse(context,
                                   "<ir_version: 8, opset_import: [\"\" : 18, \"gnn\" : 1]>\n"
                                   "g (float[E,3] x, int64[E] i, int64 n) => (y) { y = gnn.SegmentSum (x, i, n) }\n"
                                   "<domain: \"gnn\", opset_import: [\"\" : 18]>\n"
                                   "SegmentSum (x, index, n) => (y) { y = Neg (x) }"));
    CU_ASSERT(report_has(context->report, GRAPH_INVALID));
    context_free(context);
}

/* Every operator of ours has a function that says to others what it computes. */
static void test_functions_of_own_operators(void)
{
    Context *context = test_context();
    int count;
    const Op *const *op = op_all(&count);
    for (int i = 0; i < count; i++)
        if (op[i]->domain && (strcmp(op[i]->domain, "gnn") == 0 || strcmp(op[i]->domain, "o2c") == 0))
            CU_ASSERT_PTR_NOT_NULL(model_find_function(context_library(context), op[i]->domain, op[i]->name, ""));
    CU_ASSERT(model_verify(context_library(context)));
    context_free(context);
}

/* Values of types that C does not have, where a point says that the number is no bit pattern. */
static void test_rounded_literals(void)
{
    Context *context = test_context();
    const Model *model = model_parse(context, HEADER "g (float x) => (x) <float16[3] w = {1.0, -2.5, inf}, "
                                                     "bfloat16 b = {1.0}> { }");
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    const uint16_t *half = model->graph->initializer[0]->constant->data;
    CU_ASSERT(half[0] == 0x3c00 && half[1] == 0xc100 && half[2] == 0x7c00);
    CU_ASSERT_EQUAL(*(const uint16_t *)model->graph->initializer[1]->constant->data, 0x3f80);
    context_free(context);
}

/* What onnx.parser takes beyond what we print. */
static void test_other_spellings(void)
{
    Context *context = test_context();
    const Model *model = model_parse(
        context,
        "<ir_version: 8, opset_import: [\"\" : 18], producer_name: \"p\", metadata_props: [\"k\" : \"v\"]> # c\n"
        "g (float[2] x, float[2] w = {1, 2}) => (float[2] y) <float[2] t> {\n"
        "  t, = Op (x, , w) <a = 1, b = [1.0, 2], c = float[2] named {1, 2}, d = float[N]>\n"
        "  y = Relu (t)\n"
        "}\n"
        "f <a, b = 1> (float x) => (y) <float[2] t> { t = Relu (x) y = Op <k: int = @a, l = @b> (t, ) }");
    report_print(context->report, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    const Node *node = model->graph->first;
    CU_ASSERT_EQUAL(node->nin, 3);
    CU_ASSERT_PTR_NULL(node->in[1]);
    CU_ASSERT(model->graph->in[1]->is_overridable && model->graph->in[1]->constant);
    CU_ASSERT_EQUAL(attr_find(node, "b")->kind, ATTR_FLOATS);
    CU_ASSERT_EQUAL(attr_find(node, "d")->kind, ATTR_TYPE);
    CU_ASSERT_EQUAL(attr_find(model->function[0]->last, "l")->reference, ATTR_INT);
    context_free(context);
}

static void test_errors(void)
{
    static const struct {
        const char *text;
        int line;
        const char *says;
    } bad[] = {
        {"", 1, "begins with"},
        {HEADER "g (float x) => (y) {\n y = Relu (z)\n}", 3, "'z' is not defined"},
        {HEADER "g (float x) => (y) {\n y = Relu (x)\n y = Relu (x)\n}", 4, "defined already"},
        {HEADER "g (float x) => (y) {\n y = Relu (x)\n", 4, "expected"},
        {HEADER "g (float x) => (z) {\n y = Relu (x)\n}", 2, "output 'z'"},
        {HEADER "g (float[2] x) => (x) <float[2] w = {1}> { }", 2, "',' expected"},
        {HEADER "g (float[2] x) => (x) <float[2] w = {1, 2, 3}> { }", 2, "'}' expected"},
        {HEADER "g (float[2] x) => (x) <int8[1] w = {128}> { }", 2, "range"},
        {HEADER "g (float[2] x) => (x) <float[9999999999] w = {}> { }", 2, "fewer elements"},
        {HEADER "g (float[2] x) => (x) <float[1] w = {1e39}> { }", 2, "too great"},
        {HEADER "g (float[2] x) => (x) <int64[1] w = {9223372036854775808}> { }", 2, "64 bits"},
        {HEADER "g (float[N] x) => (x) <float[N] w = {1}> { }", 2, "numbers"},
        {HEADER "g (float[-1] x) => (x) { }", 2, "negative"},
        {HEADER "g (float x) => (x) <float[1] w = [\"location\": \"/etc/passwd\"]> { }", 2, "no file"},
        {HEADER "g (float x) => (y) { y = Op <a: int = \"s\"> (x) }", 2, "another kind"},
        {HEADER "g (float x) => (y) { y = Op <a = 1, a = 2> (x) }", 2, "twice"},
        {HEADER "g (float x) => (y) { y = Op <a: int = @b> (x) }", 2, "no attribute 'b'"},
        {HEADER "g (float x) => (y) { y = Op <a = []> (x) }", 2, "needs its kind"},
        {HEADER "g (float x) => (y) { y = Op <a = [1, \"s\"]> (x) }", 2, "another kind"},
        {HEADER "g (float x) => (y) { y = Op (\"x) }", 2, "quote"},
        {HEADER "g (seq(seq(seq(seq(seq(seq(seq(seq(seq(float))))))))) x) => (x) { }", 2, "deeper"},
        {HEADER "g (float[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1] x) => (x) { }", 2, "more than 16"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Context *context = test_context();
        CU_ASSERT_PTR_NULL(model_parse(context, bad[i].text));
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        report_print(context->report, to);
        fclose(to);
        const char *line = arena_printf(context->arena, "line %d:", bad[i].line);
        bool right = strstr(text, line) && strstr(text, bad[i].says);
        if (!right)
            fprintf(stderr, "%s\n  wanted: %s %s\n  got: %s\n", bad[i].text, line, bad[i].says, text);
        CU_ASSERT(right);
        free(text);
        context_free(context);
    }
}

static void test_nesting(void)
{
    Context *context = test_context();
    char *text = arena_strdup(context->arena, HEADER "g (bool c) => (y) { y = If (c) <then_branch = ");
    for (int i = 0; i < 40; i++)
        text = arena_printf(context->arena, "%sb () => (z%d) { z%d = If (c) <then_branch = ", text, i, i);
    CU_ASSERT_PTR_NULL(model_parse(context, text));
    CU_ASSERT(report_has(context->report, SYNTAX));
    context_free(context);
}

/* Every prefix of a text, and the text with each byte changed, is read or refused, and nothing else. */
static void test_damage(void)
{
    static const char text[] =
        "<ir_version: 8, opset_import: [\"\" : 18]>\ng (float[N,2] x) => (y) <float[2] w = {1, 2}> {\n"
        " [l] y = If <a: ints = [1], g = h () => (\"z\") { z = d.Op:o (x, \"\") }> (w) # c\n}\n"
        "<domain: \"f\", opset_import: []> f <a, b: int = 1> (x) => (y) { y = Op <c: int = @b> (x) }";
    static const char put[] = "\"\\<>(){}[]=:,.@#-9a\n\x80";
    for (size_t i = 0; i < sizeof text; i++)
        for (size_t k = 0; k < sizeof put; k++) {
            Context *context = test_context();
            char *damaged = arena_strdup(context->arena, text);
            damaged[i] = put[k]; /* the last one ends it here */
            const Model *model = model_parse(context, i < sizeof text - 1 ? damaged : text);
            CU_ASSERT(model ? model_verify(model) : report_errors(context->report) > 0);
            context_free(context);
        }
}

/* A model at the newest opset is written at the lowest that has what it says. */
static void test_lowest_opset(void)
{
    static const struct {
        const char *node, *header;
    } model[] = {
        {"Relu (x)", "<ir_version: 8, opset_import: [\"\" : 18]>"},
        {"Gelu (x)", "<ir_version: 9, opset_import: [\"\" : 20]>"},
        {"AveragePool <dilations: ints = [1]> (x)", "<ir_version: 9, opset_import: [\"\" : 19]>"},
        {"AveragePool (x)", "<ir_version: 8, opset_import: [\"\" : 18]>"},
        {"Swish (x)", "<ir_version: 12, opset_import: [\"\" : 24]>"},
        {"Cast <to: int = 27> (t)", "<ir_version: 14, opset_import: [\"\" : 28]>"},
    };
    for (size_t i = 0; i < sizeof model / sizeof *model; i++) {
        Context *context = test_context();
        const Model *parsed = model_parse(
            context,
            arena_printf(context->arena,
                         "<ir_version: 14, opset_import: [\"\" : 28]> g (float[N] x, float6e2m3 t) => (y) { y = %s }",
                         model[i].node));
        CU_ASSERT_PTR_NOT_NULL_FATAL(parsed);
        char *text = printed(parsed);
        CU_ASSERT(strncmp(text, model[i].header, strlen(model[i].header)) == 0);
        free(text);
        context_free(context);
    }
}

void suite_text(void)
{
    static const UnitTest tests[] = {
        {"models", test_models},
        {"names", test_names},
        {"attributes", test_attributes},
        {"tensors of every type", test_literals},
        {"subgraphs", test_subgraphs},
        {"functions", test_functions},
        {"operators of our own", test_own_operators},
        {"another meaning for an operator of our own", test_other_meaning},
        {"functions of our operators", test_functions_of_own_operators},
        {"rounded literals", test_rounded_literals},
        {"other spellings", test_other_spellings},
        {"errors and their lines", test_errors},
        {"nesting", test_nesting},
        {"damaged text", test_damage},
        {"the lowest opset", test_lowest_opset},
    };
    ADD_SUITE("text", tests);
}
