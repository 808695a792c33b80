/* test_report.c -- messages: printing, escaping, limits, the end of a compilation. */
#include "unit.h"
#include <stdlib.h>
#include <string.h>

static char *printed(const Report *report, void (*print)(const Report *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    print(report, stream);
    fclose(stream);
    return text;
}

static void check_print(const Report *report, void (*print)(const Report *, FILE *), const char *wanted)
{
    char *text = printed(report, print);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    free(text);
}

static void test_text(void)
{
    Context *context = test_context();
    CU_ASSERT(!report_add(context->report, NULL, FILE_UNREADABLE, "a\nb\x1b[2J\xc2\x9b\xff\xc3\xa9", "gone"));
    check_print(context->report, report_print,
                "test.onnx: error E-FILE: cannot read a\\x0ab\\x1b[2J\\xc2\\x9b\\xff\xc3\xa9: gone\n");
    check_print(context->report, report_print_json,
                "{\"file\": \"test.onnx\", \"errors\": 1, \"warnings\": 0, \"messages\": [\n"
                "  {\"severity\": \"error\", \"code\": \"E-FILE\", \"text\": \"cannot read "
                "a\\u000ab\\u001b[2J\xc2\x9b\\ufffd\xc3\xa9: gone\"}\n]}\n");
    context_free(context);
}

static void test_place(void)
{
    Context *context = test_context();
    Value out = {.name = "y"}, *outs[] = {&out};
    Graph function = {.name = "Layer", .domain = "mine"}, body = {.name = "body"};
    Node node = {.name = "/conv1/Gather", .graph = &body, .function = &function};
    report_add(context->report, &node, NODE_TYPE, 1, "edge_index", "float", "int32 or int64");
    node.name = "";
    node.graph = &function;
    node.out = outs;
    node.nout = 1;
    report_add(context->report, &node, WARN_GNN_MAX, "max", "max", "max");
    check_print(
        context->report, report_print,
        "test.onnx: node /conv1/Gather (Layer): error E-TYPE: input 1 'edge_index' is float, wants int32 or int64\n"
        "test.onnx: node y (Layer) in Layer: warning W-GNN-1: the TorchScript exporter's scatter-max computes "
        "max(0, true maximum) here\n"
        "  hint: export with dynamo=True\n");
    CU_ASSERT_EQUAL(report_errors(context->report), 1);
    CU_ASSERT_EQUAL(report_warnings(context->report), 1);
    CU_ASSERT(report_has(context->report, NODE_TYPE) && !report_has(context->report, NODE_SHAPE));
    context_free(context);
}

static void test_limits(void)
{
    Context *context = test_context();
    char *name = arena_alloc(context->arena, 5001);
    memset(name, 'x', 5000);
    for (int i = 0; i < 25; i++)
        report_add(context->report, NULL, GRAPH_INVALID, name);
    char *text = printed(context->report, report_print);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "xxx...\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "and 5 more errors\n"));
    CU_ASSERT(strlen(text) < 20 * 600);
    free(text);
    report_rewind(context->report, (ReportMark){0});
    CU_ASSERT_EQUAL(report_errors(context->report), 0);
    check_print(context->report, report_print, "");
    context_free(context);
}

static void give_up(void *who)
{
    Context *context = who;
    report_fatal(context->report, NULL, GRAPH_INVALID, "enough");
}
static void try_inside(void *who)
{
    Context *context = who;
    CU_ASSERT(!report_guard(context->report, give_up, context));
    give_up(context);
}
static void spend(void *who)
{
    for (;;)
        arena_alloc(((Context *)who)->arena, 1 << 20);
}
static void succeed(void *who)
{
    (void)who;
}

static void test_fatal(void)
{
    Context *context = test_context();
    CU_ASSERT(report_guard(context->report, succeed, context));
    ReportMark mark = report_mark(context->report);
    CU_ASSERT(!report_guard(context->report, try_inside, context));
    CU_ASSERT_EQUAL(report_errors(context->report), 2);
    report_rewind(context->report, mark);
    CU_ASSERT_EQUAL(report_errors(context->report), 0);
    CU_ASSERT(!report_guard(context->report, spend, context));
    CU_ASSERT(report_has(context->report, LIMIT_EXCEEDED));
    context_free(context);
}

void suite_report(void)
{
    static const UnitTest tests[] = {
        {"text and JSON are escaped", test_text},
        {"the place is named", test_place},
        {"many and long messages are cut", test_limits},
        {"fatal errors end in the innermost guard", test_fatal},
    };
    ADD_SUITE("report", tests);
}
