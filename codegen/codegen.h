/* codegen.h -- from a rewritten model to a folder of C. */
#ifndef CODEGEN_H
#define CODEGEN_H
#include "../rewrite/pass.h"

/* Where the weights go: C source of hex floats, a file to map, an object through the assembler. */
typedef enum { WEIGHTS_C, WEIGHTS_BIN, WEIGHTS_OBJ } WeightsForm;

/* What the program is written in. Weights of one for CUDA are WEIGHTS_BIN: they lie where the caller puts them. */
typedef enum { TARGET_C, TARGET_CUDA } Target;

/* Where dense products come from: the program's own loops, or a library of a target. */
typedef enum { BLAS_OWN, BLAS_OPENBLAS, BLAS_CUBLAS, BLAS_COUNT } Blas;
/* What it is called on the command line, and to linkers; NULL: BLAS_OWN, which needs nothing. */
const char *blas_name(Blas blas);

typedef struct {
    const char *folder; /* where the files go: made, or replaced whole once all of them are written. One that holds
                           anything but an earlier program is refused */
    const char *name;   /* the prefix of every symbol and file name; already an identifier */
    Target target;
    WeightsForm weights;
    bool threads;  /* OpenMP pragmas on the outermost loops */
    bool exact;    /* sums are not reordered */
    bool in_order; /* steps stay in the graph's order: nothing is done ahead because only the structure tells it */
    Blas blas;
    bool tf32;   /* --tf32: cuBLAS may round what it multiplies to 10 bits behind the point */
    bool driver; /* write NAME_driver.c too, see below */
    /* Called with the filled folder before it is put in place; false: it is not. NULL: nothing is to be done. */
    bool (*complete)(void *who, const char *folder);
    void *who;
    const char *beside;  /* the name of the same model's program in C that is in the folder, to which this one for CUDA
                            is added: in the C program's header, CMakeLists.txt and manifest. NULL: none */
    const char *command; /* the options as given, for the header comment and the manifest */
} BuildOptions;

/* Writes the program of a model that has been through rewrite(), which is used up. False after errors in the report;
 * the folder is then as it was.
 *
 * The files: NAME.h, NAME.c (NAME.cu for CUDA, with all sources of it in .cu), the weights in one of their forms,
 * NAME_test.c, manifest.json, Makefile. NAME_driver.c, when wanted, is a main() around the program for `onnx2c verify`
 * and the demo:
 *
 *     NAME_driver [-r REPEATS] FOLDER...
 *
 * started in the folder it was built in. It reads FOLDER/input_K.raw (K-th input), runs REPEATS times (1), writes
 * FOLDER/output_K.raw and prints a line for each folder: the status (0: ok), the workspace's bytes, the seconds of the
 * fastest run. A .raw file is int64 rank, int64 dimensions[rank], then the elements as they lie in memory (a string:
 * int64 length, bytes), all in the machine's byte order. Files that cannot be read or written end it with exit
 * status 1. */
bool codegen_build(Model *model, const BuildOptions *options, const RewriteLog *log);

/* Prints what the program of a model that has been through rewrite() costs (operations and bytes of each kernel) and
 * what memory it takes (the workspace's formula and slots). The model is used up, as by codegen_build. False after
 * errors in the report. */
bool codegen_print(Model *model, const BuildOptions *options, FILE *to, bool cost, bool memory, bool json);
#endif
