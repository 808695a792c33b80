/* usage.c -- what is said about a wrong command line. */
#include "command.h"
#include <limits.h>
#include <stdarg.h>
#include <string.h>

int usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("onnx2c: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    return EXIT_USAGE;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance: letters to insert, delete or exchange. */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    int row[LONGEST + 1];
    const size_t length = strlen(b);
    if (length > LONGEST)
        return INT_MAX;
    for (size_t k = 0; k <= length; k++)
        row[k] = (int)k;
    for (size_t i = 0; a[i]; i++) {
        int before = row[0]++;
        for (size_t k = 0; k < length; k++) {
            const int exchanged = before + (a[i] != b[k]);
            before = row[k + 1];
            row[k + 1] = least(exchanged, least(row[k], before) + 1);
        }
    }
    return row[length];
}

/* How far a name is from the one given; one that holds it is as near as one with a slip. */
static int farness(const char *given, const char *name)
{
    const int letters = distance(given, name);
    return strlen(given) >= 3 && strstr(name, given) ? least(letters, 1) : letters;
}

static bool holds(const char *const *list, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

const char *did_you_mean(Arena *arena, const char *given, const char *const *name, int count)
{
    enum { MOST = 3 };
    const char *best[MOST], *text = "";
    const int limit = 1 + (int)strlen(given) / 4;
    int nbest = 0;
    for (int far = 0; far <= limit; far++)
        for (int i = 0; i < count && nbest < MOST; i++)
            if (farness(given, name[i]) == far && !holds(best, nbest, name[i]))
                best[nbest++] = name[i];
    for (int k = 0; k < nbest; k++)
        text = arena_printf(arena, "%s%s%s", text, k == 0 ? "; did you mean " : k + 1 < nbest ? ", " : " or ", best[k]);
    return nbest ? arena_printf(arena, "%s?", text) : "";
}
