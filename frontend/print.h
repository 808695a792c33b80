/* print.h -- the small things of ONNX text that the printers of graphs and of models share. */
#ifndef PRINT_H
#define PRINT_H
#include "ir.h"

/* Whether text can stand for a name as it is: an identifier that does not begin a type or a number. */
bool is_plain_name(const char *text);
/* A string in quotes; a name, quoted where it is not plain; a name where ONNX's syntax has no quotes, with other
 * characters spelt _x2f. */
void string_print(const char *text, FILE *to);
void name_print(const char *name, FILE *to);
char *name_mangle(const char *name, Arena *arena);

/* A number that reads back as the same one, in the fewest digits. */
void float_print(double value, DType precision, FILE *to);
/* A tensor's elements in braces. */
void elements_print(const Tensor *tensor, FILE *to);
/* A tensor's type and dimensions: "float[2,3]", "int64". */
void tensor_type_print(const Tensor *tensor, FILE *to);

/* What printing a model's nodes needs beyond the nodes. All NULL or 0: all constants inline, names as they are. */
typedef struct {
    FILE *to;
    Arena *arena; /* for scratch */
    PrintOptions options;
    int64_t offset;          /* bytes written to options.data */
    const struct Map *calls; /* Node -> CallName; NULL for a node that is printed by its own names */
    /* Sizes known only at run time are numbered as they come in the text, so that printing what was parsed gives the
     * same text. NULL: they have the names that the context gave them. */
    struct Map *size_name;     /* Dim -> its name */
    struct SymbolTable *sizes; /* names that inputs use */
    int nsize;
    struct SymbolTable *labels; /* that nodes have, since engines want each once; NULL: they may repeat */
} ModelPrinter;

/* What a node calls in the printed model, where that is a function. */
typedef struct {
    const char *domain, *name, *overload;
} CallName;

/* The name of a symbol of a Dim in the printed model; who: the ModelPrinter. */
const char *printer_size_name(void *who, Dim *symbol);
/* The node's name, with a number where another node was printed by it: nodes that came from one share it. */
const char *printer_label(ModelPrinter *printer, const Node *node);
/* A type, sizes named by the printer. */
void printer_type(ModelPrinter *printer, const Type *type);
/* The graph from its name on; a function from its name on. */
void printer_graph(ModelPrinter *printer, const Graph *graph, int indent);
void printer_function(ModelPrinter *printer, const Graph *function, const CallName *name);

/* Whether a domain is one of those this compiler's own operators are in. */
bool is_own_domain(const char *domain);
/* Whether a function is the one that is printed with the operator of ours of that name. */
bool is_own_function(const Graph *function);

/* The lowest opset of the default domain that has the graph's nodes as they are, subgraphs included, and at least 18;
 * the graph is at the newest opset. */
int64_t graph_opset(const Graph *graph);
/* The IR version that came with an opset. */
int64_t opset_ir_version(int64_t opset);
#endif
