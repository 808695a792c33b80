/* print_stmt.c -- statements as C, and what a parallel loop or a kernel's call looks like. */
#include "../frontend/ops/expr.h"
#include "print.h"
#include <string.h>

static const char *macro_name(Printer *p, const char *name)
{
    return print_format(p, "%s%s", p->upper, name);
}

const char *type_of_local(const Value *local)
{
    return local->type.dtype == INDEX ? "int64_t" : dtype_info(local->type.dtype)->compute;
}

/* The value to assign where a statement combines: the scalar function over what is there and what comes. */
static Expr *combined(Printer *p, const Stmt *stmt)
{
    if (stmt->combine == COMBINE_SET)
        return stmt->value;
    return expr_call2(p->context, combine_scalar(stmt->combine), expr_load(p->context, stmt->target, stmt->index),
                      stmt->value);
}

/* The expression as the value of an int64_t or a narrower local, where C widens by itself. */
static const char *print_widened(Printer *p, const Expr *e)
{
    const bool widens = e->kind == E_CAST && e->dtype == INDEX && e->arg[0]->dtype == I32;
    return print_expression(p, widens ? e->arg[0] : e).text;
}

/* An assignment inside a loop over vectors: to vectors, or to memory. */
static void print_vector_set(Printer *p, const Stmt *stmt)
{
    const Value *target = stmt->target;
    bool varies;
    if (!stmt->is_vector) {
        const char *to = print_pointer(p, target, flat_index(p->context, target, stmt->index), true);
        text_line(p->text, "%sstore(%s, %s);", p->prefix, to, print_splat(p, stmt->value));
        return;
    }
    const char *place = print_element(p, target, stmt->index, true);
    if (stmt->combine == COMBINE_ADD || stmt->combine == COMBINE_MUL)
        text_line(p->text, "%s %s= %s;", place, stmt->combine == COMBINE_ADD ? "+" : "*",
                  print_vector(p, stmt->value, &varies).text);
    else if (stmt->combine == COMBINE_SET)
        text_line(p->text, "%s = %s;", place, print_splat(p, stmt->value));
    else
        text_line(p->text, "%s = %svector_%s(%s, %s);", place, p->prefix, stmt->combine == COMBINE_MAX ? "max" : "min",
                  place, print_splat(p, stmt->value));
}

static const char *print_sum(Printer *p, const Stmt *stmt)
{
    return print_format(p, "%ssum(%s)", p->prefix, print_expression(p, stmt->value).text);
}

static void print_set(Printer *p, const Stmt *stmt)
{
    if (p->lane) {
        print_vector_set(p, stmt);
        return;
    }
    if (stmt->is_sum) {
        text_line(p->text, "%s = %s;", print_element(p, stmt->target, stmt->index, true), print_sum(p, stmt));
        return;
    }
    const Value *target = stmt->target;
    const char *place = print_element(p, target, stmt->index, true);
    const bool converted = !is_local(target) && dtype_is_converted(target->type.dtype);
    const bool in_place = (stmt->combine == COMBINE_ADD || stmt->combine == COMBINE_MUL) && !converted &&
                          dtype_is_float(target->type.dtype);
    if (in_place) {
        text_line(p->text, "%s %s= %s;", place, stmt->combine == COMBINE_ADD ? "+" : "*",
                  print_expression(p, stmt->value).text);
        return;
    }
    const char *value = print_expression(p, combined(p, stmt)).text;
    text_line(p->text, "%s = %s;", place, converted ? print_from_float(p, target->type.dtype, value, false) : value);
}

static bool is_short(const Block *block)
{
    return block->first && block->first == block->last &&
           (block->first->kind == STMT_SET || block->first->kind == STMT_FAIL ||
            (block->first->kind == STMT_FOR && !block->first->work));
}

static void print_body(Printer *p, const Block *block, bool braces)
{
    p->text->indent++;
    print_block(p, block);
    p->text->indent--;
    if (braces)
        text_line(p->text, "}");
}

/* What a pragma says, in which symbols are only hinted at. */
static const char *print_hint(Printer *p, const Expr *e)
{
    bool *symbol = p->uses.symbol;
    p->uses.symbol = p->uses.hint;
    const char *text = print_within(p, print_expression(p, e), P_SHIFT);
    p->uses.symbol = symbol;
    return text;
}

static void print_pragma(Printer *p, const Stmt *stmt)
{
    enum { WORTH_THREADS = 1 << 15 };
    int64_t work;
    const bool known = expr_is_int(stmt->work, &work);
    if (!p->threads || stmt->is_serial || (known && work < WORTH_THREADS))
        return;
    text_line(p->text, "#ifdef _OPENMP");
    text_line(p->text, "#pragma omp parallel for%s%s%s", stmt->with_next ? " collapse(2)" : "",
              known ? "" : print_format(p, " if (%s > %d)", print_hint(p, stmt->work), WORTH_THREADS),
              stmt->chunk ? print_format(p, " schedule(dynamic, %d)", stmt->chunk) : "");
    text_line(p->text, "#endif");
}

/* The body of a loop over vectors; before it the first of the vector's lanes, where it speaks of that. */
static void print_vector_body(Printer *p, const Stmt *stmt)
{
    Text *text = p->text, *body = text_new(p->context->arena);
    body->indent = text->indent + 1;
    map_set(p->axis_name, stmt->lane, stmt->lane_name);
    p->helpers->needs_vector = true;
    p->lane = stmt->lane;
    p->vector = stmt->axis;
    p->has_lane = false;
    p->text = body;
    print_block(p, &stmt->body);
    p->text = text;
    p->lane = p->vector = NULL;
    const char *base = stmt->lane_base ? print_format(p, "%s + ", print_expression(p, stmt->lane_base).text) : "";
    if (p->has_lane)
        text_line(text, "    const int64_t %s = %s%s(%s, %lld);", stmt->lane_name, base, macro_name(p, "LANE"),
                  stmt->axis_name, (long long)stmt->lanes);
    text_string(text, body->data);
    text_line(text, "}");
}

static void print_for(Printer *p, const Stmt *stmt)
{
    const bool braces = stmt->lane || !is_short(&stmt->body);
    const char *name = stmt->axis_name;
    if (stmt->work)
        print_pragma(p, stmt);
    if (stmt->is_unrolled)
        text_line(p->text, "%s", macro_name(p, "UNROLL"));
    map_set(p->axis_name, stmt->axis, name);
    const char *step = stmt->next_at ? print_format(p, "%s = %s", name, print_expression(p, stmt->next_at).text)
                       : stmt->step  ? print_format(p, "%s += %s", name, print_expression(p, stmt->step).text)
                                     : print_format(p, "%s++", name);
    text_line(p->text, "for (int64_t %s = %s; %s < %s; %s)%s", name, print_widened(p, stmt->lo), name,
              print_within(p, print_expression(p, stmt->hi), P_SHIFT), step, braces ? " {" : "");
    if (stmt->lane)
        print_vector_body(p, stmt);
    else
        print_body(p, &stmt->body, braces);
}

static void print_axis(Printer *p, const Stmt *stmt)
{
    map_set(p->axis_name, stmt->axis, stmt->axis_name);
    text_line(p->text, "const int64_t %s = %s;", stmt->axis_name, print_expression(p, stmt->value).text);
}

static void print_if(Printer *p, const Stmt *stmt)
{
    const bool has_else = !block_is_empty(&stmt->otherwise);
    const bool braces = has_else || !is_short(&stmt->body) || stmt->body.first->kind == STMT_FOR;
    text_line(p->text, "if (%s)%s", print_expression(p, stmt->value).text, braces ? " {" : "");
    print_body(p, &stmt->body, braces && !has_else);
    if (has_else) {
        text_line(p->text, "} else {");
        print_body(p, &stmt->otherwise, true);
    }
}

static void print_var(Printer *p, const Stmt *stmt)
{
    const char *type = stmt->is_vector ? print_format(p, "%svector", p->prefix) : type_of_local(stmt->target);
    const char *name = stmt->target->name;
    if (stmt->is_vector) {
        p->helpers->needs_vector = true;
        map_set(p->is_vector, stmt->target, stmt);
    }
    if (stmt->count)
        text_line(p->text, "%s %s[%s]%s;", type, name, print_expression(p, stmt->count).text,
                  stmt->value ? " = {0}" : "");
    else if (stmt->value)
        text_line(p->text, "%s %s = %s;", type, name,
                  stmt->is_sum      ? print_sum(p, stmt)
                  : stmt->is_vector ? print_splat(p, stmt->value)
                                    : print_expression(p, stmt->value).text);
    else
        text_line(p->text, "%s %s;", type, name);
}

static void print_let(Printer *p, const Stmt *stmt)
{
    bool varies = false;
    const char *value = stmt->is_sum ? print_sum(p, stmt)
                        : p->lane    ? print_vector(p, stmt->value, &varies).text
                                     : print_widened(p, stmt->value);
    if (varies)
        map_set(p->is_vector, stmt->target, stmt);
    const char *type = stmt->target->type.dtype == BOOL ? "bits" : "vector"; /* a mask, or numbers */
    text_line(p->text, "const %s %s = %s;",
              varies ? print_format(p, "%s%s", p->prefix, type) : type_of_local(stmt->target), stmt->target->name,
              value);
}

static void print_each(Printer *p, const Stmt *stmt)
{
    p->helpers->needs_vector = true;
    text_line(p->text, "%seach_%s(%s, %s);", p->prefix, stmt->function, print_expression(p, stmt->value).text,
              stmt->target->name);
}

static void print_prefetch(Printer *p, const Stmt *stmt)
{
    p->helpers->needs_vector = true;
    text_line(p->text, "%sprefetch(%s, %lld);", p->prefix, print_pointer(p, stmt->target, stmt->value, false),
              (long long)stmt->lanes);
}

static void print_rows(Printer *p, const Stmt *stmt)
{
    p->helpers->needs_rows = true;
    text_line(p->text, "const int64_t %s = %s%s(%s, %s%s);", stmt->target->name, p->prefix, stmt->function,
              print_pointer(p, stmt->table, expr_index(p->context, 0), false), print_expression(p, stmt->hi).text,
              stmt->value ? print_format(p, ", %s", print_expression(p, stmt->value).text) : "");
}

const char *print_pointer(Printer *p, const Value *value, const Expr *offset, bool is_written)
{
    int64_t constant;
    if (!is_local(value))
        use_value(p, value, is_written);
    const char *name = is_local(value) ? value->name : p->value_name(p->who, value);
    if (expr_is_int(offset, &constant) && constant == 0)
        return name;
    return print_format(p, "%s + %s", name, print_within(p, print_expression(p, offset), P_ADD));
}

static void print_kernel_call(Printer *p, const char *name, const char *arguments)
{
    const char *head = print_format(p, "%s%s(", p->prefix, name);
    text_wrapped(p->text, print_format(p, "%s%s);", head, arguments), 4 * p->text->indent + (int)strlen(head));
}

static void needs_tile_of(Printer *p, TileForm form)
{
    p->helpers->needs_tile = p->helpers->needs_vector = p->helpers->needs_tile_of[form] = true;
}

static const char *print_lists(Printer *p, const KernelCall *call)
{
    return print_format(p, "%lld, %s", (long long)call->most,
                        print_pointer(p, call->nonzeros, call->nonzeros_offset, false));
}

static void print_tile(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    static const char *const name[] = {[TILE_OF_WEIGHTS] = "tile",
                                       [TILE_OF_ROWS] = "tile_of_rows",
                                       [TILE_OF_NONZEROS] = "tile_of_nonzeros",
                                       [TILE_OF_NONZEROS_BY_ROWS] = "tile_of_nonzeros_by_rows",
                                       [TILE_OF_COLUMNS] = "tile_of_columns"};
    needs_tile_of(p, call->form);
    const char *more = call->b_stride ? print_format(p, "%s, ", print_expression(p, call->b_stride).text) : "";
    if (call->nonzeros)
        more = print_format(p, "%s%s, ", more, print_lists(p, call));
    print_kernel_call(p, name[call->form],
                      print_format(p, "%s, %s, %s, %s, %s, %s, %s%s", print_expression(p, call->rows).text,
                                   print_expression(p, call->columns).text, print_expression(p, call->depth).text,
                                   print_pointer(p, call->a, call->a_offset, false),
                                   print_expression(p, call->a_stride).text,
                                   print_pointer(p, call->b, call->b_offset, false), more, stmt->target->name));
}

static void print_nonzeros(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    p->helpers->needs_vector = true;
    print_kernel_call(
        p, "nonzeros",
        print_format(p, "%s, %s, %s, %s, %s, %lld, %s", call->may_skip ? print_expression(p, call->may_skip).text : "1",
                     print_expression(p, call->rows).text, print_expression(p, call->depth).text,
                     print_pointer(p, call->a, call->a_offset, false), print_expression(p, call->a_stride).text,
                     (long long)call->most, stmt->target->name));
}

static void print_add_nonzeros(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    needs_tile_of(p, SUMS_OF_NONZEROS);
    print_kernel_call(
        p, "add_nonzeros",
        print_format(p, "%s, %s, %s, %s, %s, %s, %s, %s", print_expression(p, call->rows).text,
                     print_expression(p, call->columns).text, print_pointer(p, call->a, call->a_offset, false),
                     print_expression(p, call->a_stride).text, print_pointer(p, call->b, call->b_offset, false),
                     print_expression(p, call->b_stride).text, print_lists(p, call),
                     print_pointer(p, stmt->target, call->out_offset, true)));
}

static void print_finite(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    p->helpers->needs_vector = true;
    text_line(p->text, "const int %s = %sall_finite(%s, %s, %s, %s);", stmt->target->name, p->prefix,
              print_expression(p, call->rows).text, print_expression(p, call->columns).text,
              print_pointer(p, call->b, call->b_offset, false), print_expression(p, call->b_stride).text);
}

/* Sizes fit in CBLAS's int: NAME_run accepts none that do not. */
static const char *blas_int(Printer *p, const Expr *e)
{
    int64_t constant;
    return expr_is_int(e, &constant) ? print_expression(p, e).text
                                     : print_format(p, "(int)%s", print_within(p, print_expression(p, e), P_UNARY));
}

static const char *text_or(Printer *p, const Expr *e, const char *otherwise)
{
    return e ? print_expression(p, e).text : otherwise;
}

/* Its columns are our rows: it is asked for the transpose of a product, that of the transposes the other way round. */
static void print_cublas(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    text_line(p->text, "status =");
    text_wrapped(p->text,
                 print_format(p, "    %ssgemm(blas, stream, room, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s);",
                              p->prefix, call->b_transposed ? "CUBLAS_OP_T" : "CUBLAS_OP_N",
                              call->a_transposed ? "CUBLAS_OP_T" : "CUBLAS_OP_N",
                              print_expression(p, call->columns).text, print_expression(p, call->rows).text,
                              print_expression(p, call->depth).text, print_pointer(p, call->b, call->b_offset, false),
                              print_expression(p, call->b_stride).text, text_or(p, call->b_batch, "0"),
                              print_pointer(p, call->a, call->a_offset, false),
                              print_expression(p, call->a_stride).text, text_or(p, call->a_batch, "0"),
                              print_pointer(p, stmt->target, call->out_offset, true), text_or(p, call->batches, "1")),
                 4 * p->text->indent + 8);
    text_line(p->text, "if (status != %sOK)", p->upper);
    text_line(p->text, "    return status;");
}

static void print_sgemm(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    if (p->blas == BLAS_CUBLAS) {
        print_cublas(p, stmt);
        return;
    }
    p->helpers->needs_cblas = true;
    text_wrapped(p->text,
                 print_format(p, "cblas_sgemm(CblasRowMajor, %s, %s, %s, %s, %s, 1.0f, %s, %s, %s, %s, 0.0f, %s, %s);",
                              call->a_transposed ? "CblasTrans" : "CblasNoTrans",
                              call->b_transposed ? "CblasTrans" : "CblasNoTrans", blas_int(p, call->rows),
                              blas_int(p, call->columns), blas_int(p, call->depth),
                              print_pointer(p, call->a, call->a_offset, false), blas_int(p, call->a_stride),
                              print_pointer(p, call->b, call->b_offset, false), blas_int(p, call->b_stride),
                              print_pointer(p, stmt->target, call->out_offset, true), blas_int(p, call->columns)),
                 4 * p->text->indent + (int)strlen("cblas_sgemm("));
}

static void print_fail(Printer *p, const Stmt *stmt)
{
    (void)stmt;
    text_line(p->text, "return %s;", p->status);
}

typedef void PrintStmt(Printer *p, const Stmt *stmt);
static PrintStmt *const print_kind[] = {
    [STMT_FOR] = print_for,           [STMT_LET] = print_let,
    [STMT_VAR] = print_var,           [STMT_SET] = print_set,
    [STMT_EACH] = print_each,         [STMT_PREFETCH] = print_prefetch,
    [STMT_ROWS] = print_rows,         [STMT_AXIS] = print_axis,
    [STMT_TEAMS] = print_team,        [STMT_TAKE] = print_team,
    [STMT_JOIN] = print_team,         [STMT_IF] = print_if,
    [STMT_FAIL] = print_fail,         [STMT_TILE] = print_tile,
    [STMT_NONZEROS] = print_nonzeros, [STMT_ADD_NONZEROS] = print_add_nonzeros,
    [STMT_FINITE] = print_finite,     [STMT_SGEMM] = print_sgemm,
};

/* Nesting is bounded by the loops of one nest. */
void print_block(Printer *p, const Block *block)
{
    for (const Stmt *stmt = block->first; stmt; stmt = stmt->next)
        print_kind[stmt->kind](p, stmt);
}

void print_function_body(Printer *p, const Block *block)
{
    Text *text = p->text, *body = text_new(p->context->arena);
    body->indent = text->indent;
    p->text = body;
    print_block(p, block);
    p->text = text;
    const Uses *uses = &p->uses;
    for (int i = 0; i < dim_symbol_count(p->context->dims); i++)
        if (uses->hint[i] && !uses->symbol[i])
            text_line(text, "(void)%s; /* only threads ask */",
                      (const char *)map_get(p->symbol_name, dim_symbol_at(p->context->dims, i)));
    for (int i = 0; i < dim_symbol_count(p->context->dims); i++)
        uses->symbol[i] |= uses->hint[i];
    text_string(text, body->data);
}
