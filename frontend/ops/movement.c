/* movement.c -- elements moved, repeated, cut out and put together: y[i] = x[f(i)]. */
#include "call.h"
#include <string.h>

/* y[i..] = x[i permuted] */
static void define_transpose(Definition *d)
{
    const int rank = def_rank(d, 0);
    size_t given;
    const int64_t *perm = attr_ints(d->node, "perm", &given);
    bool used[MAX_RANK] = {false};
    Dim *dim[MAX_RANK];
    Expr *i[MAX_RANK], *from[MAX_RANK];
    int source[MAX_RANK];
    if (!def_require(d, perm == NULL || given == (size_t)rank, "attribute 'perm' has %zu elements, the input rank %d",
                     given, rank))
        return;
    for (int k = 0; k < rank; k++) {
        const int64_t p = perm != NULL ? perm[k] : rank - 1 - k;
        if (!def_require(d, p >= 0 && p < rank && !used[p], "attribute 'perm' is no permutation of %d axes", rank))
            return;
        used[p] = true;
        source[k] = (int)p;
        dim[k] = def_dim(d, 0, source[k]);
    }
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    for (int k = 0; k < rank; k++)
        from[source[k]] = i[k];
    def_body(d, 0, def_load(d, 0, from));
}

/* y[i..] = x broadcast against the shape */
static void define_expand(Definition *d)
{
    const int rank = def_rank(d, 0);
    int count;
    Dim *dim[MAX_RANK], **wanted = def_sizes(d, 1, &count, NULL);
    if (d->failed ||
        !def_require(d, count <= MAX_RANK, "the shape has %d dimensions, the limit is %d", count, MAX_RANK))
        return;
    const int out = count > rank ? count : rank;
    for (int k = 0; k < out; k++) {
        Dim *have = k >= out - rank ? def_dim(d, 0, k - (out - rank)) : size_const(d, 1);
        Dim *want = k >= out - count ? wanted[k - (out - count)] : size_const(d, 1);
        if (!def_require(d, dim_upper(want) >= 0, "the shape has the dimension %s", size_text(d, want)))
            return;
        dim[k] = def_broadcast(d, have, want);
        if (d->failed)
            return;
    }
    Expr *i[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), out, dim);
    def_index(d, 0, i);
    def_body(d, 0, def_load_broadcast(d, 0, i, out));
}

/* y[i..] = x[i mod extent ..] */
static void define_tile(Definition *d)
{
    const int rank = def_rank(d, 0);
    int count;
    Dim *dim[MAX_RANK], **repeat = def_sizes(d, 1, &count, NULL);
    Expr *i[MAX_RANK], *from[MAX_RANK];
    if (d->failed || !def_require(d, count == rank, "input 1 has %d repeats, the input rank %d", count, rank))
        return;
    for (int k = 0; k < rank; k++) {
        if (!def_require(d, dim_upper(repeat[k]) >= 0, "axis %d is repeated %s times", k, size_text(d, repeat[k])))
            return;
        dim[k] = size_mul(d, def_dim(d, 0, k), repeat[k]);
    }
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    for (int k = 0; k < rank; k++)
        from[k] = dim_equals(repeat[k], 1)          ? i[k]
                  : dim_equals(def_dim(d, 0, k), 1) ? index_const(d, 0)
                                                    : index_mod(d, i[k], index_dim(d, def_dim(d, 0, k)));
    def_body(d, 0, def_load(d, 0, from));
}

/* y[.., i, ..] = the input in whose range i falls, from the first to the last */
static void define_concat(Definition *d)
{
    const int rank = def_rank(d, 0), axis = def_axis(d, attr_int(d->node, "axis", 0), rank), count = d->node->nin;
    Dim *dim[MAX_RANK], **start = ARENA_ARRAY(d->context->arena, count + 1, Dim *);
    if (d->failed || !def_require(d, rank > 0, "scalars cannot be concatenated"))
        return;
    memcpy(dim, def_shape(d, 0), sizeof *dim * (size_t)rank);
    start[0] = size_const(d, 0);
    for (int n = 0; n < count; n++) {
        if (!def_require(d, def_rank(d, n) == rank, "input %d has rank %d, input 0 has %d", n, def_rank(d, n), rank))
            return;
        for (int k = 0; k < rank; k++) {
            if (!def_require(d, k == axis || size_same(d, dim[k], def_dim(d, n, k)),
                             "inputs 0 and %d differ in dimension %d: %s and %s", n, k, size_text(d, dim[k]),
                             size_text(d, def_dim(d, n, k))))
                return;
            int64_t known; /* of two dimensions that must be equal a constant says more */
            if (k != axis && dim_is_const(def_dim(d, n, k), &known))
                dim[k] = def_dim(d, n, k);
        }
        start[n + 1] = size_add(d, start[n], def_dim(d, n, axis));
    }
    dim[axis] = start[count];
    Expr *i[MAX_RANK], *from[MAX_RANK], *body = NULL;
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    memcpy(from, i, sizeof *i * (size_t)rank);
    for (int n = count - 1; n >= 0; n--) {
        if (dim_equals(def_dim(d, n, axis), 0) && (body != NULL || n > 0))
            continue;
        from[axis] = index_sub(d, i[axis], index_dim(d, start[n]));
        Expr *part = def_load(d, n, from);
        body = body == NULL ? part
                            : expr_select(d->context, index_less(d, i[axis], index_dim(d, start[n + 1])), part, body);
    }
    def_body(d, 0, body);
}

/* y_n[.., i, ..] = x[.., start_n + i, ..]; without sizes the chunks are equal, and the last may be smaller or empty */
static void define_split(Definition *d)
{
    const int rank = def_rank(d, 0), axis = def_axis(d, attr_int(d->node, "axis", 0), rank), count = d->node->nout;
    if (d->failed)
        return;
    Dim *dim[MAX_RANK], *total = def_dim(d, 0, axis), *start = size_const(d, 0), **length = NULL;
    Dim *chunk = size_ceil_div(d, total, size_const(d, count));
    if (def_has(d, 1)) {
        int given;
        length = def_sizes(d, 1, &given, total);
        if (d->failed || !def_require(d, given == count, "input 1 has %d sizes for %d outputs", given, count))
            return;
    }
    const int64_t wanted = attr_int(d->node, "num_outputs", count);
    if (!def_require(d, wanted == count, "attribute 'num_outputs' is %lld, there are %d outputs", (long long)wanted,
                     count))
        return;
    memcpy(dim, def_shape(d, 0), sizeof *dim * (size_t)rank);
    for (int n = 0; n < count; n++) {
        dim[axis] = length != NULL ? length[n] : n == 0 ? chunk : size_min(d, chunk, size_sub(d, total, start));
        if (!def_require(d, size_at_most(d, size_const(d, 0), dim[axis]), "output %d would have %s elements", n,
                         size_text(d, dim[axis])))
            return;
        if (d->node->out[n] != NULL) {
            Expr *i[MAX_RANK];
            def_output(d, n, def_dtype(d, 0), rank, dim);
            def_index(d, n, i);
            i[axis] = index_add(d, i[axis], index_dim(d, start));
            def_body(d, n, def_load(d, 0, i));
        }
        start = size_add(d, start, dim[axis]);
    }
    def_require(d, length == NULL || size_same(d, start, total), "the sizes add up to %s, the axis has %s",
                size_text(d, start), size_text(d, total));
}

/* An end point of a slice brought into [low, extent + high]: negative ones count from the end. */
static Dim *slice_point(Definition *d, Dim *point, Dim *extent, int64_t low, int64_t high)
{
    int64_t value, size;
    if (dim_is_const(point, &value)) {
        if (dim_is_const(extent, &size)) { /* also INT64_MIN and INT64_MAX, which mean "as far as it goes" */
            value = value < 0 ? value < -size ? -1 : value + size : value;
            value = value < low ? low : value;
            return size_const(d, value > size + high ? size + high : value);
        }
        if (value > INT64_MAX / 2)
            return size_add(d, extent, size_const(d, high));
        if (value < -(INT64_MAX / 2))
            return size_const(d, low);
    }
    Dim *counted = size_add(d, point, size_mul(d, extent, size_is_negative(d, point)));
    return size_min(d, size_max(d, counted, size_const(d, low)), size_add(d, extent, size_const(d, high)));
}

/* A step no longer than what passes any end of an axis, so that sums with it do not overflow. */
static int64_t slice_step(int64_t step)
{
    const int64_t far = INT64_C(1) << 40;
    return step > far ? far : step < -far ? -far : step;
}

/* One axis of a slice: where it starts, how many elements it takes, and how far it is from one to the next. */
typedef struct {
    Dim *start, *length;       /* NULL: the axis is not sliced */
    int64_t step;              /* 0: not known: it is ... */
    Dim *forwards, *backwards; /* ... the difference of these, one of which is 0 */
} Slice;

/* The axis between points that are known, by a step that is. */
static Slice slice_between(Definition *d, Dim *from, Dim *to, int64_t step, Dim *extent)
{
    Slice s = {.step = step, .start = slice_point(d, from, extent, 0, step > 0 ? 0 : -1)};
    Dim *end = slice_point(d, to, extent, step > 0 ? 0 : -1, step > 0 ? 0 : -1);
    Dim *span = step > 0 ? size_sub(d, end, s.start) : size_sub(d, s.start, end);
    Dim *count = size_ceil_div(d, span, size_const(d, step > 0 ? step : -step));
    s.length = size_max(d, count, size_const(d, 0));
    return s;
}

/* What is not known is found when the program runs: runtime/slice.h. `k` is the axis's place among those sliced. */
static Slice slice_of_data(Definition *d, int k, Dim *from, int64_t step, Dim *extent)
{
    enum { START, LENGTH, FORWARDS, BACKWARDS, SIZES };
    const bool knows_step = step > 0, knows_start = knows_step && from != NULL;
    Dim *farthest = size_max(d, extent, size_const(d, 1));
    Routine *routine = d->routine;
    if (routine == NULL) {
        routine = call(d, "slice", def_dtype(d, 1) == I32 ? "i32" : "i64", 0, 0);
        pass_input(routine, d->node->in[1]);
        pass_input(routine, d->node->in[2]);
        pass_input(routine, def_has(d, 4) ? d->node->in[4] : NULL);
        routine->operations = size_const(d, 0);
    }
    pass(routine, size_const(d, k));
    pass(routine, extent);
    pass(routine, size_const(d, !knows_start));
    pass(routine, size_const(d, !knows_step));
    Slice s = {.step = knows_step ? step : 0};
    s.start = knows_start ? slice_point(d, from, extent, 0, 0) : defined_size_of(d, routine, k * SIZES + START, extent);
    s.length = defined_size_of(d, routine, k * SIZES + LENGTH, extent);
    s.forwards = knows_step ? NULL : defined_size_of(d, routine, k * SIZES + FORWARDS, farthest);
    s.backwards = knows_step ? NULL : defined_size_of(d, routine, k * SIZES + BACKWARDS, farthest);
    return s;
}

/* One axis; the step is 0 where it is not known, else within reach. */
static Slice slice_axis(Definition *d, int k, Dim *from, Dim *to, int64_t step, Dim *extent)
{
    return step != 0 && from != NULL && to != NULL ? slice_between(d, from, to, step, extent)
                                                   : slice_of_data(d, k, from, step, extent);
}

/* Fills the axes that are sliced. False after an error. */
static bool slice_axes(Definition *d, Slice *slice)
{
    const int rank = def_rank(d, 0);
    int count, ends, naxes = 0, nsteps = 0;
    Dim **from = def_elements(d, 1, &count), **to = def_elements(d, 2, &ends);
    const int64_t *axes = def_has(d, 3) ? def_ints(d, 3, &naxes) : NULL;
    Dim **steps = def_has(d, 4) ? def_elements(d, 4, &nsteps) : NULL;
    if (d->failed ||
        !def_require(d, count == ends && (axes == NULL || naxes == count) && (steps == NULL || nsteps == count),
                     "starts, ends, axes and steps have different lengths") ||
        !def_require(d, count <= rank, "%d axes are sliced, the input has rank %d", count, rank))
        return false;
    for (int k = 0; k < count; k++) {
        const int a = def_axis(d, axes != NULL ? axes[k] : k, rank);
        int64_t step = 1;
        const bool is_known = steps == NULL || (steps[k] != NULL && dim_is_const(steps[k], &step));
        if (d->failed || !def_require(d, slice[a].start == NULL, "axis %d is sliced twice", a) ||
            !def_require(d, step != 0, "the step of axis %d is 0", a))
            return false;
        slice[a] = slice_axis(d, k, from[k], to[k], is_known ? slice_step(step) : 0, def_dim(d, 0, a));
    }
    if (d->routine != NULL)
        pass(d->routine, size_const(d, -1));
    return true;
}

/* y[i..] = x[start + step * i ..] */
static void define_slice(Definition *d)
{
    const int rank = def_rank(d, 0);
    Dim *dim[MAX_RANK];
    Expr *i[MAX_RANK];
    Slice slice[MAX_RANK] = {{.start = NULL}};
    if (!slice_axes(d, slice))
        return;
    for (int a = 0; a < rank; a++)
        dim[a] = slice[a].start != NULL ? slice[a].length : def_dim(d, 0, a);
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    for (int a = 0; a < rank; a++) {
        const Slice *s = &slice[a];
        if (s->start == NULL)
            continue;
        Expr *at = index_dim(d, s->start);
        if (s->step == 0)
            at = index_sub(d, index_add(d, at, index_mul(d, i[a], index_dim(d, s->forwards))),
                           index_mul(d, i[a], index_dim(d, s->backwards)));
        else if (!dim_equals(dim[a], 1))
            at = index_add(d, at, index_mul(d, i[a], index_const(d, s->step)));
        i[a] = at;
    }
    def_body(d, 0, def_load(d, 0, i));
}

/* The element of [0, n) that stands at i when the axis is continued beyond its ends. */
static Expr *pad_index(Definition *d, const char *mode, Expr *i, Dim *n)
{
    Expr *extent = index_dim(d, n), *zero = index_const(d, 0), *one = index_const(d, 1);
    if (strcmp(mode, "edge") == 0)
        return index_max(d, zero, index_min(d, i, index_sub(d, extent, one)));
    if (strcmp(mode, "wrap") == 0)
        return index_mod(d, i, extent);
    /* reflect: the period is 2 (n - 1), and its second half runs backwards */
    Expr *last = index_sub(d, extent, one);
    Expr *period = index_max(d, one, index_mul(d, index_const(d, 2), last));
    Expr *at = index_mod(d, i, period);
    return index_min(d, at, index_sub(d, period, at));
}

/* How many elements are added in front of each axis and behind it; NULL: it is not padded. */
typedef struct {
    const char *mode;
    bool is_constant;
    Dim *begin[MAX_RANK], *end[MAX_RANK];
} Pads;

/* Reads the pads, and the shape of the output. False after an error. */
static bool read_pads(Definition *d, Pads *p, Dim **dim)
{
    const int rank = def_rank(d, 0);
    int count, naxes = rank;
    Dim **pads = def_sizes(d, 1, &count, NULL);
    const int64_t *axes = def_has(d, 3) ? def_ints(d, 3, &naxes) : NULL;
    if (d->failed || !def_require(d, count == 2 * naxes, "input 1 has %d pads for %d axes", count, naxes) ||
        !def_require(d,
                     p->is_constant || strcmp(p->mode, "reflect") == 0 || strcmp(p->mode, "edge") == 0 ||
                         strcmp(p->mode, "wrap") == 0,
                     "attribute 'mode' is '%s', wants constant, reflect, edge or wrap", p->mode))
        return false;
    memcpy(dim, def_shape(d, 0), sizeof *dim * (size_t)rank);
    for (int k = 0; k < naxes; k++) {
        const int a = def_axis(d, axes != NULL ? axes[k] : k, rank);
        if (d->failed || !def_require(d, p->begin[a] == NULL, "axis %d is padded twice", a))
            return false;
        p->begin[a] = pads[k];
        p->end[a] = pads[naxes + k];
        dim[a] = size_add(d, def_dim(d, 0, a), size_add(d, p->begin[a], p->end[a]));
        if (!def_require(d, dim_upper(dim[a]) >= 0, "axis %d would have %s elements", a, size_text(d, dim[a])) ||
            !def_require(d,
                         p->is_constant || dim_equals(dim[a], 0) || size_at_most(d, size_const(d, 1), def_dim(d, 0, a)),
                         "axis %d is empty, mode '%s' has nothing to continue", a, p->mode))
            return false;
    }
    return true;
}

/* What stands beyond the ends: input 2, or 0. */
static Expr *pad_value(Definition *d, Expr *zero)
{
    Expr *filler[MAX_RANK];
    for (int k = 0; k < MAX_RANK; k++)
        filler[k] = zero;
    return def_has(d, 2) ? def_load(d, 2, filler) : number(d, def_dtype(d, 0), 0);
}

/* y[i..] = x[i - begin ..] inside, and beyond what the mode says */
static void define_pad(Definition *d)
{
    const int rank = def_rank(d, 0);
    Pads p = {.mode = attr_string(d->node, "mode", "constant")};
    Dim *dim[MAX_RANK];
    p.is_constant = strcmp(p.mode, "constant") == 0;
    if (!read_pads(d, &p, dim))
        return;
    Expr *i[MAX_RANK], *inside = NULL, *zero = index_const(d, 0);
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    for (int a = 0; a < rank; a++) {
        if (p.begin[a] == NULL || (dim_equals(p.begin[a], 0) && dim_equals(p.end[a], 0)))
            continue;
        i[a] = index_sub(d, i[a], index_dim(d, p.begin[a]));
        if (p.is_constant)
            inside = index_both(d, inside,
                                index_between(d, i[a], dim_upper(p.begin[a]) > 0 ? zero : NULL,
                                              dim_upper(p.end[a]) > 0 ? index_dim(d, def_dim(d, 0, a)) : NULL));
        else
            i[a] = pad_index(d, p.mode, i[a], def_dim(d, 0, a));
    }
    Expr *x = def_load(d, 0, i);
    def_body(d, 0, inside == NULL ? x : guarded(d, inside, x, pad_value(d, zero)));
}

/* ---- blocks of pixels and channels ---- */
/* The block size and whether depth is the outermost of what a channel is split into (DCR) or the innermost (CRD). */
static bool block_mode(Definition *d, int64_t *block, bool *depth_first)
{
    const char *mode = attr_string(d->node, "mode", "DCR");
    *block = attr_int(d->node, "blocksize", 0);
    *depth_first = strcmp(mode, "DCR") == 0;
    return def_require(d, def_rank(d, 0) == 4, "input has rank %d, wants 4", def_rank(d, 0)) &&
           def_require(d, *depth_first || strcmp(mode, "CRD") == 0, "attribute 'mode' is '%s', wants DCR or CRD",
                       mode) &&
           def_require(d, *block > 0 && *block < 1 << 20, "attribute 'blocksize' is %lld", (long long)*block);
}

/* y[n, c, h, w] = x[n, channel, h / b, w / b], channel = (h mod b, w mod b, c) or (c, h mod b, w mod b) */
static void define_depth_to_space(Definition *d)
{
    int64_t block;
    bool depth_first;
    if (!block_mode(d, &block, &depth_first))
        return;
    Dim *const *in = def_shape(d, 0);
    Dim *b = size_const(d, block), *depth = size_divided(d, in[1], size_mul(d, b, b));
    Expr *i[4];
    if (d->failed)
        return;
    def_output(d, 0, def_dtype(d, 0), 4, (Dim *[]){in[0], depth, size_mul(d, in[2], b), size_mul(d, in[3], b)});
    def_index(d, 0, i);
    Expr *size = index_const(d, block);
    Expr *cell = index_add(d, index_mul(d, index_mod(d, i[2], size), size), index_mod(d, i[3], size));
    Expr *channel = depth_first ? index_add(d, index_mul(d, cell, index_dim(d, depth)), i[1])
                                : index_add(d, index_mul(d, i[1], index_const(d, block * block)), cell);
    def_body(d, 0, def_load(d, 0, (Expr *[]){i[0], channel, index_div(d, i[2], size), index_div(d, i[3], size)}));
}

/* The inverse: y[n, channel, h, w] = x[n, c, h * b + row, w * b + column] */
static void define_space_to_depth(Definition *d)
{
    int64_t block;
    bool depth_first;
    if (!block_mode(d, &block, &depth_first))
        return;
    Dim *const *in = def_shape(d, 0);
    Dim *b = size_const(d, block), *height = size_divided(d, in[2], b), *width = size_divided(d, in[3], b);
    Expr *i[4];
    if (d->failed)
        return;
    def_output(d, 0, def_dtype(d, 0), 4,
               (Dim *[]){in[0], size_mul(d, in[1], size_const(d, block * block)), height, width});
    def_index(d, 0, i);
    Expr *size = index_const(d, block), *cells = index_const(d, block * block), *depth = index_dim(d, in[1]);
    Expr *cell = depth_first ? index_div(d, i[1], depth) : index_mod(d, i[1], cells);
    Expr *channel = depth_first ? index_mod(d, i[1], depth) : index_div(d, i[1], cells);
    Expr *row = index_add(d, index_mul(d, i[2], size), index_div(d, cell, size));
    Expr *column = index_add(d, index_mul(d, i[3], size), index_mod(d, cell, size));
    def_body(d, 0, def_load(d, 0, (Expr *[]){i[0], channel, row, column}));
}

/* ---- parts ---- */
/* y[.., i, j] = j - i >= k (upper) or <= k (lower) ? x[.., i, j] : 0 */
static void define_trilu(Definition *d)
{
    const int rank = def_rank(d, 0);
    Expr *i[MAX_RANK], *k = index_const(d, 0);
    if (!def_require(d, rank >= 2, "input has rank %d, wants at least 2", rank))
        return;
    if (def_has(d, 1)) {
        Expr *first = index_const(d, 0);
        if (!def_require(d,
                         def_rank(d, 1) <= 1 &&
                             size_same(d, size_product(d, def_rank(d, 1), def_shape(d, 1)), size_const(d, 1)),
                         "input 1 wants one element"))
            return;
        k = def_load(d, 1, &first);
        /* beyond 2^40 either way every element is on one side; the sum below must not overflow */
        k = index_max(d, index_const(d, -((int64_t)1 << 40)), index_min(d, index_const(d, (int64_t)1 << 40), k));
    }
    def_output(d, 0, def_dtype(d, 0), rank, def_shape(d, 0));
    def_index(d, 0, i);
    Expr *diagonal = index_add(d, i[rank - 2], k), *column = i[rank - 1];
    Expr *kept = attr_int(d->node, "upper", 1) != 0 ? index_less_equal(d, diagonal, column)
                                                    : index_less_equal(d, column, diagonal);
    def_body(d, 0, guarded(d, kept, def_load(d, 0, i), number(d, def_dtype(d, 0), 0)));
}

/* y[b, t, ..] = x[b, t < length[b] ? length[b] - 1 - t : t, ..] */
static void define_reverse_sequence(Definition *d)
{
    const int rank = def_rank(d, 0);
    const int64_t batch = attr_int(d->node, "batch_axis", 1), time = attr_int(d->node, "time_axis", 0);
    if (!def_require(d, rank >= 2, "input has rank %d, wants at least 2", rank) ||
        !def_require(d, batch >= 0 && batch <= 1 && time == 1 - batch,
                     "batch_axis and time_axis are %lld and %lld, want 0 and 1", (long long)batch, (long long)time) ||
        !def_require(d, def_rank(d, 1) == 1 && size_same(d, def_dim(d, 1, 0), def_dim(d, 0, (int)batch)),
                     "input 1 wants a length for each batch"))
        return;
    Expr *i[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), rank, def_shape(d, 0));
    def_index(d, 0, i);
    Expr *t = i[time];
    Expr *length =
        expr_check(d->context, def_load(d, 1, &i[batch]), size_add(d, def_dim(d, 0, (int)time), size_const(d, 1)));
    Expr *last = index_sub(d, length, index_const(d, 1));
    i[time] = expr_select(d->context, index_less_equal(d, t, last), index_sub(d, last, t), t);
    def_body(d, 0, def_load(d, 0, i));
}

const Op ops_movement[] = {
    INDEX_ROW("Transpose", "data:T -> transposed:T | T=any", "perm:ints?", define_transpose, 13, .is_movement = true),
    INDEX_ROW("Expand", "input:T shape:int64 -> output:T | T=any", "", define_expand, 13, .is_movement = true),
    INDEX_ROW("Tile", "input:T repeats:int64 -> output:T | T=any", "", define_tile, 13),
    INDEX_ROW("Concat", "inputs:T* -> concat_result:T | T=any", "axis:int", define_concat, 13),
    INDEX_ROW("Split", "input:T split:int64? -> outputs:T* | T=any", "axis:int=0 num_outputs:int?", define_split, 18),
    INDEX_ROW("Slice", "data:T starts:I ends:I axes:I? steps:I? -> output:T | T=any I=int32,int64", "", define_slice,
              13),
    INDEX_ROW("Pad", "data:T pads:int64 constant_value:T? axes:I? -> output:T | T=any I=int32,int64",
              "mode:string=constant", define_pad, 19),
    INDEX_ROW("DepthToSpace", "input:T -> output:T | T=any", "blocksize:int mode:string=DCR", define_depth_to_space,
              13),
    INDEX_ROW("SpaceToDepth", "input:T -> output:T | T=any", "blocksize:int mode:string=DCR", define_space_to_depth,
              13),
    INDEX_ROW("Trilu", "input:T k:int64? -> output:T | T=any", "upper:int=1", define_trilu, 14),
    INDEX_ROW("ReverseSequence", "input:T sequence_lens:int64 -> Y:T | T=any", "batch_axis:int=1 time_axis:int=0",
              define_reverse_sequence, 10),
    {.name = NULL},
};
