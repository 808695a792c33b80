/* routine.c -- operators computed by C functions of runtime/: selection, sorting, recurrent networks, transforms.
 *
 * A definition gives the output types and the call: sizes are passed as Dims, and a size that only the data tells is a
 * fresh symbol that the call defines. Each routine's file states what it wants in `n`, `p` and scratch. */
#include "op.h"
#include <string.h>
#include <strings.h>

/* ---- calls ---- */
/* Every function of runtime/ that rows here call. */
#define ROUTINES(_)                                                                                                    \
    _(topk, )                                                                                                          \
    _(nonzero, ) _(compress, ) _(unique, ) _(nms, ) _(rnn, _f32) _(rnn, _f64) _(gru, _f32) _(gru, _f64) _(lstm, _f32)  \
        _(lstm, _f64) _(csr, _i32) _(csr, _i64)

#define DECLARE(name, suffix) RoutineFunction o2c_##name##suffix;
ROUTINES(DECLARE)

RoutineFunction *routine_function(const Routine *routine)
{
    static const struct {
        const char *name;
        RoutineFunction *function;
    } table[] = {
#define ROW(name, suffix) {#name #suffix, o2c_##name##suffix},
        ROUTINES(ROW)};

    const size_t length = strlen(routine->name);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *rest = table[i].name + length;
        if (strncmp(table[i].name, routine->name, length) == 0 &&
            (*routine->suffix ? *rest == '_' && strcmp(rest + 1, routine->suffix) == 0 : *rest == 0))
            return table[i].function;
    }
    return NULL;
}

static Dim *number(Definition *d, int64_t value)
{
    return dim_const(d->context->dims, value);
}

static Dim *times(Definition *d, Dim *a, int64_t b)
{
    return dim_mul(d->context->dims, a, number(d, b));
}

/* The product of an input's dimensions from axis `first` to before axis `end`. */
static Dim *extent(Definition *d, int input, int first, int end)
{
    Dim *product = number(d, 1);
    for (int axis = first; axis < end; axis++)
        product = dim_mul(d->context->dims, product, def_dim(d, input, axis));
    return product;
}

/* A call that reads the node's inputs and writes its outputs, in order. */
static Routine *call(Definition *d, const char *name, const char *suffix, int nin, int nout)
{
    Routine *routine = def_routine(d, name, suffix);
    for (int i = 0; i < nin; i++)
        routine->in[i] = def_has(d, i) ? d->node->in[i] : NULL;
    routine->nin = nin;
    routine->nout = nout;
    return routine;
}

static void pass(Routine *routine, Dim *n)
{
    routine->n[routine->nn++] = n;
}

/* An output size that the call defines, at most `limit`. */
static Dim *defined_size(Definition *d, Routine *routine, Dim *limit)
{
    Dim *size = dim_fresh(d->context->dims, d->node, routine->nsize, limit);
    routine->size[routine->nsize++] = size;
    return size;
}

static const char *real_suffix(DType dtype)
{
    return dtype == F64 ? "f64" : "f32";
}

/* An integer output whose elements lie in [0, bound). */
static void index_output(Definition *d, int output, int rank, Dim *const *dim, Dim *bound)
{
    if (!def_wants(d, output))
        return;
    def_output(d, output, I64, rank, dim);
    d->node->out[output]->bound = bound;
}

/* ---- selection ---- */
static void define_topk(Definition *d)
{
    const int rank = def_rank(d, 0), axis = def_axis(d, attr_int(d->node, "axis", -1), rank);
    int count;
    Dim **k = def_dims(d, 1, &count);
    if (!def_require(d, count == 1, "k has %d elements, wants 1", count) || d->failed)
        return;
    Routine *routine = call(d, "topk", "", 1, 2);
    pass(routine, number(d, def_dtype(d, 0)));
    pass(routine, extent(d, 0, 0, axis));
    pass(routine, def_dim(d, 0, axis));
    pass(routine, extent(d, 0, axis + 1, rank));
    pass(routine, k[0]);
    pass(routine, number(d, attr_int(d->node, "largest", 1)));
    routine->scratch = times(d, k[0], 2 * (int64_t)sizeof(int64_t));

    Dim *dim[MAX_RANK];
    for (int i = 0; i < rank; i++)
        dim[i] = i == axis ? k[0] : def_dim(d, 0, i);
    if (def_wants(d, 0))
        def_output(d, 0, def_dtype(d, 0), rank, dim);
    index_output(d, 1, rank, dim, def_dim(d, 0, axis));
}

static void define_nonzero(Definition *d)
{
    const int rank = def_rank(d, 0);
    Routine *routine = call(d, "nonzero", "", 1, 1);
    Dim *elements = extent(d, 0, 0, rank);
    pass(routine, number(d, def_dtype(d, 0)));
    pass(routine, elements);
    pass(routine, number(d, rank));
    for (int i = 0; i < rank; i++)
        pass(routine, def_dim(d, 0, i));

    Dim *dim[] = {number(d, rank), defined_size(d, routine, elements)}, *bound = number(d, 0);
    for (int i = 0; i < rank; i++)
        bound = dim_max(d->context->dims, bound, def_dim(d, 0, i));
    index_output(d, 0, 2, dim, bound);
}

/* Compress and Unique: along an axis, or of the flattened input. */
static void pass_split(Definition *d, Routine *routine, const Attr *axis_attribute, int *axis)
{
    const int rank = def_rank(d, 0);
    *axis = axis_attribute ? def_axis(d, axis_attribute->i, rank) : -1;
    pass(routine, *axis < 0 ? number(d, 1) : extent(d, 0, 0, *axis));
    pass(routine, *axis < 0 ? extent(d, 0, 0, rank) : def_dim(d, 0, *axis));
    pass(routine, *axis < 0 ? number(d, 1) : extent(d, 0, *axis + 1, rank));
}

/* Output 0: the input with `size` slices along the axis, or a vector. */
static void selected_output(Definition *d, int axis, Dim *size)
{
    Dim *dim[MAX_RANK] = {size};
    for (int i = 0; axis >= 0 && i < def_rank(d, 0); i++)
        dim[i] = i == axis ? size : def_dim(d, 0, i);
    def_output(d, 0, def_dtype(d, 0), axis < 0 ? 1 : def_rank(d, 0), dim);
}

static void define_compress(Definition *d)
{
    int axis;
    Routine *routine = call(d, "compress", "", 2, 1);
    pass(routine, number(d, (int64_t)dtype_info(def_dtype(d, 0))->size));
    pass_split(d, routine, attr_find(d->node, "axis"), &axis);
    if (!def_require(d, def_rank(d, 1) == 1, "condition has rank %d, wants 1", def_rank(d, 1)))
        return;
    pass(routine, def_dim(d, 1, 0));
    selected_output(d, axis, defined_size(d, routine, dim_min(d->context->dims, routine->n[2], def_dim(d, 1, 0))));
}

static void define_unique(Definition *d)
{
    int axis;
    Routine *routine = call(d, "unique", "", 1, 4);
    pass(routine, number(d, def_dtype(d, 0)));
    pass_split(d, routine, attr_find(d->node, "axis"), &axis);
    pass(routine, number(d, attr_int(d->node, "sorted", 1)));
    Dim *all = routine->n[2], *count = defined_size(d, routine, all);
    routine->scratch = times(d, all, 3 * (int64_t)sizeof(int64_t));
    selected_output(d, axis, count);
    index_output(d, 1, 1, &count, all);
    index_output(d, 2, 1, &all, count);
    index_output(d, 3, 1, &count, NULL);
}

static void define_nms(Definition *d)
{
    if (!def_require(d, def_rank(d, 0) == 3 && def_rank(d, 1) == 3 && dim_equals(def_dim(d, 0, 2), 4),
                     "boxes are [batches, boxes, 4] and scores [batches, classes, boxes]") ||
        !def_require(d, def_dim(d, 0, 0) == def_dim(d, 1, 0) && def_dim(d, 0, 1) == def_dim(d, 1, 2),
                     "boxes and scores differ in batches or boxes"))
        return;
    DimTable *dims = d->context->dims;
    Routine *routine = call(d, "nms", "", 5, 1);
    Dim *pairs = dim_mul(dims, def_dim(d, 1, 0), def_dim(d, 1, 1)), *boxes = def_dim(d, 0, 1);
    Dim *at_most = def_has(d, 2) ? value_element(d->context, d->node->in[2], 0) : number(d, 0);
    Dim *limit = at_most ? dim_min(dims, boxes, dim_max(dims, at_most, number(d, 0))) : boxes;
    limit = dim_mul(dims, pairs, limit);
    pass(routine, def_dim(d, 1, 0));
    pass(routine, def_dim(d, 1, 1));
    pass(routine, boxes);
    pass(routine, number(d, attr_int(d->node, "center_point_box", 0)));
    pass(routine, limit);
    routine->scratch = times(d, boxes, 2 * (int64_t)sizeof(int64_t));
    Dim *dim[] = {defined_size(d, routine, limit), number(d, 3)};
    index_output(d, 0, 2, dim, NULL);
}

/* ---- recurrent networks ---- */
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
            pass(routine, number(d, which));
            routine->p[routine->np++] = parameter[0];
            routine->p[routine->np++] = parameter[1];
        }
}

/* Whether an optional input has the given dimensions. */
static void require_shape(Definition *d, int input, int rank, Dim *const *dim)
{
    if (!def_has(d, input))
        return;
    bool same = def_rank(d, input) == rank;
    for (int i = 0; same && i < rank; i++)
        same = def_dim(d, input, i) == dim[i];
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
    Dim *ways = number(d, directions), *rows = times(d, hidden, gates);
    const Attr *hidden_size = attr_find(node, "hidden_size");
    if (hidden_size)
        def_require(d, dim_equals(hidden, hidden_size->i), "hidden_size differs from the last dimension of R");
    require_shape(d, 1, 3, (Dim *[]){ways, rows, def_dim(d, 0, 2)});
    require_shape(d, 2, 3, (Dim *[]){ways, rows, hidden});
    require_shape(d, 3, 2, (Dim *[]){ways, times(d, rows, 2)});
    require_shape(d, 4, 1, &batch);
    Dim *state[] = {batch_first ? batch : ways, batch_first ? ways : batch, hidden};
    require_shape(d, 5, 3, state);
    if (is_lstm) {
        require_shape(d, 6, 3, state);
        require_shape(d, 7, 2, (Dim *[]){ways, times(d, hidden, 3)});
    }

    Routine *routine = call(d, name, real_suffix(def_dtype(d, 0)), is_lstm ? 8 : 6, is_lstm ? 3 : 2);
    Dim *sizes[] = {time, batch, def_dim(d, 0, 2), hidden, ways};
    for (int i = 0; i < 5; i++)
        pass(routine, sizes[i]);
    pass(routine, number(d, reverse));
    pass(routine, number(d, batch_first));
    pass(routine, number(d, flag));
    routine->p[routine->np++] = attr_float(node, "clip", 0);
    pass_activations(d, routine, directions, each, standard);
    routine->scratch = times(d, hidden, buffers * (int64_t)dtype_info(def_dtype(d, 0))->size);

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

const Op ops_routine[] = {
    {.name = "TopK",
     .schema = "X:T K:int64 -> Values:T Indices:int64 | T=number",
     .attributes = "axis:int=-1 largest:int=1 sorted:int=1",
     .form = FORM_ROUTINE,
     .define = define_topk,
     .since = 24},
    {.name = "NonZero",
     .schema = "X:T -> Y:int64 | T=number,bool",
     .form = FORM_ROUTINE,
     .define = define_nonzero,
     .since = 13},
    {.name = "Compress",
     .schema = "input:T condition:bool -> output:T | T=number,bool,float8,narrow",
     .attributes = "axis:int?",
     .form = FORM_ROUTINE,
     .define = define_compress,
     .since = 28},
    {.name = "Unique",
     .schema = "X:T -> Y:T indices:int64? inverse_indices:int64? counts:int64? | T=number,bool",
     .attributes = "axis:int? sorted:int=1",
     .form = FORM_ROUTINE,
     .define = define_unique,
     .since = 28},
    {.name = "NonMaxSuppression",
     .schema = "boxes:float32 scores:float32 max_output_boxes_per_class:int64? iou_threshold:float32? "
               "score_threshold:float32? "
               "-> selected_indices:int64",
     .attributes = "center_point_box:int=0",
     .form = FORM_ROUTINE,
     .define = define_nms,
     .since = 11},
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
