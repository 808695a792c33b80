/* test_dim.c -- symbolic dimensions: normal form, order, text. */
#include "unit.h"
#include <string.h>

static Context *context;
static DimTable *table;

static void begin(void)
{
    context = test_context();
    table = context->dims;
}
static void end(void)
{
    context_free(context);
}

static Dim *parse(const char *text)
{
    return dim_parse(table, text);
}

/* Both texts mean the same, the second being how it is written. */
static void check_text(const char *text, const char *wanted)
{
    char *written = dim_text(parse(text), context->arena, NULL, NULL);
    if (strcmp(written, wanted) != 0)
        printf("\n  '%s' is written '%s', not '%s'\n", text, written, wanted);
    CU_ASSERT_STRING_EQUAL(written, wanted);
    CU_ASSERT_PTR_EQUAL(parse(written), parse(text));
}

static void check_same(const char *a, const char *b)
{
    if (parse(a) != parse(b))
        printf("\n  '%s' is '%s', '%s' is '%s'\n", a, dim_text(parse(a), context->arena, NULL, NULL), b,
               dim_text(parse(b), context->arena, NULL, NULL));
    CU_ASSERT_PTR_EQUAL(parse(a), parse(b));
}

static void check_le(const char *a, const char *b, bool wanted)
{
    if (dim_le(table, parse(a), parse(b)) != wanted)
        printf("\n  %s <= %s is %sshown\n", a, b, wanted ? "not " : "");
    CU_ASSERT_EQUAL(dim_le(table, parse(a), parse(b)), wanted);
}

static void test_normal_form(void)
{
    begin();
    Dim *n = dim_symbol(table, "N"), *e = dim_symbol(table, "E"), *two = dim_const(table, 2);
    CU_ASSERT_PTR_EQUAL(dim_mul(table, two, n), dim_add(table, n, n));
    CU_ASSERT_PTR_EQUAL(dim_sub(table, dim_add(table, n, e), e), n);
    CU_ASSERT_PTR_EQUAL(dim_sub(table, n, n), dim_const(table, 0));
    CU_ASSERT_PTR_EQUAL(dim_symbol(table, "N"), n);
    CU_ASSERT(dim_is_symbol(n) && !dim_is_symbol(dim_add(table, n, n)) && !dim_is_symbol(two));
    CU_ASSERT(dim_equals(dim_const(table, -5), -5) && dim_equals(dim_const(table, 0), 0) && !dim_equals(n, 0));
    CU_ASSERT(dim_equals(dim_const(table, INT64_MIN), INT64_MIN));
    check_same("(N + E)*(N - E)", "N*N - E*E");
    check_same("(N + 1)**2", "N*N + 2*N + 1");
    CU_ASSERT_EQUAL(dim_symbol_count(table), 2);
    CU_ASSERT_EQUAL(dim_symbol_index(e), 1);
    CU_ASSERT_PTR_EQUAL(dim_symbol_at(table, 1), e);
    CU_ASSERT_EQUAL(dim_symbol_index(two), -1);
    end();
}

static void test_division(void)
{
    begin();
    check_same("(4*N + 2)/2", "2*N + 1");
    check_same("(4*N + 3)/2", "2*N + 1");
    check_same("(H - 1)//2 + 1", "(H + 1)//2");
    check_same("(6*H + 4)//4", "(3*H)//2 + 1");
    check_same("((H + 1)//2 + 1)//2", "(H + 3)//4");
    check_same("(2*N + 1)//4", "N//2");
    check_same("N//N", "1");
    check_same("(N*H + 3*H)//H", "N + 3");
    check_same("floor(H/2 - 1/2) + 1", "(H + 1)//2");
    check_same("ceil(H/3)", "(H + 2)//3");
    check_same("(5*N) % 5", "0");
    check_same("N % 1", "0");
    Dim *product = parse("N*H*W*6");
    CU_ASSERT_PTR_EQUAL(dim_divide_exactly(table, product, parse("2*H*W")), parse("3*N"));
    CU_ASSERT_PTR_EQUAL(dim_divide_exactly(table, parse("N*N - 1"), parse("N + 1")), parse("N - 1"));
    CU_ASSERT_PTR_NULL(dim_divide_exactly(table, product, parse("4*H")));
    CU_ASSERT_PTR_NULL(dim_divide_exactly(table, product, dim_const(table, 0)));
    CU_ASSERT_PTR_EQUAL(dim_floor_div(table, product, dim_const(table, 0)), dim_overflow(table));
    dim_set_range(table, parse("K"), 0, 7);
    check_same("K//8", "0");
    int64_t quotients[][3] = {{7, 2, 3}, {-7, 2, -4}, {-8, 2, -4}, {0, 3, 0}, {INT64_MIN, 1, INT64_MIN}};
    for (int i = 0; i < 5; i++)
        CU_ASSERT(dim_equals(dim_floor_div(table, dim_const(table, quotients[i][0]), dim_const(table, quotients[i][1])),
                             quotients[i][2]));
    end();
}

static void test_order(void)
{
    begin();
    dim_set_range(table, parse("N"), 1, 4096);
    dim_set_range(table, parse("F"), 1, INT64_MAX);
    CU_ASSERT_EQUAL(dim_upper(parse("2*N + 3")), 8195);
    CU_ASSERT_EQUAL(dim_lower(parse("2*N - E")), INT64_MIN);
    CU_ASSERT_EQUAL(dim_lower(parse("(N + 3)//4")), 1);
    check_le("N", "4096", true);
    check_le("N", "4095", false);
    check_le("N", "N*F", true);
    check_le("N*E", "4096*E", true);
    check_le("N", "E", false);
    dim_assume_le(table, parse("N"), parse("E"));
    check_le("N", "E", true);
    check_le("E", "N", false);
    check_le("N*F", "E*F", true);
    check_le("N*F + 1", "E*F + N", true);
    check_le("3*N", "2*E + N", true);
    check_le("H//2", "H", true);
    check_le("2*(H//2)", "H", true);
    check_le("H", "2*((H + 1)//2)", true);
    check_le("H", "2*(H//2)", false);
    check_le("min(H, W)", "H", true);
    check_le("H", "max(H, W)", true);
    check_le("max(H, W)", "H", false);
    check_le("max(H, W)", "H + W", true);
    check_le("H", "min(H, W)", false);
    check_same("max(N, E)", "E");
    check_same("min(N + 1, N)", "N");
    check_same("max(H, W)", "max(W, H)");
    check_same("max(0, H)", "H");
    CU_ASSERT(!dim_le(table, dim_overflow(table), parse("N")));
    end();
}

static void test_fresh(void)
{
    begin();
    int key;
    Dim *taken = parse("u0"), *e = parse("E"), *u = dim_fresh(table, &key, 0, e);
    CU_ASSERT_PTR_NOT_EQUAL(u, taken);
    CU_ASSERT_STRING_EQUAL(dim_symbol_name(u), "u1");
    CU_ASSERT_PTR_EQUAL(dim_fresh(table, &key, 0, e), u);
    CU_ASSERT_PTR_NOT_EQUAL(dim_fresh(table, &key, 1, e), u);
    CU_ASSERT(dim_is_fresh(u) && !dim_is_fresh(taken) && !dim_is_fresh(dim_const(table, 3)));
    CU_ASSERT(dim_le(table, u, e));
    CU_ASSERT(!dim_le(table, e, u));
    Dim *v = dim_fresh(table, &key, 2, dim_add(table, u, u));
    CU_ASSERT(dim_le(table, v, dim_mul(table, dim_const(table, 2), e)));
    CU_ASSERT_PTR_EQUAL(dim_limit(table, dim_add(table, v, parse("N"))), parse("2*E + N"));
    CU_ASSERT_PTR_EQUAL(dim_limit(table, dim_sub(table, parse("N"), u)), parse("N"));
    CU_ASSERT_PTR_EQUAL(dim_limit(table, dim_mul(table, u, v)), parse("2*E*E"));
    CU_ASSERT_PTR_EQUAL(dim_limit(table, dim_max(table, u, dim_const(table, 5))), parse("max(E, 5)"));
    end();
}

/* Adds a requirement and compares what the list ends with then: "2 <= N", "N == M". */
static void check_required(Requirements *list, const char *low, const char *high, bool is_equal, const char *wanted)
{
    char text[200] = "";
    dim_require(table, list, parse(low), parse(high), is_equal);
    if (list->last)
        snprintf(text, sizeof text, "%s %s %s", dim_text(list->last->low, context->arena, NULL, NULL),
                 list->last->is_equal ? "==" : "<=", dim_text(list->last->high, context->arena, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(text, wanted);
}

static void test_requirements(void)
{
    begin();
    Requirements list = {NULL, NULL, NULL};
    check_required(&list, "N", "N", true, ""); /* holds always */
    check_required(&list, "N", "N + E", false, "");
    check_required(&list, "0", "H//2", false, "");
    check_required(&list, "N", "M", false, "N <= M");
    check_required(&list, "1", "K", false, "1 <= K");
    check_required(&list, "2*N", "N + M", false, "1 <= K"); /* is there already */
    check_required(&list, "N", "M", true, "N == M");        /* says more */
    check_required(&list, "M", "N", false, "N == M");       /* says less */
    check_required(&list, "2*M", "2*N", true, "2*M == 2*N");
    check_required(&list, "0", "(H - 3)//2 + 1", false, "1 <= H"); /* solved for the symbol */
    check_required(&list, "2", "(H + 1)//16", false, "31 <= H");
    check_required(&list, "5", "2*W", false, "3 <= W");
    check_required(&list, "min(E, 9)", "E", true, "E <= 9");
    CU_ASSERT(dim_is_required(table, &list, parse("N + 1"), parse("M + 1"), true));
    CU_ASSERT(!dim_is_required(table, &list, parse("N"), parse("W"), false));
    CU_ASSERT(!dim_is_required(table, &list, dim_overflow(table), parse("W"), false));
    end();
}

static void test_values(void)
{
    begin();
    Dim *dim = parse("2*N*N + (E - 3)//2 - min(N, E)"), *half = parse("N//(E - 5)");
    int64_t values[8] = {7, 4}, result;
    CU_ASSERT(dim_bound(parse("N*E - 3*N + E//2"), values, &result) && result == 28 + 21 + 4);
    CU_ASSERT(!dim_bound(parse("N*N*N"), (int64_t[]){INT32_MAX}, &result));
    CU_ASSERT(dim_evaluate(dim, values, &result));
    CU_ASSERT_EQUAL(result, 98 + 0 - 4);
    values[1] = 2; /* the quotient rounds down */
    CU_ASSERT(dim_evaluate(dim, values, &result));
    CU_ASSERT_EQUAL(result, 98 - 1 - 2);
    CU_ASSERT(!dim_evaluate(half, values, &result));
    values[0] = INT64_MAX / 2;
    CU_ASSERT(!dim_evaluate(dim, values, &result));
    Dim *replacement[8] = {parse("2*E"), NULL};
    CU_ASSERT_PTR_EQUAL(dim_substitute(table, parse("N*N + E + (N + 1)//2"), replacement), parse("4*E*E + 2*E"));
    bool used[8] = {false};
    dim_symbols_used(parse("1 + N//2"), used);
    CU_ASSERT(used[0] && !used[1]);
    end();
}

static void test_text(void)
{
    begin();
    check_text("s77 + u0", "s77 + u0");
    check_text("2*N+ N", "3*N");
    check_text("-1 + N", "N - 1");
    check_text("1 - N + E", "E - N + 1");
    check_text("floor(H/2)", "H/2");
    check_text("2*((H + 1)//2)", "2*((H + 1)/2)");
    check_text("N*((H*W)//2) + 1", "N*((H*W)/2) + 1");
    check_text("(H//W)//3", "(H/W)/3");
    check_text("(N - E)//2", "floor_div(N - E, 2)");
    check_text("Max(1, N)", "max(N, 1)");
    check_text("Min(N, 2*E)", "min(N, 2*E)");
    check_text("s0**2", "s0*s0");
    check_text("0", "0");
    check_text("(((N)))", "N");
    /* not expressions: names */
    check_text("batch-size", "batch-size");
    check_text("-1", "-1");
    check_text("a b", "a b");
    check_text("N +", "N +");
    check_text("foo(N)", "foo(N)");
    check_text("3x", "3x");
    check_text("99999999999999999999", "99999999999999999999");
    check_text("N/0", "N/0");
    int symbols = dim_symbol_count(table);
    parse("new1 + new2 +");
    CU_ASSERT_EQUAL(dim_symbol_count(table), symbols + 1);
    char deep[301];
    memset(deep, '(', 300);
    deep[300] = 0;
    CU_ASSERT(dim_is_symbol(parse(deep)));
    end();
}

static void test_overflow(void)
{
    begin();
    Dim *overflow = dim_overflow(table), *big = dim_const(table, INT64_MAX), *n = parse("N");
    CU_ASSERT_PTR_EQUAL(dim_add(table, big, big), overflow);
    CU_ASSERT_PTR_EQUAL(dim_mul(table, dim_mul(table, n, big), dim_const(table, 2)), overflow);
    CU_ASSERT_PTR_EQUAL(dim_sub(table, n, overflow), overflow);
    CU_ASSERT_PTR_EQUAL(dim_min(table, n, overflow), overflow);
    CU_ASSERT_PTR_EQUAL(dim_floor_div(table, overflow, n), overflow);
    CU_ASSERT(!dim_is_const(overflow, NULL));
    Dim *deep = n, *wide = n;
    for (int i = 0; i < 100000 && deep != overflow; i++) { /* nesting without end is refused */
        deep =
            dim_max(table, dim_floor_div(table, deep, dim_symbol(table, i % 2 ? "A" : "B")), dim_const(table, i + 1));
        deep = dim_add(table, deep, parse("C"));
    }
    CU_ASSERT_PTR_EQUAL(deep, overflow);
    for (int i = 0; i < 64 && wide != overflow; i++)
        wide = dim_mul(table, wide, wide);
    CU_ASSERT_PTR_EQUAL(wide, overflow);
    end();
}

/* What a Dim is made of, one operation at a time. */
static void test_parts(void)
{
    static const struct {
        const char *text;
        DimKind kind;
        const char *part[3];
    } cases[] = {
        {"7", DIM_CONST, {NULL}},
        {"N", DIM_SYMBOL, {NULL}},
        {"2*N + E + 1", DIM_SUM, {"2*N", "E", "1"}},
        {"2*N", DIM_PRODUCT, {"2", "N"}},
        {"3*N*E", DIM_PRODUCT, {"3", "N", "E"}},
        {"N*N", DIM_PRODUCT, {"N", "N"}},
        {"floor((N + 1)/2)", DIM_FLOOR_DIV, {"N + 1", "2"}},
        {"min(N, E)", DIM_MIN, {"N", "E"}},
        {"max(N, 4)", DIM_MAX, {"N", "4"}},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Dim *dim = parse(cases[i].text), *part;
        int count = 0, found = 0;
        CU_ASSERT_EQUAL(dim_kind(dim), cases[i].kind);
        for (; (part = dim_part(dim, count)); count++) /* in any order */
            for (int k = 0; k < 3; k++)
                found += cases[i].part[k] && part == parse(cases[i].part[k]);
        int wanted = 0;
        while (wanted < 3 && cases[i].part[wanted])
            wanted++;
        CU_ASSERT_EQUAL(count, wanted);
        CU_ASSERT(found >= wanted);
    }
    CU_ASSERT_EQUAL(dim_kind(dim_overflow(table)), DIM_OVERFLOW);
    CU_ASSERT_PTR_NULL(dim_part(dim_overflow(table), 0));
    end();
}

void suite_dim(void)
{
    static const UnitTest tests[] = {
        {"equal expressions are one pointer", test_normal_form},
        {"division", test_division},
        {"order and bounds", test_order},
        {"fresh symbols and limits", test_fresh},
        {"requirements", test_requirements},
        {"evaluation and substitution", test_values},
        {"text", test_text},
        {"overflow", test_overflow},
        {"parts", test_parts},
    };
    ADD_SUITE("dim", tests);
}
