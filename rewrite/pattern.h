/* pattern.h -- a rule in memory: made by rule_parse.c, matched by rule_match.c, applied by rule.c, drawn by
 * rule_test.c.
 *
 * A rule has one list of names (slots) for values, attributes and operators. Matching fills a Binding: what each slot
 * stands for at one place of a graph. */
#ifndef PATTERN_H
#define PATTERN_H
#include "../frontend/ops/op.h"
#include "fold.h"
#include "rule.h"

enum { MAX_SLOT = 64, MAX_STATEMENT = 32, MAX_ALTERNATIVE = 24, MAX_OPERAND = 16 };

/* What a name or a term stands for. Integers are constant Dims, so sizes compute and compare like numbers. */
typedef enum {
    B_NONE,
    B_VALUE,
    B_VALUES,
    B_NODE,
    B_DIM,
    B_DIMS,
    B_FLOAT,
    B_STRING,
    B_TRUTH,
    B_CHOICE,
    B_ATTR
} BoundKind;
typedef struct {
    BoundKind kind;
    Value *value;
    Value **values; /* B_VALUES: what `xs...` stands for, `count` of them; NULL: an output that is not given */
    Node *node;     /* B_NODE: the node an operator name matched */
    Dim *dim;
    Dim **dims; /* B_DIMS: `count` of them; B_CHOICE: true where the first of two is less, which no symbol tells */
    int count;
    double f;
    const char *s;
    bool truth;
    const Attr *attr; /* B_ATTR: any attribute that is none of the above */
} Bound;

/* An expression of guards, attributes and operands: numbers, names, calls of the functions in rule_functions.c, lists,
 * sums. */
typedef enum { TERM_INT, TERM_FLOAT, TERM_STRING, TERM_SLOT, TERM_CALL, TERM_LIST, TERM_OPERATOR } TermKind;
typedef enum { O_ADD, O_SUB, O_MUL, O_DIV, O_EQ, O_NE, O_LT, O_LE, O_GT, O_GE, O_AND, O_OR, O_NOT } TermOperator;
typedef struct Term Term;
typedef struct TermFunction TermFunction;
struct Term {
    TermKind kind;
    int64_t i;
    double f;
    const char *s;
    int slot;
    TermOperator op;
    const TermFunction *function;
    Term *arg[8];
    int narg;
    int line;
};

/* An operand of a statement: a slot, a term in braces (right side: an int64 vector of dims), a number (left side: a
 * constant whose elements all equal it; right side, also as a term in parentheses: a scalar of the type of the
 * statement's first operand), or nothing. */
typedef enum { OPERAND_NONE, OPERAND_SLOT, OPERAND_DIMS, OPERAND_NUMBER } OperandKind;
typedef struct {
    OperandKind kind;
    int slot;
    Term *term;
    double number;
} Operand;

typedef struct {
    const char *name;
    Term *term; /* left: a lone name binds, anything else must be equal; right: the value */
} PatternAttr;

typedef struct {
    const Op *op[MAX_ALTERNATIVE]; /* the operators that match, or the one to build; none: any (left), alias (right) */
    int nop;
    int operator_slot; /* left: names the matched node; right: copies that node's operator and attributes; -1: neither
                        */
    int out[8], nout;  /* slots */
    int rest_out;      /* the slot of a last output `ys...`, which stands for any number of them; -1: none */
    Operand in[MAX_OPERAND];
    int nin;
    int rest; /* the same of operands, `xs...` */
    PatternAttr attr[8];
    int nattr;
    int line;
} Statement;

/* One drawn input or attribute of a test line. */
typedef struct {
    int slot;
    bool is_constant, is_attribute;
    DType dtype;
    int rank;
    int64_t dim[MAX_RANK];
    const char *size[MAX_RANK]; /* `never` lines: the extent is not known and has this name; NULL: see dim */
    bool has_bound;             /* elements lie in [0, bound) */
    double bound;
    int nvalue; /* elements given: one for all of them, or each */
    double value[32];
    Term *term; /* of an attribute */
} TestInput;
typedef struct TestLine TestLine;
struct TestLine {
    const Op *only; /* of alternatives, the one this line is for; NULL: all */
    TestInput *input;
    int ninput;
    int again[MAX_OPERAND]; /* slots of values that something else reads too */
    int nagain;
    int line;
    TestLine *next;
};

typedef struct Rule Rule;
struct Rule {
    const char *name, *file;
    bool is_gradient; /* not a rewrite: see gradient.h */
    Contract contract;
    double bound; /* LOSSY: the greatest relative difference */
    int line;
    const char *slot_name[MAX_SLOT];
    int slot_def[MAX_SLOT]; /* the left statement that defines it; -1: binds anything */
    int gradient[MAX_SLOT]; /* is_gradient: the slot `dx` of an operand or output `x`; -1: none */
    int nslot;
    Statement *left, *right;
    int nleft, nright;
    Term *guard[32];
    int nguard;
    TestLine *test;
    TestLine *never; /* lines on which exactly one guard refuses */
};

struct RuleSet {
    Context *context;
    const Rule **rule; /* in the order in which they are tried; sets may share rules */
    int count;
};

/* What a rule's names stand for at one place. */
typedef struct {
    const Rule *rule;
    Context *context;
    Bound bound[MAX_SLOT];
    Node *matched[MAX_STATEMENT]; /* by left statement */
    bool may_choose;              /* a guard may leave it to the run, in which case it is ... */
    Bound choice;                 /* ... this one (B_CHOICE); else B_NONE */
    bool is_chosen;               /* such a guard holds here: the run has chosen */
    const char *why;              /* where matching failed: a text in the arena; only filled when `explain` is set */
    bool explain;
} Binding;

/* Fills binding for the rule with its last left statement at node `root`; false when it does not match or a guard
 * fails. */
bool rule_match(const Rule *rule, Node *root, Binding *binding);

/* Whether everything the right side needs can be told, before anything is built. */
bool rule_can_build(const Rule *rule, Node *root, const Binding *binding);
/* Builds the right side before `root` and binds its outputs; false after errors in the report. */
bool rule_build(const Rule *rule, Node *root, Binding *binding);

/* choice.c: both sides of a rule whose guard left it to the run, before `root`; NULL after errors in the report. The
 * right side is yet to be put in place of the left one's root in the branch that is taken if the guard holds: `chosen`.
 */
bool choice_can_build(const Binding *binding, const Node *root);
Node *choice_build(const Binding *binding, Node *root, Node **chosen);

/* Whether the right side has this slot among its operands. */
bool rule_reads(const Rule *rule, int slot);

/* Whether `later` can never fire, because wherever it matches `earlier` does too. */
bool rule_shadows(const Rule *earlier, const Rule *later);

/* The value of a term; B_NONE when it cannot be told. */
Bound term_value(const Term *term, const Binding *binding);
/* The function of this name in terms; NULL when there is none. `arity` receives the number of its arguments. */
const TermFunction *term_function(const char *name, int *arity);

/* Whether two things are the same; numbers compare as numbers, floats at single precision. */
bool bound_equal(const Bound *a, const Bound *b);
/* A constant as a number; NaN when it is none. */
double bound_number(const Bound *bound);

/* Whether an attribute says what its absence would say. */
bool attr_is_default(const Node *node, const Attr *attr);
/* Removes the attributes that say what their absence would say. */
void attrs_drop_defaults(Node *node);
/* Sets an attribute to what a term gave; NULL when that is nothing an attribute can be. */
Attr *attr_set_bound(Node *node, const char *name, const Bound *bound);
#endif
