/* rule_parse_tests.c -- test lines of rules: which inputs are drawn. */
#include "rule_parse.h"
#include <string.h>

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

bool parse_test(Parser *parser, TestLine **end)
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
