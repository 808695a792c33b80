/* process.c -- other programs, and folders that are gone afterwards. */
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPU_SECONDS = 1800 };

int process_run(const char *const argv[], const char *folder, const char *log)
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return 127;
    if (child == 0) {
        struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
        int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 || chdir(folder) != 0 ||
            setrlimit(RLIMIT_CPU, &limit) != 0)
            _exit(127);
        execvp(argv[0], (char *const *)argv); /* execvp does not write to its arguments */
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        return 127;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

char *temporary_folder(Arena *arena)
{
    const char *base = getenv("TMPDIR");
    char *path = arena_printf(arena, "%s/onnx2c-XXXXXX", base && *base ? base : P_tmpdir);
    return mkdtemp(path);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void remove_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

char *file_text(Arena *arena, const char *path)
{
    enum { LIMIT = 64 * 1024 };
    char *text = arena_alloc(arena, LIMIT + 1);
    FILE *file = fopen(path, "rb");
    if (!file)
        return text;
    size_t length = fread(text, 1, LIMIT, file);
    text[length] = '\0';
    fclose(file);
    return text;
}
