/* recurrent.c -- RNN, GRU and LSTM: routines, see runtime/recurrent.h. */
#include "call.h"
#include <string.h>
#include <strings.h>

/* In the order of enum activation in runtime/recurrent.h, with the defaults of alpha and beta and which of them there
 * are. */
static const struct {
    const char *name;
    int parameters;
    double alpha, beta;
} activation[] = {
    {"Affine", 2, 1, 0},   {"Elu", 1, 1, 0},        {"HardSigmoid", 2, 0.2, 0.5}, {"LeakyRelu", 1, 0.01, 0},
    {"Relu", 0, 0, 0},     {"ScaledTanh", 2, 1, 1}, {"Sigmoid", 0, 0, 0},         {"Softplus", 0, 0, 0},
    {"Softsign", 0, 0, 0}, {"Tanh", 0, 0, 0},       {"ThresholdedRelu", 1, 1, 0}};
enum { NUM_ACTIVATION = sizeof activation / sizeof *activation };

static int find_activation(Definition *d, const char *name)
{
    for (int i = 0; i < NUM_ACTIVATION; i++)
        if (strcasecmp(activation[i].name, name) == 0)
            return i;
    def_error(d, "activation '%s' is not known", name);
    return 0;
}

/* The activations of all directions, `each` in one: names from the attribute or `standard`; alphas and betas are
 * consumed in order by those functions that have them. */
static void pass_activations(Definition *d, Routine *routine, int directions, int each, const char *const *standard)
{
    const Attr *names = attr_find(d->node, "activations"),
               *list[] = {attr_find(d->node, "activation_alpha"), attr_find(d->node, "activation_beta")};
    size_t next[] = {0, 0};
    if (!def_require(d, !names || names->count == (size_t)(each * directions), "%zu activations, wants %d",
                     names ? names->count : 0, each * directions))
        return;
    for (int i = 0; i < directions; i++)
        for (int j = 0; j < 3; j++) {
            const int which = j >= each ? 0 : find_activation(d, names ? names->strings[i * each + j] : standard[j]);
            double parameter[] = {activation[which].alpha, activation[which].beta};
            for (int k = 0; j < each && k < activation[which].parameters; k++)
                if (list[k] && next[k] < list[k]->count)
                    parameter[k] = list[k]->floats[next[k]++];
            pass(routine, size_const(d, which));
            pass_real(routine, parameter[0]);
            pass_real(routine, parameter[1]);
        }
}

/* Whether an optional input has the given dimensions. */
static void require_shape(Definition *d, int input, int rank, Dim *const *dim)
{
    if (!def_has(d, input))
        return;
    bool same = def_rank(d, input) == rank;
    for (int i = 0; same && i < rank; i++)
        same = size_same(d, def_dim(d, input, i), dim[i]);
    def_require(d, same, "input %d '%s' is %s: not what the hidden size and the other inputs ask for", input,
                d->node->in[input]->name, type_text(&d->node->in[input]->type, d->context->arena));
}

/* `gates` rows of weights for each hidden unit, `buffers` numbers of scratch for each; `each` activations for a
 * direction. */
static void define_recurrent(Definition *d, const char *name, int gates, int buffers, int each,
                             const char *const *standard, int64_t flag)
{
    const Node *node = d->node;
    const char *direction = attr_string(node, "direction", "forward");
    const int directions = strcmp(direction, "bidirectional") == 0 ? 2 : 1, reverse = strcmp(direction, "reverse") == 0;
    const bool batch_first = attr_int(node, "layout", 0) != 0, is_lstm = gates == 4;
    if (!def_require(d, directions == 2 || reverse || strcmp(direction, "forward") == 0, "direction '%s' is not known",
                     direction) ||
        !def_require(d, def_rank(d, 0) == 3 && def_rank(d, 1) == 3 && def_rank(d, 2) == 3, "X, W and R have rank 3"))
        return;
    Dim *time = def_dim(d, 0, batch_first), *batch = def_dim(d, 0, !batch_first), *hidden = def_dim(d, 2, 2);
    Dim *ways = size_const(d, directions), *rows = size_times(d, hidden, gates);
    const Attr *hidden_size = attr_find(node, "hidden_size");
    if (hidden_size)
        def_require(d, dim_equals(hidden, hidden_size->i), "hidden_size differs from the last dimension of R");
    require_shape(d, 1, 3, (Dim *[]){ways, rows, def_dim(d, 0, 2)});
    require_shape(d, 2, 3, (Dim *[]){ways, rows, hidden});
    require_shape(d, 3, 2, (Dim *[]){ways, size_times(d, rows, 2)});
    require_shape(d, 4, 1, &batch);
    Dim *state[] = {batch_first ? batch : ways, batch_first ? ways : batch, hidden};
    require_shape(d, 5, 3, state);
    if (is_lstm) {
        require_shape(d, 6, 3, state);
        require_shape(d, 7, 2, (Dim *[]){ways, size_times(d, hidden, 3)});
    }

    Routine *routine = call(d, name, real_suffix(def_dtype(d, 0)), is_lstm ? 8 : 6, is_lstm ? 3 : 2);
    Dim *sizes[] = {time, batch, def_dim(d, 0, 2), hidden, ways};
    for (int i = 0; i < 5; i++)
        pass(routine, sizes[i]);
    pass(routine, size_const(d, reverse));
    pass(routine, size_const(d, batch_first));
    pass(routine, size_const(d, flag));
    pass_real(routine, attr_float(node, "clip", 0));
    pass_activations(d, routine, directions, each, standard);
    routine->scratch = size_times(d, hidden, buffers * (int64_t)dtype_info(def_dtype(d, 0))->size);

    if (def_wants(d, 0) && batch_first)
        def_output(d, 0, def_dtype(d, 0), 4, (Dim *[]){batch, time, ways, hidden});
    else if (def_wants(d, 0))
        def_output(d, 0, def_dtype(d, 0), 4, (Dim *[]){time, ways, batch, hidden});
    for (int output = 1; output < routine->nout; output++)
        if (def_wants(d, output))
            def_output(d, output, def_dtype(d, 0), 3, state);
}

static void define_lstm(Definition *d)
{
    define_recurrent(d, "lstm", 4, 10, 3, (const char *[]){"Sigmoid", "Tanh", "Tanh"},
                     attr_int(d->node, "input_forget", 0));
}

static void define_gru(Definition *d)
{
    define_recurrent(d, "gru", 3, 8, 2, (const char *[]){"Sigmoid", "Tanh"},
                     attr_int(d->node, "linear_before_reset", 0));
}

static void define_rnn(Definition *d)
{
    define_recurrent(d, "rnn", 1, 3, 1, (const char *[]){"Tanh"}, 0);
}

#define RECURRENT_ATTRIBUTES                                                                                           \
    "activations:strings? activation_alpha:floats? activation_beta:floats? clip:float? direction:string=forward "      \
    "hidden_size:int? layout:int=0 "

const Op ops_recurrent[] = {
    {.name = "RNN",
     .schema = "X:T W:T R:T B:T? sequence_lens:int32? initial_h:T? -> Y:T? Y_h:T? | T=float32,double",
     .attributes = RECURRENT_ATTRIBUTES,
     .form = FORM_ROUTINE,
     .define = define_rnn,
     .since = 22},
    {.name = "GRU",
     .schema = "X:T W:T R:T B:T? sequence_lens:int32? initial_h:T? -> Y:T? Y_h:T? | T=float32,double",
     .attributes = RECURRENT_ATTRIBUTES "linear_before_reset:int=0",
     .form = FORM_ROUTINE,
     .define = define_gru,
     .since = 22},
    {.name = "LSTM",
     .schema = "X:T W:T R:T B:T? sequence_lens:int32? initial_h:T? initial_c:T? P:T? -> Y:T? Y_h:T? Y_c:T? | "
               "T=float32,double",
     .attributes = RECURRENT_ATTRIBUTES "input_forget:int=0",
     .form = FORM_ROUTINE,
     .define = define_lstm,
     .since = 22},
    {.name = NULL},
};
