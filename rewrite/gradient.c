/* gradient.c -- the walk of reverse-mode differentiation over a graph: backwards from what is differentiated, each
 * operator's rule is built at the end of the graph, and what arrives at a value from several readers is added in that
 * order. See gradient.h. */
#include "gradient.h"
#include "../frontend/frontend.h"
#include "../frontend/map.h"
#include "pattern.h"
#include "shape.h"

typedef struct {
    Graph *graph;
    Context *context;
    const RuleSet *rules;
    Map *active; /* Value -> itself: floating and computed from one of those that are differentiated by */
    Map *sum;    /* Value -> its gradient, as far as it is added up */
    Node *end;   /* new nodes go before it */
    bool failed;
} Walk;

RuleSet *gradient_rules(Context *context, const PassOptions *options)
{
    RuleSet *const rules = rules_new(context);
    bool ok = rules_append(rules, rules_builtin(context, "gradient"));
    for (int i = 0; i < options->nrule_file && ok; i++)
        ok = rules_append(rules, rules_read(context, options->rule_file[i]));
    return ok ? rules : NULL;
}

/* ---- what depends on what is differentiated by ---- */
static bool is_active(const Walk *walk, const Value *value)
{
    return value && map_get(walk->active, value);
}

static bool graph_reads_active(const Walk *walk, const Graph *graph);

static bool reads_active(const Walk *walk, const Node *node)
{
    bool reads = false;
    const Graph *subgraph;
    for (int i = 0; i < node->nin && !reads; i++)
        reads = is_active(walk, node->in[i]);
    for (int i = 0; !reads && (subgraph = node_subgraph(node, i)); i++)
        reads = graph_reads_active(walk, subgraph);
    return reads;
}

static bool graph_reads_active(const Walk *walk, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next)
        if (reads_active(walk, node))
            return true;
    return false;
}

static void mark_outputs(Walk *walk, const Node *node)
{
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && node->out[i]->type.kind == TENSOR && dtype_is_float(node->out[i]->type.dtype))
            map_set(walk->active, node->out[i], node->out[i]);
}

/* ---- rules ---- */
/* Whether a rule says what becomes of every gradient that arrives at the outputs; one that passes none on does. */
static bool speaks_of_outputs(const Walk *walk, const Rule *rule, const Binding *binding)
{
    for (int slot = 0; slot < rule->nslot && rule->nright > 0; slot++) {
        const Bound *const bound = &binding->bound[slot];
        if (rule->slot_def[slot] < 0 || rule->gradient[slot] < 0 || rule_reads(rule, rule->gradient[slot]))
            continue;
        if (bound->kind == B_VALUE && map_get(walk->sum, bound->value))
            return false;
        for (int i = 0; bound->kind == B_VALUES && i < bound->count; i++)
            if (bound->values[i] && map_get(walk->sum, bound->values[i]))
                return false;
    }
    return true;
}

static const Rule *find_rule(const Walk *walk, Node *node, Binding *binding)
{
    binding->explain = false;
    for (int i = 0; i < walk->rules->count; i++) {
        const Rule *const rule = walk->rules->rule[i];
        if (rule->is_gradient && rule_match(rule, node, binding) && speaks_of_outputs(walk, rule, binding))
            return rule;
    }
    return NULL;
}

/* Puts a composed operator's body in its place and infers it; the first node of it. */
static Node *expand(Walk *walk, Node *node)
{
    Node *const before = node->prev, *const after = node->next;
    const Graph *const body = op_body(node);
    walk->failed |= !body;
    if (!body)
        return NULL;
    node_inline(node, body);
    Node *const first = before ? before->next : walk->graph->first;
    for (Node *inlined = first; inlined != after; inlined = inlined->next)
        if (!node_infer(inlined)) {
            walk->failed = true;
            return NULL;
        }
    return first;
}

/* Marks what is active, in execution order; composed operators without a rule are inlined on the way. */
static void mark_active(Walk *walk)
{
    for (Node *node = walk->graph->first, *next; node != walk->end && !walk->failed; node = next) {
        next = node->next;
        if (!reads_active(walk, node))
            continue;
        if (node->op && node->op->form == FORM_COMPOSED && !find_rule(walk, node, &(Binding){0}))
            next = expand(walk, node);
        else
            mark_outputs(walk, node);
    }
}

/* ---- nodes of the walk itself ---- */
static Value *emit(Walk *walk, const char *op, Value *a, Value *b)
{
    Node *const node = node_new(walk->graph, op_find("", op), walk->end->name, walk->end);
    node_add_input(node, a);
    if (b)
        node_add_input(node, b);
    Value *const out = node_add_output(node, "");
    walk->failed |= !node_infer(node);
    return out;
}

/* An error about a gradient that is not of its value's type. */
static void misfit(Walk *walk, const Value *value, const char *is)
{
    walk->failed = !report_add(walk->context->report, walk->end, GRADIENT_SHAPE, value->name,
                               type_text(&value->type, walk->context->arena), is);
}

static Value *emit_shape(Walk *walk, const Value *like)
{
    Value *const shape = value_of_dims(walk->end, like->type.dim, like->type.rank, false);
    if (!shape)
        misfit(walk, like, "a shape that no node can compute");
    return shape;
}

/* The gradient summed over the axes along which the value was repeated. */
static Value *sum_repeated(Walk *walk, Value *gradient, const Value *value)
{
    const Type *const from = &gradient->type, *const to = &value->type;
    const int more = from->rank - to->rank;
    int64_t axis[MAX_RANK], count = 0;
    for (int i = 0; i < from->rank; i++)
        if (i < more || (dim_equals(to->dim[i - more], 1) && !dim_equals(from->dim[i], 1)))
            axis[count++] = i;
    if (count == 0)
        return gradient;
    Tensor *const axes = tensor_new(walk->context, I64, 1, &count);
    for (int64_t i = 0; i < count; i++)
        ((int64_t *)axes->data)[i] = axis[i];
    gradient = emit(walk, "ReduceSum", gradient, graph_constant(walk->graph, axes));
    if (more <= 0)
        return gradient;
    if (count == more && !walk->failed) { /* all are axes that the value does not have */
        attr_set_int(gradient->def, "keepdims", 0);
        walk->failed = !node_infer(gradient->def);
        return gradient;
    }
    Value *const shape = emit_shape(walk, value);
    return shape ? emit(walk, "Reshape", gradient, shape) : gradient;
}

static bool same_dims(const Type *a, const Type *b)
{
    for (int i = 0; i < a->rank && a->rank == b->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return a->rank == b->rank;
}

/* The gradient in the value's shape. */
static Value *fit(Walk *walk, Value *gradient, const Value *value)
{
    gradient = sum_repeated(walk, gradient, value);
    if (walk->failed || same_dims(&gradient->type, &value->type))
        return gradient;
    Value *const shape = emit_shape(walk, value);
    gradient = shape ? emit(walk, "Expand", gradient, shape) : gradient;
    if (!walk->failed && !same_dims(&gradient->type, &value->type))
        misfit(walk, value, type_text(&gradient->type, walk->context->arena));
    return gradient;
}

static void add_gradient(Walk *walk, Value *value, Value *gradient)
{
    Value *const before = map_get(walk->sum, value);
    if (!is_active(walk, value) || walk->failed)
        return;
    gradient = fit(walk, gradient, value);
    if (walk->failed)
        return;
    if (gradient->type.dtype != value->type.dtype) {
        misfit(walk, value, type_text(&gradient->type, walk->context->arena));
        return;
    }
    map_set(walk->sum, value, before ? emit(walk, "Add", before, gradient) : gradient);
}

/* ---- one operator ---- */
static Value *gradient_or_zero(Walk *walk, Value *value)
{
    Value *const gradient = value ? map_get(walk->sum, value) : NULL;
    if (gradient || !value)
        return gradient;
    Value *const shape = emit_shape(walk, value);
    Value *const zero = graph_constant(walk->graph, tensor_of_number(walk->context, value->type.dtype, 0, 0));
    return shape ? emit(walk, "Expand", zero, shape) : NULL;
}

/* Binds dy for every output y that the right side speaks of. */
static void bind_output_gradients(Walk *walk, const Rule *rule, Binding *binding)
{
    for (int slot = 0; slot < rule->nslot; slot++) {
        const Bound *const bound = &binding->bound[slot];
        const int gradient = rule->gradient[slot];
        if (rule->slot_def[slot] < 0 || gradient < 0 || !rule_reads(rule, gradient))
            continue;
        Bound *const to = &binding->bound[gradient];
        if (bound->kind == B_VALUE)
            *to = (Bound){.kind = B_VALUE, .value = gradient_or_zero(walk, bound->value)};
        if (bound->kind != B_VALUES)
            continue;
        *to = (Bound){.kind = B_VALUES, .count = bound->count};
        to->values = ARENA_ARRAY(walk->context->arena, bound->count, Value *);
        for (int i = 0; i < bound->count; i++)
            to->values[i] = gradient_or_zero(walk, bound->values[i]);
    }
}

/* Adds what the right side gave to the gradients of the operands. */
static void take_operand_gradients(Walk *walk, const Rule *rule, const Binding *binding)
{
    for (int slot = 0; slot < rule->nslot; slot++) {
        if (rule->slot_def[slot] >= 0 || rule->gradient[slot] < 0)
            continue;
        const Bound *const operand = &binding->bound[slot], *const gradient = &binding->bound[rule->gradient[slot]];
        if (operand->kind == B_VALUE && gradient->kind == B_VALUE)
            add_gradient(walk, operand->value, gradient->value);
        for (int i = 0; operand->kind == B_VALUES && gradient->kind == B_VALUES && i < operand->count; i++)
            add_gradient(walk, operand->values[i], gradient->values[i]);
    }
}

static bool has_gradient(const Walk *walk, const Node *node)
{
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && map_get(walk->sum, node->out[i]))
            return true;
    return false;
}

static void derive_node(Walk *walk, Node *node)
{
    Binding *const binding = &(Binding){0};
    const Rule *const rule = find_rule(walk, node, binding);
    walk->end->name = node->name;
    if (!rule) {
        report_add(walk->context->report, node, GRADIENT_MISSING, node->op ? node->op->name : node->function->name);
        return;
    }
    bind_output_gradients(walk, rule, binding);
    if (walk->failed)
        return;
    if (!rule_can_build(rule, walk->end, binding)) {
        report_add(walk->context->report, node, GRADIENT_SIZE, rule->name);
        return;
    }
    walk->failed |= !rule_build(rule, walk->end, binding);
    if (!walk->failed)
        take_operand_gradients(walk, rule, binding);
}

/* ---- the walk ---- */
/* A node behind all others, before which new ones go. It reads what is differentiated, so that inlining keeps track of
 * that; it is never inferred, and removed in the end. */
static Node *make_end(Graph *graph, const Derivation *derivation)
{
    Node *const end = node_new(graph, op_find("", "Identity"), "", NULL);
    for (int i = 0; i < derivation->nof; i++)
        node_add_input(end, derivation->of[i]);
    node_add_output(end, "")->type = derivation->of[0]->type;
    return end;
}

bool gradient_derive(Graph *graph, const RuleSet *rules, const Derivation *derivation)
{
    Context *const context = graph->context;
    Walk walk = {.graph = graph, .context = context, .rules = rules};
    const int errors = report_errors(context->report);
    walk.active = map_new(context->arena);
    walk.sum = map_new(context->arena);
    for (int i = 0; i < derivation->nby; i++)
        map_set(walk.active, derivation->by[i], derivation->by[i]);
    walk.end = make_end(graph, derivation);
    mark_active(&walk);
    Node *const last = walk.end->prev;
    for (int i = 0; i < derivation->nof && !walk.failed; i++)
        add_gradient(&walk, walk.end->in[i], derivation->seed[i]);
    for (Node *node = last; node && !walk.failed; node = node->prev)
        if (reads_active(&walk, node) && has_gradient(&walk, node))
            derive_node(&walk, node);
    for (int i = 0; i < derivation->nby; i++)
        derivation->gradient[i] = map_get(walk.sum, derivation->by[i]);
    node_remove(walk.end);
    return !walk.failed && report_errors(context->report) == errors;
}
