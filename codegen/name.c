/* name.c -- see name.h. */
#include "name.h"
#include "../frontend/hash.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MAX_IDENTIFIER = 40, MAX_COMMENT = 60 };

typedef struct Taken Taken;
struct Taken {
    const char *name;
    Taken *next;
};
enum { BUCKETS = 256 };
struct Names {
    Arena *arena;
    const Names *outer;
    const char *avoided[2]; /* prefixes; NULL: none */
    Taken *bucket[BUCKETS];
};

Names *names_new(Arena *arena, const Names *outer)
{
    Names *names = ARENA_NEW(arena, Names);
    names->arena = arena;
    names->outer = outer;
    return names;
}

void names_avoid(Names *names, const char *prefix, const char *upper)
{
    names->avoided[0] = prefix;
    names->avoided[1] = upper;
}

static size_t bucket_of(const char *name)
{
    return hash_text(name) % BUCKETS;
}

static bool is_taken(const Names *names, const char *name)
{
    const size_t bucket = bucket_of(name);
    for (; names; names = names->outer)
        for (const Taken *taken = names->bucket[bucket]; taken; taken = taken->next)
            if (strcmp(taken->name, name) == 0)
                return true;
    return false;
}

/* Keywords of C23 and C++26, alternative tokens, and what <math.h>, <stddef.h>, <stdint.h>, <string.h>, <stdio.h>,
 * <stdlib.h> and common compilers define as macros or functions; then what the functions of NAME.h have of their own.
 */
/* clang-format off */
static const char *const reserved[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "char16_t", "char32_t", "char8_t", "class", "compl", "complex", "concept", "const", "const_cast", "consteval",
    "constexpr", "constinit", "continue", "co_await", "co_return", "co_yield", "decltype", "default", "delete", "do",
    "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "final", "float", "for",
    "friend", "goto", "if", "imaginary", "import", "inline", "int", "long", "module", "mutable", "namespace", "new",
    "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "override", "private", "protected", "public",
    "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof", "static",
    "static_assert", "static_cast", "struct", "switch", "template", "this", "thread_local", "throw", "true", "try",
    "typedef", "typeid", "typename", "typeof", "typeof_unqual", "union", "unsigned", "using", "virtual", "void",
    "volatile", "wchar_t", "while", "xor", "xor_eq", "linux", "unix", "i386", "near", "far", "small", "I", "NULL",
    "EOF", "BUFSIZ", "RAND_MAX", "NAN", "INFINITY", "HUGE_VAL", "HUGE_VALF", "HUGE_VALL", "MATH_ERRNO", "MATH_ERREXCEPT",
    "math_errhandling", "errno", "stdin", "stdout", "stderr", "assert", "offsetof", "isfinite", "isinf", "isnan",
    "isnormal", "signbit", "fpclassify", "isgreater", "isless", "islessequal", "isgreaterequal", "islessgreater",
    "isunordered", "main", "memcpy", "memset", "memmove", "memcmp", "malloc", "calloc", "free", "printf", "exp",
    "log", "pow", "sqrt", "sin", "cos", "tan", "floor", "ceil", "fabs", "fmod", "expf", "logf", "powf", "sqrtf",
    "sinf", "cosf", "tanf", "tanhf", "erff", "floorf", "ceilf", "fabsf", "fmodf", "roundf", "workspace", "status",
    "base", "at", "weights", "values", "graph", "held", "held_at", "bytes", "rest", "end",
    "fault", "stream", "all", "blas", "room", NULL};
/* clang-format on */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_reserved(const char *name)
{
    const size_t length = strlen(name);
    if (length > 2 && strcmp(name + length - 2, "_t") == 0)
        return true;
    if (starts_with(name, "INT") || starts_with(name, "UINT") || starts_with(name, "FP_") || starts_with(name, "M_") ||
        starts_with(name, "SIZE_") || starts_with(name, "PTRDIFF_") || starts_with(name, "WCHAR_") ||
        starts_with(name, "WINT_") || starts_with(name, "SIG_") || starts_with(name, "SEEK_") ||
        starts_with(name, "EXIT_") || starts_with(name, "CLOCK_") || starts_with(name, "TIMER_"))
        return true;
    for (int i = 0; reserved[i]; i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return false;
}

/* Letters, digits and single underscores of text, starting with a letter; cut at MAX_IDENTIFIER. `into` holds that. Of
 * a longer text the end is kept, from where a word starts: paths tell more there. */
static void reduce(const char *text, char *into)
{
    size_t length = 0;
    if (strlen(text) > MAX_IDENTIFIER) {
        text += strlen(text) - MAX_IDENTIFIER;
        const size_t word = strcspn(text, "/._:");
        text += word < MAX_IDENTIFIER / 2 ? word : 0;
    }
    for (; *text && length < MAX_IDENTIFIER; text++) {
        const unsigned char c = (unsigned char)*text;
        const bool is_word = c < 128 && isalnum(c);
        if (length == 0 && is_word && isdigit(c))
            into[length++] = 'v';
        if (is_word && length < MAX_IDENTIFIER)
            into[length++] = (char)c;
        else if (length > 0 && length < MAX_IDENTIFIER && into[length - 1] != '_')
            into[length++] = '_';
    }
    while (length > 0 && into[length - 1] == '_')
        length--;
    into[length] = '\0';
    if (length == 0)
        strcpy(into, "v");
}

/* Of a word that begins as names of other kinds do, the rest; NULL of others. */
static const char *without_avoided(const Names *names, const char *word)
{
    for (; names; names = names->outer)
        for (int i = 0; i < 2; i++)
            if (names->avoided[i] && starts_with(word, names->avoided[i]))
                return word + strlen(names->avoided[i]);
    return NULL;
}

const char *name_identifier(Names *names, const char *prefix, const char *text)
{
    char word[MAX_IDENTIFIER + 1];
    reduce(text, word);
    for (const char *rest; !*prefix && (rest = without_avoided(names, word));)
        reduce(arena_strdup(names->arena, rest), word);
    const char *base = arena_printf(names->arena, "%s%s", prefix, word);
    if (is_reserved(base))
        base = arena_printf(names->arena, "%s_", base);
    const char *name = base;
    for (int i = 2; is_taken(names, name); i++)
        name = arena_printf(names->arena, base[strlen(base) - 1] == '_' ? "%s%d" : "%s_%d", base, i);
    Taken *taken = ARENA_NEW(names->arena, Taken);
    *taken = (Taken){name, names->bucket[bucket_of(name)]};
    names->bucket[bucket_of(name)] = taken;
    return name;
}

const char *name_comment(Arena *arena, const char *text)
{
    char *escaped = ARENA_ARRAY(arena, MAX_COMMENT + 8, char), *to = escaped;
    for (; *text && to - escaped < MAX_COMMENT; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < ' ' || c > '~' || strchr("*\\?", c)) {
            static const char digit[] = "0123456789abcdef";
            *to++ = '\\';
            *to++ = 'x';
            *to++ = digit[c >> 4];
            *to++ = digit[c & 15];
        } else {
            *to++ = (char)c;
        }
    }
    *to = '\0';
    return escaped;
}

const char *name_xml(Arena *arena, const char *text)
{
    char *escaped = ARENA_ARRAY(arena, 6 * MAX_COMMENT + 1, char), *to = escaped;
    for (int i = 0; text[i] && i < MAX_COMMENT; i++) {
        const unsigned char c = (unsigned char)text[i];
        const char *entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : NULL;
        if (entity)
            to = stpcpy(to, entity);
        else
            *to++ = c < ' ' || c > '~' ? '?' : (char)c;
    }
    *to = '\0';
    return escaped;
}

const char *name_short(Arena *arena, const char *name)
{
    static const char mark[] = "_output_0";
    const char *at = strstr(name, mark);
    if (!at || at == name || at[sizeof mark - 1 + strspn(at + sizeof mark - 1, "_0123456789")] != '\0')
        return name;
    return arena_strndup(arena, name, (size_t)(at - name));
}

const char *name_literal(Arena *arena, const char *text)
{
    const size_t length = strlen(text);
    char *escaped = arena_array(arena, length + 1, 4), *to = escaped;
    *to++ = '"';
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < ' ' || c > '~' || strchr("\"\\?", c)) {
            *to++ = '\\';
            *to++ = (char)('0' + (c >> 6));
            *to++ = (char)('0' + (c >> 3 & 7));
            *to++ = (char)('0' + (c & 7));
        } else {
            *to++ = (char)c;
        }
    }
    *to++ = '"';
    *to = '\0';
    return escaped;
}
