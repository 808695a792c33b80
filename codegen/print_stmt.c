/* print_stmt.c -- statements as C, and what a parallel loop or a kernel's call looks like. */
#include "print.h"
#include <string.h>

static const char *type_of(const Value *local)
{
    return local->type.dtype == INDEX ? "int64_t" : dtype_info(local->type.dtype)->compute;
}

/* The value to assign where a statement combines: the scalar function over what is there and what comes. */
static Expr *combined(Printer *p, const Stmt *stmt)
{
    static const Scalar scalar[] = {[COMBINE_ADD] = S_ADD, [COMBINE_MUL] = S_MUL, [COMBINE_MAX] = S_MAX,
                                    [COMBINE_MIN] = S_MIN, [COMBINE_AND] = S_AND, [COMBINE_OR] = S_OR};
    if (stmt->combine == COMBINE_SET)
        return stmt->value;
    return expr_call2(p->context, scalar[stmt->combine], expr_load(p->context, stmt->target, stmt->index), stmt->value);
}

/* The expression as the value of an int64_t or a narrower local, where C widens by itself. */
static const char *print_widened(Printer *p, const Expr *e)
{
    const bool widens = e->kind == E_CAST && e->dtype == INDEX && e->arg[0]->dtype == I32;
    return print_expression(p, widens ? e->arg[0] : e).text;
}

static void print_set(Printer *p, const Stmt *stmt)
{
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

static void print_pragma(Printer *p, const Stmt *stmt)
{
    enum { WORTH_THREADS = 1 << 15 };
    int64_t work;
    const bool known = expr_is_int(stmt->work, &work);
    if (!p->threads || (known && work < WORTH_THREADS))
        return;
    text_line(p->text, "#ifdef _OPENMP");
    text_line(p->text, "#pragma omp parallel for%s%s%s", stmt->with_next ? " collapse(2)" : "",
              known ? ""
                    : print_format(p, " if (%s > %d)", print_within(p, print_expression(p, stmt->work), P_SHIFT),
                                   WORTH_THREADS),
              stmt->is_uneven ? " schedule(dynamic, 64)" : "");
    text_line(p->text, "#endif");
}

static void print_for(Printer *p, const Stmt *stmt)
{
    const bool braces = !is_short(&stmt->body);
    const char *name = stmt->axis_name;
    if (stmt->work)
        print_pragma(p, stmt);
    map_set(p->axis_name, stmt->axis, name);
    const char *step = stmt->step ? print_format(p, "%s += %s", name, print_expression(p, stmt->step).text)
                                  : print_format(p, "%s++", name);
    text_line(p->text, "for (int64_t %s = %s; %s < %s; %s)%s", name, print_widened(p, stmt->lo), name,
              print_within(p, print_expression(p, stmt->hi), P_SHIFT), step, braces ? " {" : "");
    print_body(p, &stmt->body, braces);
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
    const char *type = type_of(stmt->target), *name = stmt->target->name;
    if (stmt->count)
        text_line(p->text, "%s %s[%s]%s;", type, name, print_expression(p, stmt->count).text,
                  stmt->value ? " = {0}" : "");
    else if (stmt->value)
        text_line(p->text, "%s %s = %s;", type, name, print_expression(p, stmt->value).text);
    else
        text_line(p->text, "%s %s;", type, name);
}

/* A tensor's memory from an offset on. */
static const char *pointer(Printer *p, const Value *value, const Expr *offset, bool is_written)
{
    int64_t constant;
    use_value(p, value, is_written);
    const char *name = p->value_name(p->who, value);
    if (expr_is_int(offset, &constant) && constant == 0)
        return name;
    return print_format(p, "%s + %s", name, print_within(p, print_expression(p, offset), P_ADD));
}

static void print_tile(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    p->helpers->needs_tile = true;
    const char *head = print_format(p, "%stile(", p->prefix);
    text_wrapped(p->text,
                 print_format(p, "%s%s, %s, %s, %s, %s, %s, %s);", head, print_expression(p, call->rows).text,
                              print_expression(p, call->columns).text, print_expression(p, call->depth).text,
                              pointer(p, call->a, call->a_offset, false), print_expression(p, call->a_stride).text,
                              pointer(p, call->b, call->b_offset, false), stmt->target->name),
                 4 * p->text->indent + (int)strlen(head));
}

/* Sizes fit in CBLAS's int: NAME_run accepts none that do not. */
static const char *blas_int(Printer *p, const Expr *e)
{
    int64_t constant;
    return expr_is_int(e, &constant) ? print_expression(p, e).text
                                     : print_format(p, "(int)%s", print_within(p, print_expression(p, e), P_UNARY));
}

static void print_sgemm(Printer *p, const Stmt *stmt)
{
    const KernelCall *call = &stmt->call;
    p->helpers->needs_cblas = true;
    text_wrapped(
        p->text,
        print_format(p, "cblas_sgemm(CblasRowMajor, CblasNoTrans, %s, %s, %s, %s, 1.0f, %s, %s, %s, %s, 0.0f, %s, %s);",
                     call->b_transposed ? "CblasTrans" : "CblasNoTrans", blas_int(p, call->rows),
                     blas_int(p, call->columns), blas_int(p, call->depth), pointer(p, call->a, call->a_offset, false),
                     blas_int(p, call->a_stride), pointer(p, call->b, call->b_offset, false),
                     blas_int(p, call->b_stride), pointer(p, stmt->target, call->out_offset, true),
                     blas_int(p, call->columns)),
        4 * p->text->indent + (int)strlen("cblas_sgemm("));
}

static void print_stmt(Printer *p, const Stmt *stmt)
{
    switch (stmt->kind) {
    case STMT_FOR:
        print_for(p, stmt);
        break;
    case STMT_LET:
        text_line(p->text, "const %s %s = %s;", type_of(stmt->target), stmt->target->name,
                  print_widened(p, stmt->value));
        break;
    case STMT_VAR:
        print_var(p, stmt);
        break;
    case STMT_SET:
        print_set(p, stmt);
        break;
    case STMT_IF:
        print_if(p, stmt);
        break;
    case STMT_FAIL:
        text_line(p->text, "return %s;", p->status);
        break;
    case STMT_TILE:
        print_tile(p, stmt);
        break;
    case STMT_SGEMM:
        print_sgemm(p, stmt);
        break;
    }
}

/* Nesting is bounded by the loops of one nest. */
void print_block(Printer *p, const Block *block)
{
    for (const Stmt *stmt = block->first; stmt; stmt = stmt->next)
        print_stmt(p, stmt);
}
