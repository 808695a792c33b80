/* recompute.c -- see recompute.h. */
#include "recompute.h"
#include "../frontend/frontend.h"
#include "../frontend/map.h"
#include "../frontend/ops/op.h"

typedef struct {
    Graph *graph;
    const Recompute *plan;
    const bool *is_forward;     /* by node id: the forward part needs it */
    Map *again, *kept, *stored; /* Value -> itself: as in the plan; those of `passing` are not among the stored */
    Map *lost;                  /* Value -> itself: of `again`, or computed from such without anything that is kept */
    Map *wanted;                /* Value -> itself: a copy is read */
    Map *copy;                  /* Value -> the copy; of what is kept, what o2c.Kept gives */
    int known;                  /* nodes with an id below it are no copies */
} Again;

/* Values of these names that the forward part computes map to themselves, or to nothing. */
static void set_values(const Again *a, Map *values, const char *const *name, int count, bool are_there)
{
    for (int i = 0; i < count; i++) {
        const Value *const value = graph_find_value(a->graph, name[i]);
        if (value && value->def && a->is_forward[value->def->id])
            map_set(values, value, are_there ? value : NULL);
    }
}

static Map *values_of(const Again *a, const char *const *name, int count)
{
    Map *const values = map_new(a->graph->context->arena);
    set_values(a, values, name, count, true);
    return values;
}

/* ---- what is kept, and what is lost ---- */
static bool can_repeat(const Node *node)
{
    return node->op && !node->function && !node->op->is_random && node->op->form != FORM_CONTROL &&
           !node_subgraph(node, 0);
}

static bool can_be_copied(const Value *value)
{
    const DType dtype = value->type.dtype;
    return value->type.kind == TENSOR && (dtype_is_float(dtype) || dtype == BOOL) && !value->constant && value->def &&
           can_repeat(value->def);
}

static bool is_kept(const Again *a, const Value *value)
{
    return map_get(a->kept, value) || value->outputs > 0 || !can_be_copied(value);
}

/* Whether a value can only be had by computing something of `again` again. */
static bool is_lost(const Again *a, const Value *value)
{
    if (is_kept(a, value))
        return false;
    bool lost = map_get(a->again, value);
    for (int i = 0; !lost && i < value->def->nin; i++)
        lost = value->def->in[i] && map_get(a->lost, value->def->in[i]);
    return lost;
}

static void find_lost(const Again *a)
{
    for (const Node *node = a->graph->first; node; node = node->next)
        for (int i = 0; a->is_forward[node->id] && i < node->nout; i++)
            if (node->out[i] && is_lost(a, node->out[i]))
                map_set(a->lost, node->out[i], node->out[i]);
}

/* ---- copies ---- */
static bool is_read_backwards(const Again *a, const Value *value)
{
    for (int i = 0; i < value->nreader; i++)
        if (value->reader[i]->graph == a->graph && !a->is_forward[value->reader[i]->id])
            return true;
    return false;
}

/* From the last node to the first: what the backward part has lost, and what that is computed from. */
static void find_wanted(const Again *a)
{
    for (const Node *node = a->graph->last; node; node = node->prev) {
        bool wanted = false;
        for (int i = 0; a->is_forward[node->id] && i < node->nout; i++) {
            const Value *const value = node->out[i];
            if (value && map_get(a->lost, value) && is_read_backwards(a, value))
                map_set(a->wanted, value, value);
            wanted |= value && map_get(a->wanted, value);
        }
        for (int i = 0; wanted && i < node->nin; i++)
            if (node->in[i] && !is_kept(a, node->in[i]))
                map_set(a->wanted, node->in[i], node->in[i]);
    }
}

/* What o2c.Kept gives of a value, at the end of the graph; NULL after errors in the report. */
static Value *keep(const Again *a, Value *value, bool is_late)
{
    Node *const node = node_new(a->graph, op_find("o2c", "Kept"), value->def ? value->def->name : "", NULL);
    node_add_input(node, value);
    if (is_late)
        attr_set_int(node, "late", 1);
    Value *const kept = node_add_output(node, "");
    return node_infer(node) ? kept : NULL;
}

/* An operand of a copy: a copy itself, or what is kept. Parameters, constants and integers are read as they are. */
static Value *operand_of_copy(const Again *a, Value *value)
{
    Value *copy = map_get(a->copy, value);
    if (copy || value->constant || value->is_overridable || value->type.kind != TENSOR ||
        dtype_is_integer(value->type.dtype))
        return copy ? copy : value;
    copy = keep(a, value, true);
    if (copy)
        map_set(a->copy, value, copy);
    return copy;
}

/* Copies a node to the end of the graph. */
static bool copy_node(const Again *a, const Node *node)
{
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !operand_of_copy(a, node->in[i]))
            return false;
    Node *const copy = node_new(a->graph, node->op, node->name, NULL);
    for (int i = 0; i < node->nin; i++)
        node_add_input(copy, node->in[i] ? operand_of_copy(a, node->in[i]) : NULL);
    for (const Attr *attr = node->attr; attr; attr = attr->next)
        attr_copy(copy, attr);
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i])
            node_add_absent_output(copy);
        else
            map_set(a->copy, node->out[i], node_add_output(copy, ""));
    }
    bool ok = node_infer(copy);
    for (int i = 0; ok && i < node->nout; i++) {
        Value *const stored = node->out[i] && map_get(a->stored, node->out[i]) ? keep(a, copy->out[i], false) : NULL;
        ok = stored || !node->out[i] || !map_get(a->stored, node->out[i]);
        if (stored)
            map_set(a->copy, node->out[i], stored);
    }
    return ok;
}

static bool copy_all(const Again *a)
{
    const Node *const end = a->graph->last;
    for (const Node *node = a->graph->first; node; node = node == end ? NULL : node->next) {
        bool wanted = false;
        for (int i = 0; i < node->nout; i++)
            wanted |= node->out[i] && map_get(a->wanted, node->out[i]);
        if (wanted && !copy_node(a, node))
            return false;
    }
    return true;
}

/* The backward part reads the copies. */
static void read_copies(const Again *a)
{
    for (Node *node = a->graph->first; node; node = node->next)
        for (int i = 0; node->id < a->known && !a->is_forward[node->id] && i < node->nin; i++)
            if (node->in[i] && map_get(a->lost, node->in[i]))
                node_set_input(node, i, map_get(a->copy, node->in[i]));
}

/* What the forward part stored is stored still, though fewer nodes read it: they read it as kept. */
static bool keep_stored(const Again *a)
{
    for (Node *node = a->graph->first, *next; node; node = next) {
        next = node->next;
        for (int i = 0; node->id < a->known && i < node->nout; i++) {
            Value *const value = node->out[i];
            if (value && map_get(a->wanted, value) && map_get(a->stored, value) && !keep_value(value))
                return false;
        }
    }
    return true;
}

/* Moves each copy to just before the first node of the backward part that wants it. */
static void place_late(const Again *a)
{
    Arena *const arena = a->graph->context->arena;
    int *const place =
        ARENA_ARRAY(arena, a->graph->context->node_count, int);           /* by id: counted from 1, of a copy ... */
    Node **const front = ARENA_ARRAY(arena, a->graph->nnode + 1, Node *); /* ... the node's it stands before */
    int count = 0;
    for (Node *node = a->graph->first; node; node = node->next) {
        place[node->id] = ++count;
        front[count] = node;
    }
    for (Node *node = a->graph->last, *before; node && node->id >= a->known; node = before) {
        int first = place[node->id];
        before = node->prev;
        for (int i = 0; i < node->nout; i++)
            for (int k = 0; node->out[i] && k < node->out[i]->nreader; k++) {
                const int reader = place[node->out[i]->reader[k]->id];
                first = reader && reader < first ? reader : first;
            }
        if (front[first] != node)
            node_move_before(node, front[first]);
        front[first] = node;
        place[node->id] = first;
    }
}

static Again again_new(Graph *graph, const Recompute *plan)
{
    Context *const context = graph->context;
    Again a = {.graph = graph,
               .plan = plan,
               .is_forward = nodes_needed(graph, plan->nforward, plan->stored, plan->nstored),
               .lost = map_new(context->arena),
               .wanted = map_new(context->arena),
               .copy = map_new(context->arena),
               .known = context->node_count};
    a.again = values_of(&a, plan->again, plan->nagain);
    a.kept = values_of(&a, plan->kept, plan->nkept);
    set_values(&a, a.kept, plan->again, plan->nagain, false);
    a.stored = values_of(&a, plan->stored, plan->nstored);
    set_values(&a, a.stored, plan->passing, plan->npassing, false);
    find_lost(&a);
    find_wanted(&a);
    return a;
}

/* A composed operator that copies are wanted of: what is kept may be inside. Not dropout, whose copies would share the
 * integers that it draws by; NULL: there is none. */
static Node *find_composed(const Again *a)
{
    for (Node *node = a->graph->first; node; node = node->next)
        for (int i = 0; i < node->nout; i++)
            if (node->out[i] && map_get(a->wanted, node->out[i]) && node->op->form == FORM_COMPOSED &&
                !node_is(node, "o2c", "Dropout"))
                return node;
    return NULL;
}

bool recompute(Graph *graph, Recompute *plan)
{
    if (plan->keeps)
        return keep_values(graph, plan->nforward, &plan->keep);
    if (plan->is_open && !open_forward(graph, plan->nforward))
        return false;
    const int64_t *const size = plan->sizes ? plan->sizes(graph->context, plan->of) : NULL;
    if (plan->sizes && !size)
        return false;
    if (size)
        plan->cut = find_cut(graph, size, nodes_needed(graph, plan->nforward, plan->stored, plan->nstored),
                             plan->written, plan->nwritten);
    Again a = again_new(graph, plan);
    for (Node *composed; (composed = find_composed(&a)); a = again_new(graph, plan))
        if (!take_apart(composed))
            return false;
    if (!copy_all(&a))
        return false;
    read_copies(&a);
    place_late(&a);
    graph_sweep(graph);
    return keep_stored(&a);
}
