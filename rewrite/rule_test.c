/* rule_test.c -- draws inputs as a rule's test line says and compares its two sides.
 *
 * The left side is built twice as a graph of its own. One copy is evaluated as it is, the other after the rule was
 * applied, which also shows that the rule fires on its own test. Where operators stand in alternatives, each is tried.
 */
#include "rule_test.h"
#include "../frontend/frontend.h"
#include "gradient.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool test_fails(const Drawing *drawing, const char *what)
{
    Context *const context = drawing->context;
    return report_add(context->report, NULL, drawing->rule->is_gradient ? GRADIENT_TEST : RULE_TEST,
                      drawing->rule->file, drawing->rule->line, drawing->rule->name, what);
}

/* ---- drawing ---- */
/* xorshift64* */
double draw_number(Drawing *drawing)
{
    drawing->random ^= drawing->random >> 12;
    drawing->random ^= drawing->random << 25;
    drawing->random ^= drawing->random >> 27;
    return (double)((drawing->random * 0x2545F4914F6CDD1Du) >> 11) / 9007199254740992.0;
}

static Tensor *draw_tensor(Drawing *drawing, const TestInput *input)
{
    Tensor *const tensor = tensor_new(drawing->context, input->dtype, input->rank, input->dim);
    for (int64_t i = 0; i < tensor->count; i++) {
        const double limit = input->has_bound ? input->bound : 2, u = draw_number(drawing);
        double number = input->has_bound ? floor(u * limit) : input->dtype == BOOL ? u < 0.5 : (2 * u - 1) * limit;
        if (input->nvalue > 0)
            number = input->value[input->nvalue == 1 ? 0 : i % input->nvalue];
        if (!tensor_set_number(tensor, i, number))
            return NULL;
    }
    return tensor;
}

/* The type of an input with sizes that are not known. */
static Type drawn_type(const Drawing *drawing, const TestInput *input)
{
    DimTable *const table = drawing->context->dims;
    Dim *dim[MAX_RANK];
    for (int i = 0; i < input->rank; i++)
        dim[i] = input->size[i] ? dim_symbol(table, input->size[i]) : dim_const(table, input->dim[i]);
    return type_tensor(input->dtype, input->rank, dim);
}

/* ---- the left side as a graph ---- */
static Value *left_operand(Graph *graph, const Operand *operand, const Binding *binding, DType dtype)
{
    if (operand->kind == OPERAND_SLOT)
        return binding->bound[operand->slot].value;
    if (operand->kind != OPERAND_NUMBER)
        return NULL;
    Tensor *const tensor = tensor_new(graph->context, dtype, 0, NULL);
    return tensor_set_number(tensor, 0, operand->number) ? graph_add_constant(graph, "", tensor) : NULL;
}

/* `ys...`: as many as the test line says, ys = 3. */
static bool draw_rest_outputs(const Drawing *drawing, const Statement *statement, Node *node, Binding *binding)
{
    Bound *const rest = &binding->bound[statement->rest_out];
    int64_t count;
    if (rest->kind != B_DIM || !dim_is_const(rest->dim, &count) || count < 0 || count > MAX_OPERAND)
        return test_fails(drawing, arena_printf(drawing->context->arena, "the test line does not say how many '%s' are",
                                                drawing->rule->slot_name[statement->rest_out]));
    *rest = (Bound){.kind = B_VALUES, .count = (int)count};
    rest->values = ARENA_ARRAY(drawing->context->arena, count, Value *);
    for (int i = 0; i < rest->count; i++)
        rest->values[i] = node_add_output(node, drawing->rule->slot_name[statement->rest_out]);
    return true;
}

static bool build_left_statement(const Drawing *drawing, Graph *graph, const Statement *statement, Binding *binding)
{
    DType dtype = F32;
    if (statement->nop == 0)
        return test_fails(drawing, "a test cannot draw an operator for *");
    Node *const node = node_new(graph, statement->op[drawing->alternative % statement->nop], drawing->rule->name, NULL);
    for (int i = statement->nin - 1; i >= 0; i--)
        if (statement->in[i].kind == OPERAND_SLOT) {
            const Bound *const bound = &binding->bound[statement->in[i].slot];
            if (bound->kind != B_VALUE)
                return test_fails(drawing, arena_printf(drawing->context->arena, "the test line does not draw '%s'",
                                                        drawing->rule->slot_name[statement->in[i].slot]));
            dtype = bound->value->type.dtype;
        }
    for (int i = 0; i < statement->nin; i++)
        node_add_input(node, left_operand(graph, &statement->in[i], binding, dtype));
    const Bound *const rest = statement->rest >= 0 ? &binding->bound[statement->rest] : NULL;
    for (int i = 0; rest && i < rest->count; i++)
        node_add_input(node, rest->values[i]);
    for (int i = 0; i < statement->nattr; i++) {
        const Bound bound = term_value(statement->attr[i].term, binding);
        if (bound.kind != B_NONE)
            attr_set_bound(node, statement->attr[i].name, &bound);
    }
    for (int i = 0; i < statement->nout; i++)
        binding->bound[statement->out[i]] =
            (Bound){.kind = B_VALUE, .value = node_add_output(node, drawing->rule->slot_name[statement->out[i]])};
    if (statement->rest_out >= 0 && !draw_rest_outputs(drawing, statement, node, binding))
        return false;
    if (statement->operator_slot >= 0)
        binding->bound[statement->operator_slot] = (Bound){.kind = B_NODE, .node = node};
    return op_check(node) && node_infer(node);
}

/* Whether a term asks for a function's truth, so not below `not`. */
static bool mentions(const Term *term, const TermFunction *function)
{
    bool found = term->kind == TERM_CALL && term->function == function;
    for (int i = 0; i < term->narg && !found && !(term->kind == TERM_OPERATOR && term->op == O_NOT); i++)
        found = mentions(term->arg[i], function);
    return found;
}

/* A segment operator over every drawn index vector, for rules that ask whether there is one. */
static bool add_segments(Graph *graph, const Rule *rule)
{
    int arity;
    bool asked = false;
    for (int i = 0; i < rule->nguard; i++)
        asked |= mentions(rule->guard[i], term_function("is_per_edge", &arity));
    for (int i = 0, count = graph->nin; i < count && asked; i++) {
        const Value *const index = graph->in[i];
        int64_t shape[1], limit[1] = {1};
        if (index->type.dtype != I64 || index->type.rank != 1 || !dim_is_const(index->type.dim[0], shape))
            continue;
        Tensor *const ones = tensor_new(graph->context, F32, 1, shape), *const n =
                                                                            tensor_new(graph->context, I64, 1, limit);
        *(int64_t *)n->data = 100;
        Node *const node = node_new(graph, op_find("gnn", "SegmentSum"), "edges", NULL);
        node_add_input(node, graph_add_constant(graph, "", ones));
        node_add_input(node, graph->in[i]);
        node_add_input(node, graph_add_constant(graph, "", n));
        Value *const sum = node_add_output(node, "");
        if (!node_infer(node))
            return false;
        graph_add_output(graph, sum);
    }
    return true;
}

/* The value twice, one after the other: a value that was an input could not be an output itself. */
static bool add_output(Graph *graph, Value *value)
{
    Node *const node = node_new(graph, op_find("", value->type.rank > 0 ? "Concat" : "Sum"), "output", NULL);
    if (value->type.rank > 0)
        attr_set_int(node, "axis", 0);
    node_add_input(node, value);
    node_add_input(node, value);
    graph_add_output(graph, node_add_output(node, ""));
    return node_infer(node);
}

/* A drawn value: the one that a name stands for, or one more of `xs...`. */
static void bind_drawn(const Drawing *drawing, int slot, Value *value, Binding *binding)
{
    Bound *const bound = &binding->bound[slot];
    bool is_rest = false;
    for (int i = 0; i < drawing->rule->nleft; i++)
        is_rest |= drawing->rule->left[i].rest == slot;
    if (!is_rest) {
        *bound = (Bound){.kind = B_VALUE, .value = value};
        return;
    }
    if (bound->kind == B_NONE)
        *bound = (Bound){.kind = B_VALUES, .values = ARENA_ARRAY(drawing->context->arena, MAX_OPERAND, Value *)};
    if (bound->count < MAX_OPERAND)
        bound->values[bound->count++] = value;
}

bool draw_left(Drawing *drawing, Side *side, Binding *binding)
{
    const Rule *const rule = drawing->rule;
    Context *const context = drawing->context;
    *binding = (Binding){.rule = rule, .context = context};
    side->model = model_new(context);
    side->model->ir_version = NEWEST_IR;
    Graph *const graph = side->model->graph = graph_new(side->model, rule->name);
    drawing->random = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < drawing->test->ninput; i++) {
        const TestInput *const input = &drawing->test->input[i];
        const char *const name = rule->slot_name[input->slot];
        if (input->is_attribute) {
            binding->bound[input->slot] = term_value(input->term, binding);
            continue;
        }
        Tensor *const tensor = draw_tensor(drawing, input);
        if (!tensor)
            return test_fails(drawing, "a test cannot draw tensors of such a type");
        if (!input->is_constant)
            side->input[graph->nin] = datum_of_tensor(context, tensor);
        Value *const value = input->is_constant ? graph_add_constant(graph, name, tensor)
                                                : graph_add_input(graph, name, drawn_type(drawing, input));
        bind_drawn(drawing, input->slot, value, binding);
    }
    for (int i = 0; i < rule->nleft; i++)
        if (!build_left_statement(drawing, graph, &rule->left[i], binding))
            return false;
    return add_segments(graph, rule);
}

bool build_left(Drawing *drawing, Side *side)
{
    Binding *const binding = ARENA_NEW(drawing->context->arena, Binding);
    const Statement *const root = &drawing->rule->left[drawing->rule->nleft - 1];
    if (!draw_left(drawing, side, binding))
        return false;
    for (int i = 0; i < root->nout; i++)
        if (!add_output(side->model->graph, binding->bound[root->out[i]].value))
            return false;
    for (int i = 0; i < drawing->test->nagain; i++)
        if (!add_output(side->model->graph, binding->bound[drawing->test->again[i]].value))
            return false;
    return true;
}

/* ---- comparison ---- */
static bool agree(const Rule *rule, const Tensor *a, const Tensor *b)
{
    const double tolerance = rule->contract == EXACT || !dtype_is_float(a->dtype) ? 0 : rule->bound;
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    for (int64_t i = 0; i < a->count; i++) {
        const double x = tensor_number(a, i), y = tensor_number(b, i);
        const bool same = x == y ? signbit(x) == signbit(y) || rule->contract != EXACT : x != x && y != y;
        if (!same && !(fabs(x - y) <= tolerance * fmax(1, fabs(x))))
            return false;
    }
    return true;
}

static bool write_side(const Drawing *drawing, const Side *side, const char *folder, const char *name)
{
    Context *const context = drawing->context;
    const PrintOptions print = {.inline_limit = INT64_MAX};
    const char *const stem =
        arena_printf(context->arena, "%s/%s-%d-%s", folder, drawing->rule->name, drawing->alternative, name);
    FILE *const file = fopen(arena_printf(context->arena, "%s.onnxtxt", stem), "w");
    if (!file)
        return test_fails(drawing, "a file cannot be written");
    model_print(side->model, file, &print);
    bool ok = fclose(file) == 0;
    for (int i = 0; i < side->model->graph->nin; i++)
        ok &= tensor_save(side->input[i]->tensor, side->model->graph->in[i]->name,
                          arena_printf(context->arena, "%s-input_%d.pb", stem, i));
    return ok || test_fails(drawing, "a file cannot be written");
}

static bool test_rule(Drawing *drawing, const char *folder)
{
    const Rule *const rule = drawing->rule;
    Context *const context = drawing->context;
    RuleSet set = {.context = context, .rule = &(const Rule *){rule}, .count = 1};
    const PassOptions options = {.allowed = STOCHASTIC};
    RewriteLog *const log = ARENA_NEW(context->arena, RewriteLog);
    Side left = {0}, right = {0};
    if (!build_left(drawing, &left) || !build_left(drawing, &right))
        return test_fails(drawing, "the left side is not valid");
    if (!rules_apply(&set, right.model, &options, log))
        return test_fails(drawing, "the right side is not valid");
    if (log->nrule == 0)
        return test_fails(drawing, "it does not fire on its own test");
    const int nout = left.model->graph->nout;
    Datum **const expected = ARENA_ARRAY(context->arena, nout, Datum *),
                  **const got = ARENA_ARRAY(context->arena, nout, Datum *);
    if (!evaluate(left.model->graph, left.input, expected) || !evaluate(right.model->graph, right.input, got))
        return test_fails(drawing, "a side cannot be evaluated");
    for (int i = 0; i < nout; i++)
        if (!agree(rule, expected[i]->tensor, got[i]->tensor))
            return test_fails(drawing, "the two sides differ");
    return !folder || (write_side(drawing, &left, folder, "left") && write_side(drawing, &right, folder, "right"));
}

/* The alternatives that a rule's test goes through: as many as the statement with most has. */
int rule_alternatives(const Rule *rule)
{
    int alternatives = 1;
    for (int i = 0; i < rule->nleft; i++)
        if (rule->left[i].nop > alternatives)
            alternatives = rule->left[i].nop;
    return alternatives;
}

/* Whether a test line is for this choice among the alternatives. */
bool is_tested(const Rule *rule, const TestLine *test, int alternative)
{
    bool found = !test->only;
    for (int i = 0; i < rule->nleft && !found; i++)
        found = rule->left[i].nop > 0 && rule->left[i].op[alternative % rule->left[i].nop] == test->only;
    return found;
}

bool rules_test(Context *context, RuleSet *rules, const char *folder, bool all_guards)
{
    bool ok = true;
    for (int r = 0; r < rules->count; r++) {
        const Rule *const rule = rules->rule[r];
        ok &= guards_test(context, rule, all_guards);
        for (const TestLine *test = rule->test; test; test = test->next)
            for (int i = 0; i < rule_alternatives(rule); i++) {
                if (!is_tested(rule, test, i))
                    continue;
                Drawing drawing = {.context = context, .rule = rule, .test = test, .alternative = i};
                ok &= rule->is_gradient ? gradient_test(&drawing) : test_rule(&drawing, folder);
            }
    }
    return ok;
}
