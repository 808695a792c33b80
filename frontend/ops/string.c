/* string.c -- the types of operators on strings. They are run by strings.c of the frontend: generated programs have no
 * memory of their own to keep new strings in. */
#include "shorthand.h"

static void define_string_concat(Definition *d)
{
    def_output_broadcast(d, 0, STRING);
}

static void define_string_normalizer(Definition *d)
{
    const int rank = def_rank(d, 0);
    if (!def_require(d, rank == 1 || (rank == 2 && size_same(d, def_dim(d, 0, 0), size_const(d, 1))),
                     "its input is neither [C] nor [1, C]"))
        return;
    Dim *kept = dim_fresh(d->context->dims, d->node, 0, size_max(d, def_dim(d, 0, rank - 1), size_const(d, 1)));
    def_output(d, 0, STRING, rank, rank == 1 ? &kept : (Dim *[]){size_const(d, 1), kept});
}

static void define_string_split(Definition *d)
{
    const int rank = def_rank(d, 0);
    Dim *dim[MAX_RANK];
    if (!def_require(d, rank < MAX_RANK, "its input has too many dimensions"))
        return;
    for (int i = 0; i < rank; i++)
        dim[i] = def_dim(d, 0, i);
    dim[rank] = dim_fresh(d->context->dims, d->node, 0, NULL);
    if (def_wants(d, 0))
        def_output(d, 0, STRING, rank + 1, dim);
    if (def_wants(d, 1))
        def_output(d, 1, I64, rank, dim);
}

static void define_regex_full_match(Definition *d)
{
    def_output(d, 0, BOOL, def_rank(d, 0), def_shape(d, 0));
}

const Op ops_string[] = {
    {.name = "StringConcat",
     .schema = "X:string Y:string -> Z:string",
     .form = FORM_CONTROL,
     .define = define_string_concat,
     .attributes = "",
     .since = 20},
    {.name = "StringNormalizer",
     .schema = "X:string -> Y:string",
     .attributes = "case_change_action:string=NONE is_case_sensitive:int=0 locale:string? stopwords:strings?",
     .form = FORM_CONTROL,
     .define = define_string_normalizer,
     .since = 10},
    {.name = "StringSplit",
     .schema = "X:string -> Y:string Z:int64",
     .attributes = "delimiter:string? maxsplit:int?",
     .form = FORM_CONTROL,
     .define = define_string_split,
     .since = 20},
    {.name = "RegexFullMatch",
     .schema = "X:string -> Y:bool",
     .attributes = "pattern:string",
     .form = FORM_CONTROL,
     .define = define_regex_full_match,
     .since = 20},
    {.name = NULL},
};
