/* unit.c -- runs the CUnit suites: all, or those named on the command line. Exit 0 when all pass. */
#include "unit.h"
#include "frontend/frontend.h"
#include <CUnit/Basic.h>
#include <string.h>

void add_suite(const char *topic, const UnitTest *test, int count)
{
    CU_pSuite suite = CU_add_suite(topic, NULL, NULL);
    for (int i = 0; i < count; i++)
        CU_add_test(suite, test[i].name, test[i].run);
}

Context *test_context(void)
{
    return context_new((size_t)64 << 20, "test.onnx");
}

Model *inferred_model(Context *context, const char *graph)
{
    Model *model =
        model_parse(context, arena_printf(context->arena, "<ir_version: 14, opset_import: [\"\" : 28]> %s", graph));
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    return model_infer(model) ? model : NULL;
}

static const struct {
    const char *topic;
    void (*add)(void);
} suite[] = {
#define SUITE(topic) {#topic, suite_##topic},
#include "unit.def"
#undef SUITE
};
enum { NUM_SUITE = sizeof suite / sizeof *suite };

static bool is_wanted(const char *topic, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], topic) == 0)
            return true;
    return argc == 1;
}

int main(int argc, char **argv)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    for (int i = 0; i < NUM_SUITE; i++)
        if (is_wanted(suite[i].topic, argc, argv))
            suite[i].add();
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_tests_failed(), run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    printf("unit tests: %u passed, %u failed\n", run - failed, failed);
    return failed || run == 0;
}
