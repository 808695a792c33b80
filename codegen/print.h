/* print.h -- expressions and statements as C99 that is also C++, with the parentheses it takes and no more. */
#ifndef PRINT_H
#define PRINT_H
#include "../frontend/map.h"
#include "nest.h"
#include "text.h"

/* What one C file needs besides its own functions. */
typedef struct Helper Helper;
struct Helper {
    const char *name;
    Helper *next;
};
typedef struct {
    Text *text;        /* small static functions, in order of first use */
    Helper *first;     /* their names */
    bool needs_float;  /* runtime/float.c */
    bool needs_scalar; /* runtime/scalar.h */
    bool needs_tile;   /* templates/tile.c.t */
    bool needs_cblas;
} Helpers;

/* The tensors and dimensions that the text printed since then speaks of: what a function takes as parameters. */
typedef struct {
    Value **value;
    bool *is_written;
    int nvalue, capacity;
    bool *symbol; /* by dim_symbol_index */
} Uses;

typedef struct {
    Context *context;
    Text *text;                                               /* where statements go */
    const char *prefix;                                       /* of file-scope names: "gcn_" */
    const char *status;                                       /* what STMT_FAIL returns: "GCN_BAD_INDEX" */
    const char *(*value_name)(void *who, const Value *value); /* of the tensor's data; locals are named by themselves */
    void *who;
    Map *symbol_name; /* the Dim of a symbol -> its C name */
    Map *axis_name;   /* Axis -> the C name of the loop that is open over it */
    Helpers *helpers;
    Uses uses;
    bool threads; /* parallel loops get OpenMP pragmas */
} Printer;

Helpers *helpers_new(Arena *arena);
Uses uses_new(Context *context);

/* An expression whose reductions and checked indices have been placed. */
const char *print_expr(Printer *printer, const Expr *e);
/* A dimension as an int64_t expression. */
const char *print_dim(Printer *printer, Dim *dim);
/* The same where an operand of a product stands: in parentheses if need be. */
const char *print_dim_factor(Printer *printer, Dim *dim);
void print_block(Printer *printer, const Block *block);

#endif
