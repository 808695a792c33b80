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
#include "../frontend/lexer.h"
#include "pattern.h"
#include <string.h>

enum { MAX_TERM_DEPTH = 32 };

typedef struct {
    Lexer lexer;
    Context *context;
    Rule *rule;
    int depth;      /* of the term being read */
    int nleft_slot; /* names of the left side; 0: it is not over */
    bool is_never;  /* the line being read, whose sizes may be names */
} Parser;

/* ---- names ---- */
static int slot_find(const Rule *rule, const char *name)
{
    for (int i = 0; i < rule->nslot; i++)
        if (!strcmp(rule->slot_name[i], name))
            return i;
    return -1;
}

static bool slot_make(Parser *parser, const char *name, int *slot)
{
    Rule *const rule = parser->rule;
    *slot = slot_find(rule, name);
    if (*slot >= 0)
        return true;
    if (rule->nslot == MAX_SLOT)
        return lexer_error(&parser->lexer, "a rule has at most %d names", MAX_SLOT);
    *slot = rule->nslot++;
    rule->slot_name[*slot] = name;
    rule->slot_def[*slot] = -1;
    rule->gradient[*slot] = -1;
    return true;
}

/* ---- terms ---- */
static Term *parse_term(Parser *parser, int level);

static Term *term_new(Parser *parser, TermKind kind)
{
    Term *const term = ARENA_NEW(parser->context->arena, Term);
    term->kind = kind;
    term->line = parser->lexer.token.line;
    return term;
}

static bool parse_arguments(Parser *parser, Term *term, const char *end)
{
    if (lexer_accept(&parser->lexer, end))
        return true;
    do {
        Term *const argument = parse_term(parser, 0);
        if (!argument)
            return false;
        if (term->narg == (int)(sizeof term->arg / sizeof *term->arg))
            return lexer_error(&parser->lexer, "too many terms in a list");
        term->arg[term->narg++] = argument;
    } while (lexer_accept(&parser->lexer, ","));
    return lexer_expect(&parser->lexer, end);
}

static Term *parse_named(Parser *parser)
{
    const char *name;
    int arity;
    Term *term = term_new(parser, TERM_SLOT);
    if (!lexer_name(&parser->lexer, &name))
        return NULL;
    if (!lexer_accept(&parser->lexer, "(")) {
        term->slot = slot_find(parser->rule, name);
        if (parser->nleft_slot && term->slot >= parser->nleft_slot)
            return lexer_error(&parser->lexer, "'%s' has no value before the right side is built", name) ? term : NULL;
        return term->slot >= 0 || lexer_error(&parser->lexer, "'%s' is not a name of this rule", name) ? term : NULL;
    }
    term->kind = TERM_CALL;
    term->function = term_function(name, &arity);
    if (!term->function) {
        lexer_error(&parser->lexer, "there is no function '%s'", name);
        return NULL;
    }
    if (!parse_arguments(parser, term, ")"))
        return NULL;
    return term->narg == arity || lexer_error(&parser->lexer, "'%s' takes %d arguments", name, arity) ? term : NULL;
}

static Term *parse_primary(Parser *parser);

/* The depth of recursion is bounded here, and with it that of everything that walks a term. */
static Term *parse_nested(Parser *parser)
{
    if (parser->depth == MAX_TERM_DEPTH) {
        lexer_error(&parser->lexer, "a term is nested deeper than %d", MAX_TERM_DEPTH);
        return NULL;
    }
    parser->depth++;
    Term *const term = parse_primary(parser);
    parser->depth--;
    return term;
}

static Term *parse_primary(Parser *parser)
{
    Lexer *const lexer = &parser->lexer;
    Term *term;
    if (lexer_accept(lexer, "(")) {
        term = parse_term(parser, 0);
        return term && lexer_expect(lexer, ")") ? term : NULL;
    }
    if (lexer_accept(lexer, "[")) {
        term = term_new(parser, TERM_LIST);
        return parse_arguments(parser, term, "]") ? term : NULL;
    }
    if (lexer_accept(lexer, "not")) {
        term = term_new(parser, TERM_OPERATOR);
        term->op = O_NOT;
        term->narg = 1;
        return (term->arg[0] = parse_nested(parser)) ? term : NULL;
    }
    if (lexer->token.kind == TOKEN_STRING) {
        term = term_new(parser, TERM_STRING);
        return lexer_string(lexer, &term->s) ? term : NULL;
    }
    if (lexer->token.kind == TOKEN_NAME)
        return parse_named(parser);
    Lexer ahead = *lexer;
    if (lexer_is(&ahead, "-"))
        lexer_next(&ahead);
    if (ahead.token.kind == TOKEN_INTEGER) {
        term = term_new(parser, TERM_INT);
        return lexer_integer(lexer, &term->i) ? term : NULL;
    }
    term = term_new(parser, TERM_FLOAT);
    return lexer_number(lexer, F64, &term->f) ? term : NULL;
}

static Term *parse_term(Parser *parser, int level)
{
    static const struct {
        int level;
        const char *mark;
        TermOperator op;
    } row[] = {{0, "||", O_OR}, {1, "&&", O_AND}, {2, "==", O_EQ}, {2, "!=", O_NE}, {2, "<=", O_LE}, {2, ">=", O_GE},
               {2, "<", O_LT},  {2, ">", O_GT},   {3, "+", O_ADD}, {3, "-", O_SUB}, {4, "*", O_MUL}, {4, "/", O_DIV}};
    if (level == 5)
        return parse_nested(parser);
    Term *left = parse_term(parser, level + 1);
    for (int chain = 0; left; chain++) {
        size_t i = 0;
        while (i < sizeof row / sizeof *row && !(row[i].level == level && lexer_accept(&parser->lexer, row[i].mark)))
            i++;
        if (i == sizeof row / sizeof *row)
            break;
        if (chain == MAX_TERM_DEPTH) {
            lexer_error(&parser->lexer, "a term is longer than %d operations", MAX_TERM_DEPTH);
            return NULL;
        }
        Term *const both = term_new(parser, TERM_OPERATOR);
        both->op = row[i].op;
        both->narg = 2;
        both->arg[0] = left;
        both->arg[1] = parse_term(parser, level + 1);
        left = both->arg[1] ? both : NULL;
    }
    return left;
}

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

/* ---- test lines ---- */
static bool parse_test_values(Parser *parser, TestInput *input)
{
    Lexer *const lexer = &parser->lexer;
    if (!lexer_accept(lexer, "{")) {
        input->nvalue = 1;
        return lexer_number(lexer, F64, &input->value[0]);
    }
    do {
        if (input->nvalue == (int)(sizeof input->value / sizeof *input->value))
            return lexer_error(lexer, "too many elements");
        if (!lexer_number(lexer, F64, &input->value[input->nvalue++]))
            return false;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, "}");
}

/* A value that something else reads too. */
static bool parse_read_again(Parser *parser, TestLine *test)
{
    Lexer *const lexer = &parser->lexer;
    const char *name;
    if (test->nagain == MAX_OPERAND)
        return lexer_error(lexer, "too many values that are read again");
    if (!lexer_name(lexer, &name))
        return false;
    test->again[test->nagain] = slot_find(parser->rule, name);
    return test->again[test->nagain++] >= 0 || lexer_error(lexer, "'%s' is not a name of this rule", name);
}

/* [const] float[5,3] x [< bound] [= values], or, for an attribute: name = term */
static bool parse_test_input(Parser *parser, TestInput *input)
{
    Lexer *const lexer = &parser->lexer;
    const char *name;
    if (lexer_next_is(lexer, "=")) {
        input->is_attribute = true;
        if (!lexer_name(lexer, &name) || !lexer_expect(lexer, "="))
            return false;
        input->slot = slot_find(parser->rule, name);
        if (input->slot < 0)
            return lexer_error(lexer, "'%s' is not a name of this rule", name);
        return (input->term = parse_term(parser, 3)) != NULL;
    }
    input->is_constant = lexer_accept(lexer, "const");
    if (!lexer_name(lexer, &name))
        return false;
    input->dtype = dtype_parse(name, strlen(name));
    if (input->dtype == UNDEFINED)
        return lexer_error(lexer, "'%s' is not a type", name);
    if (lexer_accept(lexer, "[") && !lexer_accept(lexer, "]")) {
        do {
            if (input->rank == MAX_RANK)
                return lexer_error(lexer, "too many axes");
            if (parser->is_never && !input->is_constant && lexer->token.kind == TOKEN_NAME
                    ? !lexer_name(lexer, &input->size[input->rank])
                    : !lexer_integer(lexer, &input->dim[input->rank]))
                return false;
            input->rank++;
        } while (lexer_accept(lexer, ","));
        if (!lexer_expect(lexer, "]"))
            return false;
    }
    if (!lexer_name(lexer, &name))
        return false;
    input->slot = slot_find(parser->rule, name);
    if (input->slot < 0)
        return lexer_error(lexer, "'%s' is not a name of this rule", name);
    if (lexer_accept(lexer, "<")) {
        input->has_bound = true;
        if (!lexer_number(lexer, F64, &input->bound))
            return false;
    }
    return !lexer_accept(lexer, "=") || parse_test_values(parser, input);
}

/* test Gemm (inputs): of alternatives, the one that takes such inputs. */
static bool parse_test_operator(Parser *parser, TestLine *test)
{
    Lexer *const lexer = &parser->lexer;
    const char *domain, *name, *overload;
    if (lexer_is(lexer, "("))
        return true;
    if (!lexer_operator(lexer, &domain, &name, &overload))
        return false;
    test->only = op_find(domain, name);
    return test->only || lexer_error(lexer, "operator %s of domain '%s' is not known", name, domain);
}

static TestInput *test_add(Parser *parser, TestLine *test)
{
    test->input = arena_grow(parser->context->arena, test->input, (size_t)test->ninput, (size_t)test->ninput + 1,
                             sizeof *test->input);
    return &test->input[test->ninput++];
}

/* A `never` line says what is other than in the test line before it, the first for its operator. */
static bool inherit(Parser *parser, TestLine *never)
{
    const TestLine *base = parser->rule->test;
    while (base && base->only != never->only)
        base = base->next;
    if (!base)
        return lexer_error(&parser->lexer, "there is no test line to change");
    const TestLine changes = *never;
    never->input = NULL;
    never->ninput = 0;
    for (int i = 0; i < base->ninput; i++) {
        int change = 0;
        while (change < changes.ninput && changes.input[change].slot != base->input[i].slot)
            change++;
        *test_add(parser, never) = change < changes.ninput ? changes.input[change] : base->input[i];
    }
    return true;
}

static bool parse_test(Parser *parser, TestLine **end)
{
    Lexer *const lexer = &parser->lexer;
    TestLine *const test = ARENA_NEW(parser->context->arena, TestLine);
    test->line = lexer->token.line;
    while (*end)
        end = &(*end)->next;
    *end = test;
    if (!parse_test_operator(parser, test) || !lexer_expect(lexer, "("))
        return false;
    do {
        if (lexer_next_is(lexer, ",") || lexer_next_is(lexer, ")")) {
            if (!parse_read_again(parser, test))
                return false;
            continue;
        }
        if (test->ninput == MAX_SLOT)
            return lexer_error(lexer, "too many inputs");
        if (!parse_test_input(parser, test_add(parser, test)))
            return false;
    } while (lexer_accept(lexer, ","));
    return lexer_expect(lexer, ")") && (!parser->is_never || inherit(parser, test));
}

/* ---- rules ---- */
static bool parse_contract(Parser *parser)
{
    static const char *const name[] = {"exact", "reassoc", "lossy", "stochastic"};
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
