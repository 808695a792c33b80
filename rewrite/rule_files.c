/* rule_files.c -- where rules come from: the built-in files, and the user's. */
#include "../frontend/embedded.h"
#include "pattern.h"
#include <errno.h>
#include <string.h>

/* A file that was read; NULL rules: there are errors in it, which are reported. */
struct RuleFile {
    const char *path;
    RuleSet *rules;
    struct RuleFile *next;
};

/* The entry of a file, which is new where `rules` is NULL and no error was reported yet. */
static struct RuleFile *file_entry(Context *context, const char *path, bool *is_new)
{
    for (struct RuleFile *file = context->rule_files; file; file = file->next)
        if (!strcmp(file->path, path)) {
            *is_new = false;
            return file;
        }
    struct RuleFile *const file = ARENA_NEW(context->arena, struct RuleFile);
    *file = (struct RuleFile){arena_strdup(context->arena, path), NULL, context->rule_files};
    context->rule_files = file;
    *is_new = true;
    return file;
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

RuleSet *rules_read(Context *context, const char *path)
{
    bool is_new;
    struct RuleFile *const file = file_entry(context, path, &is_new);
    const char *const text = is_new ? read_text(context, path) : NULL;
    if (text)
        file->rules = rules_parse(context, text, path);
    return file->rules;
}

RuleSet *rules_builtin(Context *context, const char *name)
{
    bool is_new;
    const char *const path = arena_printf(context->arena, "rewrite/%s.rules", name);
    struct RuleFile *const file = file_entry(context, path, &is_new);
    const char *const text = is_new ? embedded_text(path) : NULL;
    if (text)
        file->rules = rules_parse(context, text, arena_printf(context->arena, "%s.rules", name));
    else if (is_new)
        report_add(context->report, NULL, INTERNAL, "a built-in rule file is missing");
    return file->rules;
}

RuleSet *pass_rules(Context *context, const PassOptions *options, const char *file)
{
    RuleSet *const rules = rules_new(context);
    bool ok = rules_append(rules, rules_builtin(context, "canon"));
    if (ok && !strcmp(file, "postpone")) /* what it moves can be simplified again */
        ok = rules_append(rules, rules_builtin(context, "simplify"));
    if (ok && strcmp(file, "canon") != 0)
        ok = rules_append(rules, rules_builtin(context, file));
    for (int i = 0; i < options->nrule_file && ok && !strcmp(file, "simplify"); i++)
        ok = rules_append(rules, rules_read(context, options->rule_file[i]));
    return ok ? rules : NULL;
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
        for (int k = 0; k < rules->count; k++)
            names[(*count)++] = rules->rule[k]->name;
    }
    return names;
}
