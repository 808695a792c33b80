/* rule_guards.c -- tests of what guards are for: `never` lines, on which a rule must not fire.
 *
 * A line shows that a guard is needed when the rule would fire there without it. A line that no single guard refuses
 * shows nothing (the pattern may not match at all) and is an error. */
#include "rule_test.h"

/* A rule without one of its guards; -1: with all. */
static Rule rule_without(const Rule *rule, int guard)
{
    Rule alone = *rule;
    for (int i = guard; guard >= 0 && i + 1 < rule->nguard; i++)
        alone.guard[i] = rule->guard[i + 1];
    alone.nguard -= guard >= 0;
    return alone;
}

typedef enum { STAYS, FIRES, INVALID } Outcome;

/* What a rule does on a line: INVALID after an error in the report, for then the line says nothing. */
static Outcome outcome(Drawing drawing, const Rule *rule)
{
    Context *const context = drawing.context;
    const PassOptions options = {.allowed = STOCHASTIC};
    RuleSet set = {.context = context, .rule = &rule, .count = 1};
    RewriteLog *const log = ARENA_NEW(context->arena, RewriteLog);
    Side side = {0};
    if (!build_left(&drawing, &side)) {
        test_fails(&drawing, arena_printf(context->arena, "the left side of line %d is not valid", drawing.test->line));
        return INVALID;
    }
    const ReportMark mark = report_mark(context->report);
    const bool built = rules_apply(&set, side.model, &options, log);
    report_rewind(context->report, mark);
    return !built || log->nrule > 0 ? FIRES : STAYS;
}

/* Whether the rule stays on this line, and notes the guards without which it would fire there. */
static bool line_test(Drawing drawing, const Rule *rule, bool *needed, bool *shows)
{
    Context *const context = drawing.context;
    const Outcome with_all = outcome(drawing, rule);
    if (with_all == FIRES)
        test_fails(&drawing, arena_printf(context->arena, "it fires on line %d", drawing.test->line));
    for (int i = 0; i < rule->nguard && with_all == STAYS; i++) {
        const Rule fewer = rule_without(rule, i);
        const bool fires = outcome(drawing, &fewer) == FIRES;
        needed[i] |= fires;
        *shows |= fires;
    }
    return with_all == STAYS;
}

bool guards_test(Context *context, const Rule *rule, bool all)
{
    bool ok = true, *const needed = ARENA_ARRAY(context->arena, rule->nguard + 1, bool);
    for (const TestLine *line = rule->never; line; line = line->next) {
        Drawing drawing = {.context = context, .rule = rule, .test = line};
        bool shows = false, valid = true;
        for (int i = 0; i < rule_alternatives(rule); i++) {
            drawing.alternative = i;
            if (is_tested(rule, line, i))
                valid &= line_test(drawing, rule, needed, &shows);
        }
        if (valid && !shows)
            valid = test_fails(&drawing, arena_printf(context->arena, "no guard alone refuses line %d", line->line));
        ok &= valid;
    }
    for (int i = 0; i < rule->nguard && all && !rule->is_gradient; i++)
        if (!needed[i])
            ok = test_fails(&(Drawing){.context = context, .rule = rule},
                            arena_printf(context->arena, "no `never` line needs its guard %d, in line %d", i + 1,
                                         rule->guard[i]->line));
    return ok;
}
