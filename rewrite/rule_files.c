/* rule_files.c -- where rules come from: the built-in files, and the user's. */
#include "../frontend/embedded.h"
#include "pattern.h"
#include <errno.h>
#include <string.h>

const char *rules_builtin(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "rewrite/%s.rules", name);
    return embedded_text(path);
}

static RuleSet *append_builtin(Context *context, RuleSet *rules, const char *name)
{
    const char *const text = rules_builtin(name);
    if (text)
        return rules_parse(context, rules, text, arena_printf(context->arena, "%s.rules", name));
    report_add(context->report, NULL, INTERNAL, "a built-in rule file is missing");
    return NULL;
}

static char *read_text(Context *context, const char *path)
{
    enum { LIMIT = 1 << 20 };
    FILE *const file = fopen(path, "rb");
    char *const text = arena_alloc(context->arena, LIMIT + 1);
    const size_t length = file ? fread(text, 1, LIMIT + 1, file) : 0;
    const bool ok = file && !ferror(file) && length <= LIMIT && !memchr(text, '\0', length);
    if (!ok)
        report_add(context->report, NULL, FILE_UNREADABLE, path,
                   !file            ? strerror(errno)
                   : length > LIMIT ? "longer than a rule file may be"
                                    : "not a text file");
    if (file)
        fclose(file);
    if (ok)
        text[length] = '\0';
    return ok ? text : NULL;
}

RuleSet *rules_read(Context *context, RuleSet *rules, const char *path)
{
    const char *const text = read_text(context, path);
    return text ? rules_parse(context, rules, text, path) : NULL;
}

RuleSet *pass_rules(Context *context, const PassOptions *options, const char *file)
{
    RuleSet *rules = append_builtin(context, NULL, "canon");
    if (rules && !strcmp(file, "postpone")) /* what it moves can be simplified again */
        rules = append_builtin(context, rules, "simplify");
    if (rules && strcmp(file, "canon") != 0)
        rules = append_builtin(context, rules, file);
    for (int i = 0; i < options->nrule_file && rules && !strcmp(file, "simplify"); i++)
        rules = rules_read(context, rules, options->rule_file[i]);
    return rules;
}

const char **pass_rule_names(Context *context, const PassOptions *options, int *count)
{
    static const char *const files[] = {"gnn", "postpone", "simplify"}; /* each of them with canon's */
    const char **names = NULL;
    *count = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const RuleSet *const rules = pass_rules(context, options, files[i]);
        if (!rules)
            return NULL;
        names = arena_grow(context->arena, names, (size_t)*count, (size_t)(*count + rules->count), sizeof *names);
        for (const Rule *rule = rules->first; rule; rule = rule->next)
            names[(*count)++] = rule->name;
    }
    return names;
}
