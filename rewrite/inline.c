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
    if (!node->op || strcmp(node->op->name, "If") != 0 || *node->op->domain || node->nin < 1 || !node->in[0])
        return NULL;
    const Tensor *const condition = node->in[0]->constant;
    if (!condition || node->in[0]->is_overridable || condition->dtype != BOOL || condition->count != 1)
        return NULL;
    const Attr *const branch = attr_find(node, *(const unsigned char *)condition->data ? "then_branch" : "else_branch");
    return branch ? branch->graph : NULL;
}

static bool inline_graph(Graph *graph)
{
    for (Node *node = graph->first, *next; node; node = next) {
        Node *const before = node->prev;
        const Graph *const body = node->function ? node->function : known_branch(node);
        next = node->next;
        if (body) {
            node_inline(node, body);
            next = before ? before->next : graph->first;
            continue;
        }
        for (Attr *attr = node->attr; attr; attr = attr->next)
            if (attr->kind == ATTR_GRAPH && !inline_graph(attr->graph))
                return false;
        if (!node_infer(node))
            return false;
        node_fold(node);
    }
    return true;
}

bool pass_inline(Model *model, const PassOptions *options)
{
    (void)options;
    if (!inline_graph(model->graph))
        return false;
    graph_sweep(model->graph);
    return true;
}
