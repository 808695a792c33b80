/* print.h -- expressions (print.c) and statements (print_stmt.c) as C99 that is also C++, with the parentheses it takes
 * and no more. */
#ifndef CODEGEN_PRINT_H
#define CODEGEN_PRINT_H
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
    const char *space; /* what stands before each: "", or where CUDA may call it */
    Helper *first;     /* their names */
    bool needs_float;  /* runtime/float.c */
    bool needs_scalar; /* runtime/scalar.h */
    bool needs_vector; /* runtime/vector.h */
    bool needs_rows;   /* runtime/rows.h */
    bool needs_tile;   /* templates/tile.c.t */
    bool needs_tile_of[TILE_FORMS];
    bool needs_cblas; /* OpenBLAS's header */
    bool needs_team;  /* runtime/team.cuh */
} Helpers;

/* The tensors and dimensions that the text printed since then speaks of: what a function takes as parameters. */
typedef struct {
    Value **value;
    bool *is_written;
    int nvalue, capacity;
    bool *symbol; /* by dim_symbol_index */
    bool *hint;   /* likewise: those that pragmas speak of, which compilers may pass over */
} Uses;

typedef struct {
    Context *context;
    Text *text;                                               /* where statements go */
    const char *prefix, *upper;                               /* of file-scope names: "gcn_", and of macros */
    const char *status;                                       /* what STMT_FAIL returns: "GCN_BAD_INDEX" */
    const char *(*value_name)(void *who, const Value *value); /* of the tensor's data; locals are named by themselves */
    void *who;
    Map *symbol_name; /* the Dim of a symbol -> its C name */
    Map *axis_name;   /* Axis -> the C name of the loop that is open over it */
    Helpers *helpers;
    Uses uses;
    bool threads;              /* parallel loops get OpenMP pragmas */
    bool exact;                /* functions are the C library's */
    Blas blas;                 /* whose products STMT_SGEMM calls */
    const Axis *lane, *vector; /* of the loop over vectors that is open; NULL: none */
    bool has_lane;             /* its body speaks of the lane */
    Map *is_vector;            /* locals that hold vectors */
} Printer;

Helpers *helpers_new(Arena *arena);
Uses uses_new(Context *context);

/* ---- for print_stmt.c ---- */
/* C's precedence of operators, tightest last. */
typedef enum {
    P_COMMA,
    P_CHOICE,
    P_OR,
    P_AND,
    P_BIT_OR,
    P_BIT_XOR,
    P_BIT_AND,
    P_EQUAL,
    P_LESS,
    P_SHIFT,
    P_ADD,
    P_MULTIPLY,
    P_UNARY,
    P_POSTFIX
} Precedence;

typedef struct {
    const char *text;
    Precedence precedence;
} Printed;

Printed print_expression(Printer *printer, const Expr *e);
/* The same over the lanes of the loop over vectors that is open (print_vector.c). `varies`: the text is a vector, else
 * it is a float that all lanes share. */
Printed print_vector(Printer *printer, const Expr *e, bool *varies);
/* The text as a vector in any case. */
const char *print_splat(Printer *printer, const Expr *e);
Printed print_binary(Printer *printer, Printed a, const char *op, Printed b, Precedence precedence);
/* The text, in parentheses when it binds less tightly than it must. */
const char *print_within(Printer *printer, Printed printed, Precedence least);
/* The element of a tensor or local as it is stored: an lvalue. */
const char *print_element(Printer *printer, const Value *value, Expr *const *index, bool is_written);
/* Rounded to a converted type, and stored. In a cast what is too large becomes the greatest value of the one-byte
 * types; a store keeps infinities. */
const char *print_from_float(Printer *printer, DType type, const char *value, bool is_cast);
/* A string printed as printf would, in the arena. */
char *print_format(Printer *printer, const char *form, ...) __attribute__((format(printf, 2, 3)));
/* A tensor's or local's memory from an offset on. */
const char *print_pointer(Printer *printer, const Value *value, const Expr *offset, bool is_written);
/* The C type of a local. */
const char *type_of_local(const Value *local);
/* What only teams of threads have: STMT_TEAMS, STMT_TAKE, STMT_JOIN (print_team.c). */
void print_team(Printer *printer, const Stmt *stmt);
/* Notes that the text speaks of the tensor. */
void use_value(Printer *printer, const Value *value, bool is_written);

/* ---- for all ---- */
/* A dimension as an int64_t expression. */
const char *print_dim(Printer *printer, Dim *dim);
void print_block(Printer *printer, const Block *block);
/* The body of a function: the block, after a mention of each symbol that only its pragmas speak of, for a compiler
 * without OpenMP would warn of a parameter that nobody reads. */
void print_function_body(Printer *printer, const Block *block);

#endif
