/* test_graph.c -- building, changing, copying and ordering graphs. */
#include "frontend/ops/op.h"
#include "unit.h"
#include <math.h>
#include <string.h>

static Model *empty_model(void)
{
    Model *model = model_new(test_context());
    model->graph = graph_new(model, "g");
    return model;
}

static Type vector(Context *context)
{
    return type_tensor(F32, 1, (Dim *[]){dim_symbol(context->dims, "N")});
}

/* out = Name (a, b) at the end of the graph; b may be NULL. */
static Value *add_node(Graph *graph, const char *op, const char *out, Value *a, Value *b)
{
    Node *node = node_new(graph, op_find("", op), "", NULL);
    node_add_input(node, a);
    if (b)
        node_add_input(node, b);
    Value *value = node_add_output(node, out);
    value->type = vector(graph->context);
    return value;
}

static void finish(Model *model)
{
    CU_ASSERT(model_verify(model));
    report_print(model->context->report, stderr);
    context_free(model->context);
}

static void test_names(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph;
    Value *x = graph_add_input(graph, "x", vector(model->context));
    Value *twin = add_node(graph, "Relu", "x", x, NULL), *fresh = add_node(graph, "Relu", "", x, NULL);
    CU_ASSERT_STRING_EQUAL(x->name, "x");
    CU_ASSERT_STRING_NOT_EQUAL(twin->name, "x");
    CU_ASSERT(*fresh->name != 0);
    CU_ASSERT_PTR_EQUAL(graph_find_value(graph, twin->name), twin);
    value_rename(twin, "y");
    CU_ASSERT_PTR_EQUAL(graph_find_value(graph, "y"), twin);
    value_swap_names(twin, fresh);
    CU_ASSERT_PTR_EQUAL(graph_find_value(graph, "y"), fresh);
    for (int i = 0; i < 1000; i++)
        add_node(graph, "Relu", "many", x, NULL);
    finish(model);
}

static void test_names_of_subgraphs(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph;
    Value *x = graph_add_input(graph, "x", vector(model->context));
    Value *inner[2];
    Node *branch = node_new(graph, op_find("", "If"), "", NULL);
    node_add_input(branch, x);
    for (int i = 0; i < 2; i++) {
        Graph *body = graph_new(model, "body");
        inner[i] = add_node(body, "Relu", "y", x, NULL);
        graph_add_output(body, inner[i]);
        attr_set_graph(branch, i ? "then_branch" : "else_branch", body);
    }
    CU_ASSERT_STRING_NOT_EQUAL(inner[0]->name, inner[1]->name);
    Value *y = node_add_output(branch, "y"); /* the outermost graph's names are the model's interface */
    CU_ASSERT_STRING_EQUAL(y->name, "y");
    CU_ASSERT_STRING_NOT_EQUAL(inner[0]->name, "y");
    graph_add_output(graph, y);
    CU_ASSERT_EQUAL(x->nreader, 3);
    finish(model);
}

static void test_replace(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph;
    Value *x = graph_add_input(graph, "x", vector(model->context));
    Value *a = add_node(graph, "Relu", "a", x, NULL), *b = add_node(graph, "Add", "b", a, a);
    graph_add_output(graph, b);
    CU_ASSERT(value_replace(a, x)); /* both slots of the reader */
    CU_ASSERT_EQUAL(a->nreader, 0);
    CU_ASSERT_EQUAL(x->nreader, 3);
    CU_ASSERT_FALSE(value_is_read_once(x));
    CU_ASSERT_EQUAL(graph_sweep(graph), 1);
    CU_ASSERT_EQUAL(x->nreader, 2);
    Value *c = add_node(graph, "Relu", "c", x, NULL);
    CU_ASSERT(value_replace(b, c)); /* c becomes the output, with its name */
    CU_ASSERT_PTR_EQUAL(graph->out[0], c);
    CU_ASSERT_STRING_EQUAL(c->name, "b");
    CU_ASSERT_EQUAL(graph_sweep(graph), 1);
    finish(model);
}

static void test_replace_output_by_input(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph;
    Value *x = graph_add_input(graph, "x", vector(model->context)), *y = add_node(graph, "Relu", "y", x, NULL);
    graph_add_output(graph, y);
    CU_ASSERT(value_replace(y, x)); /* an Identity keeps the output's name */
    CU_ASSERT_PTR_EQUAL(graph->out[0], y);
    CU_ASSERT_STRING_EQUAL(y->name, "y");
    CU_ASSERT_PTR_EQUAL(y->def->op, op_find("", "Identity"));
    CU_ASSERT_FALSE(value_replace(y, x)); /* and is not put there again and again */
    CU_ASSERT_EQUAL(graph_sweep(graph), 1);
    CU_ASSERT_EQUAL(graph->nnode, 1);
    finish(model);
}

static void test_two_outputs_of_one_value(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph;
    Value *x = graph_add_input(graph, "x", vector(model->context));
    Value *a = add_node(graph, "Relu", "a", x, NULL), *b = add_node(graph, "Relu", "b", x, NULL);
    graph_add_output(graph, a);
    graph_add_output(graph, b);
    CU_ASSERT(value_replace(b, a));
    CU_ASSERT_STRING_EQUAL(graph->out[0]->name, "a");
    CU_ASSERT_STRING_EQUAL(graph->out[1]->name, "b");
    CU_ASSERT_PTR_EQUAL(graph->out[1]->def->in[0], a);
    finish(model);
}

static void test_sort(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph;
    Value *x = graph_add_input(graph, "x", vector(model->context));
    Value *first = add_node(graph, "Relu", "v", x, NULL), *last = first;
    for (int i = 0; i < 20000; i++) /* deep, and of 2^20000 paths */
        last = add_node(graph, "Add", "", last, last);
    graph_add_output(graph, last);
    node_move_before(last->def, graph->first);
    CU_ASSERT(graph_sort(graph));
    CU_ASSERT_PTR_EQUAL(graph->first, first->def);
    CU_ASSERT_PTR_EQUAL(graph->last, last->def);
    CU_ASSERT(model_verify(model));
    node_set_input(first->def, 0, last);
    CU_ASSERT_FALSE(graph_sort(graph));
    node_set_input(first->def, 0, x);
    finish(model);
}

/* f (a, b) => (c) { t = Elu <alpha = @slope> (a)  c = Add (t, b) } */
static Graph *add_function(Model *model)
{
    Graph *f = graph_new(model, "f");
    f->domain = "test";
    static const char *attribute[] = {"slope"};
    f->attribute = attribute;
    f->nattribute = 1;
    Value *a = graph_add_input(f, "a", (Type){.rank = -1}), *b = graph_add_input(f, "b", (Type){.rank = -1});
    Value *t = add_node(f, "Elu", "t", a, NULL);
    Attr *reference = attr_add(t->def, "alpha", ATTR_REFERENCE);
    reference->s = "slope";
    reference->reference = ATTR_FLOAT;
    graph_add_output(f, add_node(f, "Add", "c", t, b));
    model_add_function(model, f);
    return f;
}

static void test_inline(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph, *f = add_function(model);
    Value *x = graph_add_input(graph, "x", vector(model->context));
    Node *call = node_new(graph, NULL, "layer", NULL);
    call->function = f;
    node_add_input(call, x);
    node_add_input(call, x);
    attr_set_float(call, "slope", 0.5);
    Value *inner = node_add_output(call, "inner");
    inner->type = vector(model->context);
    graph_add_output(graph, add_node(graph, "Relu", "y", inner, NULL));
    CU_ASSERT(model_verify(model));
    node_inline(call, f);
    CU_ASSERT_EQUAL(graph->nnode, 3);
    const Node *elu = graph->first, *add = elu->next;
    CU_ASSERT_PTR_EQUAL(elu->op, op_find("", "Elu"));
    CU_ASSERT_EQUAL(attr_float(elu, "alpha", 0), 0.5);
    CU_ASSERT_STRING_EQUAL(elu->name, "layer");
    CU_ASSERT_STRING_EQUAL(elu->out[0]->name, "layer/t");
    CU_ASSERT_STRING_EQUAL(add->out[0]->name, "inner");
    CU_ASSERT_PTR_EQUAL(add->in[1], x);
    CU_ASSERT_EQUAL(f->nnode, 2);
    finish(model);
}

static void test_clone(void)
{
    Model *model = empty_model();
    Graph *f = add_function(model), *copy = graph_clone(model, f);
    CU_ASSERT_EQUAL(copy->nnode, 2);
    CU_ASSERT_STRING_EQUAL(copy->out[0]->name, "c");
    CU_ASSERT_PTR_NOT_EQUAL(copy->out[0], f->out[0]);
    CU_ASSERT_EQUAL(attr_find(copy->first, "alpha")->kind, ATTR_REFERENCE);
    copy->name = "g";
    model_add_function(model, copy);
    finish(model);
}

static void test_attributes(void)
{
    Model *model = empty_model();
    Node *node = node_new(model->graph, op_find("", "Relu"), "", NULL);
    size_t count;
    attr_set_int(node, "b", 1);
    attr_set_string(node, "c", "text");
    attr_set_ints(node, "a", (const int64_t[]){3, 4}, 2);
    attr_set_int(node, "b", 2);
    CU_ASSERT_STRING_EQUAL(node->attr->name, "a");
    CU_ASSERT_EQUAL(attr_int(node, "b", 0), 2);
    CU_ASSERT_EQUAL(attr_int(node, "c", 7), 7);
    CU_ASSERT_STRING_EQUAL(attr_string(node, "c", ""), "text");
    CU_ASSERT_EQUAL(attr_ints(node, "a", &count)[1], 4);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_PTR_NULL(attr_ints(node, "b", &count));
    CU_ASSERT_EQUAL(count, 0);
    Node *other = node_new(model->graph, op_find("", "Relu"), "", NULL);
    attr_copy(other, node->attr);
    CU_ASSERT(attr_equal(other->attr, node->attr));
    attr_remove(node, "a");
    CU_ASSERT_PTR_NULL(attr_find(node, "a"));
    CU_ASSERT_PTR_NOT_NULL(attr_find(other, "a"));
    finish(model);
}

static void test_tensors(void)
{
    Context *context = test_context();
    Tensor *a = tensor_new(context, I32, 2, (const int64_t[]){2, 3});
    Tensor *b = tensor_new(context, I32, 2, (const int64_t[]){2, 3});
    CU_ASSERT_EQUAL(a->count, 6);
    CU_ASSERT(tensor_equal(a, b));
    ((int32_t *)b->data)[5] = -7;
    CU_ASSERT_FALSE(tensor_equal(a, b));
    CU_ASSERT_EQUAL(tensor_int(b, 5), -7);
    Tensor splat = *a;
    splat.splat = true;
    CU_ASSERT(tensor_equal(a, &splat));
    CU_ASSERT_EQUAL(tensor_bytes(&splat), 4);
    CU_ASSERT_EQUAL(tensor_new(context, F32, 3, (const int64_t[]){INT64_MAX, 0, INT64_MAX})->count, 0);
    CU_ASSERT_STRING_EQUAL(*(const char *const *)tensor_at(tensor_new(context, STRING, 0, NULL), 0), "");
    const Type type = type_of_tensor(context, a), same = type_of_tensor(context, b);
    CU_ASSERT(type_equal(&type, &same));
    CU_ASSERT_STRING_EQUAL(type_text(&type, context->arena), "int32[2,3]");
    context_free(context);
}

/* Every type that has numbers holds 2 and 1; how the others of a type are rounded is Cast's. */
static void test_numbers_of_tensors(void)
{
    Context *context = test_context();
    for (DType type = UNDEFINED; type < NUM_DTYPE; type++) {
        const DTypeClass class = dtype_info(type)->class;
        const bool has_numbers = class != NO_CLASS && class != TEXTUAL && class != COMPLEX;
        Tensor *tensor = tensor_new(context, type, 1, (const int64_t[]){2});
        CU_ASSERT_EQUAL(tensor_set_number(tensor, 1, 2), has_numbers);
        if (!has_numbers) {
            CU_ASSERT(isnan(tensor_number(tensor, 1)));
            continue;
        }
        CU_ASSERT_EQUAL(tensor_number(tensor, 1), type == BOOL || type == I2 ? 1 : 2);
        tensor_set_number(tensor, 0, 1);
        CU_ASSERT_EQUAL(tensor_number(tensor, 0), 1);
        CU_ASSERT_EQUAL(tensor_number(tensor, 1), type == BOOL || type == I2 ? 1 : 2);
    }
    Tensor *half = tensor_new(context, F16, 0, NULL), *large = tensor_new(context, I64, 0, NULL);
    tensor_set_number(half, 0, 0.1);
    CU_ASSERT_EQUAL(tensor_number(half, 0), 1638.0 / 16384);
    tensor_set_number(large, 0, -1e30);
    CU_ASSERT_EQUAL(tensor_int(large, 0), INT64_MIN);
    context_free(context);
}

static void allocate_too_much(void *who)
{
    tensor_new(who, F64, 2, (const int64_t[]){INT64_C(1) << 40, INT64_C(1) << 40});
}

static void test_tensor_limit(void)
{
    Context *context = test_context();
    CU_ASSERT_FALSE(report_guard(context->report, allocate_too_much, context));
    CU_ASSERT(report_has(context->report, LIMIT_EXCEEDED));
    context_free(context);
}

/* The verifier finds what is broken by hand. */
static void test_verify(void)
{
    Model *model = empty_model();
    Graph *graph = model->graph;
    Value *x = graph_add_input(graph, "x", vector(model->context)), *y = add_node(graph, "Relu", "y", x, NULL);
    graph_add_output(graph, y);
    CU_ASSERT(model_verify(model));
    y->outputs = 2;
    CU_ASSERT_FALSE(model_verify(model));
    y->outputs = 1;
    x->nreader = 0;
    CU_ASSERT_FALSE(model_verify(model));
    x->nreader = 1;
    const char *name = y->name;
    y->name = "x";
    CU_ASSERT_FALSE(model_verify(model));
    y->name = name;
    y->def->in[0] = y;
    CU_ASSERT_FALSE(model_verify(model));
    y->def->in[0] = x;
    attr_set_int(y->def, "b", 1);
    attr_set_int(y->def, "a", 1)->name = "c";
    CU_ASSERT_FALSE(model_verify(model));
    y->def->attr = NULL;
    graph->nnode = 5;
    CU_ASSERT_FALSE(model_verify(model));
    graph->nnode = 1;
    y->def->op = NULL;
    CU_ASSERT_FALSE(model_verify(model));
    y->def->op = op_find("", "Relu");
    report_rewind(model->context->report, (ReportMark){0});
    finish(model);
}

void suite_graph(void)
{
    static const UnitTest tests[] = {
        {"names stay unique", test_names},
        {"names of subgraphs give way", test_names_of_subgraphs},
        {"replacing a value", test_replace},
        {"replacing an output by an input", test_replace_output_by_input},
        {"one value for two outputs", test_two_outputs_of_one_value},
        {"sorting", test_sort},
        {"inlining a function", test_inline},
        {"cloning", test_clone},
        {"attributes", test_attributes},
        {"tensors and types", test_tensors},
        {"numbers of tensors", test_numbers_of_tensors},
        {"the limit for tensors", test_tensor_limit},
        {"the verifier", test_verify},
    };
    ADD_SUITE("graph", tests);
}
