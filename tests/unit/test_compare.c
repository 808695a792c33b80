/* test_compare.c -- comparing results with what was expected, and the files between verify and a program. */
#include "codegen/compare.h"
#include "codegen/raw.h"
#include "unit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Tensor *tensor(Context *context, DType dtype, int64_t count, const void *element)
{
    Tensor *made = tensor_new(context, dtype, 1, &count);
    memcpy(made->data, element, (size_t)count * dtype_info(dtype)->size);
    return made;
}

/* Whether tensors compare as equal, and what is said when they do not. */
static void check(const Tensor *got, const Tensor *wanted, bool same, const char *message)
{
    Comparison comparison = {.rtol = 1e-3, .atol = 1e-6};
    Datum a = {.kind = TENSOR, .tensor = got}, b = {.kind = TENSOR, .tensor = wanted};
    CU_ASSERT_EQUAL(compare(&comparison, "y", &a, &b), same);
    CU_ASSERT_STRING_EQUAL(comparison.message, message);
}

static void test_floats(void)
{
    Context *context = test_context();
    const float a[] = {1, NAN, INFINITY, 0}, near[] = {1.0005f, NAN, INFINITY, 5e-7f},
                far[] = {1.01f, NAN, INFINITY, 0};
    const float sign[] = {1, NAN, -INFINITY, 0}, lost[] = {1, 0, INFINITY, 0};
    Tensor *wanted = tensor(context, F32, 4, a);
    check(tensor(context, F32, 4, near), wanted, true, "");
    check(tensor(context, F32, 4, far), wanted, false,
          "y differs in 1 of 4 elements, by up to 0.01; element 0 is 1.00999999, wants 1");
    check(tensor(context, F32, 4, sign), wanted, false,
          "y differs in 1 of 4 elements, by up to inf; element 2 is -inf, wants inf");
    check(tensor(context, F32, 4, lost), wanted, false,
          "y differs in 1 of 4 elements, by up to 0; element 1 is 0, wants nan");
    const uint16_t one[] = {0x3C00}, two[] = {0x4000};
    check(tensor(context, F16, 1, one), tensor(context, F16, 1, one), true, "");
    check(tensor(context, F16, 1, one), tensor(context, F16, 1, two), false,
          "y differs in 1 of 1 elements, by up to 1; element 0 is 1, wants 2");
    const uint16_t bfloat[] = {0x3F80}, neighbour[] = {0x3F82}, beyond[] = {0x3F83}; /* 1, 1 + 2^-6, 1 + 3 * 2^-7 */
    check(tensor(context, BF16, 1, neighbour), tensor(context, BF16, 1, bfloat), true, "");
    check(tensor(context, BF16, 1, beyond), tensor(context, BF16, 1, bfloat), false,
          "y differs in 1 of 1 elements, by up to 0.0234; element 0 is 1.0234375, wants 1");
    const double real[] = {1, 2}, imaginary[] = {1, 3};
    check(tensor(context, C128, 1, real), tensor(context, C128, 1, imaginary), false,
          "y differs in 1 of 2 elements, by up to 1; element 0 is 2, wants 3");
    context_free(context);
}

static void test_many_blocks(void)
{
    Context *context = test_context();
    double value[300];
    for (int i = 0; i < 300; i++)
        value[i] = i;
    Tensor *wanted = tensor(context, F64, 300, value);
    value[299] = 0;
    check(tensor(context, F64, 300, value), wanted, false,
          "y differs in 1 of 300 elements, by up to 299; element 299 is 0, wants 299");
    context_free(context);
}

static void test_exact(void)
{
    Context *context = test_context();
    const int64_t a[] = {1000000}, b[] = {1000001};
    check(tensor(context, I64, 1, a), tensor(context, I64, 1, a), true, "");
    check(tensor(context, I64, 1, a), tensor(context, I64, 1, b), false, "y element 0 is 1000000, wants 1000001");
    const float f[] = {1};
    check(tensor(context, F32, 1, f), tensor(context, I64, 1, a), false, "y is float[1], wants int64[1]");
    check(tensor(context, I64, 0, a), tensor(context, I64, 1, a), false, "y is int64[0], wants int64[1]");
    char *const cat[] = {"cat"}, *const dog[] = {"dog"};
    check(tensor(context, STRING, 1, cat), tensor(context, STRING, 1, dog), false,
          "y element 0 is \"cat\", wants \"dog\"");
    context_free(context);
}

static void test_nested(void)
{
    Context *context = test_context();
    const int64_t a[] = {1}, b[] = {2};
    Datum one = {.kind = TENSOR, .tensor = tensor(context, I64, 1, a)};
    Datum two = {.kind = TENSOR, .tensor = tensor(context, I64, 1, b)};
    Datum *ones[] = {&one, &one}, *mixed[] = {&one, &two};
    Datum left = {.kind = SEQUENCE, .item = ones, .count = 2}, right = {.kind = SEQUENCE, .item = mixed, .count = 2};
    Datum full = {.kind = OPTIONAL, .item = ones, .count = 1}, empty = {.kind = OPTIONAL};
    Comparison comparison = {.rtol = 0};
    CU_ASSERT(compare(&comparison, "y", &left, &left));
    CU_ASSERT(!compare(&comparison, "y", &left, &right));
    CU_ASSERT_STRING_EQUAL(comparison.message, "y[1] element 0 is 1, wants 2");
    CU_ASSERT(!compare(&comparison, "y", &one, &left));
    CU_ASSERT(compare(&comparison, "y", &full, &one));
    CU_ASSERT(compare(&comparison, "y", &empty, &empty));
    CU_ASSERT(!compare(&comparison, "y", &empty, &one));
    context_free(context);
}

static void test_raw(void)
{
    Context *context = test_context();
    char path[] = "/tmp/onnx2c-unit-XXXXXX";
    close(mkstemp(path));
    char *const words[] = {"", "two words"};
    const double numbers[] = {1.5, -0.0, NAN};
    Tensor *wanted[] = {tensor(context, STRING, 2, words), tensor(context, F64, 3, numbers),
                        tensor(context, F64, 0, numbers)};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(raw_write(context, path, wanted[i]));
        Tensor *read = raw_read(context, path, wanted[i]->dtype);
        CU_ASSERT_PTR_NOT_NULL_FATAL(read);
        CU_ASSERT(tensor_equal(read, wanted[i]));
    }
    CU_ASSERT(truncate(path, 12) == 0);
    CU_ASSERT_PTR_NULL(raw_read(context, path, F64));
    CU_ASSERT(report_has(context->report, FILE_UNREADABLE));
    unlink(path);
    CU_ASSERT_PTR_NULL(raw_read(context, path, F64));
    context_free(context);
}

void suite_compare(void)
{
    static const UnitTest tests[] = {
        {"floating elements within the tolerance", test_floats},
        {"more elements than a block", test_many_blocks},
        {"all others exactly", test_exact},
        {"sequences and optionals", test_nested},
        {"raw files", test_raw},
    };
    ADD_SUITE("compare", tests);
}
