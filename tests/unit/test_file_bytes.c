/* test_file_bytes.c -- files that change while they are read. */
#include "frontend/file_bytes.h"
#include "unit.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 1 << 16 };

/* A new file of SIZE zeros without a name. */
static int new_file(void)
{
    char path[] = "/tmp/test_file_bytes_XXXXXX";
    const int file = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(file >= 0 && unlink(path) == 0 && ftruncate(file, SIZE) == 0);
    return file;
}

/* What was read is there when the file is not. */
static void test_read(void)
{
    Arena *arena = arena_new(1 << 20, NULL, NULL);
    const int file = new_file();
    CU_ASSERT_EQUAL(pwrite(file, "kept", 4, 100), 4);
    const char *bytes = file_bytes(arena, file, 100, SIZE - 100, SIZE);
    CU_ASSERT_EQUAL(ftruncate(file, 0), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    CU_ASSERT_EQUAL(memcmp(bytes, "kept", 5), 0);
    close(file);
    arena_free(arena);
}

/* A file that is shorter than it was measured is no bytes. */
static void test_shorter(void)
{
    Arena *arena = arena_new(1 << 20, NULL, NULL);
    const int file = new_file();
    CU_ASSERT_PTR_NULL(file_bytes(arena, file, 1, SIZE, SIZE + 1));
    close(file);
    arena_free(arena);
}

/* A mapped part may begin anywhere; a mapped file that is cut short ends the process with a message and status 1. */
static void test_cut_short(void)
{
    Arena *arena = arena_new(1 << 20, NULL, NULL);
    const int file = new_file(), said = new_file();
    CU_ASSERT_EQUAL(pwrite(file, "kept", 4, 5000), 4);
    const volatile char *bytes = file_bytes(arena, file, 5000, SIZE - 5000, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    CU_ASSERT_EQUAL(memcmp((const char *)bytes, "kept", 5), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        file_bytes_guard();
        _exit(dup2(said, STDERR_FILENO) < 0 || ftruncate(file, 0) != 0 || bytes[0] ? 2 : 3);
    }
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 1);
    char text[80] = "";
    CU_ASSERT_TRUE(pread(said, text, sizeof text - 1, 0) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "cut short"));
    close(file);
    close(said);
    arena_free(arena);
}

void suite_file_bytes(void)
{
    static const UnitTest tests[] = {
        {"what was read outlives its file", test_read},
        {"a file that is shorter than it was measured is refused", test_shorter},
        {"a mapped file that is cut short ends the process with a message", test_cut_short},
    };
    ADD_SUITE("file_bytes", tests);
}
