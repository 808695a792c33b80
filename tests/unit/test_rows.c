/* test_rows.c -- shares of rows (runtime/rows.h): every row is in one, none has much more than its part, long rows
 * aside. */
#include "runtime/rows.h"
#include "unit.h"

enum { ROWS = 20000 };
static int32_t row[ROWS + 1];

/* Rows of so many edges each, and one of `hub` in the middle. */
static void make_rows(int64_t rows, int32_t edges, int32_t hub)
{
    for (int64_t i = 0; i < rows; i++)
        row[i + 1] = row[i] + (i == rows / 2 ? hub : i % 3 == 0 ? edges : 0);
}

/* The most edges and rows of a share, without its longest row. */
static int64_t check_shares(int64_t rows)
{
    const int64_t shares = o2c_shares(row, rows);
    int64_t greatest = 0;
    CU_ASSERT_EQUAL(o2c_share(row, rows, 0), 0);
    CU_ASSERT_EQUAL(o2c_share(row, rows, shares), rows);
    for (int64_t share = 0; share < shares; share++) {
        const int64_t begin = o2c_share(row, rows, share), end = o2c_share(row, rows, share + 1);
        int64_t work = end - begin + row[end] - row[begin], longest = 0;
        CU_ASSERT_TRUE(begin <= end);
        for (int64_t i = begin; i < end; i++)
            longest = row[i + 1] - row[i] > longest ? row[i + 1] - row[i] : longest;
        greatest = work - longest > greatest ? work - longest : greatest;
    }
    return greatest;
}

static void shares_have_equal_work(void)
{
    make_rows(ROWS, 15, 15);
    CU_ASSERT_EQUAL(o2c_shares(row, ROWS), (row[ROWS] + ROWS) / O2C_LEAST_SHARE + 1);
    CU_ASSERT_TRUE(check_shares(ROWS) <= O2C_LEAST_SHARE);
    CU_ASSERT_EQUAL(o2c_longest(row, ROWS), O2C_LEAST_LONG);
}

static void shares_pass_over_a_hub(void)
{
    make_rows(ROWS, 3, 1000000);
    CU_ASSERT_EQUAL(o2c_shares(row, ROWS), O2C_MOST_SHARES);
    CU_ASSERT_TRUE(check_shares(ROWS) <= (row[ROWS] + ROWS) / O2C_MOST_SHARES + 1);
    CU_ASSERT_EQUAL(o2c_longest(row, ROWS), row[ROWS] / O2C_LONG_PART);
}

static void shares_of_few_rows(void)
{
    for (int64_t rows = 0; rows < 4; rows++) {
        make_rows(rows, 5, 100000);
        check_shares(rows);
    }
}

void suite_rows(void)
{
    const UnitTest tests[] = {{"shares are of equal work", shares_have_equal_work},
                              {"a hub is no reason for many shares", shares_pass_over_a_hub},
                              {"few rows, and none", shares_of_few_rows}};
    ADD_SUITE("rows", tests);
}
