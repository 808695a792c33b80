/* training.c -- operators that models which train have; o2c.onnxtxt says what they mean. */
#include "composed.h"

static void define_kept(Definition *d)
{
    Expr *i[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), def_rank(d, 0), d->node->in[0]->type.dim);
    def_index(d, 0, i);
    def_body(d, 0, def_load(d, 0, i));
}

/* clang-format off */
const Op ops_training[] = {
    {.name = "Dropout", .domain = "o2c", .schema = "x:T ratio:F step:int64 -> y:T | T=float F=float",
     .attributes = "stream:int=0", .form = FORM_COMPOSED, .compose = library_body},
    {.name = "Mix", .domain = "o2c", .schema = "z:int64 -> bits:int64", .attributes = "", .form = FORM_COMPOSED,
     .compose = library_body},
    {.name = "Kept", .domain = "o2c", .schema = "x:T -> y:T | T=any", .attributes = "late:int=0", .form = FORM_INDEX,
     .define = define_kept, .ends_nests = true},
    {.name = NULL},
};
