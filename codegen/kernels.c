/* kernels.c -- finds the dense product in a nest and builds it from a micro-kernel or a library call.
 *
 * What is done to the sums (bias, activation) is built by the nest, from the same expressions as the derived loops. */
#include "kernels.h"
#include "simplify.h"
#include <math.h>
#include <string.h>

/* ---- what kind of product ---- */
static Expr *with_axis(Nest *n, Expr *e, Axis *axis, Expr *by)
{
    return simplify(n->simplifier, expr_substitute(n->context, e, &axis, &by, 1, NULL, NULL));
}

Dim *stride_along(Nest *n, Expr *flat, Axis *axis)
{
    Context *context = n->context;
    Expr *next = with_axis(n, flat, axis, expr_arith(context, I_ADD, expr_axis(context, axis), expr_index(context, 1)));
    const Expr *step = simplify(n->simplifier, expr_arith(context, I_SUB, next, flat));
    return expr_dim_of(context, step);
}

static bool reads(const Nest *n, const Expr *e, const Axis *axis)
{
    return axis_set_has(n, nest_facts(n, e)->reads, axis);
}

/* The product's two loads, the one that varies along rows first. */
static bool find_loads(const Nest *n, const Product *p, const Axis *k, const Expr **a, const Expr **b)
{
    const Expr *body = p->reduce->arg[0];
    if (body->kind != E_CALL || body->u.scalar != S_MUL || body->arg[0]->kind != E_LOAD || body->arg[1]->kind != E_LOAD)
        return false;
    const bool swapped = !reads(n, body->arg[0], p->row);
    *a = body->arg[swapped];
    *b = body->arg[!swapped];
    return reads(n, *a, p->row) && !reads(n, *a, p->column) && reads(n, *a, k) && !reads(n, *b, p->row) &&
           reads(n, *b, p->column) && reads(n, *b, k) && (*a)->u.value->type.dtype == F32 &&
           (*b)->u.value->type.dtype == F32;
}

static Expr *at_origin(Nest *n, Expr *flat, Axis *const *axis, int count)
{
    for (int i = 0; i < count; i++)
        flat = with_axis(n, flat, axis[i], expr_index(n->context, 0));
    return flat;
}

/* A nest whose two innermost loops are the rows and columns of a product of two matrices. */
static bool match_product(Nest *n, const Spatial *spatial, Product *p)
{
    const Expr *a, *b;
    if (n->nreduction != 1 || spatial->nloop < 2)
        return false;
    p->reduce = n->reduction[0];
    if (p->reduce->u.combine != COMBINE_ADD || p->reduce->dtype != F32 || p->reduce->nover != 1 || p->reduce->arg[1] ||
        !nest_facts(n, p->reduce)->is_certain)
        return false;
    Axis *k = p->reduce->over[0];
    p->row = spatial->loop[spatial->nloop - 2];
    p->column = spatial->loop[spatial->nloop - 1];
    p->rows = axis_extent(n->context, p->row);
    p->columns = axis_extent(n->context, p->column);
    p->depth = axis_extent(n->context, k);
    if (!p->rows || !p->columns || !p->depth || !find_loads(n, p, k, &a, &b))
        return false;
    Expr *a_flat = flat_index(n->context, a->u.value, a->index), *b_flat = flat_index(n->context, b->u.value, b->index);
    Axis *const axes[] = {p->row, p->column, k};
    Dim *a_step = stride_along(n, a_flat, k), *b_row = stride_along(n, b_flat, k),
        *b_column = stride_along(n, b_flat, p->column);
    p->a = a->u.value;
    p->b = b->u.value;
    p->a_stride = stride_along(n, a_flat, p->row);
    p->a_offset = at_origin(n, a_flat, axes, 3);
    p->b_offset = at_origin(n, b_flat, axes, 3);
    if (!p->a_stride || !a_step || !b_row || !b_column || !dim_equals(a_step, 1))
        return false;
    p->b_transposed = !dim_equals(b_column, 1);
    p->b_stride = p->b_transposed ? b_column : b_row;
    return !p->b_transposed || dim_equals(b_row, 1);
}

/* Products worth a library call or a micro-kernel are not small. */
static bool is_worth_it(const Product *p)
{
    enum { LEAST_COLUMNS = 8, LEAST_DEPTH = 8 };
    return dim_upper(p->columns) >= LEAST_COLUMNS && dim_upper(p->depth) >= LEAST_DEPTH && dim_upper(p->rows) > 1;
}

/* The same with weights for the right matrix, all of them and nothing else: they are packed when the program is made.
 */
static bool match_packed_product(Nest *n, const Spatial *spatial, Product *p)
{
    int64_t columns, depth, offset;
    return match_product(n, spatial, p) && is_worth_it(p) && p->b->constant && !p->b->constant->splat &&
           dim_is_const(p->columns, &columns) && dim_is_const(p->depth, &depth) && columns >= 8 &&
           expr_is_int(p->b_offset, &offset) && offset == 0 && p->b->constant->count == columns * depth;
}

/* The lists of a row's non-zeros, see templates/tile.c.t: a list that is full costs about as much as the dense product.
 */
static int64_t most_nonzeros(const Product *p)
{
    enum { MOST = 255, SPARSE_PANEL = 32, SPARSE = 16 };
    int64_t columns = 0, depth = 0;
    dim_is_const(p->columns, &columns);
    dim_is_const(p->depth, &depth);
    const int64_t most = depth / (columns <= PANEL ? SPARSE_PANEL : SPARSE);
    return most < MOST ? most : MOST;
}

static bool is_finite(const Tensor *tensor)
{
    const float *element = tensor->data;
    for (int64_t i = 0; i < tensor->count; i++)
        if (!isfinite(element[i]))
            return false;
    return true;
}

/* The same of wide rows that the caller gives, such as bags of words: whether they are nearly all zeros is seen when
 * they are there. Zeros can be left out because no weight is infinite or NaN; the other products are added as ever. */
static bool match_product_of_features(Nest *n, const Spatial *spatial, Product *p)
{
    enum { LEAST_FEATURES = 256 };
    int64_t depth;
    return match_packed_product(n, spatial, p) && !p->a->def && !p->a->constant && dim_is_const(p->depth, &depth) &&
           depth >= LEAST_FEATURES && depth <= INT32_MAX && is_finite(p->b->constant);
}

static bool match_library_product(Nest *n, const Spatial *spatial, Product *p)
{
    return match_product(n, spatial, p) && is_worth_it(p);
}

/* ---- from the micro-kernel ---- */
/* The weights as panels of PANEL columns, each [depth][PANEL], filled up with zeros. */
static Value *packed(Nest *n, const Product *p)
{
    Context *context = n->context;
    int64_t columns = 0, depth = 0, k_step = 0, j_step = 0;
    dim_is_const(p->columns, &columns);
    dim_is_const(p->depth, &depth);
    dim_is_const(p->b_stride, p->b_transposed ? &j_step : &k_step);
    *(p->b_transposed ? &k_step : &j_step) = 1;
    const int64_t panels = (columns + PANEL - 1) / PANEL;
    const float *from = p->b->constant->data;
    Tensor *tensor = tensor_new(context, F32, 3, (int64_t[]){panels, depth, PANEL});
    float *to = tensor->data;
    for (int64_t panel = 0; panel < panels; panel++)
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < PANEL; j++, to++)
                if (panel * PANEL + j < columns)
                    *to = from[k * k_step + (panel * PANEL + j) * j_step];
    return n->packed(n->who, p->b, tensor);
}

/* In a local of this name, where the block ends that begins here. */
static Expr *end_of_block(Nest *n, Scope *scope, const Axis *of, const char *name, Expr *begin, Expr *step, Expr *hi)
{
    Context *context = n->context;
    Expr *next = expr_arith(context, I_ADD, begin, step);
    Stmt *end = append(n, &scope->block, STMT_LET);
    end->target = local_new(n, arena_printf(context->arena, "%s_%s", of->name, name), INDEX, 0);
    end->value = expr_select(context, expr_arith(context, I_LESS, next, hi), next, hi);
    return expr_load(context, end->target, NULL);
}

static Axis *blocks_of(Nest *n, const Axis *axis, const char *name, Expr *lo, Expr *hi)
{
    return axis_new(n->context, arena_printf(n->context->arena, "%s_%s", axis->name, name), lo, hi);
}

/* The loops around the product. */
static Scope *open_outer(Nest *n, const Spatial *spatial, Scope **scope)
{
    scope[0] = scope_new(n, NULL, NULL);
    for (int i = 0; i < spatial->nloop - 2; i++)
        scope[i + 1] = scope_new(n, scope[i], spatial->loop[i]);
    return scope[spatial->nloop - 2];
}

static Block close_outer(Nest *n, const Spatial *spatial, Scope **scope)
{
    for (int i = spatial->nloop - 2; i-- > 0;)
        close_loop(n, scope[i + 1], spatial->loop[i], spatial->loop[i]->lo, spatial->loop[i]->hi);
    return scope[0]->block;
}

static Expr *sum_of(Context *context, Expr *a, Expr *b)
{
    return expr_arith(context, I_ADD, a, b);
}

static Expr *product_of(Context *context, Expr *a, Expr *b)
{
    return expr_arith(context, I_MUL, a, b);
}

/* Where the rows of the left matrix begin, from this one on. */
static Expr *row_offset(Nest *n, const Product *p, const Scope *scope, Expr *first_row)
{
    Context *context = n->context;
    return sum_of(context, place(n, p->a_offset, (Scope *)scope),
                  product_of(context, first_row, expr_dim(context, p->a_stride)));
}

/* What is known of a chunk of rows before its tiles are computed. */
typedef struct {
    Expr *first;
    Value *nonzeros; /* lists of where each row is not 0; NULL: none are made */
} Chunk;

/* The sums of a tile, in a local array; what is done to them follows. */
static void tile_body(Nest *n, const Spatial *spatial, const Product *p, const Chunk *chunk, Scope *scope,
                      Expr *first_row, Expr *row_end, Expr *first_column, Expr *column_end)
{
    Context *context = n->context;
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, "sum", F32, 1);
    var->count = product_of(context, macro(n, "TILE_ROWS"), macro(n, "TILE_COLUMNS"));
    Stmt *tile = append(n, &scope->block, STMT_TILE);
    tile->target = var->target;
    tile->call.rows = expr_arith(context, I_SUB, row_end, first_row);
    tile->call.columns = expr_arith(context, I_SUB, column_end, first_column);
    tile->call.depth = expr_dim(context, p->depth);
    tile->call.a = p->a;
    tile->call.a_offset = row_offset(n, p, scope, first_row);
    tile->call.a_stride = expr_dim(context, p->a_stride);
    tile->call.b = packed(n, p);
    tile->call.b_offset = product_of(context, first_column, expr_dim(context, p->depth));
    tile->call.nonzeros = chunk->nonzeros;
    tile->call.most = most_nonzeros(p);
    tile->call.nonzeros_offset = product_of(context, expr_arith(context, I_SUB, first_row, chunk->first),
                                            expr_index(context, tile->call.most + 1));
    Scope *row = scope_new(n, scope, p->row), *column = scope_new(n, row, p->column);
    Expr *place_in_tile = sum_of(context,
                                 product_of(context, expr_arith(context, I_SUB, expr_axis(context, p->row), first_row),
                                            macro(n, "TILE_COLUMNS")),
                                 expr_arith(context, I_SUB, expr_axis(context, p->column), first_column));
    map_set(column->placed, p->reduce, expr_load(context, var->target, &place_in_tile));
    store(n, column, spatial->index, COMBINE_SET, place(n, spatial->body, column));
    close_loop(n, column, p->column, first_column, column_end);
    close_loop(n, row, p->row, first_row, row_end);
}

/* The lists of a chunk's rows, in a local array. */
static Value *find_nonzeros(Nest *n, const Product *p, Scope *scope, Expr *first_row, Expr *row_end)
{
    Context *context = n->context;
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, "nonzeros", I32, 1);
    var->count = product_of(context, macro(n, "NONZERO_ROWS"), expr_index(context, most_nonzeros(p) + 1));
    Stmt *find = append(n, &scope->block, STMT_NONZEROS);
    find->target = var->target;
    find->call = (KernelCall){.rows = expr_arith(context, I_SUB, row_end, first_row),
                              .depth = expr_dim(context, p->depth),
                              .a = p->a,
                              .a_offset = row_offset(n, p, scope, first_row),
                              .a_stride = expr_dim(context, p->a_stride),
                              .most = most_nonzeros(p)};
    return var->target;
}

/* for chunks of rows: for blocks of columns: for the chunk's blocks of rows: a tile. While a chunk's tiles are
 * computed, the columns' weights stay in the nearest cache and the rows in the next. */
static Block build_tiles(Nest *n, const Spatial *spatial, const Product *p, bool by_nonzeros)
{
    Context *context = n->context;
    Scope *outer[2 * MAX_RANK];
    Scope *scope = open_outer(n, spatial, outer);
    const bool one_block = dim_upper(p->columns) <= PANEL;
    Expr *chunk_rows = macro(n, by_nonzeros ? "NONZERO_ROWS" : "TILE_CHUNK");
    Axis *chunks = blocks_of(n, p->row, "chunk", p->row->lo, p->row->hi);
    Axis *columns = blocks_of(n, p->column, "block", p->column->lo, p->column->hi);
    Expr *first_column = one_block ? p->column->lo : expr_axis(context, columns);
    Chunk chunk = {.first = expr_axis(context, chunks)};
    Scope *in_chunk = scope_new(n, scope, chunks), *panel = one_block ? in_chunk : scope_new(n, in_chunk, columns);
    Expr *chunk_end =
        end_of_block(n, by_nonzeros ? in_chunk : panel, p->row, "chunk_end", chunk.first, chunk_rows, p->row->hi);
    if (by_nonzeros)
        chunk.nonzeros = find_nonzeros(n, p, in_chunk, chunk.first, chunk_end);
    Expr *column_end =
        one_block ? p->column->hi
                  : end_of_block(n, panel, p->column, "end", first_column, macro(n, "TILE_COLUMNS"), p->column->hi);
    Axis *rows = blocks_of(n, p->row, "block", chunk.first, chunk_end);
    Scope *tile = scope_new(n, panel, rows);
    Expr *row_end = end_of_block(n, tile, p->row, "end", expr_axis(context, rows), macro(n, "TILE_ROWS"), chunk_end);
    tile_body(n, spatial, p, &chunk, tile, expr_axis(context, rows), row_end, first_column, column_end);
    close_loop(n, tile, rows, rows->lo, rows->hi)->step = macro(n, "TILE_ROWS");
    if (!one_block)
        close_loop(n, panel, columns, columns->lo, columns->hi)->step = macro(n, "TILE_COLUMNS");
    Stmt *loop = close_loop(n, in_chunk, chunks, chunks->lo, chunks->hi);
    loop->step = chunk_rows;
    loop->with_next = !one_block && !by_nonzeros;
    return close_outer(n, spatial, outer);
}

static Block build_tile(Nest *n, const Spatial *spatial, const Product *p)
{
    return build_tiles(n, spatial, p, false);
}

static Block build_tile_of_nonzeros(Nest *n, const Spatial *spatial, const Product *p)
{
    return build_tiles(n, spatial, p, true);
}

/* ---- from a library ---- */
/* The products into the output, then, where there is more to the element, the rest of it in place. */
static Block build_sgemm(Nest *n, const Spatial *spatial, const Product *p)
{
    Context *context = n->context;
    Scope *outer[2 * MAX_RANK];
    Scope *scope = open_outer(n, spatial, outer);
    Axis *const axes[] = {p->row, p->column};
    Expr *origin[MAX_RANK];
    for (int i = 0; i < n->output->type.rank; i++)
        origin[i] = at_origin(n, spatial->index[i], axes, 2);
    Stmt *call = append(n, &scope->block, STMT_SGEMM);
    call->target = n->output;
    call->call.rows = expr_dim(context, p->rows);
    call->call.columns = expr_dim(context, p->columns);
    call->call.depth = expr_dim(context, p->depth);
    call->call.a = p->a;
    call->call.a_offset = place(n, p->a_offset, scope);
    call->call.a_stride = expr_dim(context, p->a_stride);
    call->call.b = p->b;
    call->call.b_offset = place(n, p->b_offset, scope);
    call->call.b_stride = expr_dim(context, p->b_stride);
    call->call.b_transposed = p->b_transposed;
    call->call.out_offset = simplify(n->simplifier, flat_index(context, n->output, origin));
    if (spatial->body != p->reduce) {
        Scope *row = scope_new(n, scope, p->row), *column = scope_new(n, row, p->column);
        map_set(column->placed, p->reduce, expr_load(context, n->output, spatial->index));
        store(n, column, spatial->index, COMBINE_SET, place(n, spatial->body, column));
        close_loop(n, column, p->column, p->column->lo, p->column->hi);
        close_loop(n, row, p->row, p->row->lo, p->row->hi);
    }
    return close_outer(n, spatial, outer);
}

/* ---- the table ---- */
static const struct {
    const char *name;
    DType type;
    Blas blas;
    bool (*match)(Nest *n, const Spatial *spatial, Product *product);
    Block (*build)(Nest *n, const Spatial *spatial, const Product *product);
} kernel[] = {
#define KERNEL(name, type, blas, match, build) {name, type, blas, match, build},
#include "kernels.def"
#undef KERNEL
};

bool kernel_build(Nest *n, const Spatial *spatial, Block *block)
{
    for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++) {
        Product product;
        if (kernel[i].type != n->output->type.dtype || kernel[i].blas > n->blas ||
            !kernel[i].match(n, spatial, &product))
            continue;
        nest_study(n, (Expr *[]){product.a_offset, product.b_offset}, 2);
        *block = kernel[i].build(n, spatial, &product);
        return true;
    }
    return false;
}
