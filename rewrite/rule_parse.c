/* rule_parse.c -- rules from text: statements as in ONNX text, then guards and test lines.
 *
 *    rule NAME CONTRACT { left => right [where guards] test (inputs) ... [never (inputs) ...] } ...
 *    gradient NAME { left => right [where guards] test (inputs) ... } ...       see gradient.rules
 *
 * Contract: exact, reassoc, lossy(1e-3)
 * Left:  y = Relu|Tanh <axis = 0, perm = p> (x, 2.0, xs...)     f:Relu|Tanh or f:* names the operator that matched
 * Right: y = Op <attributes> (x, 0.5, (epsilon), {rows(x), 1})  f (x) copies an operator, y = x renames
 * Guards and braces hold terms: numbers, names, sums, and the functions of rule_functions.c.
 * Tests: test (float[5,3] x, const int64[2] s = {5, 3}, int64[9] i < 5, alpha = 0.5); test Tanh (...) for one
 *        alternative
 * Never: never (float[N,1] x) says what is other than in the test line, so that one guard refuses it (rule_guards.c);
 *        sizes may be names, and a name alone is a value that something else reads too */
#include "rule_parse.h"
#include <string.h>

/* ---- statements ---- */
/* Whether an operator's row has this attribute; *is_float whether as a float. */
static bool op_has_attribute(const Op *op, const char *name, bool *is_float)
{
    const size_t length = strlen(name);
    for (const char *at = op->attributes ? op->attributes : ""; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (!strncmp(at, name, length) && at[length] == ':') {
            *is_float = !strncmp(at + length + 1, "float", 5) && at[length + 6] != 's';
            return true;
        }
    }
    return false;
}

static bool parse_attributes(Parser *parser, Statement *statement, bool is_left)
{
    Lexer *const lexer = &parser->lexer;
    if (!lexer_accept(lexer, "<"))
        return true;
    do {
        PatternAttr *const attr = &statement->attr[statement->nattr];
        bool is_float = false;
        int slot;
        if (statement->nattr == (int)(sizeof statement->attr / sizeof *statement->attr))
            return lexer_error(lexer, "too many attributes");
        if (!lexer_name(lexer, &attr->name))
            return false;
        if (statement->nop && !op_has_attribute(statement->op[0], attr->name, &is_float))
            return lexer_error(lexer, "%s has no attribute '%s'", statement->op[0]->name, attr->name);
        if (!lexer_expect(lexer, "="))
            return false;
        if (is_left && lexer->token.kind == TOKEN_NAME && !lexer_next_is(lexer, "(")) {
            char *const name = arena_strndup(parser->context->arena, lexer->token.at, lexer->token.length);
            if (!slot_make(parser, name, &slot))
                return false;
        }
        attr->term = parse_term(parser, 3); /* a comparison's > would be the end of the list */
        if (!attr->term)
            return false;
        if (is_float && attr->term->kind == TERM_INT) {
            attr->term->kind = TERM_FLOAT;
            attr->term->f = (double)attr->term->i;
        }
        statement->nattr++;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, ">");
}

static bool parse_operand(Parser *parser, Statement *statement, bool is_left)
{
    Lexer *const lexer = &parser->lexer;
    Operand *const operand = &statement->in[statement->nin];
    const char *name;
    if (statement->nin == MAX_OPERAND)
        return lexer_error(lexer, "too many operands");
    statement->nin++;
    if (lexer_is(lexer, ",") || lexer_is(lexer, ")"))
        return true; /* not given */
    if (!is_left && lexer_accept(lexer, "{")) {
        operand->kind = OPERAND_DIMS;
        operand->term = term_new(parser, TERM_LIST);
        return parse_arguments(parser, operand->term, "}");
    }
    if (!is_left && lexer_accept(lexer, "(")) {
        operand->kind = OPERAND_NUMBER;
        return (operand->term = parse_term(parser, 0)) && lexer_expect(lexer, ")");
    }
    if (lexer->token.kind != TOKEN_NAME) {
        operand->kind = OPERAND_NUMBER;
        return lexer_number(lexer, F64, &operand->number);
    }
    if (!lexer_name(lexer, &name))
        return false;
    operand->kind = OPERAND_SLOT;
    operand->slot = slot_find(parser->rule, name);
    if (!is_left && operand->slot < 0)
        return lexer_error(lexer, "'%s' is not a name of this rule", name);
    if (!slot_make(parser, name, &operand->slot))
        return false;
    if (lexer_accept(lexer, "...")) {
        statement->rest = operand->slot;
        statement->nin--;
        return lexer_is(lexer, ")") || lexer_error(lexer, "only the last operand may be many");
    }
    return true;
}

static bool parse_alternatives(Parser *parser, Statement *statement)
{
    Lexer *const lexer = &parser->lexer;
    const char *domain, *name, *overload;
    if (lexer_accept(lexer, "*"))
        return true;
    do {
        if (statement->nop == MAX_ALTERNATIVE)
            return lexer_error(lexer, "too many alternatives");
        if (!lexer_operator(lexer, &domain, &name, &overload))
            return false;
        statement->op[statement->nop] = op_find(domain, name);
        if (!statement->op[statement->nop++])
            return lexer_error(lexer, "operator %s of domain '%s' is not known", name, domain);
    } while (lexer_accept(lexer, "|"));
    return true;
}

/* What follows `y =`. */
static bool parse_application(Parser *parser, Statement *statement, bool is_left)
{
    Lexer *const lexer = &parser->lexer;
    const char *name;
    if (is_left && lexer->token.kind == TOKEN_NAME && lexer_next_is(lexer, ":")) {
        if (!lexer_name(lexer, &name) || !slot_make(parser, name, &statement->operator_slot) ||
            !lexer_expect(lexer, ":"))
            return false;
    } else if (!is_left && lexer->token.kind == TOKEN_NAME) {
        name = arena_strndup(parser->context->arena, lexer->token.at, lexer->token.length);
        const int slot = slot_find(parser->rule, name);
        if (slot >= 0 && !lexer_next_is(lexer, ".")) { /* y = x, or y = f (x) */
            const bool is_alias = !lexer_next_is(lexer, "(") && !lexer_next_is(lexer, "<");
            lexer_next(lexer);
            if (is_alias) {
                statement->nin = 1;
                statement->in[0] = (Operand){.kind = OPERAND_SLOT, .slot = slot};
                return true;
            }
            statement->operator_slot = slot;
        }
    }
    if ((is_left || statement->operator_slot < 0) && !parse_alternatives(parser, statement))
        return false;
    if (!parse_attributes(parser, statement, is_left) || !lexer_expect(lexer, "("))
        return false;
    if (lexer_accept(lexer, ")"))
        return true;
    do {
        if (!parse_operand(parser, statement, is_left))
            return false;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, ")");
}

static bool parse_statement(Parser *parser, Statement *statement, bool is_left, int index)
{
    Lexer *const lexer = &parser->lexer;
    Rule *const rule = parser->rule;
    const char *name;
    *statement = (Statement){.operator_slot = -1, .rest = -1, .rest_out = -1, .line = lexer->token.line};
    do {
        int slot;
        if (statement->rest_out >= 0)
            return lexer_error(lexer, "only the last output may be many");
        if (statement->nout == (int)(sizeof statement->out / sizeof *statement->out))
            return lexer_error(lexer, "too many outputs");
        if (!lexer_name(lexer, &name) || !slot_make(parser, name, &slot))
            return false;
        if (is_left && rule->slot_def[slot] >= 0)
            return lexer_error(lexer, "'%s' is defined twice", name);
        if (is_left)
            rule->slot_def[slot] = index;
        if (lexer_accept(lexer, "..."))
            statement->rest_out = slot;
        else
            statement->out[statement->nout++] = slot;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, "=") && parse_application(parser, statement, is_left);
}

static bool parse_side(Parser *parser, Statement **statement, int *count, bool is_left)
{
    while (parser->lexer.token.kind == TOKEN_NAME && !lexer_is(&parser->lexer, "where") &&
           !lexer_is(&parser->lexer, "test") && !lexer_is(&parser->lexer, "never")) {
        if (*count == MAX_STATEMENT)
            return lexer_error(&parser->lexer, "too many statements");
        *statement =
            arena_grow(parser->context->arena, *statement, (size_t)*count, (size_t)*count + 1, sizeof **statement);
        if (!parse_statement(parser, &(*statement)[*count], is_left, *count))
            return false;
        ++*count;
    }
    return *count > 0 || (parser->rule->is_gradient && !is_left) ||
           lexer_error(&parser->lexer, "a statement is missing");
}

/* Names the gradient of every operand and output of a gradient rule: dx is that of x. */
static bool name_gradients(Parser *parser)
{
    Rule *const rule = parser->rule;
    for (int i = 0, count = rule->nslot; i < count; i++) {
        const char *const name = arena_printf(parser->context->arena, "d%s", rule->slot_name[i]);
        if (slot_find(rule, name) >= 0)
            return lexer_error(&parser->lexer, "'%s' would be a name and the gradient of another", name);
        if (!slot_make(parser, name, &rule->gradient[i]))
            return false;
    }
    return rule->nleft == 1 || lexer_error(&parser->lexer, "the left side of a gradient is one operator");
}

/* ---- rules ---- */
static bool parse_contract(Parser *parser)
{
    static const char *const name[] = {
        [EXACT] = "exact", [REASSOC] = "reassoc", [LOSSY] = "lossy", [STOCHASTIC] = "stochastic"};
    for (int i = 0; i < 4; i++)
        if (lexer_accept(&parser->lexer, name[i])) {
            parser->rule->contract = (Contract)i;
            parser->rule->bound = 1e-5;
            if (!lexer_accept(&parser->lexer, "("))
                return i != LOSSY || lexer_error(&parser->lexer, "lossy needs its bound: lossy(1e-3)");
            return lexer_number(&parser->lexer, F64, &parser->rule->bound) && lexer_expect(&parser->lexer, ")");
        }
    return lexer_error(&parser->lexer, "a contract is missing: exact, reassoc, lossy or stochastic");
}

/* Marks the left statements that the root reads, directly or not. */
static void reach(const Rule *rule, int statement, bool *reached)
{
    if (reached[statement])
        return;
    reached[statement] = true;
    for (int i = 0; i < rule->left[statement].nin; i++)
        if (rule->left[statement].in[i].kind == OPERAND_SLOT && rule->slot_def[rule->left[statement].in[i].slot] >= 0)
            reach(rule, rule->slot_def[rule->left[statement].in[i].slot], reached);
}

/* An error of the rule as a whole, where it begins; always false. */
static bool rule_error(Context *context, const Rule *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool rule_error(Context *context, const Rule *rule, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *const what = arena_vprintf(context->arena, format, args);
    va_end(args);
    return report_add(context->report, NULL, RULE_INVALID, rule->file, rule->line, rule->name, what);
}

/* Whether one of the left side's operators is op. */
static bool mentions_operator(const Rule *rule, const Op *op)
{
    for (int i = 0; i < rule->nleft; i++)
        for (int k = 0; k < rule->left[i].nop; k++)
            if (rule->left[i].op[k] == op)
                return true;
    return false;
}

/* What can be said about a rule without a graph. */
static bool check_rule(Context *context, const Rule *rule)
{
    bool reached[MAX_STATEMENT] = {false};
    const Statement *const root = &rule->left[rule->nleft - 1];
    reach(rule, rule->nleft - 1, reached);
    for (int i = 0; i < rule->nleft; i++)
        if (!reached[i])
            return rule_error(context, rule, "has a statement in line %d that does not lead to the last one",
                              rule->left[i].line);
    for (int i = 0; i < root->nout && !rule->is_gradient; i++) {
        bool defined = false;
        for (int k = 0; k < rule->nright; k++)
            for (int o = 0; o < rule->right[k].nout; o++)
                defined |= rule->right[k].out[o] == root->out[i];
        if (!defined)
            return rule_error(context, rule, "does not define '%s' on its right side", rule->slot_name[root->out[i]]);
    }
    for (const TestLine *test = rule->test; test; test = test->next)
        if (test->only && !mentions_operator(rule, test->only))
            return rule_error(context, rule, "has a test for %s, which it does not match", test->only->name);
    return rule->test || rule_error(context, rule, "has no test line");
}

/* Appends a rule that can fire in spite of those before it; false after errors in the report. */
static bool rules_add(RuleSet *rules, const Rule *rule)
{
    Context *const context = rules->context;
    for (int i = 0; i < rules->count; i++) {
        if (!strcmp(rules->rule[i]->name, rule->name))
            return rule_error(context, rule, "stands twice");
        if (rule_shadows(rules->rule[i], rule))
            return rule_error(context, rule, "can never fire, because %s always wins", rules->rule[i]->name);
    }
    rules->rule =
        arena_grow(context->arena, rules->rule, (size_t)rules->count, (size_t)rules->count + 1, sizeof(Rule *));
    rules->rule[rules->count++] = rule;
    return true;
}

static bool parse_rule(Parser *parser)
{
    Lexer *const lexer = &parser->lexer;
    Rule *const rule = parser->rule;
    rule->line = lexer->token.line;
    parser->nleft_slot = 0;
    rule->is_gradient = lexer_accept(lexer, "gradient");
    if ((!rule->is_gradient && !lexer_expect(lexer, "rule")) || !lexer_name(lexer, &rule->name) ||
        (!rule->is_gradient && !parse_contract(parser)) || !lexer_expect(lexer, "{") ||
        !parse_side(parser, &rule->left, &rule->nleft, true) || (rule->is_gradient && !name_gradients(parser)))
        return false;
    parser->nleft_slot = rule->nslot;
    if (!lexer_expect(lexer, "=>") || !parse_side(parser, &rule->right, &rule->nright, false))
        return false;
    if (lexer_accept(lexer, "where"))
        while (!lexer_is(lexer, "test") && !lexer_is(lexer, "never") && !lexer_is(lexer, "}")) {
            if (rule->nguard == (int)(sizeof rule->guard / sizeof *rule->guard))
                return lexer_error(lexer, "too many guards");
            if (!(rule->guard[rule->nguard++] = parse_term(parser, 0)))
                return false;
            lexer_accept(lexer, ",");
        }
    while (lexer_is(lexer, "test") || lexer_is(lexer, "never")) {
        parser->is_never = lexer_is(lexer, "never");
        lexer_next(lexer);
        if (!parse_test(parser, parser->is_never ? &rule->never : &rule->test))
            return false;
    }
    return lexer_expect(lexer, "}") && check_rule(parser->context, rule);
}

RuleSet *rules_new(Context *context)
{
    RuleSet *const rules = ARENA_NEW(context->arena, RuleSet);
    rules->context = context;
    return rules;
}

bool rules_append(RuleSet *rules, const RuleSet *more)
{
    for (int i = 0; more && i < more->count; i++)
        if (!rules_add(rules, more->rule[i]))
            return false;
    return more != NULL;
}

RuleSet *rules_parse(Context *context, const char *text, const char *file)
{
    Parser parser = {.context = context};
    RuleSet *const rules = rules_new(context);
    for (lexer_start(&parser.lexer, context, text, file); parser.lexer.token.kind != TOKEN_END;) {
        parser.rule = ARENA_NEW(context->arena, Rule);
        parser.rule->file = file;
        if (!parse_rule(&parser) || !rules_add(rules, parser.rule))
            return NULL;
    }
    return parser.lexer.failed ? NULL : rules;
}
