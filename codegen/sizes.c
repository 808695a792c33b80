/* sizes.c -- see sizes.h. */
#include "sizes.h"
#include "../frontend/frontend.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool set_size(Context *context, Sizes *sizes, const char *word)
{
    const char *equals = strchr(word, '='), *wrong = NULL;
    char *end = NULL;
    Dim *symbol = NULL;
    errno = 0;
    const long long value = equals ? strtoll(equals + 1, &end, 10) : 0;
    for (int i = 0; equals && i < dim_symbol_count(context->dims); i++) {
        Dim *other = dim_symbol_at(context->dims, i);
        const char *name = dim_symbol_name(other);
        if (strlen(name) == (size_t)(equals - word) && strncmp(name, word, (size_t)(equals - word)) == 0)
            symbol = other;
    }
    if (!equals || errno || end == equals + 1 || *end != '\0')
        wrong = "it must be NAME=VALUE, or several of them with commas between";
    else if (!symbol)
        wrong = "the model has no dimension of this name";
    else if (value < dim_lower(symbol) || value > dim_upper(symbol))
        wrong = "the dimension has another range";
    if (wrong)
        return report_add(context->report, NULL, OPTION_INVALID, "--at", word, wrong);
    sizes->value[dim_symbol_index(symbol)] = value;
    return true;
}

bool sizes_read(Context *context, const Words *at, Sizes *sizes)
{
    const int count = dim_symbol_count(context->dims);
    sizes->given = at->count > 0;
    sizes->value = ARENA_ARRAY(context->arena, count + 1, int64_t);
    for (int i = 0; i < count; i++)
        sizes->value[i] = -1;
    bool ok = true;
    for (int i = 0; i < at->count; i++) {
        char *save, *list = arena_strdup(context->arena, at->word[i]);
        for (char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save))
            ok = set_size(context, sizes, word) && ok;
    }
    return ok;
}

Dim *sizes_missing(Context *context, const Sizes *sizes, Dim *formula)
{
    const int count = dim_symbol_count(context->dims);
    bool *used = ARENA_ARRAY(context->arena, count + 1, bool);
    dim_symbols_used(formula, used);
    for (int i = 0; i < count; i++)
        if (used[i] && sizes->value[i] < 0)
            return dim_symbol_at(context->dims, i);
    return NULL;
}

int64_t sizes_evaluate(Context *context, const Sizes *sizes, Dim *formula)
{
    int64_t value;
    const bool is_known = !sizes_missing(context, sizes, formula) && dim_evaluate(formula, sizes->value, &value);
    return is_known ? value : -1;
}

bool sizes_too_great(Context *context, const Words *at)
{
    const char *all = at->count > 0 ? at->word[0] : "";
    for (int i = 1; i < at->count; i++)
        all = arena_printf(context->arena, "%s,%s", all, at->word[i]);
    return report_add(context->report, NULL, OPTION_INVALID, "--at", all,
                      "what the model costs at these sizes takes more than 64 bits to count");
}
