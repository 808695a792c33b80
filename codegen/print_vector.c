/* print_vector.c -- expressions over the lanes of a vector, in the terms of runtime/vector.h. What all lanes share is a
 * float; operators take floats beside vectors, functions do not. */
#include "print.h"
#include "vector.h"
#include <ctype.h>
#include <string.h>

static bool reads_vector(const Printer *p, const Expr *e)
{
    return expr_reads_axis(p->context, e, p->lane) || expr_reads_axis(p->context, e, p->vector);
}

static Printed print_vector_load(Printer *p, const Expr *e, bool *varies)
{
    const Value *value = e->u.value;
    if (map_get(p->is_vector, value)) {
        *varies = true;
        return print_expression(p, e);
    }
    *varies = value->type.rank > 0 && reads_vector(p, e);
    if (!*varies)
        return print_expression(p, e);
    const char *from = print_pointer(p, value, flat_index(p->context, value, e->index), false);
    return (Printed){print_format(p, "%sload(%s)", p->prefix, from), P_POSTFIX};
}

/* The operands as vectors, whether they vary or not. */
static const char *splat(Printer *p, Printed printed, bool varies)
{
    return varies ? printed.text : print_format(p, "%ssplat(%s)", p->prefix, printed.text);
}

static Printed print_vector_call(Printer *p, const Expr *e, bool *varies)
{
    Printed arg[3];
    bool arg_varies[3] = {false};
    *varies = false;
    for (int i = 0; i < e->narg; i++) {
        arg[i] = print_vector(p, e->arg[i], &arg_varies[i]);
        *varies |= arg_varies[i];
    }
    if (!*varies)
        return print_expression(p, e);
    const char *function = vector_function(e->u.scalar);
    if (!isalpha((unsigned char)*function)) {
        const bool multiplies = *function == '*' || *function == '/';
        if (e->narg == 1)
            return (Printed){print_format(p, "-%s", print_within(p, arg[0], P_UNARY)), P_UNARY};
        return print_binary(p, arg[0], function, arg[1], multiplies ? P_MULTIPLY : P_ADD);
    }
    const char *text = print_format(p, "%svector_%s(", p->prefix, function);
    for (int i = 0; i < e->narg; i++)
        text = print_format(p, "%s%s%s", text, i ? ", " : "", splat(p, arg[i], arg_varies[i]));
    return (Printed){print_format(p, "%s)", text), P_POSTFIX};
}

/* A comparison as a mask: all ones in the lanes where it holds. */
static Printed print_mask(Printer *p, const Expr *e, const char *function, bool is_swapped, bool *varies)
{
    const char *operand[2];
    bool operand_varies[2];
    for (int i = 0; i < 2; i++) {
        const Printed printed = print_vector(p, e->arg[i], &operand_varies[i]);
        operand[i] = splat(p, printed, operand_varies[i]);
    }
    *varies = operand_varies[0] || operand_varies[1];
    if (!*varies)
        return print_expression(p, e);
    return (Printed){print_format(p, "%s%s(%s, %s)", p->prefix, function, operand[is_swapped], operand[!is_swapped]),
                     P_POSTFIX};
}

static Printed print_vector_choice(Printer *p, const Expr *e, bool *varies)
{
    bool mask_varies, yes_varies, no_varies;
    const Printed mask = print_vector(p, e->arg[0], &mask_varies), yes = print_vector(p, e->arg[1], &yes_varies),
                  no = print_vector(p, e->arg[2], &no_varies);
    *varies = mask_varies || yes_varies || no_varies;
    if (!*varies)
        return print_expression(p, e);
    const char *const yes_text = splat(p, yes, yes_varies), *const no_text = splat(p, no, no_varies);
    if (!mask_varies)
        return (Printed){print_format(p, "(%s ? %s : %s)", mask.text, yes_text, no_text), P_POSTFIX};
    return (Printed){print_format(p, "%schoose(%s, %s, %s)", p->prefix, mask.text, yes_text, no_text), P_POSTFIX};
}

Printed print_vector(Printer *p, const Expr *e, bool *varies)
{
    bool is_swapped = false;
    const char *comparison = e->kind == E_CALL ? vector_comparison(e->u.scalar, &is_swapped) : NULL;
    if (comparison)
        return print_mask(p, e, comparison, is_swapped, varies);
    if (e->kind == E_SELECT)
        return print_vector_choice(p, e, varies);
    if (e->kind == E_LOAD)
        return print_vector_load(p, e, varies);
    if (e->kind == E_CALL)
        return print_vector_call(p, e, varies);
    *varies = false;
    return print_expression(p, e);
}

const char *print_splat(Printer *p, const Expr *e)
{
    bool varies = false;
    const Printed printed = p->lane ? print_vector(p, e, &varies) : print_expression(p, e);
    return splat(p, printed, varies);
}
