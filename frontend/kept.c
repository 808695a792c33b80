/* kept.c -- inputs that are kept from run to run; see model_open_kept. */
#include "frontend.h"
#include <string.h>

static bool invalid(const Model *model, const Property *property, const char *what)
{
    return report_add(model->context->report, NULL, GRAPH_INVALID,
                      arena_printf(model->context->arena, "property '%s': %s", property->key, what));
}

static int find(Value *const *value, int count, const char *name)
{
    while (count > 0 && strcmp(value[count - 1]->name, name) != 0)
        count--;
    return count - 1;
}

static bool is_fixed(const Type *type)
{
    bool fixed = type->kind == TENSOR && type->rank >= 0;
    for (int i = 0; i < type->rank && fixed; i++)
        fixed = dim_is_const(type->dim[i], NULL);
    return fixed;
}

static bool open(Model *model, const Property *property)
{
    Graph *graph = model->graph;
    const int in = find(graph->in, graph->nin, property->key + strlen(KEPT_PROPERTY));
    const int out = find(graph->out, graph->nout, property->value);
    if (in < 0 || (*property->value && out < 0))
        return invalid(model, property, "there is no such input or output");
    Value *input = graph->in[in];
    if (!is_fixed(&input->type) || (out >= 0 && !type_equal(&input->type, &graph->out[out]->type)))
        return invalid(model, property, "what is kept has a constant shape, and the output the input's type");
    for (int i = 0; i < model->nkept; i++)
        if (model->kept[i].in == input || (out >= 0 && model->kept[i].out == out))
            return invalid(model, property, "an input or output is kept twice");
    model->kept[model->nkept++] = (Kept){input, out, input->constant};
    if (input->constant)
        graph_drop_default(graph, input);
    return true;
}

bool model_open_kept(Model *model)
{
    model->kept = ARENA_ARRAY(model->context->arena, model->nproperty, Kept);
    bool good = true;
    for (int i = 0; i < model->nproperty && good; i++)
        if (strncmp(model->property[i].key, KEPT_PROPERTY, strlen(KEPT_PROPERTY)) == 0)
            good = open(model, &model->property[i]);
    return good;
}
