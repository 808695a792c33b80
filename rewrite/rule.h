/* rule.h -- the rule engine: rewrites as text, with a contract and a test line each.
 *
 * Laws: a rule never raises cost; it keeps dtype and shape; each file is monotone, so it reaches a fixed point; a rule
 * that can never fire because an earlier one always wins is refused. */
#ifndef RULE_H
#define RULE_H
#include "pass.h"

typedef struct RuleSet RuleSet;

/* Reads rules; `file` names them in messages. NULL after errors in the context's report. */
RuleSet *rules_parse(Context *context, const char *text, const char *file);
/* The same from a file, and from a built-in one ("canon", "gnn" ...), once for each context. */
RuleSet *rules_read(Context *context, const char *path);
RuleSet *rules_builtin(Context *context, const char *name);
/* An empty set; the rules of another set behind those of a set, which share them: false after errors in the report, as
 * when there is none (NULL), for those are in the report already. */
RuleSet *rules_new(Context *context);
bool rules_append(RuleSet *rules, const RuleSet *more);
/* The rules that a pass applies: canon's and those of its own built-in file ("canon", "gnn", "postpone" or "simplify"),
 * postpone's after those of simplify, simplify's followed by the user's files in the order given. NULL after errors. */
RuleSet *pass_rules(Context *context, const PassOptions *options, const char *file);
/* The names of all rules that the passes apply; *count of them. NULL after errors. */
const char **pass_rule_names(Context *context, const PassOptions *options, int *count);
/* The i-th function that guards, attributes and braces of a rule may call, as "dim(x, i)", and what it gives; false
 * beyond the last. */
bool rule_function(int i, const char **signature, const char **what);
/* Applies a set until nothing changes. Counts firings in log (may be NULL). False after errors. */
bool rules_apply(RuleSet *rules, Model *model, const PassOptions *options, RewriteLog *log);
/* Draws inputs as each rule's test line says, evaluates both sides and compares under the contract; errors are
 * reported. When `folder` is not NULL, writes each side as a model and its inputs there, for another engine to check.
 * The engine must not fire on `never` lines; `all_guards`: every guard must be what refuses one of them. */
bool rules_test(Context *context, RuleSet *rules, const char *folder, bool all_guards);
#endif
