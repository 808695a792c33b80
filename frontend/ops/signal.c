/* signal.c -- routines on signals, text and bits: DFT, TfIdfVectorizer, BitCast; and random numbers. */
#include "call.h"
#include <string.h>

/* ---- DFT ---- */
static void define_dft(Definition *d)
{
    const int rank = def_rank(d, 0);
    const bool onesided = attr_int(d->node, "onesided", 0) != 0, inverse = attr_int(d->node, "inverse", 0) != 0;
    int count = 1;
    const int64_t *axis_input = def_has(d, 2) ? def_ints(d, 2, &count) : &(const int64_t){-2};
    if (d->failed ||
        !def_require(d, rank >= 2 && count == 1, "wants rank 2 and one axis, has rank %d and %d", rank, count))
        return;
    const int axis = def_axis(d, *axis_input, rank);
    int64_t components;
    if (!def_require(d, axis < rank - 1, "the last axis holds real and imaginary parts and cannot be transformed") ||
        !def_require(d, dim_is_const(def_dim(d, 0, rank - 1), &components) && (components == 1 || components == 2),
                     "the last dimension must be 1 (real) or 2 (complex)") ||
        !def_require(d, !onesided || components == (inverse ? 2 : 1), "one-sided transforms are of real signals"))
        return;

    Dim *extent_of_axis = def_dim(d, 0, axis), *one = size_const(d, 1), *two = size_const(d, 2);
    Dim **given = def_has(d, 1) ? def_sizes(d, 1, &count, NULL) : NULL;
    if (d->failed || !def_require(d, count == 1, "dft_length has %d elements, wants 1", count))
        return;
    const bool real_result = onesided && inverse;
    Dim *length = given ? given[0] : real_result ? size_times(d, size_sub(d, extent_of_axis, one), 2) : extent_of_axis;
    Dim *bins = onesided && !inverse ? size_add(d, size_floor_div(d, length, two), one) : length;
    const int64_t out_components = real_result ? 1 : 2;

    Routine *routine = call(d, "dft", real_suffix(def_dtype(d, 0)), 1, 1);
    pass(routine, extent(d, 0, 0, axis));
    pass(routine, extent_of_axis);
    pass(routine, extent(d, 0, axis + 1, rank - 1));
    pass(routine, size_const(d, components));
    pass(routine, length);
    pass(routine, bins);
    pass(routine, size_const(d, out_components));
    pass(routine, size_const(d, inverse));
    pass(routine, size_const(d, real_result));
    routine->scratch = size_times(d, length, 6 * (int64_t)sizeof(double));

    Dim *dim[MAX_RANK];
    for (int i = 0; i < rank; i++)
        dim[i] = i == axis ? bins : i == rank - 1 ? size_const(d, out_components) : def_dim(d, 0, i);
    def_output(d, 0, def_dtype(d, 0), rank, dim);
}

/* ---- TfIdfVectorizer ---- */
static Value *int_list(Definition *d, const int64_t *list, int64_t count)
{
    Tensor *tensor = tensor_new(d->context, I64, 1, &count);
    memcpy(tensor->data, list, (size_t)count * sizeof *list);
    return def_constant(d, tensor);
}

/* Where each n-gram begins in the pool: ngram_counts says where those of 1, 2 ... elements begin. */
static int64_t *gram_starts(Definition *d, int64_t pool_size, const int64_t *counts, size_t ncounts, int64_t grams)
{
    int64_t *first = ARENA_ARRAY(d->context->arena, grams + 1, int64_t), gram = 0;
    for (size_t size = 1; size <= ncounts; size++) {
        const int64_t begin = counts[size - 1], end = size < ncounts ? counts[size] : pool_size;
        if (!def_require(d, begin >= 0 && begin <= end && end <= pool_size && (end - begin) % (int64_t)size == 0,
                         "ngram_counts does not divide the pool"))
            return NULL;
        for (int64_t at = begin; at < end && gram < grams; at += (int64_t)size)
            first[gram++] = at;
    }
    first[gram] = pool_size;
    return def_require(d, gram == grams, "the pool has %lld n-grams, ngram_indexes %lld", (long long)gram,
                       (long long)grams)
               ? first
               : NULL;
}

enum { GRAM_MODES = 3 };
static const int64_t MOST_INDEX = (int64_t)1 << 31; /* of a column, or of elements between those of an n-gram */

/* The mode as runtime/tfidf.c numbers it; -1: there is none of this name. */
static int gram_mode(Definition *d)
{
    static const char *const modes[GRAM_MODES] = {"TF", "IDF", "TFIDF"};
    for (int mode = 0; mode < GRAM_MODES; mode++)
        if (strcmp(modes[mode], attr_string(d->node, "mode", "TF")) == 0)
            return mode;
    return -1;
}

/* The columns of the output, of which each n-gram counts in one. */
static int64_t count_columns(Definition *d, const int64_t *column, size_t grams)
{
    int64_t columns = 0;
    for (size_t g = 0; g < grams; g++) {
        if (!def_require(d, column[g] >= 0 && column[g] < MOST_INDEX, "an n-gram index is out of range"))
            return 0;
        columns = column[g] >= columns ? column[g] + 1 : columns;
    }
    return columns;
}

/* A weight for each n-gram; 1 where none are given. */
static Value *gram_weights(Definition *d, const Attr *weights, size_t grams)
{
    const int64_t count = (int64_t)grams;
    Tensor *weight = tensor_new(d->context, F32, 1, &count);
    for (size_t g = 0; g < grams; g++)
        ((float *)weight->data)[g] = weights ? (float)weights->floats[g] : 1;
    return def_constant(d, weight);
}

static void define_tfidf(Definition *d)
{
    const Node *node = d->node;
    size_t npool, ncounts, grams;
    const int64_t *pool = attr_ints(node, "pool_int64s", &npool), *counts = attr_ints(node, "ngram_counts", &ncounts);
    const int64_t *column = attr_ints(node, "ngram_indexes", &grams);
    const Attr *weights = attr_find(node, "weights");
    const int rank = def_rank(d, 0), mode = gram_mode(d);
    if (!def_require(d, pool != NULL, "pools of strings are not supported") ||
        !def_require(d, mode >= 0, "mode '%s' is not known", attr_string(node, "mode", "")) ||
        !def_require(d, rank == 1 || rank == 2, "its input has rank %d, wants 1 or 2", rank) ||
        !def_require(d, !weights || weights->count == grams, "weights and ngram_indexes differ in length"))
        return;
    const int64_t *first = gram_starts(d, (int64_t)npool, counts, ncounts, (int64_t)grams);
    const int64_t most_skipped = attr_int(node, "max_skip_count", 0), columns = count_columns(d, column, grams);
    if (!def_require(d, most_skipped >= 0 && most_skipped < MOST_INDEX, "max_skip_count is %lld",
                     (long long)most_skipped) ||
        d->failed || !first)
        return;
    Routine *routine = call(d, "tfidf", def_dtype(d, 0) == I32 ? "i32" : "i64", 1, 1);
    pass_input(routine, int_list(d, pool, (int64_t)npool));
    pass_input(routine, int_list(d, first, (int64_t)grams + 1));
    pass_input(routine, int_list(d, column, (int64_t)grams));
    pass_input(routine, gram_weights(d, weights, grams));
    pass(routine, rank == 2 ? def_dim(d, 0, 0) : size_const(d, 1));
    pass(routine, def_dim(d, 0, rank - 1));
    const int64_t rest[] = {
        (int64_t)grams, columns, attr_int(node, "min_gram_length", 1), attr_int(node, "max_gram_length", 1),
        most_skipped,   mode};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        pass(routine, size_const(d, rest[i]));
    Dim *dim[] = {def_dim(d, 0, 0), size_const(d, columns)};
    def_output(d, 0, F32, rank, rank == 2 ? dim : dim + 1);
}

/* ---- random numbers ---- */
/* The seed attribute's bits; without it a number of the output's name, so that equal models give equal numbers. */
static Dim *seed(Definition *d)
{
    const Attr *attr = attr_find(d->node, "seed");
    uint32_t bits = 2166136261u; /* FNV-1a */
    const float given = attr ? (float)attr->f : 0;
    if (attr)
        memcpy(&bits, &given, sizeof bits);
    else
        for (const char *s = d->node->name; *s; s++)
            bits = (bits ^ (unsigned char)*s) * 16777619u;
    return size_const(d, bits);
}

static void random_output(Definition *d, DType dtype, int rank, Dim *const *dim, bool normal)
{
    if (!def_require(d, dtype == F32 || dtype == F64, "random numbers of type %s are not supported",
                     dtype_info(dtype)->text))
        return;
    Routine *routine = call(d, "random", real_suffix(dtype), 0, 1);
    pass(routine, size_product(d, rank, dim));
    pass(routine, seed(d));
    pass(routine, size_const(d, normal));
    pass_real(routine, normal ? attr_float(d->node, "mean", 0) : attr_float(d->node, "low", 0));
    pass_real(routine, normal ? attr_float(d->node, "scale", 1) : attr_float(d->node, "high", 1));
    def_output(d, 0, dtype, rank, dim);
}

static void define_random(Definition *d)
{
    size_t rank;
    const int64_t *shape = attr_ints(d->node, "shape", &rank);
    Dim *dim[MAX_RANK];
    if (!def_require(d, rank <= MAX_RANK, "the shape has too many dimensions"))
        return;
    for (size_t i = 0; i < rank; i++) {
        def_require(d, shape[i] >= 0, "the shape has a negative dimension");
        dim[i] = size_const(d, shape[i]);
    }
    if (!d->failed)
        random_output(d, dtype_from_number(attr_int(d->node, "dtype", 1)), (int)rank, dim,
                      strcmp(d->node->op->name, "RandomNormal") == 0);
}

static void define_random_like(Definition *d)
{
    const Attr *dtype = attr_find(d->node, "dtype");
    random_output(d, dtype ? dtype_from_number(dtype->i) : def_dtype(d, 0), def_rank(d, 0), def_shape(d, 0),
                  strcmp(d->node->op->name, "RandomNormalLike") == 0);
}

static void define_multinomial(Definition *d)
{
    const DType dtype = dtype_from_number(attr_int(d->node, "dtype", I32));
    const int64_t samples = attr_int(d->node, "sample_size", 1);
    if (!def_require(d, def_rank(d, 0) == 2, "its input has rank %d, wants 2", def_rank(d, 0)) ||
        !def_require(d, dtype == I32 || dtype == I64, "its output is %s, wants int32 or int64",
                     dtype_info(dtype)->text) ||
        !def_require(d, samples >= 0, "sample_size is negative"))
        return;
    Routine *routine = call(d, "multinomial", "", 1, 1);
    pass(routine, def_dim(d, 0, 0));
    pass(routine, def_dim(d, 0, 1));
    pass(routine, size_const(d, samples));
    pass(routine, seed(d));
    pass(routine, size_const(d, (int64_t)dtype_info(dtype)->size));
    def_output(d, 0, dtype, 2, (Dim *[]){def_dim(d, 0, 0), size_const(d, samples)});
    d->node->out[0]->bound = def_dim(d, 0, 1);
}

/* ---- bits ---- */
static void define_bit_cast(Definition *d)
{
    const DType to = dtype_from_number(attr_int(d->node, "to", UNDEFINED));
    if (!def_require(d, to != UNDEFINED && to != STRING, "attribute 'to' is no type of numbers") ||
        !def_require(d, dtype_info(to)->bits == dtype_info(def_dtype(d, 0))->bits, "%s and %s differ in width",
                     dtype_info(def_dtype(d, 0))->text, dtype_info(to)->text))
        return;
    Routine *routine = call(d, "bitcast", "", 1, 1);
    pass(routine, size_times(d, size_product(d, def_rank(d, 0), def_shape(d, 0)), (int64_t)dtype_info(to)->size));
    def_output(d, 0, to, def_rank(d, 0), def_shape(d, 0));
}

/* clang-format off */
#define FIELDS(op_name, opset, define_function, op_schema, op_attributes)                                                  \
    .name = op_name, .schema = op_schema, .attributes = op_attributes, .form = FORM_ROUTINE, .define = define_function,    \
    .since = opset
#define ROW(...) {FIELDS(__VA_ARGS__)}
#define RANDOM_ROW(...) {FIELDS(__VA_ARGS__), .is_random = true}

const Op ops_signal[] = {
    ROW("DFT", 20, define_dft, "input:T dft_length:I? axis:int64? -> output:T | T=float32,double I=int32,int64",
        "inverse:int=0 onesided:int=0"),
    ROW("TfIdfVectorizer", 9, define_tfidf, "X:int32,int64 -> Y:float32",
        "max_gram_length:int max_skip_count:int min_gram_length:int mode:string ngram_counts:ints ngram_indexes:ints "
        "pool_int64s:ints? pool_strings:strings? weights:floats?"),
    ROW("BitCast", 26, define_bit_cast, "input:number,bool,float8,narrow -> output:number,bool,float8,narrow", "to:int"),
    RANDOM_ROW("RandomUniform", 22, define_random, "-> output:float",
        "dtype:int=1 high:float=1 low:float=0 seed:float? shape:ints"),
    RANDOM_ROW("RandomNormal", 22, define_random, "-> output:float",
        "dtype:int=1 mean:float=0 scale:float=1 seed:float? shape:ints"),
    RANDOM_ROW("RandomUniformLike", 22, define_random_like, "input:any -> output:float",
        "dtype:int? high:float=1 low:float=0 seed:float?"),
    RANDOM_ROW("RandomNormalLike", 22, define_random_like, "input:any -> output:float",
        "dtype:int? mean:float=0 scale:float=1 seed:float?"),
    RANDOM_ROW("Multinomial", 22, define_multinomial, "input:float32 -> output:int32,int64",
        "dtype:int=6 sample_size:int=1 seed:float?"),
    {.name = NULL},
};
