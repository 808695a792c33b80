/* expr_print.c -- expressions for people: sum[k](x[i, k] * w[k, j]). */
#include "loop.h"

static void print_list(FILE *to, Expr *const *list, int count)
{
    for (int i = 0; i < count; i++) {
        if (i > 0)
            fputs(", ", to);
        expr_print(list[i], to);
    }
}

static void print_call(FILE *to, const char *name, Expr *const *list, int count)
{
    fprintf(to, "%s(", name);
    print_list(to, list, count);
    fputc(')', to);
}

static void print_arith(const Expr *e, FILE *to)
{
    static const char *const sign[] = {
        [I_ADD] = "+",   [I_SUB] = "-",   [I_MUL] = "*",  [I_DIV] = "/",         [I_MOD] = "%",
        [I_MIN] = "min", [I_MAX] = "max", [I_LESS] = "<", [I_LESS_EQUAL] = "<=", [I_EQUAL] = "==",
        [I_AND] = "and", [I_OR] = "or",   [I_NOT] = "not"};
    fputc('(', to);
    if (e->u.op == I_NOT)
        fputs("not ", to);
    expr_print(e->arg[0], to);
    if (e->u.op != I_NOT) {
        fprintf(to, " %s ", sign[e->u.op]);
        expr_print(e->arg[1], to);
    }
    fputc(')', to);
}

static void print_dim(Dim *dim, FILE *to)
{
    Arena *arena = arena_new(SIZE_MAX, NULL, NULL);
    fputs(dim_text(dim, arena, NULL, NULL), to);
    arena_free(arena);
}

static void print_const(const Expr *e, FILE *to)
{
    if (dtype_is_float(e->dtype))
        fprintf(to, "%.9g", e->u.f);
    else
        fprintf(to, "%lld", (long long)e->u.i);
}

/* An index that may count from the end, or that is checked, and the extent. */
static void print_within(const Expr *e, FILE *to)
{
    fputs(e->kind == E_WRAP ? "wrap(" : "check(", to);
    expr_print(e->arg[0], to);
    fputs(", ", to);
    print_dim(e->u.dim, to);
    fputc(')', to);
}

static void print_reduce(const Expr *e, FILE *to)
{
    static const char *const name[] = {
        [COMBINE_SET] = "set",
        [COMBINE_ADD] = "sum",
        [COMBINE_MUL] = "product",
        [COMBINE_MAX] = "max",
        [COMBINE_MIN] = "min",
        [COMBINE_AND] = "all",
        [COMBINE_OR] = "any",
        [COMBINE_ARG_MAX] = "argmax",
        [COMBINE_ARG_MIN] = "argmin",
        [COMBINE_ARG_MAX_LAST] = "last argmax",
        [COMBINE_ARG_MIN_LAST] = "last argmin",
    };
    fprintf(to, "%s[", name[e->u.combine]);
    for (int i = 0; i < e->nover; i++) {
        const Axis *axis = e->over[i];
        fprintf(to, "%s%s in ", i ? ", " : "", axis->name);
        expr_print(axis->lo, to);
        fputs(" .. ", to);
        expr_print(axis->hi, to);
    }
    fputs("](", to);
    expr_print(e->arg[0], to);
    fputc(')', to);
}

void expr_print(const Expr *e, FILE *to)
{
    switch (e->kind) {
    case E_CONST:
        print_const(e, to);
        break;
    case E_DIM:
        print_dim(e->u.dim, to);
        break;
    case E_AXIS:
        fputs(e->u.axis->name, to);
        break;
    case E_LOAD:
        fprintf(to, "%s[", e->u.value->name);
        print_list(to, e->index, e->u.value->type.rank);
        fputc(']', to);
        break;
    case E_CALL:
        print_call(to, scalar_info(e->u.scalar, e->arg[0]->dtype)->name, e->arg, e->narg);
        break;
    case E_INDEX:
        print_arith(e, to);
        break;
    case E_CAST:
        print_call(to, dtype_info(e->storage)->text, e->arg, 1);
        break;
    case E_SELECT:
        print_call(to, "select", e->arg, 3);
        break;
    case E_WRAP:
    case E_CHECK:
        print_within(e, to);
        break;
    case E_REDUCE:
        print_reduce(e, to);
        break;
    }
}
