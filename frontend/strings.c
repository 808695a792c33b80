/* strings.c -- running the operators on strings. Strings are UTF-8; only ASCII letters change case. */
#include "control.h"
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *string_at(const Tensor *tensor, int64_t i)
{
    return *(const char *const *)tensor_at(tensor, i);
}

static void give_tensor(const Call *call, int output, const Tensor *tensor)
{
    call_give(call, output, datum_of_tensor(call->context, tensor));
}

/* ---- StringConcat ---- */
/* The element of x that stands at element `number` of a tensor it broadcasts to. */
static int64_t broadcast_index(const Tensor *x, const Tensor *to, int64_t number)
{
    int64_t index = 0, stride = 1;
    for (int axis = to->rank - 1, mine = x->rank - 1; mine >= 0; axis--, mine--) {
        index += x->dim[mine] == 1 ? 0 : number % to->dim[axis] * stride;
        stride *= x->dim[mine];
        number /= to->dim[axis];
    }
    return index;
}

bool run_string_concat(const Call *call)
{
    const Tensor *x = call->input[0]->tensor, *y = call->input[1]->tensor;
    const int rank = x->rank > y->rank ? x->rank : y->rank;
    int64_t dim[MAX_RANK];
    for (int i = 0; i < rank; i++) {
        const int64_t a = i < rank - x->rank ? 1 : x->dim[i - (rank - x->rank)];
        const int64_t b = i < rank - y->rank ? 1 : y->dim[i - (rank - y->rank)];
        if (a != b && a != 1 && b != 1)
            return call_fail(call, "the shapes cannot be broadcast");
        dim[i] = a == 1 ? b : a;
    }
    Tensor *z = tensor_new(call->context, STRING, rank, dim);
    for (int64_t i = 0; i < z->count; i++)
        ((char **)z->data)[i] = arena_printf(call->context->arena, "%s%s", string_at(x, broadcast_index(x, z, i)),
                                             string_at(y, broadcast_index(y, z, i)));
    give_tensor(call, 0, z);
    return true;
}

/* ---- StringNormalizer ---- */
static bool is_stopword(const Call *call, const char *text)
{
    const Attr *words = attr_find(call->node, "stopwords");
    const bool exact = attr_int(call->node, "is_case_sensitive", 0) != 0;
    for (size_t i = 0; words && i < words->count; i++)
        if ((exact ? strcmp(words->strings[i], text) : strcasecmp(words->strings[i], text)) == 0)
            return true;
    return false;
}

static char *with_case(const Call *call, const char *text, const char *action)
{
    char *copy = arena_strdup(call->context->arena, text);
    for (char *c = copy; *c; c++)
        if (strcmp(action, "LOWER") == 0)
            *c = (char)((unsigned char)*c < 128 ? tolower((unsigned char)*c) : *c);
        else if (strcmp(action, "UPPER") == 0)
            *c = (char)((unsigned char)*c < 128 ? toupper((unsigned char)*c) : *c);
    return copy;
}

bool run_string_normalizer(const Call *call)
{
    const Tensor *x = call->input[0]->tensor;
    const char *action = attr_string(call->node, "case_change_action", "NONE");
    char **kept = ARENA_ARRAY(call->context->arena, x->count + 1, char *);
    int64_t count = 0;
    for (int64_t i = 0; i < x->count; i++)
        if (!is_stopword(call, string_at(x, i)))
            kept[count++] = with_case(call, string_at(x, i), action);
    if (!count)
        kept[count++] = "";
    const int64_t dim[] = {x->rank == 1 ? count : 1, count};
    Tensor *y = tensor_new(call->context, STRING, x->rank, dim);
    memcpy(y->data, kept, (size_t)count * sizeof *kept);
    give_tensor(call, 0, y);
    return true;
}

/* ---- StringSplit ---- */
/* The next part of *rest, which it is taken off; NULL at the end. Without a delimiter parts are parted by white space,
 * and what follows the last part is not a part. */
static char *next_part(const Call *call, const char **rest, const char *delimiter, bool last)
{
    static const char space[] = " \t\n\r\f\v";
    const char *begin = *rest, *end, *next;
    if (!begin)
        return NULL;
    if (*delimiter) {
        end = last ? NULL : strstr(begin, delimiter);
        next = end ? end + strlen(delimiter) : NULL;
    } else {
        begin += strspn(begin, space);
        if (!*begin)
            return NULL;
        end = last ? NULL : begin + strcspn(begin, space);
        next = end && *end ? end : NULL;
    }
    *rest = next;
    return arena_strndup(call->context->arena, begin, end ? (size_t)(end - begin) : strlen(begin));
}

bool run_string_split(const Call *call)
{
    const Tensor *x = call->input[0]->tensor;
    const char *delimiter = attr_string(call->node, "delimiter", "");
    const int64_t most = attr_int(call->node, "maxsplit", INT64_MAX);
    int64_t widest = 0, dim[MAX_RANK];
    Tensor *count = tensor_new(call->context, I64, x->rank, x->dim);
    for (int pass = 0; pass < 2; pass++) { /* the first finds the width, the second fills */
        Tensor *parts = NULL;
        if (pass == 1) {
            memcpy(dim, x->dim, sizeof *dim * (size_t)x->rank);
            dim[x->rank] = widest;
            parts = tensor_new(call->context, STRING, x->rank + 1, dim);
        }
        for (int64_t i = 0; i < x->count; i++) {
            const char *rest = *string_at(x, i) ? string_at(x, i) : NULL;
            int64_t n = 0;
            for (char *part; (part = next_part(call, &rest, delimiter, n == most)); n++)
                if (parts)
                    ((char **)parts->data)[i * widest + n] = part;
            ((int64_t *)count->data)[i] = n;
            widest = n > widest ? n : widest;
            for (; parts && n < widest; n++)
                ((char **)parts->data)[i * widest + n] = "";
        }
        if (parts)
            give_tensor(call, 0, parts);
    }
    give_tensor(call, 1, count);
    return true;
}

/* ---- RegexFullMatch ---- */
/* What a class escape of RE2 is inside a POSIX bracket; NULL: no class. */
static const char *bracket_class(char letter)
{
    return letter == 'd' ? "[:digit:]" : letter == 'w' ? "[:alnum:]_" : letter == 's' ? "[:space:]" : NULL;
}

/* A bracket [...] of RE2, which `at` points into, as POSIX has it: there a backslash is itself, and "-" stands last.
 * NULL when it has no end, or what cannot be said. */
static const char *translate_bracket(const char *at, FILE *to)
{
    bool dash = false;
    fputs(*at == '^' ? "[^" : "[", to);
    at += *at == '^';
    for (bool first = true; *at && (*at != ']' || first); at++, first = false) {
        const bool escaped = *at == '\\';
        at += escaped;
        if (escaped && bracket_class(*at))
            fputs(bracket_class(*at), to);
        else if (escaped && *at == '-')
            dash = true;
        else if (!*at || (escaped && (isalnum((unsigned char)*at) || *at == ']')))
            return NULL;
        else
            putc(*at, to);
    }
    fputs(dash ? "-]" : "]", to);
    return *at ? at + 1 : NULL;
}

/* A pattern of RE2 as an extended regular expression of POSIX (with GNU's \w \W \s \S \b \B); false when it has
 * something that cannot be said there. */
static bool translate(const char *at, FILE *to)
{
    enum { MOST_COPIES = 1000 }; /* RE2's limit; nested repetitions multiply */
    long copies = 1;
    fputs("^(", to);
    while (*at) {
        if (*at == '[') {
            at = translate_bracket(at + 1, to);
            if (!at)
                return false;
        } else if (*at == '\\') {
            if (!at[1] || (isalnum((unsigned char)at[1]) && !strchr("wWsSbBdD", at[1])))
                return false;
            if (at[1] == 'd' || at[1] == 'D')
                fputs(at[1] == 'd' ? "[0-9]" : "[^0-9]", to);
            else
                fprintf(to, "\\%c", at[1]);
            at += 2;
        } else if (strncmp(at, "(?:", 3) == 0) {
            putc('(', to);
            at += 3;
        } else if (strncmp(at, "(?", 2) == 0 || (strchr("*+?}", *at) && (at[1] == '?' || at[1] == '+'))) {
            return false; /* flags, names; lazy repetition is none of POSIX's */
        } else if (*at == '{') {
            const size_t length = strcspn(at, "}");
            const char *comma = memchr(at, ',', length);
            const long count = strtol(comma && comma[1] != '}' ? comma + 1 : at + 1, NULL, 10);
            if (!at[length] || count < 0 || count > MOST_COPIES || (copies *= count > 1 ? count : 1) > MOST_COPIES)
                return false;
            fwrite(at, 1, length, to);
            at += length;
        } else {
            putc(*at++, to);
        }
    }
    fputs(")$", to);
    return true;
}

bool run_regex_full_match(const Call *call)
{
    const Tensor *x = call->input[0]->tensor;
    char pattern[4096] = "";
    regex_t regex;
    FILE *to = fmemopen(pattern, sizeof pattern - 1, "w");
    const bool translated = to && translate(attr_string(call->node, "pattern", ""), to);
    const bool fits = to && !ferror(to) && ftell(to) < (long)sizeof pattern - 2;
    if (to)
        fclose(to);
    if (!translated || !fits || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return call_fail(call, "its pattern is not supported");
    Tensor *y = tensor_new(call->context, BOOL, x->rank, x->dim);
    for (int64_t i = 0; i < x->count; i++)
        ((uint8_t *)y->data)[i] = regexec(&regex, string_at(x, i), 0, NULL, 0) == 0;
    regfree(&regex);
    give_tensor(call, 0, y);
    return true;
}
