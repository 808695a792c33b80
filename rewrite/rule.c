/* rule.c -- applies rules to a graph until none fires.
 *
 * Laws, which keep this simple and terminating: a rule never raises cost; it keeps dtype and shape; each file is
 * monotone, so it reaches a fixed point; a rule that can never fire because an earlier one always wins is refused.
 *
 * The engine walks a graph in execution order and tries at each node the rules whose root it could be, in the order of
 * the file. Where one fires, its right side is built before the root, the root's readers read the new values, and what
 * nobody reads any more goes at once, so that `one_use` tells the truth. The walk goes on at the first new node; walks
 * repeat until nothing fires. */
#include "../frontend/frontend.h"
#include "../frontend/print.h"
#include "pattern.h"
#include "shape.h"
#include <math.h>
#include <string.h>

typedef struct {
    RuleSet *rules;
    const PassOptions *options;
    Context *context;
    int *fired;      /* by rule, in file order */
    int *candidates; /* by rule: nodes that -d why: said something about, or could have */
    int64_t budget;  /* firings left before the set is taken not to end */
    Node *cursor;    /* the node the walk goes on at */
    bool stale;      /* a new value's type differs from the old one's: later types need inferring again */
} Engine;

/* An error of the rule itself, found at a node; always false. */
static bool rule_fails(const Rule *rule, const Node *node, const char *what)
{
    return report_add(node->graph->context->report, node, RULE_INVALID, rule->file, rule->line, rule->name, what);
}

/* ---- building the right side ---- */
Attr *attr_set_bound(Node *node, const char *name, const Bound *bound)
{
    int64_t number, *ints;
    switch (bound->kind) {
    case B_DIM:
        return dim_is_const(bound->dim, &number) ? attr_set_int(node, name, number) : NULL;
    case B_FLOAT:
        return attr_set_float(node, name, bound->f);
    case B_STRING:
        return attr_set_string(node, name, bound->s);
    case B_DIMS:
        ints = ARENA_ARRAY(node->graph->context->arena, bound->count, int64_t);
        for (int i = 0; i < bound->count; i++)
            if (!dim_is_const(bound->dims[i], &ints[i]))
                return NULL;
        return attr_set_ints(node, name, ints, (size_t)bound->count);
    case B_ATTR: {
        Attr copy = *bound->attr;
        copy.name = name;
        attr_copy(node, &copy);
        return attr_find(node, name);
    }
    default:
        return NULL;
    }
}

void attrs_drop_defaults(Node *node)
{
    for (const Attr *attr = node->attr, *next; attr; attr = next) {
        next = attr->next;
        if (attr_is_default(node, attr))
            attr_remove(node, attr->name);
    }
}

static double operand_number(const Operand *operand, const Binding *binding)
{
    if (!operand->term)
        return operand->number;
    const Bound number = term_value(operand->term, binding);
    return bound_number(&number);
}

/* What says the type of a statement's numbers: its first operand, conditions aside. */
static const Value *typed_operand(const Statement *statement, const Binding *binding)
{
    const Value *first = NULL;
    for (int i = 0; i < statement->nin; i++) {
        const Bound *const bound =
            statement->in[i].kind == OPERAND_SLOT ? &binding->bound[statement->in[i].slot] : NULL;
        if (!bound || bound->kind != B_VALUE)
            continue;
        if (bound->value->type.dtype != BOOL)
            return bound->value;
        first = first ? first : bound->value;
    }
    return first;
}

static Value *operand_value(const Operand *operand, Node *root, const Value *first, const Binding *binding)
{
    switch (operand->kind) {
    case OPERAND_SLOT:
        return binding->bound[operand->slot].value;
    case OPERAND_DIMS: {
        const Bound dims = term_value(operand->term, binding);
        return value_of_dims(root, dims.dims, dims.count, false);
    }
    case OPERAND_NUMBER:
        return graph_constant(
            root->graph, tensor_of_number(binding->context, first->type.dtype, 0, operand_number(operand, binding)));
    default:
        return NULL;
    }
}

bool rule_can_build(const Rule *rule, Node *root, const Binding *binding)
{
    for (int i = 0; i < rule->nright; i++) {
        const Statement *const statement = &rule->right[i];
        for (int k = 0; k < statement->nin; k++) {
            if (statement->in[k].kind == OPERAND_NUMBER && isnan(operand_number(&statement->in[k], binding)))
                return false;
            if (statement->in[k].kind != OPERAND_DIMS)
                continue;
            const Bound dims = term_value(statement->in[k].term, binding);
            if (dims.kind != B_DIMS || !dims_are_computable(root, dims.dims, dims.count))
                return false;
        }
        for (int k = 0; k < statement->nattr; k++)
            if (statement->attr[k].term->kind != TERM_SLOT &&
                term_value(statement->attr[k].term, binding).kind == B_NONE)
                return false;
    }
    return true;
}

/* How many values `dxs...` stands for: as many as xs. */
static int rest_count(const Binding *binding, int slot)
{
    for (int i = 0; i < binding->rule->nslot; i++)
        if (binding->rule->gradient[i] == slot)
            return binding->bound[i].count;
    return 0;
}

/* Adds the outputs of a node that a statement built, and binds them. */
static void build_outputs(const Statement *statement, Node *node, Binding *binding)
{
    const Rule *const rule = binding->rule;
    for (int i = 0; i < statement->nout; i++) {
        const Bound *const old = &binding->bound[statement->out[i]];
        Value *const out =
            node_add_output(node, old->kind == B_VALUE ? old->value->name : rule->slot_name[statement->out[i]]);
        binding->bound[statement->out[i]] = (Bound){.kind = B_VALUE, .value = out};
    }
    if (statement->rest_out < 0)
        return;
    Bound *const rest = &binding->bound[statement->rest_out];
    *rest = (Bound){.kind = B_VALUES, .count = rest_count(binding, statement->rest_out)};
    rest->values = ARENA_ARRAY(binding->context->arena, rest->count, Value *);
    for (int i = 0; i < rest->count; i++)
        rest->values[i] = node_add_output(node, rule->slot_name[statement->rest_out]);
}

/* Builds one statement before the root and binds its outputs; false after errors in the report. */
static bool build_statement(const Statement *statement, Node *root, Binding *binding)
{
    const Rule *const rule = binding->rule;
    const Node *const like = statement->operator_slot >= 0 ? binding->bound[statement->operator_slot].node : NULL;
    if (!like && statement->nop == 0) { /* y = x */
        binding->bound[statement->out[0]] = binding->bound[statement->in[0].slot];
        return true;
    }
    Value *operand[MAX_OPERAND];
    const Value *const first = typed_operand(statement, binding);
    for (int i = 0; i < statement->nin; i++)
        operand[i] = operand_value(&statement->in[i], root, first ? first : root->out[0], binding);
    Node *const node = node_new(root->graph, like ? like->op : statement->op[0], root->name, root);
    for (int i = 0; i < statement->nin; i++)
        node_add_input(node, operand[i]);
    const Bound *const rest = statement->rest >= 0 ? &binding->bound[statement->rest] : NULL;
    for (int i = 0; rest && i < rest->count; i++)
        node_add_input(node, rest->values[i]);
    for (const Attr *attr = like ? like->attr : NULL; attr; attr = attr->next)
        attr_copy(node, attr);
    for (int i = 0; i < statement->nattr; i++) {
        const Bound bound = term_value(statement->attr[i].term, binding);
        if (bound.kind != B_NONE && !attr_set_bound(node, statement->attr[i].name, &bound))
            return rule_fails(rule, node,
                              arena_printf(binding->context->arena, "gives attribute '%s' no value it can have",
                                           statement->attr[i].name));
    }
    attrs_drop_defaults(node);
    build_outputs(statement, node, binding);
    if (node_infer(node))
        return true;
    return rule_fails(rule, node, "builds a node that is not valid");
}

bool rule_reads(const Rule *rule, int slot)
{
    for (int i = 0; i < rule->nright; i++) {
        const Statement *const statement = &rule->right[i];
        if (statement->rest == slot)
            return true;
        for (int k = 0; k < statement->nin; k++)
            if (statement->in[k].kind == OPERAND_SLOT && statement->in[k].slot == slot)
                return true;
    }
    return false;
}

bool rule_build(const Rule *rule, Node *root, Binding *binding)
{
    for (int i = 0; i < rule->nright; i++)
        if (!build_statement(&rule->right[i], root, binding))
            return false;
    return true;
}

/* Removes a node nobody reads, and those before it that nobody reads then. */
static void node_remove_unread(Node *node)
{
    Arena *const arena = node->graph->context->arena;
    enum { USUAL = 16 };
    Node *usual[USUAL], **stack = usual;
    int depth = 0, capacity = USUAL;
    stack[depth++] = node;
    while (depth > 0) {
        Node *const top = stack[--depth];
        bool read = false;
        for (int i = 0; i < top->nout; i++)
            read |= top->out[i] && (top->out[i]->nreader > 0 || top->out[i]->outputs > 0);
        if (read || !top->graph)
            continue;
        const int nin = top->nin;
        Value **const in = top->in;
        Graph *const graph = top->graph;
        node_remove(top);
        top->graph = NULL;
        for (int i = 0; i < nin; i++) {
            if (!in[i] || !in[i]->def || in[i]->graph != graph)
                continue;
            if (depth == capacity) {
                stack = arena_grow(arena, stack, (size_t)depth, (size_t)depth * 2, sizeof *stack);
                capacity *= 2;
            }
            stack[depth++] = in[i]->def;
        }
    }
}

/* Puts the right side in place of the root. */
static bool fire(Engine *engine, const Rule *rule, Node *root, Binding *binding, bool *changed)
{
    const Statement *const last = &rule->left[rule->nleft - 1];
    Node *const before = root->prev;
    const int first_new = engine->context->node_count;
    Value *old[8];
    const char *name[8];
    for (int i = 0; i < last->nout; i++) {
        old[i] = root->out[i];
        name[i] = old[i]->name;
    }
    if (!rule_build(rule, root, binding))
        return false;
    for (int i = 0; i < last->nout; i++) {
        Value *const new = binding->bound[last->out[i]].value;
        if (new->type.dtype != old[i]->type.dtype || (old[i]->type.rank >= 0 && new->type.rank != old[i]->type.rank))
            return rule_fails(rule, root,
                              arena_printf(engine->context->arena, "turns %s into %s",
                                           type_text(&old[i]->type, engine->context->arena),
                                           type_text(&new->type, engine->context->arena)));
        engine->stale |= !type_equal(&new->type, &old[i]->type);
        *changed |= value_replace(old[i], new);
    }
    for (Node *node = before ? before->next : root->graph->first, *next; node != root; node = next) {
        next = node->next;
        node_fold(node);
    }
    engine->cursor = before ? before->next : root->graph->first;
    if (engine->cursor == root)
        engine->cursor = root->next;
    node_remove_unread(root);
    for (int i = 0; i < last->nout && *changed; i++) { /* the new value takes the old one's name */
        Value *const new = binding->bound[last->out[i]].value;
        if (new->def &&new->def->id >= first_new &&new->nreader > 0 && new->outputs == 0)
            value_rename(new, name[i]);
    }
    return true;
}

/* Puts both sides in place of the root, of which the run chooses one. */
static bool fire_both(Engine *engine, const Rule *rule, Node *root, Binding *binding, bool *changed)
{
    Node *const next = root->next;
    Node *chosen;
    Node *const choice = choice_build(binding, root, &chosen);
    Binding inner = {.is_chosen = true};
    bool inner_changed;
    if (!choice || !rule_match(rule, chosen, &inner) || !fire(engine, rule, chosen, &inner, &inner_changed) ||
        !node_infer(choice))
        return rule_fails(rule, root, "cannot be left to the run");
    *changed |= value_replace(root->out[0], choice->out[0]);
    node_remove_unread(root);
    engine->cursor = next;
    return true;
}

/* ---- the walk ---- */
/* A line of a trace: about a rule, at the value that its root computes (a name from the model, so escaped). */
static void trace(const Engine *engine, const char *head, const Rule *rule, const Node *node, const char *text)
{
    FILE *const to = engine->options->trace;
    fprintf(to, "%s %s: at ", head, rule->name);
    name_print(node->nout && node->out[0] ? node->out[0]->name : "", to);
    fprintf(to, "%s%s\n", *text ? ": " : "", text);
}

/* Whether -d why: asks about this rule. */
static bool is_asked(const Engine *engine, const Rule *rule)
{
    bool asked = false;
    for (int i = 0; i < engine->options->nwhy_rule; i++)
        asked |= !strcmp(engine->options->why_rule[i], rule->name);
    return asked && engine->options->trace;
}

/* Says why the rule does not fire at a node whose operator its root could be. */
static void explain(Engine *engine, const Rule *rule, int index, Node *node)
{
    Binding *const binding = ARENA_NEW(engine->context->arena, Binding);
    const Statement *const last = &rule->left[rule->nleft - 1];
    bool candidate = last->nop == 0;
    for (int i = 0; i < last->nop; i++)
        candidate |= last->op[i] == node->op;
    engine->candidates[index] += candidate;
    binding->explain = true;
    if (candidate && rule->contract > engine->options->allowed)
        trace(engine, "why", rule, node, "its contract is not allowed");
    else if (candidate && !rule_match(rule, node, binding))
        trace(engine, "why", rule, node, binding->why);
    else if (candidate && !rule_can_build(rule, node, binding))
        trace(engine, "why", rule, node, "a size or number of its right side cannot be told");
}

static bool try_rules(Engine *engine, Node *node, bool *fired)
{
    Binding *const binding = &(Binding){.may_choose = !engine->options->keeps_order && !node->graph->owner};
    for (int index = 0; index < engine->rules->count; index++) {
        const Rule *const rule = engine->rules->rule[index];
        if (is_asked(engine, rule))
            explain(engine, rule, index, node);
        if (rule->is_gradient || rule->contract > engine->options->allowed)
            continue;
        binding->explain = false;
        if (!rule_match(rule, node, binding) || !rule_can_build(rule, node, binding))
            continue;
        const bool is_choice = binding->choice.kind == B_CHOICE;
        if (is_choice && !choice_can_build(binding, node))
            continue;
        if (engine->budget-- == 0)
            return rule_fails(rule, node, "fires without end, alone or with others");
        if (engine->options->trace_rules && engine->options->trace)
            trace(engine, "rule", rule, node, "");
        bool changed = false;
        if (!(is_choice ? fire_both : fire)(engine, rule, node, binding, &changed))
            return false;
        engine->fired[index] += changed;
        *fired |= changed;
        return true;
    }
    engine->cursor = node->next;
    return true;
}

static bool walk_graph(Engine *engine, Graph *graph, bool *fired)
{
    for (Node *node = graph->first; node; node = engine->cursor) {
        for (int i = 0; node_subgraph(node, i); i++)
            if (!walk_graph(engine, node_subgraph(node, i), fired))
                return false;
        if (!node->op || node->function)
            engine->cursor = node->next;
        else if (!try_rules(engine, node, fired))
            return false;
    }
    return true;
}

/* A rule has one entry, whichever passes apply it. */
static void log_firings(RewriteLog *log, Arena *arena, const char *rule, int fired)
{
    int at = 0;
    while (at < log->nrule && strcmp(log->rule[at].rule, rule) != 0)
        at++;
    if (at == log->nrule) {
        log->rule = arena_grow(arena, log->rule, (size_t)at, (size_t)at + 1, sizeof *log->rule);
        log->rule[log->nrule++].rule = rule;
    }
    log->rule[at].fired += fired;
}

bool rules_apply(RuleSet *rules, Model *model, const PassOptions *options, RewriteLog *log)
{
    Engine engine = {.rules = rules, .options = options, .context = model->context};
    bool fired = true, ok = true;
    engine.fired = ARENA_ARRAY(model->context->arena, rules->count, int);
    engine.candidates = ARENA_ARRAY(model->context->arena, rules->count, int);
    engine.budget = 1000 + 40 * (int64_t)model->graph->nnode;
    while (ok && fired) {
        fired = false;
        ok = walk_graph(&engine, model->graph, &fired);
        graph_sweep(model->graph);
        if (ok && engine.stale)
            ok = model_infer(model);
        engine.stale = false;
    }
    for (int index = 0; index < rules->count; index++) {
        const Rule *const rule = rules->rule[index];
        if (is_asked(&engine, rule) && engine.candidates[index] == 0)
            fprintf(options->trace, "why %s: no node has the operator of its last statement\n", rule->name);
        if (log && engine.fired[index] > 0)
            log_firings(log, model->context->arena, rule->name, engine.fired[index]);
    }
    return ok;
}
