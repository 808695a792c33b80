/* sparse.c -- products with constant matrices that are nearly all zeros become gathers and sums over edges.
 *
 * Interaction networks write their graph so: an incidence matrix with a one for each edge's vertex picks rows, its
 * transpose adds them up. Such a matrix S, one [m, n] = 1 for each m, is an index vector:
 *
 *     S X   ->   Gather (X, n of m)
 *
 * and any other with few entries a list of edges, n -> m with weight s:
 *
 *     S X   ->   SegmentSum (s * Gather (X, n of entry), m of entry, rows of S)
 *
 * X S is the same along X's last axis. Whether it pays is told by the number of entries: a gathered number costs what
 * SPARSE of a dense product do. Zeros times infinities are left out, hence not bit for bit. */
#include "../frontend/frontend.h"
#include "../frontend/ops/op.h"
#include "pass.h"
#include "shape.h"
#include <string.h>

enum { SPARSE = 16, LEAST_COUNT = 4096 };

/* A matrix by its entries, those of one output together. */
typedef struct {
    int64_t outputs, count; /* entries */
    Tensor *from, *to, *weight;
    bool is_in_order; /* they are of the inputs 0, 1, 2 ..., all of them */
    bool is_pick;     /* one entry for each output, a one */
    bool is_weighted; /* some entry is no one */
} Entries;

static Tensor *integers(Context *context, int64_t count)
{
    return tensor_new(context, I64, 1, &count);
}

/* Reads a matrix whose outputs are its rows, or its columns. False when it has too many entries. */
static bool find_entries(Context *context, const Tensor *matrix, bool by_rows, Entries *s)
{
    const int64_t rows = matrix->dim[0], columns = matrix->dim[1];
    const int64_t outputs = by_rows ? rows : columns, inputs = by_rows ? columns : rows;
    int64_t count = 0, most = matrix->count >= LEAST_COUNT ? matrix->count / SPARSE : 0;
    most = most > outputs ? most : outputs;
    for (int64_t i = 0; i < matrix->count && count <= most; i++)
        count += tensor_number(matrix, i) != 0;
    if (count > most || count == 0)
        return false;
    *s = (Entries){.outputs = outputs, .count = count, .is_pick = count == outputs};
    s->is_in_order = count == inputs;
    s->from = integers(context, count);
    s->to = integers(context, count);
    s->weight = tensor_new(context, matrix->dtype, 1, &count);
    for (int64_t m = 0, entry = 0; m < outputs; m++)
        for (int64_t n = 0; n < inputs; n++) {
            const double value = tensor_number(matrix, by_rows ? m * columns + n : n * columns + m);
            if (value == 0)
                continue;
            s->is_pick &= value == 1 && entry == m;
            s->is_weighted |= value != 1;
            s->is_in_order &= n == entry;
            ((int64_t *)s->from->data)[entry] = n;
            ((int64_t *)s->to->data)[entry] = m;
            tensor_set_number(s->weight, entry++, value);
        }
    return s->is_pick || count <= matrix->count / SPARSE;
}

/* ---- building ---- before the product */
static Value *build(Node *product, const char *domain, const char *operator, Value * const * operand, int count)
{
    Node *node = node_new(product->graph, op_find(domain, operator), product->name, product);
    for (int i = 0; i < count; i++)
        node_add_input(node, operand[i]);
    return node_add_output(node, "");
}

static Value *gather(Node *product, Value *x, const Tensor *index, int axis)
{
    Value *const rows = build(product, "", "Gather", (Value *[]){x, graph_constant(product->graph, index)}, 2);
    if (axis != 0)
        attr_set_int(rows->def, "axis", axis);
    return node_infer(rows->def) ? rows : NULL;
}

/* x with its axis moved to the front, or from there to its place. */
static Value *turned(Node *product, Value *x, int axis, bool to_front)
{
    const int rank = x->type.rank;
    int64_t perm[MAX_RANK];
    if (axis == 0)
        return x;
    for (int i = 0; i < rank; i++) {
        const int front = i == 0 ? axis : i <= axis ? i - 1 : i, back = i < axis ? i + 1 : i == axis ? 0 : i;
        perm[i] = to_front ? front : back;
    }
    Value *const y = build(product, "", "Transpose", &x, 1);
    attr_set_ints(y->def, "perm", perm, (size_t)rank);
    return node_infer(y->def) ? y : NULL;
}

/* The sums of weighted rows of x, whose first axis the matrix multiplies. */
static Value *sum_entries(Node *product, Value *x, const Entries *s)
{
    Context *const context = product->graph->context;
    Value *rows = s->is_in_order ? x : gather(product, x, s->from, 0);
    if (rows && s->is_weighted) {
        int64_t shape[MAX_RANK] = {s->count};
        for (int i = 1; i < x->type.rank; i++)
            shape[i] = 1;
        Tensor *const weight = tensor_new(context, s->weight->dtype, x->type.rank, shape);
        memcpy(weight->data, s->weight->data, tensor_bytes(weight));
        rows = build(product, "", "Mul", (Value *[]){rows, graph_constant(product->graph, weight)}, 2);
        rows = node_infer(rows->def) ? rows : NULL;
    }
    if (!rows)
        return NULL;
    Value *const count = graph_constant(product->graph, tensor_of_number(context, I64, 1, (double)s->outputs));
    Value *const sums =
        build(product, "gnn", "SegmentSum", (Value *[]){rows, graph_constant(product->graph, s->to), count}, 3);
    return node_infer(sums->def) ? sums : NULL;
}

static Value *multiply(Node *product, Value *x, int axis, const Entries *s)
{
    if (s->is_pick)
        return gather(product, x, s->from, axis);
    Value *const front = turned(product, x, axis, true);
    Value *const sums = front ? sum_entries(product, front, s) : NULL;
    return sums ? turned(product, sums, axis, false) : NULL;
}

/* ---- products ---- */
static bool is_matrix(const Value *value)
{
    return value->constant && !value->is_overridable && value->constant->rank == 2 &&
           (value->constant->dtype == F32 || value->constant->dtype == F64);
}

static bool is_plain(const Node *node)
{
    return node_is(node, "", "MatMul") ||
           (node_is(node, "", "Gemm") && !attr_int(node, "transA", 0) && !attr_int(node, "transB", 0) &&
            attr_float(node, "alpha", 1) == 1 && attr_float(node, "beta", 1) == 1);
}

/* Puts what replaces a product in its place; false after errors. */
static bool replace(Node *product, Value *x, int axis, const Entries *s)
{
    Value *y = multiply(product, x, axis, s);
    if (y && product->nin > 2 && product->in[2]) {
        y = build(product, "", "Add", (Value *[]){y, product->in[2]}, 2);
        y = node_infer(y->def) ? y : NULL;
    }
    if (y)
        value_replace(product->out[0], y);
    return y != NULL;
}

static bool gather_products(Graph *graph, void *who)
{
    Context *const context = graph->context;
    (void)who;
    for (Node *node = graph->first; node; node = node->next) {
        Entries entries;
        if (!is_plain(node) || node->in[0]->type.rank < 2 || node->in[1]->type.rank < 2)
            continue;
        bool ok = true;
        if (is_matrix(node->in[1]) && find_entries(context, node->in[1]->constant, false, &entries))
            ok = replace(node, node->in[0], node->in[0]->type.rank - 1, &entries);
        else if (is_matrix(node->in[0]) && find_entries(context, node->in[0]->constant, true, &entries))
            ok = replace(node, node->in[1], node->in[1]->type.rank - 2, &entries);
        if (!ok)
            return false;
    }
    return true;
}

bool pass_sparse(Model *model, const PassOptions *options)
{
    if (options->allowed == EXACT)
        return true;
    if (!graph_each(model->graph, gather_products, NULL))
        return false;
    graph_sweep(model->graph);
    return true;
}
