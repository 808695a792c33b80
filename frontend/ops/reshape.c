/* reshape.c -- the same elements in the same order under another shape. */
#include "call.h"

/* Output 0 holds the elements of input 0 in row-major order, with this shape. */
static void reshape_to(Definition *d, int rank, Dim *const *dim)
{
    Expr *i[MAX_RANK], *from[MAX_RANK];
    Dim *const *shape = def_shape(d, 0);
    Dim *have = size_product(d, def_rank(d, 0), shape), *want = size_product(d, rank, dim);
    if (!def_require(d, size_same(d, have, want), "%s elements cannot be reshaped to %s", size_text(d, have),
                     size_text(d, want)))
        return;
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    index_reshape(d, rank, dim, i, def_rank(d, 0), shape, from);
    def_body(d, 0, def_load(d, 0, from));
}

/* What the elements of a shape mean. */
typedef struct {
    int rank;
    Dim *dim[MAX_RANK]; /* NULL: the element is not known */
    Dim *total;         /* elements of the data */
    Dim *others;        /* product of dim, without those that are NULL and without ... */
    int inferred;       /* ... the one that is what is left; -1: none */
} Target;

/* Whether dimension k of the target is a size, or may be. */
static bool add_dimension(Definition *d, Target *t, int k)
{
    if (t->dim[k] == NULL)
        return true;
    if (dim_equals(t->dim[k], -1)) {
        if (!def_require(d, t->inferred < 0, "dimensions %d and %d of the shape are both -1", t->inferred, k))
            return false;
        t->inferred = k;
        return true;
    }
    if (dim_equals(t->dim[k], 0) && attr_int(d->node, "allowzero", 0) == 0) {
        if (!def_require(d, k < def_rank(d, 0), "dimension %d is copied from an input of rank %d", k, def_rank(d, 0)))
            return false;
        t->dim[k] = def_dim(d, 0, k);
    }
    t->others = size_mul(d, t->others, t->dim[k]);
    return def_require(d, dim_upper(t->dim[k]) >= 0, "dimension %d of the shape is %s", k, size_text(d, t->dim[k]));
}

/* What is left for the dimension that is inferred. */
static bool infer_dimension(Definition *d, Target *t)
{
    if (!def_require(d, !dim_equals(t->others, 0), "dimension %d is -1 beside a dimension of 0", t->inferred))
        return false;
    t->dim[t->inferred] = dim_times_in(d->context->dims, t->total, t->others);
    return true;
}

/* Dimensions that only the data tells, where -1 and 0 mean what they mean: runtime/reshape.c. */
static void find_dimensions(Definition *d, Target *t)
{
    const bool some = dim_lower(t->others) > 0 && dim_is_const(t->others, NULL);
    const bool none = dim_equals(t->total, 0); /* beside a 0 the others may be anything */
    Dim *limit = none ? NULL : some ? size_floor_div(d, t->total, t->others) : t->total;
    Routine *routine = call(d, "reshape", "", 0, 0);
    pass_input(routine, d->node->in[1]);
    pass(routine, t->total);
    pass(routine, size_const(d, attr_int(d->node, "allowzero", 0) != 0));
    pass(routine, size_const(d, t->rank));
    pass(routine, size_const(d, def_rank(d, 0)));
    for (int k = 0; k < def_rank(d, 0); k++)
        pass(routine, def_dim(d, 0, k));
    for (int k = 0; k < t->rank; k++)
        if (t->dim[k] == NULL || k == t->inferred) {
            t->dim[k] = defined_size_of(d, routine, k, limit);
            pass(routine, size_const(d, k));
            pass(routine, none ? size_const(d, INT64_MAX) : dim_limit(d->context->dims, t->dim[k]));
        }
    pass(routine, size_const(d, -1));
    routine->operations = size_const(d, 0);
}

static void define_reshape(Definition *d)
{
    Target t = {.total = size_product(d, def_rank(d, 0), def_shape(d, 0)), .others = size_const(d, 1), .inferred = -1};
    Dim **wanted = def_elements(d, 1, &t.rank);
    bool known = true;
    for (int k = 0; k < t.rank; k++) {
        t.dim[k] = wanted[k];
        known &= wanted[k] != NULL;
        if (!add_dimension(d, &t, k))
            return;
    }
    if (d->failed || (known && t.inferred >= 0 && !infer_dimension(d, &t)))
        return;
    if (!known)
        find_dimensions(d, &t);
    reshape_to(d, t.rank, t.dim);
}

static void define_flatten(Definition *d)
{
    const int rank = def_rank(d, 0);
    const int64_t given = attr_int(d->node, "axis", 1);
    if (!def_require(d, given >= -rank && given <= rank, "axis %lld is outside [%d, %d]", (long long)given, -rank,
                     rank))
        return;
    const int axis = (int)(given < 0 ? given + rank : given);
    Dim *const *shape = def_shape(d, 0);
    reshape_to(d, 2, (Dim *[]){size_product(d, axis, shape), size_product(d, rank - axis, shape + axis)});
}

/* Whether dimension k of the input surely stays when no axes are given; an error when only its size can tell. */
static bool is_known_not_one(Definition *d, int k)
{
    Dim *size = def_dim(d, 0, k);
    if (dim_is_const(size, NULL) || dim_lower(size) > 1)
        return true;
    if (dim_is_fresh(size)) { /* a size that data tells: known when the data is */
        report_add(d->context->report, d->node, NODE_CONSTANT, 0, d->node->in[0]->name);
        d->failed = true;
        return false;
    }
    return def_error(d, "without axes, the rank depends on whether dimension %d, %s, is 1", k, size_text(d, size));
}

static void define_squeeze(Definition *d)
{
    bool drop[MAX_RANK] = {false};
    const int rank = def_rank(d, 0);
    Dim *const *shape = def_shape(d, 0);
    if (!def_mark_axes(d, 1, rank, drop))
        return;
    int kept = 0;
    Dim *dim[MAX_RANK];
    for (int k = 0; k < rank; k++) {
        int64_t size;
        if (!def_has(d, 1)) {
            drop[k] = dim_equals(shape[k], 1);
            if (!drop[k] && !is_known_not_one(d, k))
                return;
        } else if (drop[k] && !def_require(d, !dim_is_const(shape[k], &size) || size == 1, "axis %d has size %s, not 1",
                                           k, size_text(d, shape[k])))
            return;
        if (!drop[k])
            dim[kept++] = shape[k];
    }
    reshape_to(d, kept, dim);
}

static void define_unsqueeze(Definition *d)
{
    int count, from = 0;
    const int64_t *axis = def_ints(d, 1, &count);
    const int rank = def_rank(d, 0) + count;
    bool added[MAX_RANK] = {false};
    Dim *dim[MAX_RANK];
    if (d->failed || !def_require(d, rank <= MAX_RANK, "the result has %d dimensions, the limit is %d", rank, MAX_RANK))
        return;
    for (int k = 0; k < count; k++) {
        const int a = def_axis(d, axis[k], rank);
        if (d->failed || !def_require(d, !added[a], "axis %lld is named twice", (long long)axis[k]))
            return;
        added[a] = true;
    }
    for (int k = 0; k < rank; k++)
        dim[k] = added[k] ? size_const(d, 1) : def_dim(d, 0, from++);
    reshape_to(d, rank, dim);
}

static void define_identity(Definition *d)
{
    if (d->node->in[0]->type.kind != TENSOR) /* sequences and optionals: nothing to compute per element */
        d->node->out[0]->type = d->node->in[0]->type;
    else
        reshape_to(d, def_rank(d, 0), def_shape(d, 0));
}

const Op ops_reshape[] = {
    INDEX_ROW("Reshape", "data:T shape:int64 -> reshaped:T | T=any", "allowzero:int=0", define_reshape, 14,
              .is_movement = true),
    INDEX_ROW("Flatten", "input:T -> output:T | T=any", "axis:int=1", define_flatten, 13),
    INDEX_ROW("Squeeze", "data:T axes:int64? -> squeezed:T | T=any", "", define_squeeze, 13, .is_movement = true),
    INDEX_ROW("Unsqueeze", "data:T axes:int64 -> expanded:T | T=any", "", define_unsqueeze, 13, .is_movement = true),
    INDEX_ROW("Identity", "input:V -> output:V | V=value", "", define_identity, 16, .is_movement = true),
    {.name = NULL},
};
