/* test_arena.c -- the arena: alignment, zeroing, growth, strings, the budget. */
#include "unit.h"
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

static jmp_buf spent;
static void on_exhausted(void *who)
{
    ++*(int *)who;
    longjmp(spent, 1);
}

static void test_alloc(void)
{
    int calls = 0;
    Arena *arena = arena_new(1 << 20, on_exhausted, &calls);
    unsigned char *last = NULL;
    for (size_t size = 0; size < 40000; size = size * 2 + 1) {
        unsigned char *bytes = arena_alloc(arena, size);
        CU_ASSERT_EQUAL((uintptr_t)bytes % 16, 0);
        CU_ASSERT_PTR_NOT_EQUAL(bytes, last);
        for (size_t i = 0; i < size; i++)
            CU_ASSERT_EQUAL_FATAL(bytes[i], 0);
        memset(bytes, 0xFF, size);
        last = bytes;
    }
    CU_ASSERT(arena_left(arena) <= (1 << 20) - 65000);
    CU_ASSERT_EQUAL(calls, 0);
    arena_free(arena);
    arena_free(NULL);
}

static void test_strings(void)
{
    Arena *arena = arena_new(1 << 20, on_exhausted, NULL);
    CU_ASSERT_STRING_EQUAL(arena_strndup(arena, "abcdef", 3), "abc");
    CU_ASSERT_STRING_EQUAL(arena_strndup(arena, "ab", 10), "ab");
    CU_ASSERT_STRING_EQUAL(arena_printf(arena, "%d %s", 7, "seven"), "7 seven");
    int three[] = {1, 2, 3};
    int *grown = arena_grow(arena, three, 3, 5, sizeof *grown);
    CU_ASSERT(grown[0] == 1 && grown[2] == 3 && grown[3] == 0 && grown[4] == 0);
    arena_free(arena);
}

static void exhaust(size_t count, size_t size)
{
    int calls = 0;
    Arena *arena = arena_new(100000, on_exhausted, &calls);
    if (setjmp(spent) == 0)
        for (int i = 0; i < 10; i++)
            arena_array(arena, count, size);
    CU_ASSERT_EQUAL(calls, 1);
    CU_ASSERT(arena_left(arena) <= 100000);
    arena_free(arena);
}

static void test_budget(void)
{
    exhaust(10000, 2);
    exhaust(SIZE_MAX / 2, 3); /* the product overflows */
    exhaust(SIZE_MAX - 7, 1); /* so does rounding up */
}

static void count_call(void *who)
{
    int *calls = who;
    *calls = *calls * 10 + 1;
}
static void count_other(void *who)
{
    int *calls = who;
    *calls = *calls * 10 + 2;
}

static void test_at_free(void)
{
    int calls = 0;
    Arena *arena = arena_new(1 << 20, on_exhausted, NULL);
    arena_at_free(arena, count_call, &calls);
    arena_at_free(arena, count_other, &calls);
    arena_free(arena);
    CU_ASSERT_EQUAL(calls, 21);
}

void suite_arena(void)
{
    static const UnitTest tests[] = {
        {"allocations are zeroed and aligned", test_alloc},
        {"strings and growth", test_strings},
        {"the budget holds", test_budget},
        {"release functions run last registered first", test_at_free},
    };
    ADD_SUITE("arena", tests);
}
