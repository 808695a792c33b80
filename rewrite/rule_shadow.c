/* rule_shadow.c -- whether an earlier rule always wins over a later one, which then can never fire.
 *
 * It does when its left side, read as a pattern, matches the later rule's left side, and each of its guards stands
 * among the later rule's guards too. Guards are compared as text, not proved, so some shadowed rules are not found. */
#include "pattern.h"
#include <string.h>

typedef struct {
    const Rule *earlier, *later;
    int slot[MAX_SLOT]; /* of the later rule, for each slot of the earlier one; -1: not yet */
} Mapping;

static bool map_slot(Mapping *mapping, int earlier, int later)
{
    if (mapping->slot[earlier] < 0)
        mapping->slot[earlier] = later;
    return mapping->slot[earlier] == later;
}

static bool terms_equal(Mapping *mapping, const Term *a, const Term *b)
{
    if (a->kind == TERM_SLOT && b->kind == TERM_SLOT)
        return map_slot(mapping, a->slot, b->slot);
    if (a->kind != b->kind || a->i != b->i || a->f != b->f || a->op != b->op || a->function != b->function ||
        a->narg != b->narg || (a->s && strcmp(a->s, b->s) != 0))
        return false;
    for (int i = 0; i < a->narg; i++)
        if (!terms_equal(mapping, a->arg[i], b->arg[i]))
            return false;
    return true;
}

static bool takes_all_of(const Statement *a, const Statement *b)
{
    for (int i = 0; i < b->nop; i++) {
        bool found = a->nop == 0;
        for (int k = 0; k < a->nop && !found; k++)
            found = a->op[k] == b->op[i];
        if (!found)
            return false;
    }
    return a->nop == 0 || b->nop > 0;
}

static bool attributes_cover(Mapping *mapping, const Statement *a, const Statement *b)
{
    int listed = 0;
    for (int i = 0; i < a->nattr; i++) {
        const PatternAttr *same = NULL;
        for (int k = 0; k < b->nattr && !same; k++)
            if (!strcmp(a->attr[i].name, b->attr[k].name))
                same = &b->attr[k];
        if (!same)
            return false;
        listed++;
        const bool binds = a->attr[i].term->kind == TERM_SLOT && mapping->slot[a->attr[i].term->slot] < 0;
        if (!binds && !terms_equal(mapping, a->attr[i].term, same->term))
            return false;
    }
    return a->operator_slot >= 0 || (b->operator_slot < 0 && listed == b->nattr);
}

static bool statement_covers(Mapping *mapping, int a_index, int b_index)
{
    const Statement *const a = &mapping->earlier->left[a_index], *const b = &mapping->later->left[b_index];
    if (!takes_all_of(a, b) || !attributes_cover(mapping, a, b) || a->nout != b->nout)
        return false;
    if (a->rest < 0 && (b->rest >= 0 || a->nin != b->nin))
        return false;
    if (a->nin > b->nin)
        return false;
    for (int i = 0; i < a->nin; i++) {
        const Operand *const p = &a->in[i], *const q = &b->in[i];
        if (p->kind == OPERAND_SLOT && q->kind == OPERAND_SLOT) {
            if (!map_slot(mapping, p->slot, q->slot))
                return false;
            const int p_def = mapping->earlier->slot_def[p->slot], q_def = mapping->later->slot_def[q->slot];
            if (p_def >= 0 && (q_def < 0 || !statement_covers(mapping, p_def, q_def)))
                return false;
        } else if (p->kind != q->kind || (p->kind == OPERAND_NUMBER && p->number != q->number)) {
            return false;
        }
    }
    for (int i = 0; i < a->nout; i++)
        if (!map_slot(mapping, a->out[i], b->out[i]))
            return false;
    return true;
}

bool rule_shadows(const Rule *earlier, const Rule *later)
{
    Mapping mapping = {.earlier = earlier, .later = later};
    memset(mapping.slot, -1, sizeof mapping.slot);
    if (earlier->contract > later->contract)
        return false;
    if (!statement_covers(&mapping, earlier->nleft - 1, later->nleft - 1))
        return false;
    for (int i = 0; i < earlier->nguard; i++) {
        bool found = false;
        for (int k = 0; k < later->nguard && !found; k++) {
            Mapping attempt = mapping;
            found = terms_equal(&attempt, earlier->guard[i], later->guard[k]);
            if (found)
                mapping = attempt;
        }
        if (!found)
            return false;
    }
    return true;
}
