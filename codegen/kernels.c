/* kernels.c -- finds the dense product in a nest and builds it from a micro-kernel or a library call.
 *
 * What is done to the sums (bias, activation) is built by the nest, from the same expressions as the derived loops. */
#include "kernels.h"
#include "../frontend/ops/expr.h"
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

bool load_is_inside(const Nest *n, const Expr *load)
{
    DimTable *dims = n->context->dims;
    for (int i = 0; i < load->u.value->type.rank; i++) {
        const Range range = expr_range(n->context, load->index[i]);
        if (!range.low || !range.high || dim_lower(range.low) < 0 ||
            !dim_le(dims, dim_add(dims, range.high, dim_const(dims, 1)), load->u.value->type.dim[i]))
            return false;
    }
    return true;
}

/* How the operands stand in memory: one of the two axes of each along it. */
static bool find_strides(Nest *n, Product *p, Axis *k, Expr *a_flat, Expr *b_flat)
{
    Dim *a_row = stride_along(n, a_flat, p->row), *a_k = stride_along(n, a_flat, k);
    Dim *b_k = stride_along(n, b_flat, k), *b_column = stride_along(n, b_flat, p->column);
    if (!a_row || !a_k || !b_k || !b_column)
        return false;
    p->a_transposed = !dim_equals(a_k, 1);
    p->a_stride = p->a_transposed ? a_k : a_row;
    p->b_transposed = !dim_equals(b_column, 1);
    p->b_stride = p->b_transposed ? b_column : b_k;
    return (!p->a_transposed || dim_equals(a_row, 1)) && (!p->b_transposed || dim_equals(b_k, 1));
}

/* A nest whose two innermost loops are the rows and columns of a product of two matrices. */
static bool match_product(Nest *n, const Spatial *spatial, Product *p)
{
    const Expr *a, *b;
    if (n->nreduction != 1 || spatial->nloop < 2)
        return false;
    p->reduce = n->reduction[0];
    if (p->reduce->u.combine != COMBINE_ADD || p->reduce->dtype != F32 || p->reduce->nover != 1 || p->reduce->arg[1])
        return false;
    Axis *k = p->reduce->over[0];
    p->row = spatial->loop[spatial->nloop - 2];
    p->column = spatial->loop[spatial->nloop - 1];
    p->rows = axis_extent(n->context, p->row);
    p->columns = axis_extent(n->context, p->column);
    p->depth = axis_extent(n->context, k);
    if (!p->rows || !p->columns || !p->depth || !find_loads(n, p, k, &a, &b))
        return false;
    if (!nest_facts(n, p->reduce)->is_certain && !(load_is_inside(n, a) && load_is_inside(n, b)))
        return false;
    Expr *a_flat = flat_index(n->context, a->u.value, a->index), *b_flat = flat_index(n->context, b->u.value, b->index);
    Axis *const axes[] = {p->row, p->column, k};
    p->a = a->u.value;
    p->b = b->u.value;
    p->a_offset = at_origin(n, a_flat, axes, 3);
    p->b_offset = at_origin(n, b_flat, axes, 3);
    return find_strides(n, p, k, a_flat, b_flat);
}

/* Products worth a library call or a micro-kernel are not small. */
static bool is_worth_it(const Product *p)
{
    enum { LEAST_COLUMNS = 6, LEAST_DEPTH = 5 };
    return dim_upper(p->columns) >= LEAST_COLUMNS && dim_upper(p->depth) >= LEAST_DEPTH && dim_upper(p->rows) > 1;
}

/* The same with weights for the right matrix, all of them and nothing else: they are packed when the program is made.
 */
static bool match_packed_product(Nest *n, const Spatial *spatial, Product *p)
{
    int64_t columns, depth, offset;
    return match_product(n, spatial, p) && is_worth_it(p) && !p->a_transposed && p->b->constant &&
           !p->b->constant->splat && dim_is_const(p->columns, &columns) && dim_is_const(p->depth, &depth) &&
           columns >= 8 && expr_is_int(p->b_offset, &offset) && offset == 0 && p->b->constant->count == columns * depth;
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

/* Whether a is wide rows that the caller gives, such as bags of words: if they are nearly all zeros is seen when they
 * are there. */
static bool has_features(const Product *p)
{
    enum { LEAST_FEATURES = 256 };
    int64_t features;
    return !p->a->def && !p->a->constant && dim_is_const(p->a_transposed ? p->rows : p->depth, &features) &&
           features >= LEAST_FEATURES && features <= INT32_MAX;
}

/* Zeros can be left out because no weight is infinite or NaN; the other products are added as ever. */
static bool match_product_of_features(Nest *n, const Spatial *spatial, Product *p)
{
    return match_packed_product(n, spatial, p) && has_features(p) && is_finite(p->b->constant);
}

/* Whether the product's rows stand in the output as such, from its begin on. */
static bool has_rows_of_output(Nest *n, const Spatial *spatial, const Product *p)
{
    Axis *const axes[] = {p->row, p->column};
    Expr *flat = flat_index(n->context, spatial->output, spatial->index);
    const Dim *row = stride_along(n, flat, p->row), *column = stride_along(n, flat, p->column);
    int64_t origin;
    return row == p->columns && column && dim_equals(column, 1) &&
           expr_is_int(simplify(n->simplifier, at_origin(n, flat, axes, 2)), &origin) && origin == 0;
}

/* Rows times any matrix. */
static bool match_product_of_rows(Nest *n, const Spatial *spatial, Product *p)
{
    return match_product(n, spatial, p) && is_worth_it(p) && !p->a_transposed && !p->b_transposed;
}

/* Sums over the rows of two matrices, which may be many. */
static bool match_product_of_columns(Nest *n, const Spatial *spatial, Product *p)
{
    return match_product(n, spatial, p) && is_worth_it(p) && p->a_transposed && !p->b_transposed;
}

/* Libraries want rows that do not overlap, as those of windows do. */
static bool match_library_product(Nest *n, const Spatial *spatial, Product *p)
{
    DimTable *dims = n->context->dims;
    return match_product(n, spatial, p) && is_worth_it(p) &&
           dim_le(dims, p->a_transposed ? p->rows : p->depth, p->a_stride) &&
           dim_le(dims, p->b_transposed ? p->depth : p->columns, p->b_stride);
}

/* Whether an offset reads a tensor. */
static bool has_loads(const Expr *e)
{
    bool any = e->kind == E_LOAD;
    const Expr *child;
    for (int i = 0; !any && (child = expr_child(e, i)); i++)
        any = has_loads(child);
    return any;
}

/* The host, which calls the library, knows no tensor's elements. */
static bool match_device_product(Nest *n, const Spatial *spatial, Product *p)
{
    return match_library_product(n, spatial, p) && !has_loads(p->a_offset) && !has_loads(p->b_offset);
}

/* The same two of features, by one matrix: whether it is finite is seen when it is there. */
static bool match_rows_of_features(Nest *n, const Spatial *spatial, Product *p)
{
    int64_t columns;
    return spatial->nloop == 2 && match_product_of_rows(n, spatial, p) && has_features(p) &&
           dim_is_const(p->columns, &columns);
}

static bool match_columns_of_features(Nest *n, const Spatial *spatial, Product *p)
{
    return spatial->nloop == 2 && match_product_of_columns(n, spatial, p) && has_features(p) &&
           has_rows_of_output(n, spatial, p);
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

/* A part of a product that one tile computes: from the first of each axis to where it ends. */
typedef struct {
    TileForm form;
    Expr *row, *row_end, *column, *column_end, *k, *k_end;
    Value *nonzeros; /* lists of where each row is not 0, from this row on; NULL: none */
    Expr *first_listed;
} Part;

static bool is_by_nonzeros(TileForm form)
{
    return form == TILE_OF_NONZEROS || form == TILE_OF_NONZEROS_BY_ROWS;
}

/* The operands of a part: its rows of a, from k on, and its columns of b. */
static void set_operands(Nest *n, const Product *p, const Part *part, Scope *scope, KernelCall *call)
{
    Context *context = n->context;
    Expr *const a_stride = expr_dim(context, p->a_stride), *const b_stride = expr_dim(context, p->b_stride);
    const bool is_packed = part->form == TILE_OF_WEIGHTS || part->form == TILE_OF_NONZEROS;
    Expr *a_along = p->a_transposed ? part->k : part->row, *a_in = p->a_transposed ? part->row : part->k;
    call->a = p->a;
    call->a_offset =
        sum_of(context, place(n, p->a_offset, scope), sum_of(context, product_of(context, a_along, a_stride), a_in));
    call->a_stride = a_stride;
    call->b = is_packed ? packed(n, p) : p->b;
    call->b_offset = is_packed ? product_of(context, part->column, expr_dim(context, p->depth))
                               : sum_of(context, place(n, p->b_offset, scope),
                                        sum_of(context, product_of(context, part->k, b_stride), part->column));
    call->b_stride = is_packed ? NULL : b_stride;
    call->nonzeros = part->nonzeros;
    if (!part->nonzeros)
        return;
    call->most = most_nonzeros(p);
    call->nonzeros_offset = product_of(context, expr_arith(context, I_SUB, part->row, part->first_listed),
                                       expr_index(context, call->most + 1));
}

/* The sums of a part in a local array; the one at row and column. */
static Expr *tile_sums(Nest *n, const Product *p, const Part *part, Scope *scope)
{
    Context *context = n->context;
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, "sum", F32, 1);
    var->count = product_of(context, macro(n, "TILE_ROWS"), macro(n, "TILE_COLUMNS"));
    KernelCall call = {.form = part->form,
                       .rows = expr_arith(context, I_SUB, part->row_end, part->row),
                       .columns = expr_arith(context, I_SUB, part->column_end, part->column),
                       .depth = expr_arith(context, I_SUB, part->k_end, part->k)};
    set_operands(n, p, part, scope, &call);
    Stmt *tile = append(n, &scope->block, STMT_TILE);
    tile->target = var->target;
    tile->call = call;
    Expr *row = expr_arith(context, I_SUB, expr_axis(context, p->row), part->row);
    Expr *column = expr_arith(context, I_SUB, expr_axis(context, p->column), part->column);
    Expr *at = sum_of(context, product_of(context, row, macro(n, "TILE_COLUMNS")), column);
    return expr_load(context, var->target, &at);
}

/* Stores for the rows and columns of a part: the element with this as the reduction, or, combined, only that. */
static void store_part(Nest *n, const Spatial *spatial, const Product *p, const Part *part, Scope *scope,
                       Combine combine, Expr *sum)
{
    Scope *row = scope_new(n, scope, p->row), *column = scope_new(n, row, p->column);
    const bool is_whole = combine == COMBINE_SET && sum->kind != E_CONST;
    if (is_whole)
        map_set(column->placed, p->reduce, sum);
    store(n, column, spatial->index, combine, is_whole ? place(n, spatial->body, column) : sum);
    close_loop(n, column, p->column, part->column, part->column_end);
    close_loop(n, row, p->row, part->row, part->row_end);
}

/* Of features in the columns of a product: as many at once, and of as many rows, as stay in a near cache. */
enum { BLOCK_OF_FEATURES = 256, CHUNK_OF_FEATURES = 192 };

/* Columns of a tile of the product. */
static Expr *tile_step(Nest *n, const Product *p)
{
    int64_t columns = 0;
    dim_is_const(p->columns, &columns);
    return macro(n, arena_printf(n->context->arena, "TILE_STEP(%lld)", (long long)columns));
}

/* A local that tells whether b is finite, so that zeros of a can be left out. */
static Expr *ask_finite(Nest *n, const Product *p, Scope *scope)
{
    Context *context = n->context;
    Stmt *ask = append(n, &scope->block, STMT_FINITE);
    ask->target = local_new(n, "is_finite", BOOL, 0);
    ask->call = (KernelCall){.rows = expr_dim(context, p->depth),
                             .columns = expr_dim(context, p->columns),
                             .b = p->b,
                             .b_offset = place(n, p->b_offset, scope),
                             .b_stride = expr_dim(context, p->b_stride)};
    return expr_load(context, ask->target, NULL);
}

/* The lists of what the call says of a, in a local array for so many rows. */
static Value *find_nonzeros(Nest *n, const Product *p, Scope *scope, Expr *rows, const KernelCall *call)
{
    Context *context = n->context;
    Stmt *var = append(n, &scope->block, STMT_VAR);
    var->target = local_new(n, "nonzeros", I32, 1);
    var->count = product_of(context, rows, expr_index(context, call->most + 1));
    Stmt *find = append(n, &scope->block, STMT_NONZEROS);
    find->target = var->target;
    find->call = *call;
    find->call.a = p->a;
    find->call.a_stride = expr_dim(context, p->a_stride);
    return var->target;
}

/* The same of a chunk's rows. */
static Value *find_nonzeros_of_rows(Nest *n, const Product *p, Scope *scope, Expr *first, Expr *end, Expr *may_skip)
{
    Context *context = n->context;
    Expr *from = product_of(context, first, expr_dim(context, p->a_stride));
    const KernelCall call = {.may_skip = may_skip,
                             .rows = expr_arith(context, I_SUB, end, first),
                             .depth = expr_dim(context, p->depth),
                             .a_offset = sum_of(context, place(n, p->a_offset, scope), from),
                             .most = most_nonzeros(p)};
    return find_nonzeros(n, p, scope, macro(n, "NONZERO_ROWS"), &call);
}

/* for chunks of rows: for blocks of columns: for the chunk's blocks of rows: a tile. While a chunk's tiles are
 * computed, the columns' weights stay in the nearest cache and the rows in the next. */
static Block build_rows(Nest *n, const Spatial *spatial, const Product *p, TileForm form)
{
    Context *context = n->context;
    Scope *outer[2 * MAX_RANK];
    Scope *scope = open_outer(n, spatial, outer);
    const bool one_block = dim_upper(p->columns) <= PANEL, by_nonzeros = is_by_nonzeros(form);
    Expr *may_skip = form == TILE_OF_NONZEROS_BY_ROWS ? ask_finite(n, p, scope) : NULL;
    Expr *chunk_rows = macro(n, by_nonzeros ? "NONZERO_ROWS" : "TILE_CHUNK");
    Axis *chunks = blocks_of(n, p->row, "chunk", p->row->lo, p->row->hi);
    Axis *columns = blocks_of(n, p->column, "block", p->column->lo, p->column->hi);
    Part part = {.form = form, .k = expr_index(context, 0), .k_end = expr_dim(context, p->depth)};
    part.column = one_block ? p->column->lo : expr_axis(context, columns);
    part.first_listed = expr_axis(context, chunks);
    Scope *chunk = scope_new(n, scope, chunks), *panel = one_block ? chunk : scope_new(n, chunk, columns);
    Expr *chunk_end = end_of_block(n, by_nonzeros ? chunk : panel, p->row, "chunk_end", expr_axis(context, chunks),
                                   chunk_rows, p->row->hi);
    if (by_nonzeros)
        part.nonzeros = find_nonzeros_of_rows(n, p, chunk, expr_axis(context, chunks), chunk_end, may_skip);
    part.column_end = one_block ? p->column->hi
                                : end_of_block(n, panel, p->column, "end", part.column, tile_step(n, p), p->column->hi);
    Axis *rows = blocks_of(n, p->row, "block", expr_axis(context, chunks), chunk_end);
    Scope *tile = scope_new(n, panel, rows);
    part.row = expr_axis(context, rows);
    part.row_end = end_of_block(n, tile, p->row, "end", part.row, macro(n, "TILE_ROWS"), chunk_end);
    store_part(n, spatial, p, &part, tile, COMBINE_SET, tile_sums(n, p, &part, tile));
    close_loop(n, tile, rows, rows->lo, rows->hi)->step = macro(n, "TILE_ROWS");
    if (!one_block)
        close_loop(n, panel, columns, columns->lo, columns->hi)->step = tile_step(n, p);
    Stmt *loop = close_loop(n, chunk, chunks, chunks->lo, chunks->hi);
    loop->step = chunk_rows;
    loop->with_next = !one_block && !by_nonzeros;
    return close_outer(n, spatial, outer);
}

static Block build_tile(Nest *n, const Spatial *spatial, const Product *p)
{
    return build_rows(n, spatial, p, TILE_OF_WEIGHTS);
}

static Block build_tile_of_nonzeros(Nest *n, const Spatial *spatial, const Product *p)
{
    return build_rows(n, spatial, p, TILE_OF_NONZEROS);
}

static Block build_tile_of_nonzeros_by_rows(Nest *n, const Spatial *spatial, const Product *p)
{
    return build_rows(n, spatial, p, TILE_OF_NONZEROS_BY_ROWS);
}

static Block build_tile_of_rows(Nest *n, const Spatial *spatial, const Product *p)
{
    return build_rows(n, spatial, p, TILE_OF_ROWS);
}

/* The tiles of the sums over one chunk of rows, which are added to what is there, for all the rows and columns of a
 * part: the loop over them. */
static Stmt *add_chunk(Nest *n, const Spatial *spatial, const Product *p, Scope *scope, Part part)
{
    Context *context = n->context;
    Axis *rows = blocks_of(n, p->row, "tile", part.row, part.row_end);
    Axis *columns = blocks_of(n, p->column, "tile", part.column, part.column_end);
    Scope *across = scope_new(n, scope, rows), *tile = scope_new(n, across, columns);
    part.row = expr_axis(context, rows);
    part.column = expr_axis(context, columns);
    part.row_end = end_of_block(n, tile, p->row, "end", part.row, macro(n, "TILE_ROWS"), rows->hi);
    part.column_end = end_of_block(n, tile, p->column, "end", part.column, tile_step(n, p), columns->hi);
    store_part(n, spatial, p, &part, tile, COMBINE_ADD, tile_sums(n, p, &part, tile));
    close_loop(n, tile, columns, columns->lo, columns->hi)->step = tile_step(n, p);
    Stmt *loop = close_loop(n, across, rows, rows->lo, rows->hi);
    loop->step = macro(n, "TILE_ROWS");
    return loop;
}

/* for chunks of rows of both, as many as stay in a near cache: for tiles: the sums over the chunk are added to the
 * output. Threads share the tiles of a chunk, so that each sum is one thread's, in the order of the chunks. */
static Block build_tile_of_columns(Nest *n, const Spatial *spatial, const Product *p)
{
    Context *context = n->context;
    Scope *outer[2 * MAX_RANK];
    Scope *scope = open_outer(n, spatial, outer);
    const Part all = {.row = p->row->lo, .row_end = p->row->hi, .column = p->column->lo, .column_end = p->column->hi};
    store_part(n, spatial, p, &all, scope, COMBINE_SET, expr_float(context, F32, 0));
    const Axis *k = p->reduce->over[0];
    Axis *chunks = blocks_of(n, k, "chunk", expr_index(context, 0), expr_dim(context, p->depth));
    Scope *chunk = scope_new(n, scope, chunks);
    Part part = all;
    part.form = TILE_OF_COLUMNS;
    part.k = expr_axis(context, chunks);
    part.k_end = end_of_block(n, chunk, k, "end", part.k, macro(n, "TILE_DEPTH"), chunks->hi);
    Stmt *tiles = add_chunk(n, spatial, p, chunk, part);
    DimTable *dims = context->dims;
    tiles->with_next = true;
    if (spatial->nloop == 2) /* else threads share what is around it */
        tiles->work = expr_dim(context, dim_mul(dims, p->depth, dim_mul(dims, p->rows, p->columns)));
    Stmt *loop = close_loop(n, chunk, chunks, chunks->lo, chunks->hi);
    loop->step = macro(n, "TILE_DEPTH");
    loop->is_serial = true;
    if (spatial->body != p->reduce)
        store_part(n, spatial, p, &all, scope, COMBINE_SET, expr_load(context, n->output, spatial->index));
    return close_outer(n, spatial, outer);
}

/* What one chunk of rows adds to a block of the output's: by the rows' lists, or, where there is more in them than
 * pays, by tiles. */
static void add_chunk_of_features(Nest *n, const Spatial *spatial, const Product *p, Scope *scope, const Part *part,
                                  Expr *may_skip)
{
    enum { MOST = 48 }; /* of FEATURES, which cost as much as a fifth of the dense product */
    Context *context = n->context;
    Expr *const a_stride = expr_dim(context, p->a_stride), *const b_stride = expr_dim(context, p->b_stride);
    Expr *a_from = sum_of(context, product_of(context, part->k, a_stride), part->row);
    KernelCall call = {.may_skip = may_skip,
                       .rows = expr_arith(context, I_SUB, part->k_end, part->k),
                       .depth = expr_arith(context, I_SUB, part->row_end, part->row),
                       .a_offset = sum_of(context, place(n, p->a_offset, scope), a_from),
                       .most = MOST};
    call.nonzeros = find_nonzeros(n, p, scope, expr_index(context, CHUNK_OF_FEATURES), &call);
    call.nonzeros_offset = expr_index(context, 0);
    Scope *sparse = arm_new(n, scope, false), *dense = arm_new(n, scope, false);
    Stmt *add = append(n, &sparse->block, STMT_ADD_NONZEROS);
    add->target = spatial->output;
    add->call = call;
    add->call.columns = expr_dim(context, p->columns);
    add->call.a = p->a;
    add->call.a_stride = a_stride;
    add->call.b = p->b;
    add->call.b_offset = sum_of(context, place(n, p->b_offset, scope), product_of(context, part->k, b_stride));
    add->call.b_stride = b_stride;
    add->call.out_offset = product_of(context, part->row, expr_dim(context, p->columns));
    add_chunk(n, spatial, p, dense, *part);
    Stmt *choose = append(n, &scope->block, STMT_IF);
    Expr *first = expr_cast(context, expr_load(context, call.nonzeros, (Expr *[]){expr_index(context, 0)}), INDEX);
    choose->value = expr_arith(context, I_LESS_EQUAL, expr_index(context, 0), first);
    choose->body = sparse->block;
    choose->otherwise = dense->block;
}

/* for blocks of features: for chunks of rows: what is not 0 in both, and the sums of that. Threads share the blocks. */
static Block build_sums_of_nonzeros(Nest *n, const Spatial *spatial, const Product *p)
{
    Context *context = n->context;
    Scope *scope = scope_new(n, NULL, NULL);
    Expr *may_skip = ask_finite(n, p, scope);
    Axis *blocks = blocks_of(n, p->row, "block", p->row->lo, p->row->hi);
    Scope *block = scope_new(n, scope, blocks);
    Part part = {.form = TILE_OF_COLUMNS, .column = p->column->lo, .column_end = p->column->hi};
    part.row = expr_axis(context, blocks);
    part.row_end =
        end_of_block(n, block, p->row, "block_end", part.row, expr_index(context, BLOCK_OF_FEATURES), p->row->hi);
    store_part(n, spatial, p, &part, block, COMBINE_SET, expr_float(context, F32, 0));
    const Axis *k = p->reduce->over[0];
    Axis *chunks = blocks_of(n, k, "chunk", expr_index(context, 0), expr_dim(context, p->depth));
    Scope *chunk = scope_new(n, block, chunks);
    Part added = part;
    added.k = expr_axis(context, chunks);
    added.k_end = end_of_block(n, chunk, k, "end", added.k, expr_index(context, CHUNK_OF_FEATURES), chunks->hi);
    add_chunk_of_features(n, spatial, p, chunk, &added, may_skip);
    close_loop(n, chunk, chunks, chunks->lo, chunks->hi)->step = expr_index(context, CHUNK_OF_FEATURES);
    if (spatial->body != p->reduce)
        store_part(n, spatial, p, &part, block, COMBINE_SET, expr_load(context, n->output, spatial->index));
    close_loop(n, block, blocks, blocks->lo, blocks->hi)->step = expr_index(context, BLOCK_OF_FEATURES);
    return scope->block;
}

/* ---- from a library ---- */
/* Where the products lie in the output that has element 0 of its last axes first. */
static Expr *output_offset(Nest *n, const Spatial *spatial, Axis *const *axis, int count)
{
    Expr *origin[MAX_RANK];
    for (int i = 0; i < n->output->type.rank; i++)
        origin[i] = at_origin(n, spatial->index[i], axis, count);
    return simplify(n->simplifier, flat_index(n->context, n->output, origin));
}

/* The products into the output. */
static Stmt *call_library(Nest *n, const Spatial *spatial, const Product *p, Scope *scope)
{
    Context *context = n->context;
    Axis *const axes[] = {p->row, p->column};
    Stmt *call = append(n, &scope->block, STMT_SGEMM);
    call->target = n->output;
    call->call = (KernelCall){.rows = expr_dim(context, p->rows),
                              .columns = expr_dim(context, p->columns),
                              .depth = expr_dim(context, p->depth),
                              .a = p->a,
                              .a_offset = place(n, p->a_offset, scope),
                              .a_stride = expr_dim(context, p->a_stride),
                              .a_transposed = p->a_transposed,
                              .b = p->b,
                              .b_offset = place(n, p->b_offset, scope),
                              .b_stride = expr_dim(context, p->b_stride),
                              .b_transposed = p->b_transposed,
                              .out_offset = output_offset(n, spatial, axes, 2)};
    return call;
}

/* ... then, where there is more to the element, the rest of it in place. */
static Block build_sgemm(Nest *n, const Spatial *spatial, const Product *p)
{
    Scope *outer[2 * MAX_RANK];
    Scope *scope = open_outer(n, spatial, outer);
    call_library(n, spatial, p, scope);
    if (spatial->body != p->reduce) {
        Scope *row = scope_new(n, scope, p->row), *column = scope_new(n, row, p->column);
        map_set(column->placed, p->reduce, expr_load(n->context, n->output, spatial->index));
        store(n, column, spatial->index, COMBINE_SET, place(n, spatial->body, column));
        close_loop(n, column, p->column, p->column->lo, p->column->hi);
        close_loop(n, row, p->row, p->row->lo, p->row->hi);
    }
    return close_outer(n, spatial, outer);
}

/* The loops around a product that one call takes in: the innermost of them, along which the operands are equally far
 * apart. Those that only make more rows of the left matrix are rows. */
typedef struct {
    Dim *batches, *a_batch, *b_batch; /* NULL: there is one product */
    int ncalls;                       /* loops that are left, a call in each round */
    Axis *within[2 * MAX_RANK];       /* those that are not, and the product's own */
    int nwithin;
} Batch;

/* Takes one more loop in; false: it cannot be. */
static bool take_loop(Nest *n, Product *p, Batch *batch, Axis *axis)
{
    DimTable *dims = n->context->dims;
    Dim *extent = axis_extent(n->context, axis);
    Dim *a = stride_along(n, p->a_offset, axis), *b = stride_along(n, p->b_offset, axis);
    if (!extent || !a || !b || dim_lower(a) < 0 || dim_lower(b) < 0)
        return false;
    if (!batch->batches && !p->a_transposed && dim_equals(b, 0) && a == dim_mul(dims, p->a_stride, p->rows)) {
        p->rows = dim_mul(dims, p->rows, extent);
    } else if (!batch->batches) {
        *batch = (Batch){extent, a, b, batch->ncalls, {NULL}, 0};
    } else if (a == dim_mul(dims, batch->a_batch, batch->batches) &&
               b == dim_mul(dims, batch->b_batch, batch->batches)) {
        batch->batches = dim_mul(dims, batch->batches, extent);
    } else {
        return false;
    }
    return true;
}

static Batch find_batch(Nest *n, const Spatial *spatial, Product *p)
{
    Batch batch = {.ncalls = spatial->nloop - 2};
    while (batch.ncalls > 0 && take_loop(n, p, &batch, spatial->loop[batch.ncalls - 1]))
        batch.ncalls--;
    for (int i = batch.ncalls; i < spatial->nloop; i++)
        batch.within[batch.nwithin++] = spatial->loop[i];
    p->a_offset = at_origin(n, p->a_offset, batch.within, batch.nwithin);
    p->b_offset = at_origin(n, p->b_offset, batch.within, batch.nwithin);
    return batch;
}

/* The same from the host, as few calls as can be. */
static Block build_calls(Nest *n, const Spatial *spatial, const Product *product)
{
    Context *context = n->context;
    Product p = *product;
    const Batch batch = find_batch(n, spatial, &p);
    Spatial around = *spatial;
    around.nloop = batch.ncalls + 2;
    nest_study(n, (Expr *[]){p.a_offset, p.b_offset}, 2);
    Scope *outer[2 * MAX_RANK];
    Stmt *call = call_library(n, &around, &p, open_outer(n, &around, outer));
    call->call.out_offset = output_offset(n, spatial, batch.within, batch.nwithin);
    if (batch.batches) {
        call->call.batches = expr_dim(context, batch.batches);
        call->call.a_batch = expr_dim(context, batch.a_batch);
        call->call.b_batch = expr_dim(context, batch.b_batch);
    }
    return close_outer(n, &around, outer);
}

/* What is to be done with the sums that stand in the output: loops over all of it, nothing between them. */
static Block build_rest(Nest *n, const Spatial *spatial, const Product *p)
{
    Scope *scope[2 * MAX_RANK + 1] = {scope_new(n, NULL, NULL)};
    for (int i = 0; i < spatial->nloop; i++)
        scope[i + 1] = scope_new(n, scope[i], NULL);
    Scope *inner = scope[spatial->nloop];
    for (int i = 0; i < spatial->nloop; i++)
        inner->bound = axis_set_add(n, inner->bound, spatial->loop[i]);
    map_set(inner->placed, p->reduce, expr_load(n->context, n->output, spatial->index));
    store(n, inner, spatial->index, COMBINE_SET, place(n, spatial->body, inner));
    for (int i = spatial->nloop; i-- > 0;)
        close_loop(n, scope[i + 1], spatial->loop[i], spatial->loop[i]->lo, spatial->loop[i]->hi)->is_spatial = true;
    return scope[0]->block;
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

/* Own kernels stand in for a library in C, whose threads they are made for. */
static bool is_chosen(const Nest *n, Blas blas)
{
    return blas == n->blas || (blas == BLAS_OWN && n->blas == BLAS_OPENBLAS);
}

/* The number of the first kernel that takes the nest; -1: none does. */
static int find_kernel(Nest *n, const Spatial *spatial, Product *product)
{
    for (int i = 0; i < (int)(sizeof kernel / sizeof *kernel); i++)
        if (kernel[i].type == n->output->type.dtype && is_chosen(n, kernel[i].blas) &&
            kernel[i].match(n, spatial, product))
            return i;
    return -1;
}

bool kernel_matches(Nest *n, const Spatial *spatial)
{
    Product product;
    return find_kernel(n, spatial, &product) >= 0;
}

bool kernel_build(Nest *n, const Spatial *spatial, Block *block, Block *rest)
{
    Product product;
    const int found = find_kernel(n, spatial, &product);
    if (found < 0)
        return false;
    nest_study(n, (Expr *[]){product.a_offset, product.b_offset}, 2);
    *block = kernel[found].build(n, spatial, &product);
    *rest = (Block){0};
    if (kernel[found].blas == BLAS_CUBLAS && spatial->body != product.reduce)
        *rest = build_rest(n, spatial, &product);
    return true;
}
