/* cuda.h -- programs for CUDA: what is printed otherwise than for C.
 *
 * The steps, their loops and the workspace are those of the C program. The C function of a step becomes a kernel: the
 * loops over the output become its threads (cuda_threads.c), what is inside them stays. NAME_run checks sizes and
 * starts kernels on the caller's stream, in the steps' order, and never waits for one, so that CUDA graphs can capture
 * it.
 *
 * What only data tells, such as an index out of range, is told by a word on the device, with which the workspace and
 * the graph begin: the fault. A kernel that finds one sets it; those behind it see that and do nothing. NAME_status
 * reads it. */
#ifndef CUDA_H
#define CUDA_H
#include "program.h"

enum { FAULT_BYTES = 64 }; /* of the workspace and of a graph, before all else */

bool is_for_cuda(const Program *program);
/* "cu" or "c". */
const char *source_suffix(const Program *program);

/* The statuses of a program: those of all, and for CUDA one more. NULL beyond the last. */
const char *program_status_name(const Program *program, int status);
const char *program_status_text(const Program *program, int status);

/* Whether the host knows all sizes and conditions without asking the device. False after errors in the report. */
bool cuda_supports(const Program *program);

/* The condition of an If in terms of sizes and of inputs of few elements; NULL: only what the device computes tells. */
Expr *host_condition(const Program *program, const Step *step);
/* Whether sizes are elements of this input, or conditions depend on it: the host reads it when it starts the kernels.
 */
bool host_reads(const Program *program, const Buffer *input);

/* Whether a step's routine has a form of its own for all threads of a device: gnn.Csr, as runtime/csr.cuh. */
bool is_parallel_csr(const Program *program, const Step *step);
/* The scratch memory that a routine takes there. */
void cuda_routine_memory(const Program *program, Routine *routine);

/* One loop of the loops whose iterations are independent, outermost first, in place; NULL where there is none. */
Stmt *cuda_flatten(const NestScope *scope, Block *block, const char *name, Dim **points);
/* Makes threads of these loops. The number of threads; one where there is no such loop. */
Dim *cuda_threads(const NestScope *scope, Block *block);
/* A number that the kernel knows by this name, without the prefix. */
Expr *cuda_number(const NestScope *scope, const char *name);

/* Whether a nest may be work for teams of threads: it has sums whose lengths differ, or that are long for few outputs.
 */
bool cuda_wants_teams(Context *context, const Element *element);
/* Makes teams of such a nest, which was built for them (in_teams). The number of points; NULL: it cannot be, and the
 * block is not to be used. See cuda_team.c. */
Dim *cuda_teams(const NestScope *scope, Block *block);

/* The call that starts a kernel: so many threads of it, or teams for so many points. */
const char *cuda_launch(const Program *program, Dim *threads, const char *kernel, const char *arguments);
const char *cuda_launch_teams(const Program *program, Dim *points, const char *kernel, const char *arguments);

/* ---- cuBLAS ---- */
/* The library's scratch memory in the workspace, for one step; what it recommends for the devices of today. */
enum { LIBRARY_BYTES = 32 << 20, LIBRARY_ALIGNMENT = 256 };
Buffer *cuda_library_memory(Program *program);
/* Whether a step calls it; whether any does, so that those who run the program give a handle. */
bool calls_library(const Step *step);
bool takes_handle(const Program *program);

/* ---- NAME.cu (cuda.c, cuda_carry.c) ---- */
/* What stands before the kernels: includes, how kernels are started and bytes copied, the routines it carries. */
void cuda_print_head(const Program *program, Text *text);
void cuda_print_carried(const Program *program, Text *text);
/* The kernels that call routines, one for each such step, which learns its name. */
void cuda_print_routines(Program *program, Text *text);
void cuda_print_status(const Program *program, Text *text);
/* The call of a step's routine; the copying of bytes. */
void cuda_print_routine_call(const Program *program, const Step *step, Text *text);
void cuda_print_copy(const Program *program, Text *text, const char *to, const char *from, const char *bytes,
                     const char *fault);
/* A call that gives a status, which the function returns when it is not ok. */
void cuda_print_call(const Program *program, Text *text, const char *call);

/* ---- the files around it (cuda_around.c) ---- */
void write_cuda_makefile(const Program *program, FILE *to);
void write_cuda_cmake(const Program *program, FILE *to);
#endif
