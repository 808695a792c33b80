/* upgrade.c -- brings every node to the newest opset by the table in upgrade.def, so that only the newest version of an
 * operator has to be defined. The changes that serve many operators are here, those of one in upgrade_operators.c. */
#include "upgrade.h"
#include "frontend.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *op;
    int opset;
    void (*change)(Upgrade *upgrade);
    const char *argument;
} Row;

static const Row row[] = {
#define UPGRADE(operator, opset, change, argument) {operator, opset, upgrade_##change, argument},
#include "upgrade.def"
#undef UPGRADE
};
enum { NUM_ROW = sizeof row / sizeof *row };

/* ---- the table at work ---- */

/* The first row of an operator; NUM_ROW when it has none. Rows are sorted by operator, so this could bisect, but a
 * model has few old nodes. */
static int first_row(const char *op)
{
    int i = 0;
    while (i < NUM_ROW && strcmp(row[i].op, op) != 0)
        i++;
    return i;
}

/* Applies the rows of `op` that are newer than `version`, for as long as the node keeps its operator. The opset of the
 * last. */
static int64_t apply_rows(Upgrade *upgrade, const char *op, int64_t version)
{
    const char *name = upgrade->node->op->name;
    int64_t reached = version;
    for (int i = first_row(op); i < NUM_ROW && strcmp(row[i].op, op) == 0; i++) {
        if (row[i].opset <= version || upgrade->failed || strcmp(upgrade->node->op->name, name) != 0)
            continue;
        upgrade->argument = row[i].argument;
        row[i].change(upgrade);
        reached = row[i].opset;
    }
    return reached;
}

static bool upgrade_node(Node *node, int64_t version)
{
    Upgrade upgrade = {.context = node->graph->context, .node = node};
    apply_rows(&upgrade, "*", version);
    for (const char *name = NULL; !upgrade.failed && name != node->op->name;) {
        name = node->op->name;
        version = apply_rows(&upgrade, name, version);
    }
    return !upgrade.failed;
}

/* "" for ai.onnx, which rows may leave out. */
static const char *domain_of(const Node *node)
{
    return node->op->domain ? node->op->domain : "";
}

/* Gives the node its row in the registry: import could not, if only an older opset has its operator. */
static bool resolve(Node *node)
{
    const char *domain = domain_of(node);
    const Op *op = op_find(domain, node->op->name);
    if (!op)
        return report_add(node->graph->context->report, node, OP_UNKNOWN, node->op->name, *domain ? domain : "ai.onnx");
    node->op = op;
    return true;
}

/* version: of ai.onnx; 0: not imported. */
static bool upgrade_graph(Graph *graph, int64_t version)
{
    bool good = true;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next; /* what a change adds is new already */
        Graph *subgraph;
        for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
            good &= upgrade_graph(subgraph, version);
        if (node->function)
            continue;
        if (!*domain_of(node) && version < NEWEST_OPSET)
            good &= upgrade_node(node, version);
        good &= resolve(node);
    }
    return good;
}

static Opset *find_opset(Opset *opset, int count)
{
    for (int i = 0; i < count; i++)
        if (!*opset[i].domain)
            return &opset[i];
    return NULL;
}

bool model_upgrade(Model *model)
{
    Opset *main_opset = find_opset(model->opset, model->nopset);
    bool good = true;
    for (int i = 0; i < model->nfunction; i++) {
        Graph *function = model->function[i];
        Opset *own = find_opset(function->opset, function->nopset), *opset = own ? own : main_opset;
        good &= upgrade_graph(function, opset ? opset->version : NEWEST_OPSET);
        if (own)
            own->version = NEWEST_OPSET;
    }
    good &= upgrade_graph(model->graph, main_opset ? main_opset->version : NEWEST_OPSET);
    if (main_opset)
        main_opset->version = NEWEST_OPSET;
    return good;
}

/* ---- what changes are written with ---- */

void upgrade_refuse(Upgrade *upgrade, const char *why)
{
    upgrade->failed = true;
    report_add(upgrade->context->report, upgrade->node, OP_UNSUPPORTED, upgrade->node->op->name, why);
}

static const Attr *plain_attribute(Upgrade *upgrade, const char *name, AttrKind kind)
{
    const Attr *attr = attr_find(upgrade->node, name);
    if (!attr || attr->kind == kind)
        return attr;
    upgrade_refuse(upgrade, arena_printf(upgrade->context->arena,
                                         attr->kind == ATTR_REFERENCE
                                             ? "attribute '%s' of this old opset as a parameter of a function"
                                             : "attribute '%s' is not of the kind it must be",
                                         name));
    return NULL;
}

int64_t upgrade_int(Upgrade *upgrade, const char *name, int64_t otherwise)
{
    const Attr *attr = plain_attribute(upgrade, name, ATTR_INT);
    return attr ? attr->i : otherwise;
}

double upgrade_float(Upgrade *upgrade, const char *name, double otherwise)
{
    const Attr *attr = plain_attribute(upgrade, name, ATTR_FLOAT);
    return attr ? attr->f : otherwise;
}

const Op *upgrade_op(Upgrade *upgrade, const char *name)
{
    const Op *op = op_find("", name);
    if (!op)
        report_fatal(upgrade->context->report, upgrade->node, OP_UNKNOWN, name, "ai.onnx");
    return op;
}

static Node *insert(Upgrade *upgrade, const char *op)
{
    return node_new(upgrade->node->graph, upgrade_op(upgrade, op), upgrade->node->name, upgrade->node);
}

Value *upgrade_emit(Upgrade *upgrade, const char *op, int nin, Value *const *in)
{
    Node *node = insert(upgrade, op);
    for (int i = 0; i < nin; i++)
        node_add_input(node, in[i]);
    return node_add_output(node, "");
}

/* Constants are nodes, since functions have no initialisers. */
Value *upgrade_constant(Upgrade *upgrade, const Tensor *tensor)
{
    Node *node = insert(upgrade, "Constant");
    attr_set_tensor(node, "value", tensor);
    return node_add_output(node, "");
}

Value *upgrade_ints(Upgrade *upgrade, const int64_t *value, size_t count)
{
    Tensor *tensor = tensor_new(upgrade->context, I64, 1, (int64_t[]){(int64_t)count});
    if (count)
        memcpy(tensor->data, value, count * sizeof *value);
    return upgrade_constant(upgrade, tensor);
}

Value *upgrade_float_scalar(Upgrade *upgrade, double value)
{
    Tensor *tensor = tensor_new(upgrade->context, F32, 0, NULL);
    *(float *)tensor->data = (float)value;
    return upgrade_constant(upgrade, tensor);
}

Value *upgrade_shape(Upgrade *upgrade, Value *value)
{
    return EMIT(upgrade, "Shape", value);
}

Value *upgrade_rank(Upgrade *upgrade, Value *value)
{
    return upgrade_shape(upgrade, upgrade_shape(upgrade, value));
}

void upgrade_become(Upgrade *upgrade, const char *op, int nin, Value *const *in)
{
    Node *node = upgrade->node;
    node->op = upgrade_op(upgrade, op);
    while (node->attr)
        attr_remove(node, node->attr->name);
    for (int i = nin; i < node->nin; i++)
        node_set_input(node, i, NULL);
    if (node->nin > nin)
        node->nin = nin;
    for (int i = 0; i < nin; i++)
        upgrade_set_input(upgrade, i, in[i]);
}

void upgrade_set_input(Upgrade *upgrade, int slot, Value *value)
{
    while (upgrade->node->nin <= slot)
        node_add_input(upgrade->node, NULL);
    node_set_input(upgrade->node, slot, value);
}

/* ---- changes of many operators ---- */

/* An attribute lost its meaning. Argument: its name. */
void upgrade_drop(Upgrade *upgrade)
{
    attr_remove(upgrade->node, upgrade->argument);
}

/* An attribute has another default, or none, now. Argument: name=value. */
void upgrade_default(Upgrade *upgrade)
{
    const char *value = strchr(upgrade->argument, '=') + 1;
    const char *name =
        arena_strndup(upgrade->context->arena, upgrade->argument, (size_t)(value - upgrade->argument - 1));
    if (attr_find(upgrade->node, name))
        return;
    char *end;
    double number = strtod(value, &end);
    if (*end)
        attr_set_string(upgrade->node, name, value);
    else if (strchr(value, '.'))
        attr_set_float(upgrade->node, name, (double)(float)number);
    else
        attr_set_int(upgrade->node, name, (int64_t)number);
}

/* The words of an argument, each cut to 31 characters. */
typedef struct {
    char word[3][32];
} Words;

static Words words_of(const char *argument)
{
    Words words = {0};
    sscanf(argument, "%31s %31s %31s", words.word[0], words.word[1], words.word[2]);
    return words;
}

/* An attribute has another name. Argument: old new. */
void upgrade_rename(Upgrade *upgrade)
{
    Words words = words_of(upgrade->argument);
    const Attr *old = attr_find(upgrade->node, words.word[0]);
    if (!old)
        return;
    Attr renamed = *old;
    renamed.name = words.word[1];
    attr_remove(upgrade->node, words.word[0]);
    attr_copy(upgrade->node, &renamed);
}

/* A value of a string attribute is spelt otherwise. Argument: attribute old new. */
void upgrade_reword(Upgrade *upgrade)
{
    Words words = words_of(upgrade->argument);
    const Attr *attr = plain_attribute(upgrade, words.word[0], ATTR_STRING);
    if (attr && strcmp(attr->s, words.word[1]) == 0)
        attr_set_string(upgrade->node, words.word[0], words.word[2]);
}

/* The operator has another name. Argument: the name. */
void upgrade_operator(Upgrade *upgrade)
{
    upgrade->node->op = upgrade_op(upgrade, upgrade->argument);
}

/* A float attribute is an integer now. Argument: its name. */
void upgrade_integral(Upgrade *upgrade)
{
    if (!attr_find(upgrade->node, upgrade->argument))
        return;
    double value = upgrade_float(upgrade, upgrade->argument, 0);
    if (upgrade->failed)
        return;
    if (value != rint(value) || fabs(value) > 1e9)
        upgrade_refuse(upgrade, "a norm that is not an integer");
    else
        attr_set_int(upgrade->node, upgrade->argument, (int64_t)value);
}

/* Makes the attribute named first in the argument an input, at the slot named second: a Constant whose attribute
 * constant_name it is, since that may also refer to a function's attribute. The constant; NULL: no such attribute. */
static Value *attribute_to_input(Upgrade *upgrade, AttrKind kind, const char *constant_name)
{
    Words words = words_of(upgrade->argument);
    const Attr *attr = attr_find(upgrade->node, words.word[0]);
    if (!attr)
        return NULL;
    if (attr->kind != kind && !(attr->kind == ATTR_REFERENCE && attr->reference == kind)) {
        upgrade_refuse(upgrade, arena_printf(upgrade->context->arena, "attribute '%s' of another kind", words.word[0]));
        return NULL;
    }
    Node *node = insert(upgrade, "Constant");
    Attr moved = *attr;
    moved.name = constant_name;
    attr_copy(node, &moved);
    Value *constant = node_add_output(node, "");
    upgrade_set_input(upgrade, atoi(words.word[1]), constant);
    attr_remove(upgrade->node, words.word[0]);
    return constant;
}

/* A list of integers became an input. Argument: attribute slot. */
void upgrade_list_to_input(Upgrade *upgrade)
{
    attribute_to_input(upgrade, ATTR_INTS, "value_ints");
}

/* The same for a list of floats. */
void upgrade_floats_to_input(Upgrade *upgrade)
{
    attribute_to_input(upgrade, ATTR_FLOATS, "value_floats");
}

/* The same for an integer, which became a scalar. */
void upgrade_scalar_to_input(Upgrade *upgrade)
{
    attribute_to_input(upgrade, ATTR_INT, "value_int");
}

/* The same for an integer, which became a vector of one element. */
void upgrade_count_to_input(Upgrade *upgrade)
{
    Value *scalar = attribute_to_input(upgrade, ATTR_INT, "value_int");
    if (scalar)
        upgrade_set_input(upgrade, atoi(words_of(upgrade->argument).word[1]),
                          EMIT(upgrade, "Reshape", scalar, upgrade_ints(upgrade, (int64_t[]){1}, 1)));
}
