/* train.c -- puts a loss, its gradients and an optimizer behind a model. See train.h.
 *
 * Gradients are taken of the rewritten graph, so what was reorganised forwards is reorganised backwards too. */
#include "train.h"
#include "../frontend/frontend.h"
#include "../frontend/ops/op.h"
#include "gradient.h"
#include "shape.h"
#include "train_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STATE = 4 };

typedef struct {
    Model *model;
    Graph *graph;
    Context *context;
    const TrainOptions *options;
    Model *library; /* train.onnxtxt */
    const Loss *loss;
    const Optimizer *optimizer;
    bool *hyper_used;  /* by number of --set */
    Value **parameter; /* what gradients are taken by */
    int nparameter;
    Value **statistic; /* running means and variances; their next values are the graph's outputs behind its own */
    int nstatistic;
    int nout;    /* the graph's own outputs */
    Value *step; /* the input that counts steps; NULL: not wanted yet */
} Training;

static bool fails(const Training *t, const char *what)
{
    return report_add(t->context->report, NULL, TRAIN_INVALID, what);
}

static bool option_fails(const Training *t, const char *option, const char *value, const char *what)
{
    return report_add(t->context->report, NULL, OPTION_INVALID, option, value, what);
}

/* ---- names ---- */
/* Gives an input or output the name by which it is looked for; a value inside that has it by chance takes the other. */
static void name_interface(Value *value, const char *name)
{
    Value *const holder = graph_find_value(value->graph, name);
    if (holder && holder != value && holder->def && !holder->outputs)
        value_swap_names(value, holder);
    else
        value_rename(value, name);
}

static Value *add_input(Training *t, const char *name, Type type)
{
    Value *const input = graph_add_input(t->graph, name, type);
    name_interface(input, name);
    return input;
}

/* Notes that `next` ("": none, it stays) is what the input is in the next run. */
static void keep(Training *t, const Value *input, const char *next)
{
    model_add_property(t->model, arena_printf(t->context->arena, "%s%s", KEPT_PROPERTY, input->name), next);
}

/* ---- functions of train.onnxtxt ---- */
/* Gives a call the hyperparameters that the command line sets and the function has. */
static bool set_hyper(Training *t, Node *call, const Graph *function)
{
    for (int i = 0; i < t->options->nhyper; i++) {
        const char *const word = t->options->hyper[i], *const equals = strchr(word, '=');
        const char *const name = arena_strndup(t->context->arena, word, (size_t)(equals - word));
        if (!function_declares(function, name))
            continue;
        t->hyper_used[i] = true;
        attr_set_tensor(call, name, tensor_of_number(t->context, F64, 0, strtod(equals + 1, NULL)));
    }
    return true;
}

/* Puts a function's body at the end of the graph; its outputs go to `out`, as many as it has. */
static bool call(Training *t, const char *domain, const char *name, Value *const *in, int nin, Value **out)
{
    const Graph *const function = model_find_function(t->library, domain, name, "");
    if (!function)
        return report_add(t->context->report, NULL, INTERNAL, "a function of train.onnxtxt is missing");
    Node *const before = t->graph->last, *const node = node_new(t->graph, op_find("", "Identity"), name, NULL);
    for (int i = 0; i < nin; i++)
        node_add_input(node, in[i]);
    for (int i = 0; i < function->nout; i++)
        graph_add_output(t->graph, node_add_output(node, function->out[i]->name));
    if (!set_hyper(t, node, function))
        return false;
    node_inline(node, function);
    t->graph->nout -= function->nout;
    for (int i = 0; i < function->nout; i++) {
        out[i] = t->graph->out[t->graph->nout + i];
        out[i]->outputs--;
    }
    for (Node *new = before ? before->next : t->graph->first; new; new = new->next)
        if (!node_infer(new))
            return false;
    return true;
}

/* ---- parameters ---- */
static bool is_named(const char *name, const char *pattern)
{
    const size_t length = strlen(pattern);
    return length && pattern[length - 1] == '*' ? strncmp(name, pattern, length - 1) == 0 : strcmp(name, pattern) == 0;
}

/* Whether a node reads the value to know sizes, which must be known when a model is compiled, or as a statistic. */
static bool is_no_parameter(const Value *value)
{
    for (int i = 0; i < value->nreader; i++) {
        const Node *const reader = value->reader[i];
        if ((node_is(reader, "", "Resize") || node_is(reader, "", "Upsample")) && reader->in[0] != value)
            return true;
        if (node_is(reader, "", "BatchNormalization") && (reader->in[3] == value || reader->in[4] == value))
            return true;
    }
    return false;
}

/* An initialiser that is trained: numbers of at least one axis that are not frozen. */
static bool is_parameter(const Training *t, const Value *value)
{
    if (!dtype_is_float(value->type.dtype) || value->type.rank < 1 || value->nreader == 0 || is_no_parameter(value))
        return false;
    for (int i = 0; i < t->options->nfreeze; i++)
        if (is_named(value->name, t->options->freeze[i]))
            return false;
    return true;
}

/* Whether each --freeze names an initialiser. */
static bool check_frozen(const Training *t)
{
    for (int i = 0; i < t->options->nfreeze; i++) {
        bool is_there = false;
        for (int k = 0; k < t->graph->ninitializer; k++)
            is_there |= is_named(t->graph->initializer[k]->name, t->options->freeze[i]);
        if (!is_there)
            return option_fails(t, "--freeze", t->options->freeze[i], "the model has no initialiser of this name");
    }
    return true;
}

static void list_parameters(Training *t)
{
    t->parameter = ARENA_ARRAY(t->context->arena, t->graph->ninitializer, Value *);
    for (int i = 0; i < t->graph->ninitializer; i++)
        if (is_parameter(t, t->graph->initializer[i]))
            t->parameter[t->nparameter++] = t->graph->initializer[i];
    for (int i = 0; i < t->nparameter; i++)
        if (!t->parameter[i]->is_overridable)
            graph_open_initializer(t->graph, t->parameter[i]);
}

/* Running means and variances of nodes that train: inputs, whose next values become outputs. */
static void list_statistics(Training *t)
{
    t->statistic = ARENA_ARRAY(t->context->arena, 2 * t->graph->nnode, Value *);
    for (Node *node = t->graph->first; node; node = node->next) {
        if (!node_is(node, "", "BatchNormalization") || attr_int(node, "training_mode", 0) == 0)
            continue;
        while (node->nout < 3)
            node_add_output(node, "");
        for (int i = 0; i < 2; i++) {
            Value *const old = node->in[3 + i], *const new = node->out[1 + i];
            if (!old->constant || old->def || !new)
                continue;
            if (!old->is_overridable)
                graph_open_initializer(t->graph, old);
            t->statistic[t->nstatistic++] = old;
            graph_add_output(t->graph, new);
        }
    }
}

static Value *find_input(const Graph *graph, const char *name)
{
    for (int i = 0; i < graph->nin; i++)
        if (strcmp(graph->in[i]->name, name) == 0)
            return graph->in[i];
    return NULL;
}

static bool list_inputs(Training *t)
{
    t->parameter = ARENA_ARRAY(t->context->arena, t->options->nby, Value *);
    for (int i = 0; i < t->options->nby; i++) {
        Value *const input = find_input(t->graph, t->options->by[i]);
        if (!input || !dtype_is_float(input->type.dtype))
            return option_fails(t, "--by", t->options->by[i], input ? "it is not of a floating type" : "no such input");
        for (int k = 0; k < i; k++)
            if (t->parameter[k] == input)
                return option_fails(t, "--by", t->options->by[i], "it is given twice");
        t->parameter[t->nparameter++] = input;
    }
    return true;
}

/* ---- dropout ---- */
static Value *step_input(Training *t)
{
    if (!t->step) /* without a default: integers with one are taken for sizes */
        t->step = add_input(t, "step", type_tensor(I64, 0, NULL));
    return t->step;
}

/* Whether a node drops: training_mode is known to be true, and nobody wants the mask. */
static bool drops(const Node *node)
{
    if (!node_is(node, "", "Dropout") || node->nin < 3 || !node->in[2] ||
        (node->nout > 1 && node->out[1] && node->out[1]->nreader))
        return false;
    const Tensor *const mode = node->in[2]->constant;
    return mode && mode->count == 1 && mode->dtype == BOOL && *(const uint8_t *)tensor_at(mode, 0);
}

/* Dropout that draws anew becomes dropout that is a function of the step, each node with a stream of its own. */
static bool open_dropout(Training *t)
{
    int64_t stream = 0;
    for (Node *node = t->graph->first, *next; node; node = next) {
        next = node->next;
        if (!drops(node))
            continue;
        Node *const replayed = node_new(t->graph, op_find("o2c", "Dropout"), node->name, node);
        node_add_input(replayed, node->in[0]);
        node_add_input(replayed,
                       node->in[1] ? node->in[1] : graph_constant(t->graph, tensor_of_number(t->context, F32, 0, 0.5)));
        node_add_input(replayed, step_input(t));
        attr_set_int(replayed, "stream", stream++);
        Value *const out = node_add_output(replayed, "");
        if (!node_infer(replayed))
            return false;
        value_replace(node->out[0], out);
        node_remove(node);
    }
    return true;
}

/* ---- the loss ---- */
/* What the loss is taken of: the first output, without an activation that the loss contains. */
static Value *scores(const Training *t)
{
    Value *const y = t->graph->out[0];
    const Node *const def = y->def;
    if (!def || !def->op || !t->loss->activation || strcmp(def->op->name, t->loss->activation) != 0)
        return y;
    const int64_t axis = attr_int(def, "axis", -1);
    return t->loss->target == CLASSES && axis != 1 && axis + y->type.rank != 1 ? y : def->in[0];
}

static Type target_type(const Training *t, const Value *y)
{
    if (t->loss->target == LIKE_OUTPUT)
        return y->type;
    Dim *dim[MAX_RANK];
    for (int i = 0; i < y->type.rank - 1; i++)
        dim[i] = y->type.dim[i + (i >= 1)];
    return type_tensor(I64, y->type.rank - 1, dim);
}

/* The loss over all samples, or over those of the mask; NULL after an error. */
static Value *add_loss(Training *t)
{
    Value *const y = scores(t), *each, *loss;
    if (y->type.kind != TENSOR || !dtype_is_float(y->type.dtype) ||
        y->type.rank < (t->loss->target == CLASSES ? 2 : 1)) {
        fails(t, arena_printf(t->context->arena, "loss %s wants an output of floating type with %s, '%s' is %s",
                              t->loss->name, t->loss->target == CLASSES ? "an axis 1 of classes" : "a first axis",
                              y->name, type_text(&y->type, t->context->arena)));
        return NULL;
    }
    Value *target = add_input(t, "target", target_type(t, y));
    Value *const mask = t->options->mask ? add_input(t, "mask", type_tensor(BOOL, 1, (Dim *[]){y->type.dim[0]})) : NULL;
    if (mask && !call(t, "loss", "masked_target", (Value *[]){target, mask}, 2, &target))
        return NULL;
    if (!call(t, "loss", t->loss->name, (Value *[]){y, target}, 2, &each) ||
        !call(t, "loss", mask ? "masked_mean" : "mean", (Value *[]){each, mask}, mask ? 2 : 1, &loss))
        return NULL;
    return loss;
}

static Value *number(const Training *t, DType dtype, double value)
{
    return graph_constant(t->graph, tensor_of_number(t->context, dtype, 0, value));
}

/* The gradients by the parameters, of the loss or of the sum of all outputs. */
static bool derive(Training *t, Value *loss, Value **gradient)
{
    const RuleSet *rules = gradient_rules(t->context, &t->options->passes);
    if (!rules)
        return false;
    Derivation derivation = {.by = t->parameter, .gradient = gradient, .nby = t->nparameter};
    derivation.of = loss ? &loss : t->graph->out;
    derivation.nof = loss ? 1 : t->nout;
    derivation.seed = ARENA_ARRAY(t->context->arena, derivation.nof, Value *);
    for (int i = 0; i < derivation.nof; i++) {
        const DType dtype = derivation.of[i]->type.dtype;
        if (!dtype_is_float(dtype))
            return fails(t, "an output without a loss must be of floating type");
        derivation.seed[i] = number(t, dtype, 1);
    }
    return gradient_derive(t->graph, rules, &derivation);
}

/* ---- the optimizer ---- */
static bool check_hyper(Training *t)
{
    t->hyper_used = ARENA_ARRAY(t->context->arena, t->options->nhyper, bool);
    for (int i = 0; i < t->options->nhyper; i++) {
        const char *const word = t->options->hyper[i], *const equals = strchr(word, '=');
        char *end = NULL;
        if (!equals || equals == word || !isfinite(strtod(equals + 1, &end)) || *end || !equals[1])
            return option_fails(t, "--set", word, "it must be NAME=NUMBER");
        for (int k = 0; k < i; k++)
            if (strncmp(t->options->hyper[k], word, (size_t)(equals + 1 - word)) == 0)
                return option_fails(t, "--set", word, "it is given twice");
    }
    return true;
}

static bool hyper_were_used(const Training *t)
{
    for (int i = 0; i < t->options->nhyper; i++)
        if (!t->hyper_used[i])
            return option_fails(t, "--set", t->options->hyper[i], "the optimizer has no such hyperparameter");
    return true;
}

/* An input with a default of which all elements are `value`. */
static Value *add_default_input(Training *t, const char *name, const Type *type, double value)
{
    Tensor *const tensor = ARENA_NEW(t->context->arena, Tensor);
    *tensor = *tensor_of_number(t->context, type->dtype, 0, value);
    tensor->rank = type->rank;
    tensor->splat = true;
    for (int i = 0; i < type->rank; i++) {
        dim_is_const(type->dim[i], &tensor->dim[i]);
        tensor->count *= tensor->dim[i];
    }
    Value *const input = add_input(t, name, *type);
    graph_add_default(t->graph, input, tensor);
    return input;
}

/* Makes a value an output of this name, by way of an Identity where it is an input or an output already. NULL after an
 * error. */
static Value *add_output(Training *t, Value *value, const char *name)
{
    bool ok = true;
    if (!value->def || value->outputs) {
        Node *const node = node_new(t->graph, op_find("", "Identity"), name, NULL);
        node_add_input(node, value);
        value = node_add_output(node, name);
        ok = node_infer(node);
    }
    name_interface(value, name);
    graph_add_output(t->graph, value);
    return ok ? value : NULL;
}

static bool add_new(Training *t, Value *value, const Value *old)
{
    const Value *const new = add_output(t, value, arena_printf(t->context->arena, "%s_new", old->name));
    if (new)
        keep(t, old, new->name);
    return new;
}

/* Whether a hyperparameter of this name is set on the command line. */
static bool is_set(const Training *t, const char *name)
{
    for (int i = 0; i < t->options->nhyper; i++)
        if (strncmp(t->options->hyper[i], name, strlen(name)) == 0 && t->options->hyper[i][strlen(name)] == '=')
            return true;
    return false;
}

/* The new value of a parameter and of what is remembered of it. */
static bool update(Training *t, Value *parameter, Value *gradient, Value *rate, Value *step)
{
    const Graph *const function = model_find_function(t->library, "optimizer", t->optimizer->step, "");
    Value *in[4 + MAX_STATE] = {parameter, gradient, rate, step}, *out[1 + MAX_STATE];
    const bool decoupled = is_decoupled(t->optimizer);
    if (decoupled && !call(t, "optimizer", t->optimizer->decay, (Value *[]){parameter, rate}, 2, &in[0]))
        return false;
    if (!decoupled && is_set(t, "weight_decay") &&
        !call(t, "optimizer", t->optimizer->decay, (Value *[]){parameter, gradient}, 2, &in[1]))
        return false;
    for (int i = 4; i < function->nin; i++)
        in[i] = add_default_input(t, arena_printf(t->context->arena, "%s_%s", parameter->name, function->in[i]->name),
                                  &parameter->type, 0);
    if (!call(t, "optimizer", t->optimizer->step, in, function->nin, out))
        return false;
    bool ok = add_new(t, out[0], parameter);
    for (int i = 1; i < function->nout; i++)
        ok = ok && add_new(t, out[i], in[3 + i]);
    return ok;
}

static Value *emit_next(Training *t, Value *step)
{
    Node *const node = node_new(t->graph, op_find("", "Add"), "step", NULL);
    node_add_input(node, step);
    node_add_input(node, number(t, I64, 1));
    Value *const next = node_add_output(node, "");
    return node_infer(node) ? next : NULL;
}

static bool add_optimizer(Training *t, Value **gradient)
{
    const Type rate_type = type_tensor(F32, 0, NULL);
    Value *const rate = add_default_input(t, "lr", &rate_type, t->options->rate), *const step = step_input(t);
    for (int i = 0; i < t->nparameter; i++)
        if (!update(t, t->parameter[i], gradient[i], rate, step))
            return false;
    Value *const next = emit_next(t, step);
    keep(t, rate, "");
    return next && add_new(t, next, step) && hyper_were_used(t);
}

/* ---- all of it ---- */
static bool find_rows(Training *t)
{
    const TrainOptions *const o = t->options;
    if (o->loss)
        t->loss = loss_find(t->context, o->loss);
    if (o->optimizer)
        t->optimizer = optimizer_find(t->context, o->optimizer);
    t->library = train_library(t->context);
    return (!o->loss || t->loss) && (!o->optimizer || t->optimizer) && t->library && check_hyper(t);
}

/* Parameters that no gradient reaches are constants again. */
static bool drop_untrained(Training *t, Value **gradient)
{
    int kept = 0;
    for (int i = 0; i < t->nparameter; i++) {
        if (gradient[i]) {
            t->parameter[kept] = t->parameter[i];
            gradient[kept++] = gradient[i];
        } else {
            graph_close_input(t->graph, t->parameter[i]);
        }
    }
    t->nparameter = kept;
    return kept > 0 || fails(t, "nothing that could be trained: no floating initialiser leads to the loss");
}

/* The gradients as outputs. */
static bool add_gradients(Training *t, Value **gradient)
{
    for (int i = 0; i < t->nparameter; i++) {
        Value *const by = t->parameter[i];
        if (!gradient[i])
            return option_fails(t, "--by", by->name, "nothing depends on it by a gradient");
        if (!add_output(t, gradient[i], arena_printf(t->context->arena, "d%s", by->name)))
            return false;
    }
    return true;
}

/* Takes the model's own outputs away, and leaves those of statistics. */
static void drop_outputs(Training *t)
{
    Graph *const graph = t->graph;
    for (int i = 0; i < t->nout; i++)
        graph->out[i]->outputs--;
    for (int i = t->nout; i < graph->nout; i++)
        graph->out[i - t->nout] = graph->out[i];
    graph->nout -= t->nout;
}

/* The names of statistics' next values, which are outputs already. */
static void name_statistics(Training *t)
{
    for (int i = 0; i < t->nstatistic; i++) {
        const Value *const old = t->statistic[i];
        Value *const new = t->graph->out[t->nout + i];
        name_interface(new, arena_printf(t->context->arena, "%s_new", old->name));
        keep(t, old, new->name);
    }
}

/* The passes before fusion, on forms that gradient rules know. */
static bool reorganise(const Training *t)
{
    PassOptions passes = t->options->passes;
    RuleSet *const rules = rules_builtin(t->context, "prepare");
    passes.stop_after = "canon";
    if (!rules || !rewrite(t->model, &passes, NULL) || !rules_apply(rules, t->model, &passes, NULL))
        return false;
    passes.keeps_order = true; /* gradients of both branches of an If are not known */
    passes.stop_after = t->options->last_pass ? t->options->last_pass : "dce";
    return rewrite(t->model, &passes, NULL);
}

bool train_derive(Model *model, const TrainOptions *options)
{
    Training *const t = ARENA_NEW(model->context->arena, Training);
    *t = (Training){.model = model, .graph = model->graph, .context = model->context, .options = options};
    if (!find_rows(t))
        return false;
    const bool by_inputs = options->nby > 0;
    t->nout = t->graph->nout;
    if (by_inputs ? !list_inputs(t) : !check_frozen(t))
        return false;
    if (!by_inputs)
        list_parameters(t); /* before inference, which sees through constants */
    if (options->optimizer)
        list_statistics(t);
    if (!model_upgrade(model) || !model_infer(model) || !open_dropout(t))
        return false;
    if (!reorganise(t))
        return false;
    Value *const loss = options->loss ? add_loss(t) : NULL;
    Value **const gradient = ARENA_ARRAY(t->context->arena, t->nparameter, Value *);
    if ((options->loss && !loss) || !derive(t, loss, gradient) || (!by_inputs && !drop_untrained(t, gradient)))
        return false;
    name_statistics(t);
    if (loss && !options->outputs)
        drop_outputs(t);
    if (loss && !add_output(t, loss, "loss"))
        return false;
    if (options->recompute)
        options->recompute->nforward = t->graph->nout;
    if (!(options->optimizer ? add_optimizer(t, gradient) : add_gradients(t, gradient)))
        return false;
    graph_sweep(t->graph);
    return reorganise(t) && (!options->recompute || recompute(t->graph, options->recompute));
}
