/* routine.c -- operators computed by C functions of runtime/: selection and sorting.
 *
 * A definition gives the output types and the call: sizes are passed as Dims, and a size that only the data tells is a
 * fresh symbol that the call defines. Each routine's file states what it wants in `n`, `p` and scratch. */
#include "call.h"

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
    Dim **k = def_sizes(d, 1, &count, def_dim(d, 0, axis));
    if (!k || !def_require(d, count == 1, "k has %d elements, wants 1", count) || d->failed)
        return;
    if (!def_require(d, size_at_most(d, k[0], def_dim(d, 0, axis)), "k is %s, axis %d has %s elements",
                     size_text(d, k[0]), axis, size_text(d, def_dim(d, 0, axis))))
        return;
    Routine *routine = call(d, "topk", "", 1, 2);
    pass(routine, size_const(d, def_dtype(d, 0)));
    pass(routine, extent(d, 0, 0, axis));
    pass(routine, def_dim(d, 0, axis));
    pass(routine, extent(d, 0, axis + 1, rank));
    pass(routine, k[0]);
    pass(routine, size_const(d, attr_int(d->node, "largest", 1)));
    routine->scratch = size_times(d, k[0], 2 * (int64_t)sizeof(int64_t));
    routine->spare = 1u << 0 | 1u << 1;
    routine->operations = extent(d, 0, 0, rank); /* each element is compared with the least of those kept */

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
    routine->operations = elements;
    pass(routine, size_const(d, def_dtype(d, 0)));
    pass(routine, elements);
    pass(routine, size_const(d, rank));
    for (int i = 0; i < rank; i++)
        pass(routine, def_dim(d, 0, i));

    Dim *dim[] = {size_const(d, rank), defined_size(d, routine, elements)}, *bound = size_const(d, 0);
    for (int i = 0; i < rank; i++)
        bound = size_max(d, bound, def_dim(d, 0, i));
    index_output(d, 0, 2, dim, bound);
}

/* Compress and Unique: along an axis, or of the flattened input. */
static void pass_split(Definition *d, Routine *routine, const Attr *axis_attribute, int *axis)
{
    const int rank = def_rank(d, 0);
    *axis = axis_attribute ? def_axis(d, axis_attribute->i, rank) : -1;
    pass(routine, *axis < 0 ? size_const(d, 1) : extent(d, 0, 0, *axis));
    pass(routine, *axis < 0 ? extent(d, 0, 0, rank) : def_dim(d, 0, *axis));
    pass(routine, *axis < 0 ? size_const(d, 1) : extent(d, 0, *axis + 1, rank));
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
    pass(routine, size_const(d, (int64_t)dtype_info(def_dtype(d, 0))->size));
    pass_split(d, routine, attr_find(d->node, "axis"), &axis);
    if (!def_require(d, def_rank(d, 1) == 1, "condition has rank %d, wants 1", def_rank(d, 1)))
        return;
    pass(routine, def_dim(d, 1, 0));
    selected_output(d, axis, defined_size(d, routine, size_min(d, routine->n[2], def_dim(d, 1, 0))));
}

static void define_unique(Definition *d)
{
    int axis;
    Routine *routine = call(d, "unique", "", 1, 4);
    pass(routine, size_const(d, def_dtype(d, 0)));
    pass_split(d, routine, attr_find(d->node, "axis"), &axis);
    pass(routine, size_const(d, attr_int(d->node, "sorted", 1)));
    Dim *all = routine->n[2], *count = defined_size(d, routine, all);
    routine->scratch = size_times(d, all, 3 * (int64_t)sizeof(int64_t));
    if (def_wants(d, 0))
        selected_output(d, axis, count);
    index_output(d, 1, 1, &count, all);
    index_output(d, 2, 1, &all, count);
    index_output(d, 3, 1, &count, NULL);
}

static void define_nms(Definition *d)
{
    if (!def_require(d, def_rank(d, 0) == 3 && def_rank(d, 1) == 3 && dim_equals(def_dim(d, 0, 2), 4),
                     "boxes are [batches, boxes, 4] and scores [batches, classes, boxes]") ||
        !def_require(
            d, size_same(d, def_dim(d, 0, 0), def_dim(d, 1, 0)) && size_same(d, def_dim(d, 0, 1), def_dim(d, 1, 2)),
            "boxes and scores differ in batches or boxes"))
        return;
    Routine *routine = call(d, "nms", "", 5, 1);
    Dim *pairs = size_mul(d, def_dim(d, 1, 0), def_dim(d, 1, 1)), *boxes = def_dim(d, 0, 1);
    Dim *at_most = def_has(d, 2) ? value_element(d->context, d->node->in[2], 0) : size_const(d, 0);
    Dim *limit = at_most ? size_min(d, boxes, size_max(d, at_most, size_const(d, 0))) : boxes;
    limit = size_mul(d, pairs, limit);
    pass(routine, def_dim(d, 1, 0));
    pass(routine, def_dim(d, 1, 1));
    pass(routine, boxes);
    pass(routine, size_const(d, attr_int(d->node, "center_point_box", 0)));
    pass(routine, limit);
    routine->scratch = size_times(d, boxes, 2 * (int64_t)sizeof(int64_t));
    Dim *dim[] = {defined_size(d, routine, limit), size_const(d, 3)};
    index_output(d, 0, 2, dim, NULL);
}

const Op ops_routine[] = {
    {.name = "TopK",
     .schema = "X:T K:int64 -> Values:T? Indices:int64? | T=number",
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
     .schema = "X:T -> Y:T? indices:int64? inverse_indices:int64? counts:int64? | T=number,bool",
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
    {.name = NULL},
};
