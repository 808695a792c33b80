/* test_export.c -- files: what is saved is loaded again as the same model. */
#include "frontend/frontend.h"
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
    same("<ir_version: 8, opset_import: [\"\" : 18]>\n"
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

void suite_export(void)
{
    static const UnitTest tests[] = {
        {"types", test_types},
        {"tensors", test_tensors},
        {"attributes", test_attributes},
        {"functions", test_functions},
    };
    ADD_SUITE("export", tests);
}
