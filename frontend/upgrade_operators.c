/* upgrade_operators.c -- changes that one operator, or one family, went through. The changelog of the ONNX operators is
 * the source: docs/Changelog.md of the onnx package. */
#include "upgrade.h"
#include <float.h>
#include <math.h>
#include <string.h>

static Value *one_int(Upgrade *upgrade, int64_t value)
{
    return upgrade_ints(upgrade, &value, 1);
}

static Value *input(const Upgrade *upgrade, int slot)
{
    return slot < upgrade->node->nin ? upgrade->node->in[slot] : NULL;
}

/* Whether the first n inputs are given; refuses the node if not. */
static bool has_inputs(Upgrade *upgrade, int n)
{
    for (int i = 0; i < n; i++)
        if (!input(upgrade, i)) {
            upgrade_refuse(upgrade, "an input is missing");
            return false;
        }
    return true;
}

/* A vector of `count` ones. */
static Value *ones(Upgrade *upgrade, Value *count)
{
    Value *vector = EMIT(upgrade, "ConstantOfShape", count);
    Tensor *one = tensor_new(upgrade->context, I64, 1, (int64_t[]){1});
    *(int64_t *)one->data = 1;
    attr_set_tensor(vector->def, "value", one);
    return vector;
}

/* A float32 constant as a scalar of the element type that `like` has. */
static Value *scalar_like(Upgrade *upgrade, double value, Value *like)
{
    return EMIT(upgrade, "CastLike", upgrade_float_scalar(upgrade, value), like);
}

/* `b` with axes of size 1 behind its own, so that its first axis meets `axis` of `a` when broadcast the usual way. */
static Value *align(Upgrade *upgrade, Value *b, Value *a, int64_t axis)
{
    Value *behind = one_int(upgrade, axis < 0 ? -axis : axis); /* axes of a from `axis` on */
    if (axis >= 0)
        behind = EMIT(upgrade, "Sub", upgrade_rank(upgrade, a), behind);
    Value *count = EMIT(upgrade, "Sub", behind, upgrade_rank(upgrade, b));
    count = EMIT(upgrade, "Max", count, one_int(upgrade, 0));
    Value *shape = upgrade_shape(upgrade, b);
    shape = EMIT(upgrade, "Concat", shape, ones(upgrade, count));
    attr_set_int(shape->def, "axis", 0);
    return EMIT(upgrade, "Reshape", b, shape);
}

/* Add and its like before opset 7: equal shapes, or broadcast = 1 and `axis` where B's first axis meets A. */
void upgrade_broadcast(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    int64_t broadcast = upgrade_int(upgrade, "broadcast", 0), axis = upgrade_int(upgrade, "axis", 0);
    if (broadcast && attr_find(node, "axis") && input(upgrade, 0) && input(upgrade, 1))
        upgrade_set_input(upgrade, 1, align(upgrade, node->in[1], node->in[0], axis));
    attr_remove(node, "broadcast");
    attr_remove(node, "axis");
}

/* PRelu before opset 7: a slope for each channel. */
void upgrade_channel_slope(Upgrade *upgrade)
{
    if (input(upgrade, 0) && input(upgrade, 1))
        upgrade_set_input(upgrade, 1, align(upgrade, upgrade->node->in[1], upgrade->node->in[0], 1));
}

/* Without is_test, opsets 1 and 6 normalise by the batch itself. */
void upgrade_batch_norm_mode(Upgrade *upgrade)
{
    bool training = upgrade_int(upgrade, "is_test", 0) == 0;
    attr_remove(upgrade->node, "is_test");
    if (training)
        attr_set_int(upgrade->node, "training_mode", 1);
}

/* With spatial = 0, statistics have the shape of one sample instead of one element for each channel. */
void upgrade_batch_norm_per_activation(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    bool spatial = upgrade_int(upgrade, "spatial", 1) != 0;
    attr_remove(node, "spatial");
    if (spatial || upgrade->failed)
        return;
    if (!has_inputs(upgrade, 5))
        return;
    if (node->nout > 1 || attr_find(node, "training_mode")) {
        upgrade_refuse(upgrade, "training with spatial = 0");
        return;
    }
    Value *x = node->in[0], *scale = node->in[1], *shift = node->in[2], *mean = node->in[3], *variance = node->in[4];
    Value *epsilon = scalar_like(upgrade, upgrade_float(upgrade, "epsilon", 1e-5), variance);
    Value *deviation = EMIT(upgrade, "Sqrt", EMIT(upgrade, "Add", variance, epsilon));
    Value *normal = EMIT(upgrade, "Div", EMIT(upgrade, "Sub", x, mean), deviation);
    upgrade_become(upgrade, "Add", 2, (Value *[]){EMIT(upgrade, "Mul", normal, scale), shift});
}

/* More outputs than one meant training; the saved statistics of the batch are gone. */
void upgrade_batch_norm_outputs(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    for (int i = 3; i < node->nout; i++)
        if (node->out[i] && (node->out[i]->nreader || node->out[i]->outputs)) {
            upgrade_refuse(upgrade, "outputs saved_mean and saved_var, which opset 14 dropped");
            return;
        }
    if (node->nout > 3)
        node->nout = 3;
    for (int i = 1; i < node->nout; i++)
        if (node->out[i])
            attr_set_int(node, "training_mode", 1);
}

/* `to` was the name of a type. */
void upgrade_cast_to_name(Upgrade *upgrade)
{
    const Attr *to = attr_find(upgrade->node, "to");
    if (!to || to->kind != ATTR_STRING)
        return;
    char *name = arena_strdup(upgrade->context->arena, to->s);
    for (char *at = name; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    DType type = dtype_parse(name, strlen(name));
    if (type == UNDEFINED)
        upgrade_refuse(upgrade, "a type of this name");
    else
        attr_set_int(upgrade->node, "to", type);
}

/* In opset 1 a bound that is not given is none; from 6 to 10 it is the largest float. */
void upgrade_clip_unbounded(Upgrade *upgrade)
{
    for (int i = 0; i < 2; i++)
        if (!attr_find(upgrade->node, i ? "max" : "min"))
            attr_set_float(upgrade->node, i ? "max" : "min", i ? (double)INFINITY : (double)-INFINITY);
}

void upgrade_clip_bounds(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    double bound[2] = {upgrade_float(upgrade, "min", (double)-FLT_MAX), upgrade_float(upgrade, "max", (double)FLT_MAX)};
    if (!has_inputs(upgrade, 1))
        return;
    for (int i = 0; i < 2; i++) {
        attr_remove(node, i ? "max" : "min");
        if (bound[i] < (double)INFINITY && bound[i] > (double)-INFINITY)
            upgrade_set_input(upgrade, 1 + i, scalar_like(upgrade, bound[i], node->in[0]));
    }
}

/* Without is_test, opsets 1 and 6 drop at random. */
void upgrade_dropout_mode(Upgrade *upgrade)
{
    bool training = upgrade_int(upgrade, "is_test", 0) == 0;
    attr_remove(upgrade->node, "is_test");
    if (!training || upgrade->failed)
        return;
    Tensor *yes = tensor_new(upgrade->context, BOOL, 0, NULL);
    *(unsigned char *)yes->data = 1;
    upgrade_set_input(upgrade, 1, upgrade_float_scalar(upgrade, upgrade_float(upgrade, "ratio", 0.5)));
    upgrade_set_input(upgrade, 2, upgrade_constant(upgrade, yes));
}

/* The mask had the type of the data. */
void upgrade_dropout_mask(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    Value *mask = node->nout > 1 ? node->out[1] : NULL;
    if (!mask || !input(upgrade, 0))
        return;
    Node *cast = node_new(node->graph, upgrade_op(upgrade, "CastLike"), node->name, node->next);
    value_replace(mask, node_add_output(cast, ""));
    node_add_input(cast, mask);
    node_add_input(cast, node->in[0]);
}

/* Scale and bias were given for each group. */
void upgrade_scale_per_channel(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    int64_t groups = upgrade_int(upgrade, "num_groups", 0);
    if (!has_inputs(upgrade, 3))
        return;
    if (groups <= 0) {
        upgrade_refuse(upgrade, "num_groups is missing");
        return;
    }
    Value *channels = upgrade_shape(upgrade, node->in[0]);
    attr_set_int(channels->def, "start", 1);
    attr_set_int(channels->def, "end", 2);
    Value *size = EMIT(upgrade, "Div", channels, one_int(upgrade, groups));
    Value *shape = EMIT(upgrade, "Concat", one_int(upgrade, groups), size);
    attr_set_int(shape->def, "axis", 0);
    for (int i = 1; i <= 2; i++) {
        Value *column = EMIT(upgrade, "Reshape", node->in[i], upgrade_ints(upgrade, (int64_t[]){-1, 1}, 2));
        Value *repeated = EMIT(upgrade, "Expand", column, shape);
        upgrade_set_input(upgrade, i, EMIT(upgrade, "Reshape", repeated, one_int(upgrade, -1)));
    }
}

/* Softmax, LogSoftmax and Hardmax before opset 13 saw a matrix: the axes from `axis` on as one. */
void upgrade_two_dimensions(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    const Attr *axis = attr_find(node, "axis");
    bool is_last = axis && axis->kind == ATTR_INT && axis->i == -1;
    if (is_last)
        return;
    if (!has_inputs(upgrade, 1))
        return;
    Value *x = node->in[0];
    Value *matrix = EMIT(upgrade, "Flatten", x);
    if (axis)
        attr_copy(matrix->def, axis);
    else
        attr_set_int(matrix->def, "axis", 1);
    Value *normal = upgrade_emit(upgrade, node->op->name, 1, &matrix);
    attr_set_int(normal->def, "axis", -1);
    upgrade_become(upgrade, "Reshape", 2, (Value *[]){normal, upgrade_shape(upgrade, x)});
}

/* The value to pad with became an input. */
void upgrade_pad_value(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    double value = upgrade_float(upgrade, "value", 0);
    attr_remove(node, "value");
    if (value != 0 && input(upgrade, 0))
        upgrade_set_input(upgrade, 2, scalar_like(upgrade, value, node->in[0]));
}

/* Resize of opset 10 is what Upsample was: the scales come second, pixels are asked for at x / scale, rounded down. */
void upgrade_resize_coordinates(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    upgrade_set_input(upgrade, 2, input(upgrade, 1));
    upgrade_set_input(upgrade, 1, NULL);
    attr_set_string(node, "coordinate_transformation_mode", "asymmetric");
    attr_set_string(node, "nearest_mode", "floor");
}

void upgrade_resize_modes(Upgrade *upgrade)
{
    if (strcmp(attr_string(upgrade->node, "coordinate_transformation_mode", ""), "tf_half_pixel_for_nn") == 0)
        upgrade_refuse(upgrade, "coordinate_transformation_mode tf_half_pixel_for_nn, which opset 13 dropped");
}

/* Scan of opset 8 had a batch axis in front of everything: a Scan over the batch around one over the sequence, which
 * keeps the body. */
void upgrade_scan_batches(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    Graph *outer = node->graph;
    Attr *body = attr_find(node, "body"), *directions = attr_find(node, "directions");
    int64_t scans = upgrade_int(upgrade, "num_scan_inputs", 0);
    if (input(upgrade, 0)) {
        upgrade_refuse(upgrade, "sequence_lens of opset 8");
        return;
    }
    if (upgrade->failed || !body || body->kind != ATTR_GRAPH || node->nin < 2) {
        upgrade_refuse(upgrade, "it has no body or no inputs");
        return;
    }
    Graph *sequence = body->graph;
    Graph *batch = graph_new(outer->model, "batch");
    graph_set_owner(batch, node);
    Node *inner = node_new(batch, upgrade_op(upgrade, "Scan"), node->name, NULL);
    for (int i = 1; i < node->nin; i++) {
        if (!node->in[i]) {
            upgrade_refuse(upgrade, "an input is missing");
            return;
        }
        node_add_input(inner, graph_add_input(batch, "", (Type){.rank = -1}));
    }
    for (int i = 0; i < node->nout; i++)
        graph_add_output(batch, node_add_output(inner, ""));
    attr_set_graph(inner, "body", sequence);
    attr_set_int(inner, "num_scan_inputs", scans);
    if (directions)
        attr_set_ints(inner, "scan_input_directions", directions->ints, directions->count);
    Value **in = ARENA_ARRAY(upgrade->context->arena, node->nin, Value *);
    memcpy(in, node->in + 1, (size_t)(node->nin - 1) * sizeof *in);
    upgrade_become(upgrade, "Scan", node->nin - 1, in);
    attr_set_int(node, "num_scan_inputs", node->nin);
    attr_set_graph(node, "body", batch);
}

/* Equal parts are asked for by their number. */
void upgrade_split_count(Upgrade *upgrade)
{
    if (!input(upgrade, 1))
        attr_set_int(upgrade->node, "num_outputs", upgrade->node->nout);
}

/* Tile of opset 1 repeats along one axis; number and axis are inputs of the data's type. */
void upgrade_tile_axis(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    if (!has_inputs(upgrade, 3))
        return;
    Value *integer[2];
    for (int i = 0; i < 2; i++) {
        Value *cast = EMIT(upgrade, "Cast", node->in[1 + i]);
        attr_set_int(cast->def, "to", I64);
        integer[i] = EMIT(upgrade, "Reshape", cast, one_int(upgrade, 1));
    }
    Value *single = ones(upgrade, upgrade_rank(upgrade, node->in[0]));
    Value *repeats = EMIT(upgrade, "ScatterElements", single, integer[1], integer[0]);
    upgrade_become(upgrade, "Tile", 2, (Value *[]){node->in[0], repeats});
}

/* Upsample of opset 1 scaled the height and width of images. */
void upgrade_upsample_scales(Upgrade *upgrade)
{
    Node *node = upgrade->node;
    double height = upgrade_float(upgrade, "height_scale", 1), width = upgrade_float(upgrade, "width_scale", 1);
    double *scales = ARENA_ARRAY(upgrade->context->arena, 4, double);
    scales[0] = scales[1] = 1;
    scales[2] = height;
    scales[3] = width;
    attr_remove(node, "height_scale");
    attr_remove(node, "width_scale");
    Attr *attr = attr_add(node, "scales", ATTR_FLOATS);
    attr->floats = scales;
    attr->count = 4;
}
