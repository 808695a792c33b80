/* inline.c -- calls of model-local functions become their bodies, and an If whose condition is known its branch.
 *
 * Both in one walk in execution order that infers and folds as it goes: the condition of an If often is known only once
 * the If before it has been replaced, because only then the rank of its result is. */
#include "../frontend/frontend.h"
#include "../frontend/ops/op.h"
#include "fold.h"
#include <string.h>

static const Graph *known_branch(const Node *node)
{
    if (!node_is(node, "", "If") || node->nin < 1 || !node->in[0])
        return NULL;
    const Tensor *const condition = node->in[0]->constant;
    if (!condition || node->in[0]->is_overridable || condition->dtype != BOOL || condition->count != 1)
        return NULL;
    const Attr *const branch = attr_find(node, *(const unsigned char *)condition->data ? "then_branch" : "else_branch");
    return branch ? branch->graph : NULL;
}

/* `changed`: something was replaced, so what comes behind is to be inferred anew. */
static bool inline_graph(Graph *graph, bool *changed)
{
    for (Node *node = graph->first, *next; node; node = next) {
        Node *const before = node->prev;
        const Graph *const body = node->function ? node->function : known_branch(node);
        next = node->next;
        if (body) {
            node_inline(node, body);
            *changed = true;
            next = before ? before->next : graph->first;
            continue;
        }
        for (int i = 0; node_subgraph(node, i); i++)
            if (!inline_graph(node_subgraph(node, i), changed))
                return false;
        if (*changed && !node_infer(node))
            return false;
        *changed |= node_fold(node);
    }
    return true;
}

bool pass_inline(Model *model, const PassOptions *options)
{
    (void)options;
    bool changed = false;
    if (!inline_graph(model->graph, &changed))
        return false;
    graph_sweep(model->graph);
    return true;
}
