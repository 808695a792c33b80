/* matmul.c -- matrix products and what is made like them. */
#include "call.h"
#include "quantize.h"
#include <string.h>

/* ---- MatMul ---- */
/* The elements a product of two inputs reads: Y[b.., i, j] = sum over k of A[b.., i, k] * B[b.., k, j]. */
typedef struct {
    int a_rank, b_rank;
    Expr *a[MAX_RANK], *b[MAX_RANK];
    Axis *k;
} Product;

/* Indices of an operand of a batched product: its leading dimensions are broadcast, row and column are its last. */
static void matrix_index(Definition *d, int input, Expr *const *batch, int nbatch, Expr *row, Expr *column,
                         Expr **index)
{
    const int rank = def_rank(d, input), own = rank - 2;
    for (int k = 0; k < own; k++)
        index[k] = dim_equals(def_dim(d, input, k), 1) ? index_const(d, 0) : batch[nbatch - own + k];
    index[rank - 2] = row;
    index[rank - 1] = column;
}

/* Output 0 of NumPy's matmul of inputs a and b, in this type, and the elements it reads. */
static bool product(Definition *d, int a, int b, DType type, Product *p)
{
    const int ra = def_rank(d, a), rb = def_rank(d, b), na = ra > 2 ? ra - 2 : 0, nb = rb > 2 ? rb - 2 : 0;
    const int nbatch = na > nb ? na : nb;
    int rank = 0;
    Dim *dim[MAX_RANK];
    if (!def_require(d, ra >= 1 && rb >= 1, "a scalar is no operand of a matrix product"))
        return false;
    Dim *inner = def_dim(d, a, ra - 1), *other = def_dim(d, b, rb == 1 ? 0 : rb - 2);
    if (!def_require(d, size_same(d, inner, other), "the inner dimensions differ: %s and %s", size_text(d, inner),
                     size_text(d, other)))
        return false;
    for (int k = 0; k < nbatch; k++) {
        Dim *one = size_const(d, 1);
        dim[rank++] = def_broadcast(d, k < nbatch - na ? one : def_dim(d, a, k - (nbatch - na)),
                                    k < nbatch - nb ? one : def_dim(d, b, k - (nbatch - nb)));
        if (d->failed)
            return false;
    }
    if (ra > 1)
        dim[rank++] = def_dim(d, a, ra - 2);
    if (rb > 1)
        dim[rank++] = def_dim(d, b, rb - 1);
    Expr *i[MAX_RANK];
    def_output(d, 0, type, rank, dim);
    def_index(d, 0, i);
    p->k = loop_axis(d, "k", dim_is_const(other, NULL) ? other : inner);
    p->a_rank = ra;
    p->b_rank = rb;
    Expr *k = axis_value(d, p->k);
    if (ra == 1)
        p->a[0] = k;
    else
        matrix_index(d, a, i, nbatch, i[nbatch], k, p->a);
    if (rb == 1)
        p->b[0] = k;
    else
        matrix_index(d, b, i, nbatch, k, i[rank - 1], p->b);
    return true;
}

static void define_matmul(Definition *d)
{
    Product p;
    if (product(d, 0, 1, def_dtype(d, 0), &p))
        def_body(d, 0, reduce(d, COMBINE_ADD, &p.k, 1, call2(d, S_MUL, def_load(d, 0, p.a), def_load(d, 1, p.b))));
}

/* The sum of products of operands less their zero points, which belong to rows of a and columns of b. */
static Expr *integer_product(Definition *d, const Product *p, int a, int a_zero, int b, int b_zero, DType type)
{
    Expr *x = subtract_zero_point(d, def_load(d, a, p->a), a_zero, type, p->a, p->a_rank,
                                  p->a_rank > 1 ? p->a_rank - 2 : 0, 0);
    Expr *w = subtract_zero_point(d, def_load(d, b, p->b), b_zero, type, p->b, p->b_rank, p->b_rank - 1, 0);
    return reduce(d, COMBINE_ADD, &p->k, 1, call2(d, S_MUL, x, w));
}

static void define_matmul_integer(Definition *d)
{
    Product p;
    if (product(d, 0, 1, I32, &p))
        def_body(d, 0, integer_product(d, &p, 0, 2, 1, 3, I32));
}

static void define_qlinear_matmul(Definition *d)
{
    Product p;
    if (!product(d, 0, 3, def_dtype(d, 7), &p))
        return;
    const DType type = dtype_is_float(def_dtype(d, 0)) ? F32 : I32;
    Expr *sum = cast(d, integer_product(d, &p, 0, 2, 3, 5, type), F32);
    const int rank = d->node->out[0]->type.rank;
    Expr *i[MAX_RANK];
    def_index(d, 0, i);
    Expr *a_scale = def_load_parameter(d, 1, p.a, p.a_rank, p.a_rank > 1 ? p.a_rank - 2 : 0, 0);
    Expr *b_scale = def_load_parameter(d, 4, p.b, p.b_rank, p.b_rank - 1, 0);
    Expr *y_scale = def_load_parameter(d, 6, i, rank, rank - 1, 0),
         *y_zero = def_load_parameter(d, 7, i, rank, rank - 1, 0);
    Expr *scale = call2(d, S_DIV, call2(d, S_MUL, cast(d, a_scale, F32), cast(d, b_scale, F32)), cast(d, y_scale, F32));
    def_body(d, 0, quantized(d, call2(d, S_MUL, sum, scale), y_zero, def_dtype(d, 7)));
}

/* Y[i, j] = alpha * sum over k of A[i, k] * B[k, j] + beta * C[i, j], A and B as given or transposed */
static void define_gemm(Definition *d)
{
    const bool ta = attr_int(d->node, "transA", 0) != 0, tb = attr_int(d->node, "transB", 0) != 0;
    const double alpha = attr_float(d->node, "alpha", 1), beta = attr_float(d->node, "beta", 1);
    const DType type = def_dtype(d, 0), compute = dtype_compute(type);
    if (!def_require(d, def_rank(d, 0) == 2 && def_rank(d, 1) == 2, "operands have ranks %d and %d, want 2",
                     def_rank(d, 0), def_rank(d, 1)))
        return;
    Dim *inner = def_dim(d, 0, !ta), *other = def_dim(d, 1, tb), *dim[] = {def_dim(d, 0, ta), def_dim(d, 1, !tb)};
    if (!def_require(d, size_same(d, inner, other), "the inner dimensions differ: %s and %s", size_text(d, inner),
                     size_text(d, other)))
        return;
    if (def_has(d, 2) && !def_broadcasts_to(d, 2, 2, dim))
        return;
    Expr *i[2];
    def_output(d, 0, type, 2, dim);
    def_index(d, 0, i);
    Axis *axis = loop_axis(d, "k", dim_is_const(other, NULL) ? other : inner);
    Expr *k = axis_value(d, axis);
    Expr *a = def_load(d, 0, ta ? (Expr *[]){k, i[0]} : (Expr *[]){i[0], k});
    Expr *b = def_load(d, 1, tb ? (Expr *[]){i[1], k} : (Expr *[]){k, i[1]});
    Expr *y = reduce(d, COMBINE_ADD, &axis, 1, call2(d, S_MUL, a, b));
    if (alpha != 1)
        y = dtype_is_float(compute) ? call2(d, S_MUL, number(d, compute, alpha), y)
                                    : cast(d, call2(d, S_MUL, number(d, F64, alpha), cast(d, y, F64)), compute);
    if (def_has(d, 2) && beta != 0) {
        Expr *c = def_load_broadcast(d, 2, i, 2);
        if (beta != 1)
            c = dtype_is_float(compute) ? call2(d, S_MUL, number(d, compute, beta), c)
                                        : cast(d, call2(d, S_MUL, number(d, F64, beta), cast(d, c, F64)), compute);
        y = call2(d, S_ADD, y, c);
    }
    def_body(d, 0, y);
}

/* ---- Det ---- */
static void define_det(Definition *d)
{
    const int rank = def_rank(d, 0);
    if (!def_require(d, rank >= 2 && size_same(d, def_dim(d, 0, rank - 1), def_dim(d, 0, rank - 2)),
                     "the input wants square matrices"))
        return;
    Dim *size = def_dim(d, 0, rank - 1);
    Routine *routine = call(d, "det", real_suffix(def_dtype(d, 0)), 1, 1);
    pass(routine, extent(d, 0, 0, rank - 2));
    pass(routine, size);
    routine->scratch = size_times(d, size_mul(d, size, size), (int64_t)sizeof(double));
    def_output(d, 0, def_dtype(d, 0), rank - 2, def_shape(d, 0));
}

const Op ops_matmul[] = {
    INDEX_ROW("MatMul", "A:T B:T -> Y:T | T=number", "", define_matmul, 13),
    INDEX_ROW("Gemm", "A:T B:T C:T? -> Y:T | T=number", "alpha:float=1 beta:float=1 transA:int=0 transB:int=0",
              define_gemm, 13),
    INDEX_ROW("MatMulInteger", "A:T1 B:T2 a_zero_point:T1? b_zero_point:T2? -> Y:int32 | T1=int8,uint8 T2=int8,uint8",
              "", define_matmul_integer, 10),
    INDEX_ROW("QLinearMatMul",
              "a:T1 a_scale:S a_zero_point:T1 b:T2 b_scale:S b_zero_point:T2 y_scale:S y_zero_point:T3 -> y:T3 | "
              "S=float32,float16,bfloat16 T1=int8,uint8,float8 T2=int8,uint8,float8 T3=int8,uint8,float8",
              "", define_qlinear_matmul, 10),
    {.name = "Det",
     .domain = "",
     .schema = "X:T -> Y:T | T=float32,double",
     .attributes = "",
     .form = FORM_ROUTINE,
     .define = define_det,
     .since = 11},
    {.name = NULL},
};
