/* choice.c -- where only a run's sizes tell which side of a rule costs less, both stand in the graph: If (costs) {
 * right } { left }. */
#include "../frontend/frontend.h"
#include "../frontend/map.h"
#include "pattern.h"
#include "shape.h"

bool choice_can_build(const Binding *binding, const Node *root)
{
    return root->nout == 1 && dims_are_computable(root, binding->choice.dims, 2);
}

/* Copies what the left side matched into a graph inside of its own; gives the copy of the root. */
static Node *copy_matched(const Binding *binding, Graph *to)
{
    Map *const copy = map_new(binding->context->arena);
    Node *last = NULL;
    for (int i = 0; i < binding->rule->nleft; i++) {
        const Node *const node = binding->matched[i];
        last = node_new(to, node->op, node->name, NULL);
        for (int k = 0; k < node->nin; k++) {
            Value *const here = node->in[k] ? map_get(copy, node->in[k]) : NULL;
            node_add_input(last, here ? here : node->in[k]);
        }
        for (const Attr *attr = node->attr; attr; attr = attr->next)
            attr_copy(last, attr);
        for (int k = 0; k < node->nout; k++) {
            Value *const out = node_add_output(last, node->out[k]->name);
            out->type = node->out[k]->type;
            map_set(copy, node->out[k], out);
        }
    }
    return last;
}

static Node *add_branch(Node *choice, const char *name, const Binding *binding)
{
    Graph *const branch = graph_new(choice->graph->model, name);
    graph_set_owner(branch, choice);
    Node *const root = copy_matched(binding, branch);
    graph_add_output(branch, root->out[0]);
    attr_set_graph(choice, name, branch);
    return root;
}

Node *choice_build(const Binding *binding, Node *root, Node **chosen)
{
    Value *const less = value_of_dims(root, &binding->choice.dims[0], 1, true);
    Value *const more = value_of_dims(root, &binding->choice.dims[1], 1, true);
    Node *const compare = node_new(root->graph, op_find("", "Less"), root->name, root);
    node_add_input(compare, less);
    node_add_input(compare, more);
    Value *const condition = node_add_output(compare, "costs_less");
    Node *const choice = node_new(root->graph, op_find("", "If"), root->name, root);
    node_add_input(choice, condition);
    *chosen = add_branch(choice, "then_branch", binding);
    add_branch(choice, "else_branch", binding);
    node_add_output(choice, root->out[0]->name);
    return node_infer(compare) ? choice : NULL;
}
