/* rule_match.c -- whether a rule's left side stands at a node, and what its names stand for there.
 *
 * A left side is a directed graph of at most 32 statements, walked from its root statement against the graph. Operators
 * that commute match in both orders: every choice of orders is tried, one bit of a mask for each such statement. */
#include "pattern.h"
#include "shape.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool fails(Binding *binding, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fails(Binding *binding, const char *format, ...)
{
    if (binding->explain) {
        va_list args;
        va_start(args, format);
        binding->why = arena_vprintf(binding->context->arena, format, args);
        va_end(args);
    }
    return false;
}

/* ---- operators and attributes ---- */
static bool statement_takes(const Statement *statement, const Op *op)
{
    for (int i = 0; i < statement->nop; i++)
        if (statement->op[i] == op)
            return true;
    return statement->nop == 0;
}

/* What an attribute is to terms. */
static Bound bound_of_attr(Context *context, const Attr *attr)
{
    switch (attr->kind) {
    case ATTR_INT:
        return (Bound){.kind = B_DIM, .dim = dim_const(context->dims, attr->i)};
    case ATTR_FLOAT:
        return (Bound){.kind = B_FLOAT, .f = attr->f};
    case ATTR_STRING:
        return (Bound){.kind = B_STRING, .s = attr->s};
    case ATTR_INTS: {
        Bound b = {.kind = B_DIMS, .count = (int)attr->count};
        b.dims = ARENA_ARRAY(context->arena, attr->count, Dim *);
        for (size_t i = 0; i < attr->count; i++)
            b.dims[i] = dim_const(context->dims, attr->ints[i]);
        return b;
    }
    default:
        return (Bound){.kind = B_ATTR, .attr = attr};
    }
}

/* The default an operator's row gives an attribute ("axis:int=0 mode:string=constant"); B_NONE when there is none. */
static Bound default_attr(Context *context, const Op *op, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = op && op->attributes ? op->attributes : ""; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strncmp(at, name, length) != 0 || at[length] != ':')
            continue;
        const char *const kind = at + length + 1;
        const size_t kind_length = strcspn(kind, " =?");
        if (kind[kind_length] != '=')
            return (Bound){0};
        const char *const text = kind + kind_length + 1;
        if (!strncmp(kind, "int", kind_length))
            return (Bound){.kind = B_DIM, .dim = dim_const(context->dims, strtoll(text, NULL, 10))};
        if (!strncmp(kind, "float", kind_length))
            return (Bound){.kind = B_FLOAT, .f = strtod(text, NULL)};
        return (Bound){.kind = B_STRING, .s = arena_strndup(context->arena, text, strcspn(text, " "))};
    }
    return (Bound){0};
}

static Bound node_attr(Context *context, const Node *node, const char *name)
{
    const Attr *const attr = attr_find(node, name);
    return attr ? bound_of_attr(context, attr) : default_attr(context, node->op, name);
}

bool attr_is_default(const Node *node, const Attr *attr)
{
    Context *const context = node->graph->context;
    const Bound has = bound_of_attr(context, attr), usual = default_attr(context, node->op, attr->name);
    return bound_equal(&has, &usual);
}

bool bound_equal(const Bound *a, const Bound *b)
{
    if (a->kind == B_DIM && b->kind == B_FLOAT)
        return dim_is_const(a->dim, NULL) && bound_number(a) == b->f;
    if (a->kind == B_FLOAT && b->kind == B_DIM)
        return bound_equal(b, a);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case B_VALUE:
        return a->value == b->value;
    case B_VALUES:
        return a->count == b->count && !memcmp(a->values, b->values, sizeof(Value *) * (size_t)a->count);
    case B_NODE:
        return a->node == b->node;
    case B_DIM:
        return a->dim == b->dim;
    case B_DIMS:
        for (int i = 0; i < a->count && a->count == b->count; i++)
            if (a->dims[i] != b->dims[i])
                return false;
        return a->count == b->count;
    case B_FLOAT:
        return a->f == b->f || (float)a->f == (float)b->f;
    case B_STRING:
        return !strcmp(a->s, b->s);
    case B_TRUTH:
        return a->truth == b->truth;
    case B_ATTR:
        return attr_equal(a->attr, b->attr);
    default:
        return false;
    }
}

double bound_number(const Bound *bound)
{
    int64_t i;
    if (bound->kind == B_FLOAT)
        return bound->f;
    return bound->kind == B_DIM && dim_is_const(bound->dim, &i) ? (double)i : NAN;
}

/* Listed attributes are equal or bind a name; the others have their defaults. */
static bool match_attributes(const Statement *statement, const Node *node, Binding *binding)
{
    Context *const context = binding->context;
    for (int i = 0; i < statement->nattr; i++) {
        const PatternAttr *const wanted = &statement->attr[i];
        Bound has = node_attr(context, node, wanted->name);
        if (wanted->term->kind == TERM_SLOT && binding->bound[wanted->term->slot].kind == B_NONE) {
            binding->bound[wanted->term->slot] = has;
            continue;
        }
        const Bound is = term_value(wanted->term, binding);
        if (!bound_equal(&has, &is))
            return fails(binding, "attribute '%s' of %s differs", wanted->name, node->op->name);
    }
    if (statement->operator_slot >= 0) /* the operator is copied with all it has */
        return true;
    for (const Attr *attr = node->attr; attr; attr = attr->next) {
        bool listed = false;
        for (int i = 0; i < statement->nattr && !listed; i++)
            listed = !strcmp(statement->attr[i].name, attr->name);
        if (listed)
            continue;
        if (!attr_is_default(node, attr))
            return fails(binding, "%s has attribute '%s', which the rule does not list", node->op->name, attr->name);
    }
    return true;
}

/* Whether two values are known to be one: equal constants, or integers of equal known elements. */
static bool values_same(const Value *a, const Value *b)
{
    int na, nb;
    if (a == b)
        return true;
    if (a->type.dtype != b->type.dtype || a->type.rank != b->type.rank || a->is_overridable || b->is_overridable)
        return false;
    if (a->constant && b->constant)
        return tensor_equal(a->constant, b->constant);
    Dim **const p = value_dims(a, &na), **const q = value_dims(b, &nb);
    return p && q && na == nb && !memcmp(p, q, sizeof *p * (size_t)na);
}

/* ---- the walk ---- */
typedef struct {
    Binding *binding;
    unsigned mask; /* bit s: statement s reads its first two operands in the other order */
    bool has_choice[MAX_STATEMENT];
} Walk;

static bool match_statement(Walk *walk, int index, Node *node);

static bool match_value(Walk *walk, int slot, Value *value)
{
    Binding *const binding = walk->binding;
    const Rule *const rule = binding->rule;
    Bound *const bound = &binding->bound[slot];
    if (!value)
        return fails(binding, "'%s' is an operand that is not given", rule->slot_name[slot]);
    if (bound->kind != B_NONE)
        return (bound->kind == B_VALUE && values_same(bound->value, value)) ||
               fails(binding, "'%s' would be two values", rule->slot_name[slot]);
    *bound = (Bound){.kind = B_VALUE, .value = value};
    if (rule->slot_def[slot] < 0)
        return true;
    return value->def ? match_statement(walk, rule->slot_def[slot], value->def)
                      : fails(binding, "'%s' is not computed", rule->slot_name[slot]);
}

/* Whether the value is this number everywhere, as its type holds it. */
static bool is_number(const Value *value, double wanted)
{
    double held = 0, number;
    Tensor as_held = {.dtype = value->type.dtype, .count = 1, .data = &held};
    return value_is_splat(value, &number) && tensor_set_number(&as_held, 0, wanted) &&
           (float)number == (float)tensor_number(&as_held, 0);
}

static bool match_operand(Walk *walk, const Operand *operand, Value *value)
{
    switch (operand->kind) {
    case OPERAND_NONE:
        return !value || fails(walk->binding, "an operand is given that the rule leaves out");
    case OPERAND_NUMBER:
        return (value && is_number(value, operand->number)) ||
               fails(walk->binding, "an operand is not the constant %g", operand->number);
    default:
        return match_value(walk, operand->slot, value);
    }
}

/* The operands a node gives, but for trailing ones that it leaves out; -1 where the statement wants others. */
static int match_arity(const Statement *statement, const Node *node, Binding *binding)
{
    int nin = node->nin, wanted = 0;
    while (nin > statement->nin && !node->in[nin - 1])
        nin--;
    for (int i = 0; i < statement->nin; i++)
        wanted = statement->in[i].kind != OPERAND_NONE ? i + 1 : wanted;
    if (nin < wanted || (nin > statement->nin && statement->rest < 0)) {
        fails(binding, "line %d: %s has %d operands", statement->line, node->op->name, nin);
        return -1;
    }
    return nin;
}

static bool match_outputs(const Statement *statement, const Node *node, Binding *binding)
{
    if (node->nout < statement->nout)
        return fails(binding, "line %d: %s has %d outputs", statement->line, node->op->name, node->nout);
    for (int i = 0; i < statement->nout; i++) {
        Bound *const bound = &binding->bound[statement->out[i]];
        if (!node->out[i] || (bound->kind != B_NONE && (bound->kind != B_VALUE || bound->value != node->out[i])))
            return fails(binding, "line %d: output %d differs", statement->line, i);
        *bound = (Bound){.kind = B_VALUE, .value = node->out[i]};
    }
    for (int i = statement->nout; i < node->nout && statement->rest_out < 0; i++)
        if (node->out[i] && (node->out[i]->nreader || node->out[i]->outputs))
            return fails(binding, "line %d: output %d is read too", statement->line, i);
    return true;
}

/* What the last operands and outputs `xs...` stand for. */
static bool match_rest(const Statement *statement, const Node *node, int nin, Binding *binding)
{
    if (statement->rest_out >= 0)
        binding->bound[statement->rest_out] =
            (Bound){.kind = B_VALUES, .values = node->out + statement->nout, .count = node->nout - statement->nout};
    if (statement->rest < 0)
        return true;
    const Bound rest = {.kind = B_VALUES, .values = node->in + statement->nin, .count = nin - statement->nin};
    for (int i = 0; i < rest.count; i++)
        if (!rest.values[i])
            return fails(binding, "line %d: an operand is not given", statement->line);
    binding->bound[statement->rest] = rest;
    return true;
}

static bool match_statement(Walk *walk, int index, Node *node)
{
    Binding *const binding = walk->binding;
    const Statement *const statement = &binding->rule->left[index];
    if (!node->op || node->function || !statement_takes(statement, node->op))
        return fails(binding, "line %d: the operator is %s", statement->line, node->op ? node->op->name : "a function");
    if (binding->matched[index] && binding->matched[index] != node)
        return fails(binding, "line %d would be two nodes", statement->line);
    if (binding->matched[index])
        return true;
    binding->matched[index] = node;
    const int nin = match_arity(statement, node, binding);
    if (nin < 0 || !match_outputs(statement, node, binding))
        return false;
    if (statement->operator_slot >= 0)
        binding->bound[statement->operator_slot] = (Bound){.kind = B_NODE, .node = node};
    if (!match_attributes(statement, node, binding))
        return false;
    const bool commutes = statement->nin == 2 && nin == 2 && node->op->is_commutative;
    walk->has_choice[index] |= commutes;
    const bool swapped = commutes && (walk->mask >> index & 1) != 0;
    for (int i = 0; i < statement->nin; i++)
        if (!match_operand(walk, &statement->in[i], i < nin ? node->in[swapped ? 1 - i : i] : NULL))
            return false;
    return match_rest(statement, node, nin, binding);
}

static bool guards_hold(const Rule *rule, Binding *binding)
{
    for (int i = 0; i < rule->nguard; i++) {
        const Bound truth = term_value(rule->guard[i], binding);
        if (truth.kind == B_CHOICE && binding->is_chosen)
            continue;
        if (truth.kind == B_CHOICE && binding->may_choose && binding->choice.kind == B_NONE) {
            binding->choice = truth;
            continue;
        }
        if (truth.kind != B_TRUTH || !truth.truth)
            return fails(binding, "line %d: guard %s", rule->guard[i]->line,
                         truth.kind == B_TRUTH ? "is false" : "cannot be told");
    }
    return true;
}

bool rule_match(const Rule *rule, Node *root, Binding *binding)
{
    const int last = rule->nleft - 1;
    Context *const context = root->graph->context;
    const bool explain = binding->explain, may_choose = binding->may_choose, is_chosen = binding->is_chosen;
    if (!explain && (!root->op || root->function || !statement_takes(&rule->left[last], root->op)))
        return false;
    bool has_choice[MAX_STATEMENT] = {false};
    for (unsigned mask = 0;;) {
        *binding = (Binding){
            .rule = rule, .context = context, .explain = explain, .may_choose = may_choose, .is_chosen = is_chosen};
        Walk walk = {.binding = binding, .mask = mask};
        if (match_statement(&walk, last, root) && guards_hold(rule, binding))
            return true;
        unsigned choices = 0;
        for (int i = 0; i <= last; i++) {
            has_choice[i] |= walk.has_choice[i];
            choices |= has_choice[i] ? 1u << i : 0;
        }
        mask = ((mask | ~choices) + 1) & choices; /* the next subset of the choices seen so far */
        if (mask == 0)
            return false;
    }
}
