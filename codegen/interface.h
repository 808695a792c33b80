/* interface.h -- what the writers of the generated files share: how NAME_run is called, where weights are, what else is
 * carried. */
#ifndef INTERFACE_H
#define INTERFACE_H
#include "program.h"
#include "template.h"

#define ONNX2C_VERSION "0.1.0"

/* ---- the sizes the caller gives: the symbols of the inputs, then maxima of sizes only the data tells ---- */
int nsizes(const Program *program);
const char *size_name(const Program *program, int size);
const char *size_parameters(const Program *program); /* "int64_t N, int64_t E"; "void" when there is none */
const char *size_arguments(const Program *program);  /* "N, E" */

/* The file, without .h, in which the program's functions are declared. */
const char *header_name(const Program *program);

/* The name of the argument that takes an output's dimensions; NULL where the caller can tell them. */
const char *output_shape_name(const Program *program, int output);

/* The functions of a program (template.h): those of graphs are there where it has structure (structure.c), those of
 * state where it has state (state.c). */
bool is_graph_function(Function function);
bool is_state_function(Function function);
const char *function_name(const Program *program, Function function);
/* "int64_t N, const float *x, float *y, void *workspace", or, for a call, the names alone. */
const char *function_parameters(const Program *program, Function function, bool with_types);
/* Its prototype, as a declaration or as a head; lines. */
const char *prototype(const Program *program, Function function, bool is_declaration);

/* Before _places and _layout: what says where the tensors of the structure lie, or the others. */
const char *layout_name(const Program *program, bool structure);
/* The definitions of NAME_run and, where there is structure, NAME_graph and NAME_run_graph. */
void print_run(Program *program, Text *text);

/* The members of the struct of a program's state, and the definitions of its functions. */
HeaderField *state_fields(const Program *program, int *count);
void print_state_functions(const Program *program, Text *text);

/* ---- weights ---- in the order in which buffers were made, each on a cache line */
void print_weight_declarations(const Program *program, Text *text);
const char *weight_symbol(const Program *program, const Buffer *buffer);
/* A C expression for its address: the symbol, or its place in the argument `weights`. */
const char *weight_place(const Program *program, const Buffer *buffer);
int64_t weight_offset(const Program *program, const Buffer *buffer);
bool has_weights(const Program *program);
bool takes_weights(const Program *program);   /* NAME_run has an argument for them: those of a .bin */
int64_t weight_total(const Program *program); /* bytes of all */
void write_weights_c(const Program *program, FILE *to);
void write_weights_bin(const Program *program, FILE *to);
void write_weights_s(const Program *program, FILE *to);

/* ---- runtime sources ---- */
enum { MAX_CARRIED = 64 };
typedef struct {
    const char *file[MAX_CARRIED]; /* in runtime/; copied as NAME_file */
    int count;
} Carried;
Carried carried_files(const Program *program);
const char *carried_text(const Program *program, const char *file);       /* with names of the program */
const char *routine_file(const Program *program, const Routine *routine); /* that it stands in */
/* NAME.c's includes and the declarations of the routines it calls. */
void print_carried_declarations(const Program *program, Text *text);

/* ---- what stands around the program ---- */
void write_driver(const Program *program, FILE *to);
void write_test(const Program *program, FILE *to);
/* The library that the program is to be linked with (--blas), after such words as " -l"; "": none. */
const char *library(const Program *program, const char *before);
void write_makefile(const Program *program, FILE *to);
void write_cmake(const Program *program, FILE *to);
void write_pkgconfig(const Program *program, FILE *to);
void write_manifest(const Program *program, FILE *to);
/* Adds that of a program for CUDA to the one of the same model in C. */
void add_manifest(const Program *program, FILE *to);
#endif
