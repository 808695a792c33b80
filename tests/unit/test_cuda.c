/* test_cuda.c -- kernels: which loops become threads, what a fault does, what is refused. */
#include "codegen/cuda.h"
#include "frontend/frontend.h"
#include "unit.h"
#include <string.h>

#define MODEL "<ir_version: 10, opset_import: [\"\" : 21]>\n"

static Context *context;

/* The program for CUDA of a model in ONNX text, without the passes. */
static Program *program_of(const char *text)
{
    static const BuildOptions options = {.name = "m", .target = TARGET_CUDA, .weights = WEIGHTS_BIN};
    context = test_context();
    Model *model = model_parse(context, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    CU_ASSERT_FATAL(model_upgrade(model) && model_infer(model));
    Program *program = program_new(model, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(program);
    CU_ASSERT_FATAL(program_functions(program));
    return program;
}

static void test_outputs_are_threads_and_reductions_loops(void)
{
    const Program *program = program_of(MODEL "g (float[N,K] x, float[K,5] w) => (float[N,5] y) { y = MatMul (x, w) }");
    CU_ASSERT_PTR_NOT_NULL(strstr(program->functions->data, "static __global__ void m_node_y("));
    CU_ASSERT_PTR_NOT_NULL(strstr(program->functions->data,
                                  "int32_t *fault)\n"
                                  "{\n"
                                  "    if (*fault)\n"
                                  "        return;\n"
                                  "    for (int64_t thread = M_THREAD; thread < 5 * N; thread += M_THREADS) {\n"
                                  "        const int64_t i = thread / 5;\n"
                                  "        const int64_t j = thread % 5;\n"
                                  "        float sum = 0.0f;\n"
                                  "        for (int64_t k = 0; k < K; k++)\n"
                                  "            sum += x[i * K + k] * w[k * 5 + j];\n"
                                  "        y[i * 5 + j] = sum;\n"
                                  "    }\n"
                                  "}\n"));
    context_free(context);
}

static void test_a_bad_index_is_told_by_the_fault(void)
{
    const Program *program = program_of(MODEL "g (float[N,3] x, int64[E] k) => (float[E,3] y) { y = Gather (x, k) }");
    CU_ASSERT_PTR_NOT_NULL(strstr(program->functions->data, "thread < E; thread += M_THREADS"));
    CU_ASSERT_PTR_NOT_NULL(strstr(program->functions->data, "return (void)(*fault = M_BAD_INDEX);"));
    context_free(context);
}

/* Rounds of an update follow from each other: one thread, in a kernel behind that of the body. */
static void test_updates_stay_in_order(void)
{
    const Program *program = program_of(MODEL "g (float[N] x, int64[E] k, float[E] u) => (float[N] y) {\n"
                                              "  y = ScatterElements <reduction = \"add\"> (x, k, u) }");
    const char *text = program->functions->data, *body = strstr(text, "y[i] = x[i];");
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "static __global__ void"));
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "for (int64_t u_2 = 0; u_2 < E; u_2++)"));
    context_free(context);
}

static void test_what_only_data_tells_is_refused(void)
{
    CU_ASSERT_FALSE(cuda_supports(program_of(MODEL "g (float[N] x) => (int64[1,M] y) { y = NonZero (x) }")));
    CU_ASSERT(report_has(context->report, OP_UNSUPPORTED));
    context_free(context);
    CU_ASSERT(cuda_supports(program_of(MODEL "g (float[N] x) => (float[N] y) { y = Abs (x) }")));
    context_free(context);
}

void suite_cuda(void)
{
    static const UnitTest tests[] = {
        {"outputs are threads, reductions loops", test_outputs_are_threads_and_reductions_loops},
        {"a bad index is told by the fault", test_a_bad_index_is_told_by_the_fault},
        {"updates stay in order", test_updates_stay_in_order},
        {"what only data tells is refused", test_what_only_data_tells_is_refused},
    };
    ADD_SUITE("cuda", tests);
}
