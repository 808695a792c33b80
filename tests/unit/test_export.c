/* test_export.c -- files: what is saved is loaded again as the same model. */
#include "frontend/frontend.h"
#include "frontend/ops/op.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *printed(const Model *model)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    model_print(model, to, NULL);
    fclose(to);
    return text;
}

/* Parses and saves, loads and prints: the text again. */
static void same(const char *text)
{
    char path[] = "/tmp/test_exportXXXXXX";
    Context *context = test_context();
    Model *model = model_parse(context, text);
    const int file = mkstemp(path);
    CU_ASSERT(model && file >= 0);
    CU_ASSERT(model && model_save(model, path));
    Model *again = model_load(context, path);
    char *got = again ? printed(again) : strdup("");
    CU_ASSERT_STRING_EQUAL(got, text);
    if (strcmp(got, text) != 0)
        fprintf(stderr, "got:\n%s\nwanted:\n%s\n", got, text);
    report_print(context->report, stderr);
    free(got);
    close(file);
    unlink(path);
    context_free(context);
}

static void test_types(void)
{
    same("<ir_version: 8, opset_import: [\"\" : 18], metadata_props: [\"a.b\" : \"c\", \"d\" : \"\"]>\n"
         "g (float[N,2] x, float[] any, int64[\"2*N\"] odd, seq(float[N]) s, optional(int64) o) => (float[N,2] y) {\n"
         "    [label] y = Relu (x)\n"
         "}\n");
}

static void test_tensors(void)
{
    same("<ir_version: 13, opset_import: [\"\" : 25]>\n"
         "g (float x) => (y) <\n"
         "    float[2,2] w = {1.5,-2,0.1,inf},\n"
         "    int4[3] narrow = {225,7},\n"
         "    float16[2] half = {15360,0},\n"
         "    string[2] text = {\"a\",\"\"},\n"
         "    bool yes = {1},\n"
         "    int64[0] none = {}\n"
         "> {\n"
         "    y = Neg (x)\n"
         "}\n");
}

static void test_attributes(void)
{
    same("<ir_version: 8, opset_import: [\"\" : 18, \"ai.onnx.ml\" : 3]>\n"
         "g (float[2] x, bool c) => (y) {\n"
         "    t, \"\", u = Split <axis: int = 0> (x)\n"
         "    z = ai.onnx.ml.LabelEncoder <default_float: float = 0.1, keys_int64s: ints = [1, 2], "
         "values_floats: floats = [0.5, 0.25]> (x)\n"
         "    v = Constant <value: tensor = float[1] {2}> ()\n"
         "    y = If (c) <else_branch: graph = no () => (a) {\n"
         "        a = Neg (x)\n"
         "    }, then_branch: graph = yes () => (b) {\n"
         "        b = Pad <mode: string = \"edge\"> (x, \"\", v)\n"
         "    }>\n"
         "}\n");
}

static void test_functions(void)
{
    same("<ir_version: 8, opset_import: [\"\" : 18, \"local\" : 1]>\n"
         "g (float[N] x) => (float[N] y) {\n"
         "    y = local.scale <by: float = 3> (x)\n"
         "}\n"
         "\n"
         "<domain: \"local\", opset_import: [\"\" : 18, \"local\" : 1]>\n"
         "scale <by: float = 2> (x) => (y) {\n"
         "    c = Constant <value_float: float = @by> ()\n"
         "    y = Mul (x, c)\n"
         "}\n");
}

/* An operator of ours is saved with the function that defines it, and read as the operator again: passes know it. One
 * that computes something else keeps its function. */
static void test_own_operators(void)
{
    static const char text[] = "<ir_version: 8, opset_import: [\"\" : 18, \"gnn\" : 1]>\n"
                               "g (float[E,2] x, int64[E] i, int64[1] n) => (float[V,2] y) {\n"
                               "    w = gnn.SegmentSoftmax (x, i, n) y = gnn.SegmentSum (w, i, n)\n"
                               "}\n";
    static const char other[] = "<domain: \"gnn\", opset_import: [\"\" : 18]>\n"
                                "SegmentSum (x, index, n) => (y) { y = Neg (x) }\n";
    for (int is_other = 0; is_other < 2; is_other++) {
        char path[] = "/tmp/test_exportXXXXXX";
        Context *context = test_context();
        Model *model = model_parse(context, text);
        const int file = mkstemp(path);
        CU_ASSERT_FATAL(model != NULL && file >= 0);
        if (is_other) {
            CU_ASSERT_FATAL(functions_parse(model, other));
            model->graph->last->function = model->function[0];
        }
        CU_ASSERT(model_save(model, path));
        Model *again = model_load(context, path);
        CU_ASSERT_PTR_NOT_NULL_FATAL(again);
        CU_ASSERT(is_other || again->nfunction == 0);
        const Node *first = again->graph->first;
        CU_ASSERT(is_other || (first->op == op_find("gnn", "SegmentSoftmax") && !first->function));
        CU_ASSERT_EQUAL(again->graph->last->function != NULL, is_other);
        report_print(context->report, stderr);
        close(file);
        unlink(path);
        context_free(context);
    }
}

void suite_export(void)
{
    static const UnitTest tests[] = {
        {"types", test_types},
        {"tensors", test_tensors},
        {"attributes", test_attributes},
        {"functions", test_functions},
        {"operators of our own", test_own_operators},
    };
    ADD_SUITE("export", tests);
}
