%/* What every program for CUDA has: how kernels are started, how bytes are copied; how a fault is read. */
%
%void template_cuda(Text *text, const char *prefix, const char *upper)
%{

/* The number of this thread, and how many there are: each takes every so-manieth element. */
#define ${upper}THREAD (blockIdx.x * (int64_t)blockDim.x + threadIdx.x)
#define ${upper}THREADS (gridDim.x * (int64_t)blockDim.x)

/* Starts a kernel of at most so many blocks; none where there is nothing to do. */
template <typename... Parameters, typename... Arguments>
static enum ${prefix}status ${prefix}start(cudaStream_t stream, int64_t blocks, int64_t block, void (*kernel)(Parameters...),
                    Arguments... arguments)
{
    const int64_t most = 65536;
    if (blocks <= 0)
        return ${upper}OK;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)(blocks < most ? blocks : most));
    config.blockDim = dim3((unsigned)block);
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, arguments...) == cudaSuccess ? ${upper}OK : ${upper}LAUNCH_FAILED;
}

/* Starts a kernel of at most so many threads. */
template <typename... Parameters, typename... Arguments>
static enum ${prefix}status ${prefix}launch(cudaStream_t stream, int64_t threads, void (*kernel)(Parameters...),
                    Arguments... arguments)
{
    const int64_t block = threads < 256 ? threads : 256;
    return ${prefix}start(stream, threads > 0 ? (threads + block - 1) / block : 0, block, kernel, arguments...);
}

%}
%
%/* Copying, for programs with state. */
%void template_cuda_copy(Text *text, const char *prefix, const char *upper)
%{
static __global__ void ${prefix}copy_bytes(char *to, const char *from, int64_t bytes, const int32_t *fault)
{
    if (fault && *fault)
        return;
    for (int64_t i = ${upper}THREAD; i < bytes; i += ${upper}THREADS)
        to[i] = from[i];
}

/* Copies where there was no fault (nullptr: in any case). */
static inline enum ${prefix}status ${prefix}copy(cudaStream_t stream, void *to, const void *from, int64_t bytes, const int32_t *fault)
{
    return ${prefix}launch(stream, bytes, ${prefix}copy_bytes, (char *)to, (const char *)from, bytes, fault);
}

%}
%
%/* What the routines of runtime/ are written in. */
%void template_cuda_carried(Text *text, const char *upper)
%{
/* Routines, as they are in C: one thread each. */
#define ${upper}PLAIN
#define ${upper}ROUTINE(name) \
    static int name(const void *const in[], void *const out[], const int64_t n[], const double p[], void *scratch)

%}
%
%/* What a graph was made with, so many sizes, is kept in it and compared. */
%void template_cuda_sizes(Text *text, const char *prefix, const char *upper, int count)
%{
/* A graph goes with its sizes: with others, what it holds would lead anywhere. */
static __global__ void ${prefix}keep_sizes(int64_t *sizes,
%    for (int i = 0; i < count; i++) {
                    int64_t size${i},
%    }
                    const int32_t *fault)
{
    if (*fault)
        return;
%    for (int i = 0; i < count; i++) {
    sizes[${i}] = size${i};
%    }
}

static __global__ void ${prefix}compare_sizes(const int64_t *sizes,
%    for (int i = 0; i < count; i++) {
                    int64_t size${i},
%    }
                    int32_t *fault)
{
%    for (int i = 0; i < count; i++) {
    if (!*fault && sizes[${i}] != size${i})
        *fault = ${upper}BAD_SIZE;
%    }
}

%}
%
%/* For programs that are run on files: memory that host and device see. */
%void template_cuda_memory(Text *text)
%{
#include <cuda_runtime.h>

static void *managed(size_t bytes)
{
    void *memory = NULL;
    return cudaMallocManaged(&memory, bytes) == cudaSuccess ? memory : NULL;
}
#define malloc managed
#define free   cudaFree

%}
%
%/* The end of the header's first comment. */
%void template_cuda_memory_comment(Text *text, const char *prefix)
%{
 *
 * All tensors, weights, graphs and workspaces are the device's memory, the caller's own; where an output's dimensions are
 * told, the host's. An input whose elements are sizes must be where both can read it (managed, or pinned): it is read
 * before the kernels are started. The functions start kernels on the stream and wait for none, so that a CUDA graph can capture them:
 * their status says whether the sizes are right and the kernels were started, ${prefix}status what the data was like. */
%}
%
%/* Its declaration. */
%void template_cuda_header(Text *text, const char *prefix, const char *upper)
%{
/* Waits for the stream and tells what the run that was given this workspace, or what made this graph, has found in its
 * data: ${upper}OK, or a status with which the outputs are unspecified. A run on a graph that is not ok is not ok. */
enum ${prefix}status ${prefix}status(const void *workspace, struct CUstream_st *stream);

%}
%
%/* NAME_status. */
%void template_cuda_status(Text *text, const char *prefix, const char *upper)
%{
enum ${prefix}status ${prefix}status(const void *workspace, struct CUstream_st *stream)
{
    int32_t fault = 0;
    if (cudaMemcpyAsync(&fault, workspace, sizeof fault, cudaMemcpyDeviceToHost, stream) != cudaSuccess ||
        cudaStreamSynchronize(stream) != cudaSuccess)
        return ${upper}LAUNCH_FAILED;
    return (enum ${prefix}status)fault;
}

%}
