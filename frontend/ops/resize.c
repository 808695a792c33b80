/* resize.c -- Resize: along each axis an output element is a weighted sum of input elements around the point it maps
 * to. */
#include "sample.h"
#include <math.h>
#include <string.h>

enum { IN_X, IN_ROI, IN_SCALES, IN_SIZES };

/* What an axis is resized by. */
typedef struct {
    Dim *in, *out;
    bool known;    /* factor is known */
    double factor; /* the scale that was asked for, or out / in */
    Expr *scale;   /* the same as F64 */
    Expr *roi_start, *roi_end;
} Resized;

typedef struct {
    Definition *d;
    Interpolation interpolation;
    const char *coordinates, *nearest;
    double cubic;
    bool exclude_outside, antialias;
    bool touched[MAX_RANK];
    Resized axis[MAX_RANK];
    int axis_at[MAX_RANK], naxes; /* which axes the inputs speak of, in their order */
} Resize;

static Expr *real(const Resize *r, double value)
{
    return expr_float(r->d->context, F64, value);
}
static Expr *real_of(const Resize *r, Dim *dim)
{
    return cast(r->d, index_dim(r->d, dim), F64);
}

/* floor(in * factor): exact also for a symbolic size, when the factor is a small fraction. */
static Dim *scaled_size(Definition *d, Dim *in, double factor)
{
    int64_t size;
    if (dim_is_const(in, &size)) {
        const double out = floor((double)size * factor);
        return out < 0x1p62 ? size_const(d, (int64_t)out) : dim_overflow(d->context->dims);
    }
    for (int64_t denominator = 1; denominator <= (int64_t)1 << 30; denominator *= 2) {
        const double numerator = factor * (double)denominator;
        if (numerator == floor(numerator) && numerator < 0x1p40)
            return size_floor_div(d, size_mul(d, in, size_const(d, (int64_t)numerator)), size_const(d, denominator));
    }
    def_error(d, "an axis of %s elements cannot be scaled by %g", size_text(d, in), factor);
    return in;
}

/* The scales, which must be known. */
static const float *known_scales(Definition *d)
{
    const Tensor *scales = d->node->in[IN_SCALES]->constant;
    if (scales != NULL && scales->dtype == F32 && !scales->splat)
        return scales->data;
    float *value = ARENA_ARRAY(d->context->arena, scales != NULL ? scales->count : 0, float);
    if (scales == NULL || scales->dtype != F32) {
        report_add(d->context->report, d->node, NODE_CONSTANT, IN_SCALES, d->node->in[IN_SCALES]->name);
        d->failed = true;
        return NULL;
    }
    for (int64_t k = 0; k < scales->count; k++)
        value[k] = *(const float *)scales->data;
    return value;
}

static bool list_is_given(Definition *d, int input)
{
    return def_has(d, input) && !dim_equals(size_product(d, def_rank(d, input), def_shape(d, input)), 0);
}

static bool sizes_from_scales(Resize *r)
{
    Definition *d = r->d;
    const float *scale = known_scales(d);
    if (scale == NULL ||
        !def_require(d, size_same(d, def_dim(d, IN_SCALES, 0), size_const(d, r->naxes)),
                     "%s scales are given for %d axes", size_text(d, def_dim(d, IN_SCALES, 0)), r->naxes))
        return false;
    for (int k = 0; k < r->naxes; k++) {
        Resized *a = &r->axis[r->axis_at[k]];
        if (!def_require(d, scale[k] > 0 && isfinite(scale[k]), "the scale of axis %d is %g", r->axis_at[k],
                         (double)scale[k]))
            return false;
        a->factor = (double)scale[k];
        a->known = true;
        a->scale = real(r, a->factor);
        a->out = scaled_size(d, a->in, a->factor);
    }
    return !d->failed;
}

/* Says that the sizes must be known: so must the input's, then. */
static bool need_sizes(Definition *d)
{
    int count;
    def_ints(d, IN_SIZES, &count);
    return def_require(d, false, "the scale must be known when the model is compiled");
}

/* Where the aspect ratio is kept, one scale for all axes: the least (or greatest), and sizes rounded half up. */
static bool keep_aspect_ratio(Resize *r, bool not_larger)
{
    Definition *d = r->d;
    double factor = not_larger ? INFINITY : 0;
    for (int k = 0; k < r->naxes; k++) {
        const Resized *a = &r->axis[r->axis_at[k]];
        if (!a->known)
            return need_sizes(d);
        factor = (not_larger ? a->factor < factor : a->factor > factor) ? a->factor : factor;
    }
    for (int k = 0; k < r->naxes; k++) {
        Resized *a = &r->axis[r->axis_at[k]];
        int64_t in = 0;
        dim_is_const(a->in, &in);
        a->factor = factor;
        a->scale = real(r, factor);
        a->out = size_const(d, (int64_t)(factor * (double)in + 0.5));
    }
    return true;
}

static bool sizes_from_sizes(Resize *r)
{
    Definition *d = r->d;
    int count;
    Dim **size = def_sizes(d, IN_SIZES, &count, NULL);
    if (d->failed || !def_require(d, count == r->naxes, "%d sizes are given for %d axes", count, r->naxes))
        return false;
    for (int k = 0; k < r->naxes; k++) {
        Resized *a = &r->axis[r->axis_at[k]];
        int64_t in, out;
        if (!def_require(d, dim_upper(size[k]) >= 0, "axis %d would have %s elements", r->axis_at[k],
                         size_text(d, size[k])) ||
            !def_require(d, !dim_equals(a->in, 0) || dim_equals(size[k], 0), "axis %d is empty", r->axis_at[k]))
            return false;
        a->out = size[k];
        a->known = dim_is_const(a->in, &in) && dim_is_const(a->out, &out) && in > 0;
        a->factor = a->known ? (double)out / (double)in : 0;
        a->scale = a->known ? real(r, a->factor) : call2(d, S_DIV, real_of(r, a->out), real_of(r, a->in));
    }
    const char *policy = attr_string(d->node, "keep_aspect_ratio_policy", "stretch");
    if (strcmp(policy, "stretch") == 0)
        return true;
    const bool not_larger = strcmp(policy, "not_larger") == 0;
    return def_require(d, not_larger || strcmp(policy, "not_smaller") == 0,
                       "attribute 'keep_aspect_ratio_policy' is '%s'", policy) &&
           keep_aspect_ratio(r, not_larger);
}

static bool read_attributes(Resize *r)
{
    Definition *d = r->d;
    const char *mode = attr_string(d->node, "mode", "nearest");
    static const char *const coordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                              "align_corners", "asymmetric",           "tf_crop_and_resize"};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    bool known_coordinates = false, known_nearest = false;
    r->interpolation = strcmp(mode, "linear") == 0 ? LINEAR : strcmp(mode, "cubic") == 0 ? CUBIC : NEAREST;
    r->coordinates = attr_string(d->node, "coordinate_transformation_mode", "half_pixel");
    r->nearest = attr_string(d->node, "nearest_mode", "round_prefer_floor");
    r->cubic = attr_float(d->node, "cubic_coeff_a", -0.75);
    r->exclude_outside = attr_int(d->node, "exclude_outside", 0) != 0;
    r->antialias = attr_int(d->node, "antialias", 0) != 0;
    for (int k = 0; k < 6; k++)
        known_coordinates |= strcmp(r->coordinates, coordinates[k]) == 0;
    for (int k = 0; k < 4; k++)
        known_nearest |= strcmp(r->nearest, nearest[k]) == 0;
    return def_require(d, r->interpolation != NEAREST || strcmp(mode, "nearest") == 0,
                       "attribute 'mode' is '%s', wants nearest, linear or cubic", mode) &&
           def_require(d, known_coordinates, "attribute 'coordinate_transformation_mode' is '%s'", r->coordinates) &&
           def_require(d, known_nearest, "attribute 'nearest_mode' is '%s'", r->nearest) &&
           def_require(d, !r->antialias || r->interpolation != NEAREST,
                       "attribute 'antialias' is for linear and cubic");
}

/* The axes that are resized, and their regions of interest. */
static bool read_axes(Resize *r)
{
    Definition *d = r->d;
    size_t given;
    const int rank = def_rank(d, IN_X);
    const int64_t *axes = attr_ints(d->node, "axes", &given);
    r->naxes = axes != NULL ? (int)given : rank;
    if (!def_require(d, axes == NULL || given <= (size_t)rank, "attribute 'axes' has %zu elements, the input rank %d",
                     given, rank))
        return false;
    for (int k = 0; k < rank; k++)
        r->axis[k] = (Resized){.in = def_dim(d, IN_X, k), .out = def_dim(d, IN_X, k), .known = true, .factor = 1};
    for (int k = 0; k < r->naxes; k++) {
        const int a = def_axis(d, axes != NULL ? axes[k] : k, rank);
        if (d->failed || !def_require(d, !r->touched[a], "attribute 'axes' names axis %d twice", a))
            return false;
        r->touched[a] = true;
        r->axis_at[k] = a;
    }
    if (strcmp(r->coordinates, "tf_crop_and_resize") != 0)
        return true;
    if (!def_require(d,
                     def_has(d, IN_ROI) && def_rank(d, IN_ROI) == 1 &&
                         size_same(d, def_dim(d, IN_ROI, 0), size_const(d, 2 * r->naxes)),
                     "input 1 wants a start and an end for each axis"))
        return false;
    for (int k = 0; k < r->naxes; k++) {
        Expr *start = index_const(d, k), *end = index_const(d, r->naxes + k);
        r->axis[r->axis_at[k]].roi_start = cast(d, def_load(d, IN_ROI, &start), F64);
        r->axis[r->axis_at[k]].roi_end = cast(d, def_load(d, IN_ROI, &end), F64);
    }
    return true;
}

/* ---- coordinates ---- */
/* The point of the input that output element i of an axis maps to. */
static Expr *original_coordinate(const Resize *r, const Resized *a, Expr *i)
{
    Definition *d = r->d;
    Expr *x = cast(d, i, F64), *one = real(r, 1), *half = real(r, 0.5), *in = real_of(r, a->in);
    Expr *out = call2(d, S_MUL, a->scale, in), *last = call2(d, S_SUB, in, one);
    Expr *pixel = call2(d, S_SUB, call2(d, S_DIV, call2(d, S_ADD, x, half), a->scale), half);
    Expr *out_is_one = call2(d, S_EQUAL, out, one);
    if (strcmp(r->coordinates, "half_pixel") == 0)
        return pixel;
    if (strcmp(r->coordinates, "asymmetric") == 0)
        return call2(d, S_DIV, x, a->scale);
    if (strcmp(r->coordinates, "pytorch_half_pixel") == 0)
        return expr_select(d->context, out_is_one, real(r, -0.5), pixel);
    if (strcmp(r->coordinates, "half_pixel_symmetric") == 0) {
        /* the centre of the output is the centre of the input */
        Expr *adjustment = call2(d, S_DIV, real_of(r, a->out), out);
        return call2(d, S_ADD, call2(d, S_MUL, call2(d, S_MUL, in, half), call2(d, S_SUB, one, adjustment)), pixel);
    }
    Expr *step = call2(d, S_DIV, last, call2(d, S_SUB, out, one));
    if (strcmp(r->coordinates, "align_corners") == 0)
        return expr_select(d->context, out_is_one, real(r, 0), call2(d, S_MUL, x, step));
    Expr *span = call2(d, S_SUB, a->roi_end, a->roi_start);
    Expr *middle = call2(d, S_MUL, call2(d, S_MUL, span, last), half);
    Expr *inner = expr_select(d->context, out_is_one, middle, call2(d, S_MUL, call2(d, S_MUL, x, span), step));
    return call2(d, S_ADD, inner, call2(d, S_MUL, a->roi_start, last));
}

static Expr *nearest_index(const Resize *r, Expr *x)
{
    Definition *d = r->d;
    if (strcmp(r->nearest, "round_prefer_floor") == 0)
        x = call1(d, S_CEIL, call2(d, S_SUB, x, real(r, 0.5)));
    else if (strcmp(r->nearest, "round_prefer_ceil") == 0)
        x = call1(d, S_FLOOR, call2(d, S_ADD, x, real(r, 0.5)));
    else
        x = call1(d, strcmp(r->nearest, "floor") == 0 ? S_FLOOR : S_CEIL, x);
    return cast(d, x, INDEX);
}

/* ---- one axis ---- */
/* The weighted points of one axis: their axis, the element each reads, and its weight. */
typedef struct {
    Axis *axis;
    Expr *element, *weight;
} Taps;

/* How far the kernel is stretched to smooth when an axis shrinks, at most 1. */
static double squeeze(const Resize *r, const Resized *a)
{
    return r->antialias && a->factor < 1 ? a->factor : 1;
}

/* The weight of the element that tap `axis` from `start` on reads, for the point x; that element, which may lie
 * outside. */
static Expr *tap_weight(const Resize *r, const Resized *a, Expr *x, Expr *start, Axis *axis, Expr **element)
{
    Definition *d = r->d;
    const double shrink = squeeze(r, a);
    Expr *place = index_add(d, start, axis_value(d, axis));
    Expr *distance = call2(d, S_SUB, x, cast(d, place, F64));
    if (shrink != 1)
        distance = call2(d, S_MUL, distance, real(r, shrink));
    Expr *weight = interpolation_weight(d, r->interpolation, distance, r->cubic);
    if (r->exclude_outside)
        weight = guarded(d, index_between(d, place, index_const(d, 0), index_dim(d, a->in)), weight, real(r, 0));
    *element = place;
    return weight;
}

/* All taps of one axis for the point x. False after an error. */
static bool axis_taps(const Resize *r, const Resized *a, Expr *x, Taps *taps)
{
    Definition *d = r->d;
    if (r->antialias && !a->known)
        return need_sizes(d);
    const double shrink = squeeze(r, a), reach = (r->interpolation == LINEAR ? 1 : 2) / shrink;
    if (!def_require(d, reach < 0x1p30, "an axis cannot be smoothed at the scale %g", a->factor))
        return false;
    const int64_t first = (int64_t)floor(-reach) + 1;
    Dim *count = size_const(d, 2 - 2 * first);
    Expr *start = index_add(d, floor_index(d, x), index_const(d, first)), *place;
    taps->axis = loop_axis(d, "t", count);
    taps->weight = tap_weight(r, a, x, start, taps->axis, &place);
    taps->element = index_clamp(d, place, a->in);
    if (r->exclude_outside || shrink != 1) { /* so that the weights add up to 1 */
        Axis *all = loop_axis(d, "t", count);
        Expr *total = reduce(d, COMBINE_ADD, &all, 1, tap_weight(r, a, x, start, all, &place));
        taps->weight = call2(d, S_DIV, taps->weight, total);
    }
    return true;
}

static bool axis_is_kept(const Resized *a)
{
    return a->roi_start == NULL && a->in == a->out && (!a->known || fabs(a->factor - 1) < 1e-9);
}

/* Where an element of the output is taken from. */
typedef struct {
    Expr *at[MAX_RANK];
    Expr *weight;         /* of all taps together; NULL: 1 */
    Expr *cropped;        /* whether it is inside of the input; NULL: it is */
    Axis *over[MAX_RANK]; /* the axes of taps */
    int nover;
} Sampling;

/* Takes an axis that changes into the sampling; i: the output's index. */
static bool sample_axis(Resize *r, const Resized *a, int axis, Expr *i, Sampling *s)
{
    Definition *d = r->d;
    Expr *x = original_coordinate(r, a, i);
    if (a->roi_start != NULL) {
        Expr *last = call2(d, S_SUB, real_of(r, a->in), real(r, 1));
        s->cropped = index_both(d, s->cropped,
                                index_and(d, call2(d, S_LESS_EQUAL, real(r, 0), x), call2(d, S_LESS_EQUAL, x, last)));
    }
    if (r->interpolation == NEAREST) {
        s->at[axis] = index_clamp(d, nearest_index(r, x), a->in);
        return true;
    }
    Taps taps = {0};
    if (!axis_taps(r, a, x, &taps))
        return false;
    s->over[s->nover++] = taps.axis;
    s->at[axis] = taps.element;
    s->weight = s->weight == NULL ? taps.weight : call2(d, S_MUL, s->weight, taps.weight);
    return true;
}

static Expr *sampled(Definition *d, const Sampling *s)
{
    Expr *y = def_load(d, IN_X, s->at);
    const DType type = y->dtype, real_type = type == F64 ? F64 : F32;
    if (s->weight != NULL) {
        y = reduce(d, COMBINE_ADD, s->over, s->nover,
                   call2(d, S_MUL, cast(d, y, real_type), cast(d, s->weight, real_type)));
        y = cast(d, dtype_is_float(type) ? y : call1(d, S_ROUND, y), type);
    }
    if (s->cropped == NULL)
        return y;
    return guarded(d, s->cropped, y, number(d, def_dtype(d, IN_X), attr_float(d->node, "extrapolation_value", 0)));
}

/* Y[i..] = sum over the taps of all axes of their weights * X[elements..] */
static void define_resize(Definition *d)
{
    Resize r = {.d = d};
    const int rank = def_rank(d, IN_X);
    if (!read_attributes(&r) || !read_axes(&r))
        return;
    const bool scales = list_is_given(d, IN_SCALES), sizes = list_is_given(d, IN_SIZES);
    if (!def_require(d, scales != sizes, "either scales or sizes are wanted") ||
        !(scales ? sizes_from_scales(&r) : sizes_from_sizes(&r)))
        return;
    Dim *dim[MAX_RANK];
    for (int k = 0; k < rank; k++)
        dim[k] = r.axis[k].out;
    def_output(d, 0, def_dtype(d, IN_X), rank, dim);
    Sampling s = {.weight = NULL};
    def_index(d, 0, s.at);
    for (int k = 0; k < rank; k++)
        if (r.touched[k] && !axis_is_kept(&r.axis[k]) && !sample_axis(&r, &r.axis[k], k, s.at[k], &s))
            return;
    def_body(d, 0, sampled(d, &s));
}

const Op ops_resize[] = {
    INDEX_ROW(
        "Resize", "X:T1 roi:T2? scales:float32? sizes:int64? -> Y:T1 | T1=number,bool T2=float16,float32,double",
        "antialias:int=0 axes:ints? coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 "
        "exclude_outside:int=0 extrapolation_value:float=0 keep_aspect_ratio_policy:string=stretch mode:string=nearest "
        "nearest_mode:string=round_prefer_floor",
        define_resize, 19),
    {.name = NULL},
};
