/* template.h -- what the C that templates become is made of (templates/template.c), and the templates there are. */
#ifndef TEMPLATE_H
#define TEMPLATE_H
#include "nest.h"
#include "text.h"
#include <stdbool.h>
#include <stdint.h>

static inline void template_int(Text *text, long long value)
{
    text_add(text, "%lld", value);
}

#define TEMPLATE_HOLE(text, value)                                                                                     \
    _Generic((value), const char * : text_string, char * : text_string, default : template_int)((text), (value))

/* The functions of a program. */
typedef enum {
    FUNCTION_WORKSPACE,
    FUNCTION_RUN,
    FUNCTION_GRAPH_BYTES,
    FUNCTION_GRAPH,
    FUNCTION_RUN_GRAPH,
    FUNCTION_INIT,
    FUNCTION_STEP_WORKSPACE,
    FUNCTION_STEP,
    FUNCTION_STEP_GRAPH,
    FUNCTION_COUNT
} Function;

/* NAME.h: inputs, then outputs; members of the state's struct; all else. */
typedef struct {
    const char *name, *model_name; /* in C; in the model, as a string literal */
    int rank;
    int64_t bytes; /* -1: sizes tell */
} HeaderTensor;
typedef struct {
    const char *type, *name, *comment;
    int64_t count; /* of elements */
} HeaderField;
typedef struct {
    const char *name, *prefix, *upper, *version;
    const char *statuses; /* enumerators */
    const char **line;    /* that describe the sizes and tensors */
    int64_t weight_bytes, most;
    const char *weight_place;
    const char *prototype[FUNCTION_COUNT]; /* NULL: the program has no such function */
    HeaderTensor *tensor;
    HeaderField *field;
    int nline, ntensor, nfield;
    bool has_sizes, has_structure, is_for_cuda;
    bool takes_handle, tf32; /* cuBLAS's */
} Header;
void template_header(Text *text, const Header *header);

/* NAME.c: slots of the workspace or of a graph, and the function that says where they are; ... */
typedef struct {
    const char *name, *bytes;
} LayoutSlot;
typedef struct {
    const char *prefix, *part; /* part: names the struct and the function */
    const char *members, *parameters;
    const char **size; /* names of the parameters */
    LayoutSlot *slot;
    int nsize, nslot;
    int begin; /* the first slot's place */
} Layout;
/* ... a function that says how many bytes all slots are, of a part or, where `graph` is not NULL, of both; ... */
typedef struct {
    const char *prototype, *part, *graph, *arguments;
    const char **size;
    int nsize;
    int64_t most; /* what a size may be */
    int begin;    /* the bytes where there is no slot */
} ByteCount;
/* ... the function that takes both parts of a run, by their calls. */
typedef struct {
    const char *upper, *prototype, *graph_bytes, *workspace_bytes; /* workspace_bytes: for CUDA, else NULL */
    const char *call_graph, *call_run;
} Both;
typedef struct {
    const char *name, *text;
} StatusText;
void template_restrict(Text *text, const char *upper);
void template_place(Text *text, const char *prefix);
void template_layout(Text *text, const Layout *layout);
void template_no_bytes(Text *text, const ByteCount *bytes);
void template_bytes(Text *text, const ByteCount *bytes);
void template_status_text(Text *text, const char *prefix, const char *upper, const StatusText *status, int count);
void template_both(Text *text, const Both *both);

/* NAME_driver.c, which speaks of inputs and outputs of the program ... */
typedef struct {
    int number; /* in the model */
    int rank;
    const char *type, *bytes; /* C type of an element; all bytes, an int64_t expression */
    const char **dim;         /* [rank] expressions; NULL: the run tells */
} DriverTensor;
/* ... and the sizes it is called with. */
typedef struct {
    const char *name, *value;
} DriverSize;
typedef struct {
    const char *name, *header, *prefix, *upper, *version;
    const char *helpers; /* functions that the expressions call */
    const char *size_struct, *size_arguments, *call;
    const char *suffix; /* of the source's name */
    bool is_for_cuda, takes_handle;
    bool takes_weights, has_maxima; /* sizes that only the data tells, for which `most` is given */
    DriverTensor *input, *output;
    DriverSize *size;
    int ninput, noutput, nsize;
} Driver;
void template_driver(Text *text, const Driver *driver);

/* NAME_test.c: input arrays and what they are filled with; output arrays, and what they must hold. */
typedef struct {
    const char *type, *fill; /* fill: arguments of NAME_fill behind the array (runtime/noise.h) */
    int64_t room;            /* elements of the array, at least 1 */
} TestInput;
typedef struct {
    const char *type, *expected; /* lines of numbers; NULL: what a second run gives */
    const char *greatest;        /* magnitude of those numbers, at least 1; 0 of integers */
    int64_t room, count;         /* elements of the array, and of the result */
} TestOutput;
typedef struct {
    const char *name, *header, *prefix, *upper, *version;
    const char *noise; /* runtime/noise.h */
    const char *call, *call_again;
    int64_t workspace_bytes, weight_bytes; /* weight_bytes: -1 when NAME_run takes no weights */
    TestInput *input;
    TestOutput *output;
    int ninput, noutput;
    int shape_rank;             /* room for an output's dimensions; 0: none are asked for */
    const char *suffix, *space; /* of the source's name; what stands before memory that the program sees */
    bool is_evaluated, is_for_cuda, takes_handle;
    bool is_large; /* the tensors are too much for a program's own data: memory for them is asked for */
} Test;
void template_test(Text *text, const Test *test);

/* The micro-kernels that are wanted, by TileForm (nest.h); weights stand in panels of `panel` columns; exact: products
 * are rounded before they are added. */
void template_tile(Text *text, const char *prefix, const char *upper, int panel, bool exact, const bool *form);
/* What every program for CUDA has before its kernels, and behind them. */
void template_cuda(Text *text, const char *prefix, const char *upper);
void template_cuda_copy(Text *text, const char *prefix, const char *upper);
void template_cuda_carried(Text *text, const char *upper);
void template_cuda_products(Text *text, const char *prefix, const char *upper, bool tf32, int bytes, int alignment);
void template_cuda_sizes(Text *text, const char *prefix, const char *upper, int count);
void template_cuda_memory(Text *text);
void template_cuda_memory_comment(Text *text, const char *prefix, bool takes_handle, bool tf32);
void template_cuda_handle(Text *text);
void template_cuda_header(Text *text, const char *prefix, const char *upper);
void template_cuda_status(Text *text, const char *prefix, const char *upper);
#endif
