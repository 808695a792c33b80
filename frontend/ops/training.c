/* training.c -- operators that models which train have; o2c.onnxtxt says what they mean. */
#include "composed.h"

/* clang-format off */
const Op ops_training[] = {
    {.name = "Dropout", .domain = "o2c", .schema = "x:T ratio:F step:int64 -> y:T | T=float F=float",
     .attributes = "stream:int=0", .form = FORM_COMPOSED, .compose = library_body},
    {.name = "Mix", .domain = "o2c", .schema = "z:int64 -> bits:int64", .attributes = "", .form = FORM_COMPOSED,
     .compose = library_body},
    {.name = NULL},
};
