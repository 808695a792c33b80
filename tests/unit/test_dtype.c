/* test_dtype.c -- the table of element types. */
#include "unit.h"
#include <string.h>

static void test_numbers(void)
{
    for (int number = 1; number < NUM_DTYPE; number++) {
        const char *text = dtype_info((DType)number)->text;
        CU_ASSERT_EQUAL(dtype_parse(text, strlen(text)), (DType)number);
        CU_ASSERT_EQUAL(dtype_from_number(number), (DType)number);
        CU_ASSERT(dtype_info((DType)number)->size > 0);
    }
    CU_ASSERT_EQUAL(dtype_from_number(0), UNDEFINED);
    CU_ASSERT_EQUAL(dtype_from_number(-1), UNDEFINED);
    CU_ASSERT_EQUAL(dtype_from_number(NUM_DTYPE), UNDEFINED);
    CU_ASSERT_EQUAL(dtype_from_number(INT64_C(1) << 32), UNDEFINED);
    CU_ASSERT_EQUAL(dtype_parse("int", 3), UNDEFINED);
    CU_ASSERT_EQUAL(dtype_parse("int64", 4), UNDEFINED);
}

static void test_storage(void)
{
    CU_ASSERT_EQUAL(dtype_info(F32)->size, 4);
    CU_ASSERT_EQUAL(dtype_info(C64)->size, 8);
    CU_ASSERT_EQUAL(dtype_info(C128)->size, 16);
    CU_ASSERT_EQUAL(dtype_info(I4)->size, 1);
    CU_ASSERT_EQUAL(dtype_info(STRING)->size, sizeof(char *));
    CU_ASSERT_STRING_EQUAL(dtype_info(BF16)->storage, "uint16_t");
    CU_ASSERT(dtype_is_converted(F16) && dtype_is_converted(F8E8M0) && dtype_is_converted(F6E2M3));
    CU_ASSERT(!dtype_is_converted(I4) && !dtype_is_converted(BOOL) && !dtype_is_converted(F64));
    CU_ASSERT_EQUAL(dtype_compute(F16), F32);
    CU_ASSERT_EQUAL(dtype_compute(I8), I8);
    CU_ASSERT(dtype_is_float(F4E2M1) && !dtype_is_float(I64));
    CU_ASSERT(dtype_is_integer(U2) && !dtype_is_integer(BOOL));
}

void suite_dtype(void)
{
    static const UnitTest tests[] = {
        {"numbers and names go both ways", test_numbers},
        {"storage and compute types", test_storage},
    };
    ADD_SUITE("dtype", tests);
}
