/* expand.c -- composed operators become the operators they are made of, so that fusion sees nothing but elements. */
#include "../frontend/frontend.h"
#include "../frontend/ops/op.h"
#include "pass.h"

/* A node of a body that was just put in place. */
static bool lacks_type(const Node *node)
{
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && node->out[i]->type.kind == TENSOR && node->out[i]->type.dtype == UNDEFINED)
            return true;
    return false;
}

static bool expand_graph(Graph *graph);

/* The graphs inside of a node: of an If that is decided only the branch taken, for the other need not even be valid. */
static bool expand_inside(const Node *node)
{
    const Graph *taken = if_taken(node);
    for (int i = 0; node_subgraph(node, i); i++)
        if ((!taken || node_subgraph(node, i) == taken) && !expand_graph(node_subgraph(node, i)))
            return false;
    return true;
}

/* Bodies depend on the types of what they read, so inference follows along. */
static bool expand_graph(Graph *graph)
{
    for (Node *node = graph->first, *next; node; node = next) {
        Node *before = node->prev;
        next = node->next;
        if (node->function || node->op->form != FORM_COMPOSED) {
            if ((lacks_type(node) && !node_infer(node)) || !expand_inside(node))
                return false;
            continue;
        }
        Graph *body = op_body(node);
        if (!body)
            return false;
        node_inline(node, body);
        next = before ? before->next : graph->first; /* bodies may hold composed operators themselves */
    }
    return true;
}

bool pass_expand(Model *model, const PassOptions *options)
{
    (void)options;
    return expand_graph(model->graph) && model_infer(model);
}
