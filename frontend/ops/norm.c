/* norm.c -- normalisation by mean and variance: y = scale[c] * (x - mean) / sqrt(variance + epsilon) + bias[c] */
#include "shorthand.h"
#include <string.h>

enum { IN_X, IN_SCALE, IN_BIAS, IN_MEAN, IN_VARIANCE };

/* A vector with one element for each channel. */
static bool channel_vector(Definition *d, int input, Dim *channels)
{
    return def_require(d, def_rank(d, input) == 1, "input %d has rank %d, wants 1", input, def_rank(d, input)) &&
           def_require(d, size_same(d, def_dim(d, input, 0), channels), "input %d has %s elements for %s channels",
                       input, size_text(d, def_dim(d, input, 0)), size_text(d, channels));
}

static Dim *channels_of(Definition *d)
{
    return def_rank(d, IN_X) > 1 ? def_dim(d, IN_X, 1) : size_const(d, 1);
}

/* y of output 0 from statistics in the type of the input's arithmetic. */
static void normalised(Definition *d, Expr *mean, Expr *variance)
{
    Expr *i[MAX_RANK], *zero = index_const(d, 0);
    def_index(d, 0, i);
    Expr *channel = def_rank(d, IN_X) > 1 ? i[1] : zero, *x = def_load(d, IN_X, i);
    const DType type = x->dtype;
    Expr *epsilon = number(d, type, attr_float(d->node, "epsilon", 1e-5));
    Expr *spread = call1(d, S_SQRT, call2(d, S_ADD, cast(d, variance, type), epsilon));
    Expr *scale = cast(d, def_load(d, IN_SCALE, &channel), type), *bias = cast(d, def_load(d, IN_BIAS, &channel), type);
    Expr *centred = call2(d, S_SUB, x, cast(d, mean, type));
    def_body(d, 0, call2(d, S_ADD, call2(d, S_DIV, call2(d, S_MUL, scale, centred), spread), bias));
}

/* The mean, and the mean of squared differences, of input 0 over all axes but those of index `fixed` (not NULL). */
static void statistics(Definition *d, Expr *const *fixed, Expr **mean, Expr **variance)
{
    Axis *over[2][MAX_RANK];
    Expr *at[2][MAX_RANK];
    Dim *count = size_const(d, 1);
    int nover = 0;
    for (int k = 0; k < def_rank(d, IN_X); k++) {
        at[0][k] = at[1][k] = fixed[k];
        if (fixed[k] != NULL)
            continue;
        for (int pass = 0; pass < 2; pass++) {
            over[pass][nover] = loop_axis(d, "k", def_dim(d, IN_X, k));
            at[pass][k] = axis_value(d, over[pass][nover]);
        }
        nover++;
        count = size_mul(d, count, def_dim(d, IN_X, k));
    }
    Expr *x = def_load(d, IN_X, at[0]), *n = cast(d, index_dim(d, count), x->dtype);
    *mean = call2(d, S_DIV, reduce(d, COMBINE_ADD, over[0], nover, x), n);
    Expr *difference = call2(d, S_SUB, def_load(d, IN_X, at[1]), *mean);
    *variance = call2(d, S_DIV, reduce(d, COMBINE_ADD, over[1], nover, call2(d, S_MUL, difference, difference)), n);
}

/* Outputs 1 and 2 of training: old * momentum + new * (1 - momentum) */
static void running(Definition *d, int output, int input, bool wants_variance)
{
    const double momentum = attr_float(d->node, "momentum", 0.9);
    Expr *channel, *fixed[MAX_RANK] = {NULL}, *mean, *variance;
    if (!def_wants(d, output))
        return;
    def_output(d, output, def_dtype(d, input), 1, def_shape(d, input));
    def_index(d, output, &channel);
    if (def_rank(d, IN_X) > 1)
        fixed[1] = channel;
    statistics(d, fixed, &mean, &variance);
    Expr *old = def_load(d, input, &channel), *new = cast(d, wants_variance ? variance : mean, old->dtype);
    def_body(d, output,
             call2(d, S_ADD, call2(d, S_MUL, old, number(d, old->dtype, momentum)),
                   call2(d, S_MUL, new, number(d, old->dtype, 1 - momentum))));
}

static void define_batch_normalization(Definition *d)
{
    const int rank = def_rank(d, IN_X);
    if (!def_require(d, rank >= 1, "input is a scalar"))
        return;
    for (int input = IN_SCALE; input <= IN_VARIANCE; input++)
        if (!channel_vector(d, input, channels_of(d)))
            return;
    const bool training = attr_int(d->node, "training_mode", 0) != 0;
    if (!def_require(d, training || (!def_wants(d, 1) && !def_wants(d, 2)),
                     "running statistics are outputs of training only"))
        return;
    Expr *i[MAX_RANK], *fixed[MAX_RANK] = {NULL}, *mean, *variance;
    def_output(d, 0, def_dtype(d, IN_X), rank, def_shape(d, IN_X));
    def_index(d, 0, i);
    Expr *channel = rank > 1 ? i[1] : index_const(d, 0);
    if (training) {
        if (rank > 1)
            fixed[1] = channel;
        statistics(d, fixed, &mean, &variance);
        running(d, 1, IN_MEAN, false);
        running(d, 2, IN_VARIANCE, true);
    } else {
        mean = def_load(d, IN_MEAN, &channel);
        variance = def_load(d, IN_VARIANCE, &channel);
    }
    normalised(d, mean, variance);
}

static void define_instance_normalization(Definition *d)
{
    const int rank = def_rank(d, IN_X);
    Expr *fixed[MAX_RANK] = {NULL}, *i[MAX_RANK], *mean, *variance;
    if (!def_require(d, rank >= 3, "input has rank %d, wants at least 3", rank) ||
        !channel_vector(d, IN_SCALE, channels_of(d)) || !channel_vector(d, IN_BIAS, channels_of(d)))
        return;
    def_output(d, 0, def_dtype(d, IN_X), rank, def_shape(d, IN_X));
    def_index(d, 0, i);
    memcpy(fixed, i, 2 * sizeof *fixed);
    statistics(d, fixed, &mean, &variance);
    normalised(d, mean, variance);
}

const Op ops_norm[] = {
    INDEX_ROW("BatchNormalization",
              "X:T scale:T1 B:T1 input_mean:T2 input_var:T2 -> Y:T running_mean:T2? running_var:T2? | T=float T1=float "
              "T2=float",
              "epsilon:float=1e-5 momentum:float=0.9 training_mode:int=0", define_batch_normalization, 15),
    INDEX_ROW("InstanceNormalization", "input:T scale:T B:T -> output:T | T=float", "epsilon:float=1e-5",
              define_instance_normalization, 6),
    {.name = NULL},
};
