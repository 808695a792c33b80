/* scalar.c -- the rows of scalar.def as data. */
#include "loop.h"
#include <string.h>

static const struct {
    const char *name;
    int arity;
    bool gives_bool;
    const char *floating, *signed_, *unsigned_, *boolean;
} row[NUM_SCALAR] = {
#define SAME  false
#define TRUTH true
#define SCALAR(name, arity, result, floating, signed_, unsigned_, boolean)                                             \
    {#name, arity, result, #floating, #signed_, #unsigned_, #boolean},
#include "scalar.def"
#undef SCALAR
};

static const char *text_for(Scalar scalar, DTypeClass class)
{
    switch (class) {
    case FLOATING:
        return row[scalar].floating;
    case SIGNED:
        return row[scalar].signed_;
    case UNSIGNED:
        return row[scalar].unsigned_;
    case BOOLEAN:
        return row[scalar].boolean;
    case TEXTUAL:
        return scalar == S_EQUAL ? "strcmp(a, b) == 0" : "NONE";
    default:
        return "NONE";
    }
}

const ScalarInfo *scalar_info(Scalar scalar, DType operand)
{
    static ScalarInfo info[NUM_SCALAR][COMPLEX + 1];
    const DTypeClass class = dtype_info(operand)->class;
    ScalarInfo *entry = &info[scalar][class];
    if (!entry->name) {
        const char *text = text_for(scalar, class);
        *entry = (ScalarInfo){row[scalar].name, row[scalar].arity, strcmp(text, "NONE") == 0 ? NULL : text,
                              row[scalar].gives_bool};
    }
    return entry->text ? entry : NULL;
}
