/* sample.c -- reading between points: GridSample, DeformConv, pooling of regions. */
#include "sample.h"
#include "window.h"
#include <math.h>
#include <string.h>

Expr *floor_index(Definition *d, Expr *x)
{
    return cast(d, call1(d, S_FLOOR, x), INDEX);
}

Expr *index_clamp(Definition *d, Expr *i, Dim *extent)
{
    if (!dim_equals(extent, 0)) /* of nothing nothing is read */
        size_at_most(d, size_const(d, 1), extent);
    return index_max(d, index_const(d, 0), index_min(d, i, index_sub(d, index_dim(d, extent), index_const(d, 1))));
}

Expr *interpolation_weight(Definition *d, Interpolation interpolation, Expr *distance, double a)
{
    Expr *t = call1(d, S_ABS, distance), *zero = literal(d, t, 0), *one = literal(d, t, 1), *two = literal(d, t, 2);
    if (interpolation == LINEAR)
        return call2(d, S_MAX, zero, call2(d, S_SUB, one, t));
    /* Keys' cubic: (a + 2) t^3 - (a + 3) t^2 + 1 within 1, a t^3 - 5 a t^2 + 8 a t - 4 a within 2 */
    Expr *near = call2(d, S_SUB, call2(d, S_MUL, literal(d, t, a + 2), t), literal(d, t, a + 3));
    near = call2(d, S_ADD, call2(d, S_MUL, call2(d, S_MUL, near, t), t), one);
    Expr *far = call2(d, S_SUB, call2(d, S_MUL, literal(d, t, a), t), literal(d, t, 5 * a));
    far = call2(d, S_ADD, call2(d, S_MUL, far, t), literal(d, t, 8 * a));
    far = call2(d, S_SUB, call2(d, S_MUL, far, t), literal(d, t, 4 * a));
    return expr_select(d->context, call2(d, S_LESS_EQUAL, t, one), near,
                       expr_select(d->context, call2(d, S_LESS, t, two), far, zero));
}

/* ---- GridSample ---- */
typedef enum { PAD_ZEROS, PAD_BORDER, PAD_REFLECTION } Padding;

typedef struct {
    Interpolation interpolation;
    Padding padding;
    bool align_corners;
} Sampling;

/* x mirrored into [low, high] as often as it takes: the period is 2 (high - low). */
static Expr *reflected(Definition *d, Expr *x, Expr *low, Expr *high)
{
    Expr *range = call2(d, S_SUB, high, low), *period = call2(d, S_ADD, range, range);
    Expr *t = call2(d, S_FMOD, call1(d, S_ABS, call2(d, S_SUB, x, low)), period);
    return call2(d, S_ADD, low, call2(d, S_MIN, t, call2(d, S_SUB, period, t)));
}

/* The coordinate in [0, extent) that the normalised coordinate g in [-1, 1] stands for. */
static Expr *grid_coordinate(Definition *d, const Sampling *s, Expr *g, Dim *extent)
{
    Expr *length = cast(d, index_dim(d, extent), g->dtype), *one = literal(d, g, 1), *half = literal(d, g, 0.5);
    Expr *last = call2(d, S_SUB, length, one), *x = call2(d, S_ADD, g, one);
    if (s->align_corners)
        x = call2(d, S_MUL, call2(d, S_MUL, x, half), last);
    else
        x = call2(d, S_MUL, call2(d, S_SUB, call2(d, S_MUL, x, length), one), half);
    if (s->interpolation == NEAREST)
        return call1(d, S_ROUND, x);
    if (s->interpolation == CUBIC) /* only the points it reads are brought inside */
        return x;
    if (s->padding == PAD_BORDER)
        return expr_call3(d->context, S_CLIP, x, literal(d, g, 0), last);
    if (s->padding == PAD_REFLECTION)
        return s->align_corners ? reflected(d, x, literal(d, g, 0), last)
                                : reflected(d, x, literal(d, g, -0.5), call2(d, S_SUB, length, half));
    return x;
}

/* The element an index means that may lie outside; adds to `inside` where padding is zeros. */
static Expr *grid_index(Definition *d, const Sampling *s, Expr *i, Dim *extent, Expr **inside)
{
    Expr *n = index_dim(d, extent), *one = index_const(d, 1), *two = index_const(d, 2);
    if (s->padding == PAD_BORDER)
        return index_clamp(d, i, extent);
    if (s->padding == PAD_ZEROS) {
        *inside = index_both(d, *inside, index_between(d, i, index_const(d, 0), n));
        return i;
    }
    Expr *period = s->align_corners ? index_max(d, one, index_mul(d, two, index_sub(d, n, one))) : index_mul(d, two, n);
    Expr *at = index_mod(d, i, period);
    Expr *mirror = index_sub(d, index_sub(d, period, at), s->align_corners ? index_const(d, 0) : one);
    return index_min(d, at, mirror);
}

static bool sampling_of(Definition *d, Sampling *s)
{
    const char *mode = attr_string(d->node, "mode", "linear"), *padding = attr_string(d->node, "padding_mode", "zeros");
    s->align_corners = attr_int(d->node, "align_corners", 0) != 0;
    s->interpolation = strcmp(mode, "nearest") == 0 ? NEAREST : strcmp(mode, "cubic") == 0 ? CUBIC : LINEAR;
    s->padding = strcmp(padding, "border") == 0       ? PAD_BORDER
                 : strcmp(padding, "reflection") == 0 ? PAD_REFLECTION
                                                      : PAD_ZEROS;
    return def_require(d, s->interpolation != LINEAR || strcmp(mode, "linear") == 0,
                       "attribute 'mode' is '%s', wants linear, nearest or cubic", mode) &&
           def_require(d, s->padding != PAD_ZEROS || strcmp(padding, "zeros") == 0,
                       "attribute 'padding_mode' is '%s', wants zeros, border or reflection", padding);
}

/* Y[n, c, o..] = sum over taps of weights * X[n, c, taps around the point grid[n, o..]] */
static void define_grid_sample(Definition *d)
{
    const int rank = def_rank(d, 0), space = rank - 2;
    Sampling s;
    if (!sampling_of(d, &s) ||
        !def_require(d, rank >= 3 && def_rank(d, 1) == rank, "ranks are %d and %d, want the same, at least 3", rank,
                     def_rank(d, 1)) ||
        !def_require(d, size_same(d, def_dim(d, 0, 0), def_dim(d, 1, 0)), "the batches differ") ||
        !def_require(d, size_same(d, def_dim(d, 1, rank - 1), size_const(d, space)),
                     "a grid point has %s coordinates, wants %d", size_text(d, def_dim(d, 1, rank - 1)), space))
        return;
    Dim *dim[MAX_RANK];
    for (int k = 0; k < rank; k++)
        dim[k] = k < 2 ? def_dim(d, 0, k) : def_dim(d, 1, k - 1);
    Expr *i[MAX_RANK], *point[MAX_RANK], *at[MAX_RANK], *inside = NULL, *weight = NULL;
    Axis *over[MAX_RANK];
    const int taps = s.interpolation == NEAREST ? 1 : s.interpolation == LINEAR ? 2 : 4;
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    point[0] = at[0] = i[0];
    at[1] = i[1];
    memcpy(point + 1, i + 2, sizeof *i * (size_t)space);
    for (int k = 0; k < space; k++) {
        Dim *extent = def_dim(d, 0, k + 2);
        point[rank - 1] = index_const(d, space - 1 - k); /* points name their last dimension first */
        Expr *x = grid_coordinate(d, &s, def_load(d, 1, point), extent), *place = floor_index(d, x);
        if (s.interpolation != NEAREST) {
            over[k] = loop_axis(d, "t", size_const(d, taps));
            place = index_add(d, index_sub(d, place, index_const(d, taps / 2 - 1)), axis_value(d, over[k]));
            Expr *w = interpolation_weight(d, s.interpolation, call2(d, S_SUB, x, cast(d, place, x->dtype)), -0.75);
            weight = weight == NULL ? w : call2(d, S_MUL, weight, w);
        }
        at[k + 2] = grid_index(d, &s, place, extent, &inside);
    }
    Expr *x = guarded(d, inside, def_load(d, 0, at), number(d, def_dtype(d, 0), 0));
    if (s.interpolation != NEAREST) {
        const DType type = x->dtype;
        x = call2(d, S_MUL, cast(d, x, weight->dtype), weight);
        x = cast(d, reduce(d, COMBINE_ADD, over, space, x), type);
    }
    def_body(d, 0, x);
}

/* ---- DeformConv ---- */
/* X linearly interpolated at the point x[0..space), 0 outside; at[0], at[1] are batch and channel. */
static Expr *linear_sample(Definition *d, int space, Expr *const *x, Expr **at)
{
    Expr *sum = NULL;
    for (int corner = 0; corner < 1 << space; corner++) {
        Expr *weight = NULL, *inside = NULL;
        for (int k = 0; k < space; k++) {
            at[k + 2] = index_add(d, floor_index(d, x[k]), index_const(d, corner >> k & 1));
            inside = index_both(d, inside,
                                index_between(d, at[k + 2], index_const(d, 0), index_dim(d, def_dim(d, 0, k + 2))));
            Expr *w = interpolation_weight(d, LINEAR, call2(d, S_SUB, x[k], cast(d, at[k + 2], x[k]->dtype)), 0);
            weight = weight == NULL ? w : call2(d, S_MUL, weight, w);
        }
        Expr *term = call2(d, S_MUL, guarded(d, inside, def_load(d, 0, at), literal(d, weight, 0)), weight);
        sum = sum == NULL ? term : call2(d, S_ADD, sum, term);
    }
    return sum;
}

/* The dimensions of offset or mask: [N, offset_group * cells * parts, o..] */
static bool offset_shape(Definition *d, int input, const Window *window, Dim *cells, int64_t groups, int parts)
{
    Dim *wanted = size_mul(d, cells, size_const(d, groups * parts));
    if (!def_require(d, def_rank(d, input) == window->rank + 2, "input %d has rank %d, wants %d", input,
                     def_rank(d, input), window->rank + 2) ||
        !def_require(d, size_same(d, def_dim(d, input, 0), def_dim(d, 0, 0)), "input %d has another batch", input) ||
        !def_require(d, size_same(d, def_dim(d, input, 1), wanted), "input %d has %s channels, wants %s", input,
                     size_text(d, def_dim(d, input, 1)), size_text(d, wanted)))
        return false;
    for (int k = 0; k < window->rank; k++)
        if (!def_require(d, size_same(d, def_dim(d, input, k + 2), window->out[k]),
                         "input %d has %s elements in axis %d, wants %s", input, size_text(d, def_dim(d, input, k + 2)),
                         k + 2, size_text(d, window->out[k])))
            return false;
    return true;
}

/* A DeformConv that has been checked. */
typedef struct {
    Window window;
    int space;               /* axes of the window */
    Dim *filters_of_group;   /* outputs that read the same channels */
    Dim *channels_of_offset; /* channels that share offsets */
} Deform;
enum { DEFORM_X, DEFORM_W, DEFORM_OFFSET, DEFORM_BIAS, DEFORM_MASK };

/* Whether the operands go together, which fills what is known of the operator. */
static bool check_deform(Definition *d, Deform *c)
{
    const int rank = def_rank(d, DEFORM_X);
    const int64_t group = attr_int(d->node, "group", 1), offset_group = attr_int(d->node, "offset_group", 1);
    if (!def_require(d, rank >= 3 && rank <= 5 && def_rank(d, DEFORM_W) == rank,
                     "ranks are %d and %d, want the same, 3 to 5", rank, def_rank(d, DEFORM_W)) ||
        !def_require(d, group > 0 && offset_group > 0 && offset_group < 1 << 20, "group is %lld, offset_group %lld",
                     (long long)group, (long long)offset_group) ||
        !def_window(d, &c->window, def_shape(d, DEFORM_W) + 2))
        return false;
    c->space = rank - 2;
    Dim *cells = size_product(d, c->space, c->window.kernel);
    Dim *channels = def_dim(d, DEFORM_X, 1), *filters = def_dim(d, DEFORM_W, 0);
    Dim *wanted = size_mul(d, def_dim(d, DEFORM_W, 1), size_const(d, group));
    c->filters_of_group = size_divided(d, filters, size_const(d, group));
    c->channels_of_offset = size_divided(d, channels, size_const(d, offset_group));
    return !d->failed &&
           def_require(d, size_same(d, channels, wanted), "input has %s channels, the weights are for %s",
                       size_text(d, channels), size_text(d, wanted)) &&
           offset_shape(d, DEFORM_OFFSET, &c->window, cells, offset_group, c->space) &&
           (!def_has(d, DEFORM_MASK) || offset_shape(d, DEFORM_MASK, &c->window, cells, offset_group, 1)) &&
           def_require(d,
                       !def_has(d, DEFORM_BIAS) ||
                           (def_rank(d, DEFORM_BIAS) == 1 && size_same(d, def_dim(d, DEFORM_BIAS, 0), filters)),
                       "the bias wants one element for each of %s channels", size_text(d, filters));
}

/* One term of the sum: i is the place in the output, w that in the weights. */
static Expr *deform_term(Definition *d, const Deform *c, Expr *const *i, Expr *const *w)
{
    Expr *at[MAX_RANK], *read[MAX_RANK], *offset[MAX_RANK], *x[MAX_RANK], *unused;
    window_read(d, &c->window, i + 2, w + 2, read, &unused);
    at[0] = i[0];
    at[1] = index_add(
        d, index_mul(d, index_div(d, i[1], index_dim(d, c->filters_of_group)), index_dim(d, def_dim(d, DEFORM_W, 1))),
        w[1]);
    /* the channel of the mask, and those of the offset, for this cell */
    Expr *cell = index_div(d, at[1], index_dim(d, c->channels_of_offset));
    for (int k = 0; k < c->space; k++)
        cell = index_add(d, index_mul(d, cell, index_dim(d, c->window.kernel[k])), w[k + 2]);
    memcpy(offset, i, sizeof *offset * (size_t)(c->space + 2));
    for (int k = 0; k < c->space; k++) {
        offset[1] = index_add(d, index_mul(d, cell, index_const(d, c->space)), index_const(d, k));
        Expr *moved = def_load(d, DEFORM_OFFSET, offset);
        x[k] = call2(d, S_ADD, cast(d, read[k], moved->dtype), moved);
    }
    Expr *term = call2(d, S_MUL, linear_sample(d, c->space, x, at), def_load(d, DEFORM_W, w));
    offset[1] = cell;
    return def_has(d, DEFORM_MASK) ? call2(d, S_MUL, term, def_load(d, DEFORM_MASK, offset)) : term;
}

/* Y[n, m, o..] = bias[m] + sum over c, k.. of W[m, c, k..] * mask * X at o * stride - pad + k * dilation + offset */
static void define_deform_conv(Definition *d)
{
    Deform c;
    Dim *dim[MAX_RANK];
    Expr *i[MAX_RANK], *w[MAX_RANK];
    Axis *over[MAX_RANK];
    if (!check_deform(d, &c))
        return;
    dim[0] = def_dim(d, DEFORM_X, 0);
    dim[1] = def_dim(d, DEFORM_W, 0);
    memcpy(dim + 2, c.window.out, sizeof *dim * (size_t)c.space);
    def_output(d, 0, def_dtype(d, DEFORM_X), c.space + 2, dim);
    def_index(d, 0, i);
    over[0] = loop_axis(d, "c", def_dim(d, DEFORM_W, 1));
    w[0] = i[1];
    w[1] = axis_value(d, over[0]);
    window_axes(d, &c.window, over + 1, w + 2);
    Expr *y = reduce(d, COMBINE_ADD, over, c.space + 1, deform_term(d, &c, i, w));
    def_body(d, 0, def_has(d, DEFORM_BIAS) ? call2(d, S_ADD, y, def_load(d, DEFORM_BIAS, &i[1])) : y);
}

/* ---- regions ---- */
enum { GRID_LIMIT = 1 << 16 }; /* points along an axis of a bin, whatever a region's size says */

/* One axis of RoiAlign: the points at which a bin is sampled, and what two elements each lies between. */
typedef struct {
    Axis *axis;
    Expr *count;      /* points */
    Expr *low, *high; /* elements */
    Expr *low_weight, *high_weight;
    Expr *inside;
} BinAxis;

static BinAxis bin_axis(Definition *d, Expr *start, Expr *end, Expr *bin, int64_t bins, Dim *extent)
{
    const bool half_pixel =
        strcmp(attr_string(d->node, "coordinate_transformation_mode", "half_pixel"), "half_pixel") == 0;
    const int64_t ratio = attr_int(d->node, "sampling_ratio", 0);
    const double scale = attr_float(d->node, "spatial_scale", 1);
    Expr *one = literal(d, start, 1), *half = literal(d, start, 0.5), *zero = literal(d, start, 0);
    Expr *shift = half_pixel ? half : zero;
    start = call2(d, S_SUB, call2(d, S_MUL, start, literal(d, start, scale)), shift);
    end = call2(d, S_SUB, call2(d, S_MUL, end, literal(d, end, scale)), shift);
    Expr *size = call2(d, S_SUB, end, start);
    size = half_pixel ? size : call2(d, S_MAX, size, one);
    size = call2(d, S_DIV, size, literal(d, size, (double)bins));
    BinAxis b;
    b.count = ratio > 0 ? index_const(d, ratio)
                        : index_max(d, index_const(d, 0),
                                    index_min(d, cast(d, call1(d, S_CEIL, size), INDEX), index_const(d, GRID_LIMIT)));
    b.axis = axis_new(d->context, "t", index_const(d, 0), b.count);
    Expr *t = call2(d, S_ADD, cast(d, axis_value(d, b.axis), size->dtype), half);
    Expr *part = call2(d, S_DIV, call2(d, S_MUL, t, size), cast(d, b.count, size->dtype));
    Expr *x = call2(d, S_ADD, call2(d, S_ADD, start, call2(d, S_MUL, cast(d, bin, size->dtype), size)), part);
    Expr *length = cast(d, index_dim(d, extent), x->dtype),
         *last = index_sub(d, index_dim(d, extent), index_const(d, 1));
    b.inside = index_and(d, call2(d, S_LESS_EQUAL, literal(d, x, -1), x), call2(d, S_LESS_EQUAL, x, length));
    x = expr_call3(d->context, S_CLIP, x, zero, cast(d, last, x->dtype));
    b.low = index_clamp(d, floor_index(d, x), extent);
    b.high = index_min(d, index_add(d, b.low, index_const(d, 1)), last);
    b.high_weight = call2(d, S_SUB, x, cast(d, b.low, x->dtype));
    b.low_weight = call2(d, S_SUB, one, b.high_weight);
    return b;
}

/* Y[r, c, p, q] = mean (or maximum) over the points of bin (p, q) of region r of X[batch[r], c] interpolated there */
static void define_roi_align(Definition *d)
{
    const char *mode = attr_string(d->node, "mode", "avg");
    const char *transformation = attr_string(d->node, "coordinate_transformation_mode", "half_pixel");
    const int64_t height = attr_int(d->node, "output_height", 1), width = attr_int(d->node, "output_width", 1);
    const bool average = strcmp(mode, "avg") == 0;
    if (!def_require(d, def_rank(d, 0) == 4 && def_rank(d, 1) == 2 && def_rank(d, 2) == 1,
                     "inputs want ranks 4, 2 and 1") ||
        !def_require(d, size_same(d, def_dim(d, 1, 1), size_const(d, 4)), "a region has %s numbers, wants 4",
                     size_text(d, def_dim(d, 1, 1))) ||
        !def_require(d, size_same(d, def_dim(d, 1, 0), def_dim(d, 2, 0)),
                     "regions and batch indices differ in number") ||
        !def_require(d, average || strcmp(mode, "max") == 0, "attribute 'mode' is '%s', wants avg or max", mode) ||
        !def_require(d, strcmp(transformation, "half_pixel") == 0 || strcmp(transformation, "output_half_pixel") == 0,
                     "attribute 'coordinate_transformation_mode' is '%s'", transformation) ||
        !def_require(d, height > 0 && width > 0 && attr_int(d->node, "sampling_ratio", 0) >= 0,
                     "output size or sampling ratio is "
                     "negative"))
        return;
    Expr *i[4], *corner[4];
    def_output(d, 0, def_dtype(d, 0), 4,
               (Dim *[]){def_dim(d, 1, 0), def_dim(d, 0, 1), size_const(d, height), size_const(d, width)});
    def_index(d, 0, i);
    for (int k = 0; k < 4; k++)
        corner[k] = def_load(d, 1, (Expr *[]){i[0], index_const(d, k)});
    const BinAxis v = bin_axis(d, corner[1], corner[3], i[2], height, def_dim(d, 0, 2));
    const BinAxis h = bin_axis(d, corner[0], corner[2], i[3], width, def_dim(d, 0, 3));
    Expr *batch = expr_check(d->context, def_load(d, 2, &i[0]), def_dim(d, 0, 0)), *point = NULL;
    for (int k = 0; k < 4; k++) {
        Expr *row = k & 2 ? v.high : v.low, *column = k & 1 ? h.high : h.low;
        Expr *weight = call2(d, S_MUL, k & 2 ? v.high_weight : v.low_weight, k & 1 ? h.high_weight : h.low_weight);
        Expr *term = call2(d, S_MUL, weight, def_load(d, 0, (Expr *[]){batch, i[1], row, column}));
        point = point == NULL ? term : call2(d, average ? S_ADD : S_MAX, point, term);
    }
    Expr *zero = number(d, def_dtype(d, 0), 0);
    point = guarded(d, index_and(d, v.inside, h.inside), point, zero);
    Axis *over[] = {v.axis, h.axis};
    Expr *y = expr_reduce(d->context, average ? COMBINE_ADD : COMBINE_MAX, over, 2, point, zero);
    Expr *count = index_max(d, index_const(d, 1), index_mul(d, v.count, h.count));
    def_body(d, 0, average ? call2(d, S_DIV, y, cast(d, count, y->dtype)) : y);
}

/* The elements [lo, hi) of one axis that bin `bin` of a region covers, as an axis. */
static Axis *covered(Definition *d, Expr *start, Expr *end, Expr *bin, int64_t bins, Dim *extent)
{
    const double scale = attr_float(d->node, "spatial_scale", 1);
    Expr *half = literal(d, start, 0.5), *one = literal(d, start, 1), *zero = index_const(d, 0);
    Expr *first = call1(d, S_FLOOR, call2(d, S_ADD, call2(d, S_MUL, start, literal(d, start, scale)), half));
    Expr *last = call1(d, S_FLOOR, call2(d, S_ADD, call2(d, S_MUL, end, literal(d, end, scale)), half));
    Expr *size = call2(d, S_MAX, call2(d, S_ADD, call2(d, S_SUB, last, first), one), one);
    size = call2(d, S_DIV, size, literal(d, size, (double)bins));
    Expr *number_of_bin = cast(d, bin, size->dtype), *next = call2(d, S_ADD, number_of_bin, one);
    Expr *lo = call2(d, S_ADD, first, call1(d, S_FLOOR, call2(d, S_MUL, number_of_bin, size)));
    Expr *hi = call2(d, S_ADD, first, call1(d, S_CEIL, call2(d, S_MUL, next, size)));
    Expr *all = index_dim(d, extent);
    return axis_new(d->context, "k", index_max(d, zero, index_min(d, cast(d, lo, INDEX), all)),
                    index_max(d, zero, index_min(d, cast(d, hi, INDEX), all)));
}

/* Y[r, c, p, q] = maximum of X[batch, c] over the elements of bin (p, q) of region r = (batch, x1, y1, x2, y2) */
static void define_max_roi_pool(Definition *d)
{
    const int64_t *bins = def_attr_ints(d, "pooled_shape", 2, 1, 1);
    if (bins == NULL || !def_require(d, def_rank(d, 0) == 4 && def_rank(d, 1) == 2, "inputs want ranks 4 and 2") ||
        !def_require(d, size_same(d, def_dim(d, 1, 1), size_const(d, 5)), "a region has %s numbers, wants 5",
                     size_text(d, def_dim(d, 1, 1))))
        return;
    Expr *i[4], *roi[5];
    def_output(d, 0, def_dtype(d, 0), 4,
               (Dim *[]){def_dim(d, 1, 0), def_dim(d, 0, 1), size_const(d, bins[0]), size_const(d, bins[1])});
    def_index(d, 0, i);
    for (int k = 0; k < 5; k++)
        roi[k] = def_load(d, 1, (Expr *[]){i[0], index_const(d, k)});
    Axis *over[] = {covered(d, roi[2], roi[4], i[2], bins[0], def_dim(d, 0, 2)),
                    covered(d, roi[1], roi[3], i[3], bins[1], def_dim(d, 0, 3))};
    Expr *batch = expr_check(d->context, cast(d, roi[0], I64), def_dim(d, 0, 0));
    Expr *x = def_load(d, 0, (Expr *[]){batch, i[1], axis_value(d, over[0]), axis_value(d, over[1])});
    def_body(d, 0, expr_reduce(d->context, COMBINE_MAX, over, 2, x, number(d, def_dtype(d, 0), 0)));
}

const Op ops_sample[] = {
    INDEX_ROW("GridSample", "X:T1 grid:T2 -> Y:T1 | T1=number T2=float",
              "align_corners:int=0 mode:string=linear padding_mode:string=zeros", define_grid_sample, 20),
    INDEX_ROW("DeformConv", "X:T W:T offset:T B:T? mask:T? -> Y:T | T=float",
              "dilations:ints? group:int=1 kernel_shape:ints? offset_group:int=1 pads:ints? strides:ints?",
              define_deform_conv, 19),
    INDEX_ROW("RoiAlign", "X:T1 rois:T1 batch_indices:int64 -> Y:T1 | T1=float",
              "coordinate_transformation_mode:string=half_pixel mode:string=avg output_height:int=1 output_width:int=1 "
              "sampling_ratio:int=0 spatial_scale:float=1",
              define_roi_align, 16),
    INDEX_ROW("MaxRoiPool", "X:T rois:T -> Y:T | T=float", "pooled_shape:ints spatial_scale:float=1",
              define_max_roi_pool, 1),
    {.name = NULL},
};
