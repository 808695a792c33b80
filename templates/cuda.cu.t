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
%/* Products by cuBLAS. */
%void template_cuda_products(Text *text, const char *prefix, const char *upper, bool tf32, int bytes, int alignment)
%{
/* cuBLAS works on the run's stream, on numbers of the host, in ${tf32 ? "tf32" : "float32"}, the same way every time. */
static enum ${prefix}status ${prefix}use(cublasHandle_t blas, cudaStream_t stream)
{
    const bool is_set = cublasSetStream(blas, stream) == CUBLAS_STATUS_SUCCESS &&
                        cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_HOST) == CUBLAS_STATUS_SUCCESS &&
                        cublasSetAtomicsMode(blas, CUBLAS_ATOMICS_NOT_ALLOWED) == CUBLAS_STATUS_SUCCESS &&
                        cublasSetMathMode(blas, ${tf32 ? "CUBLAS_TF32_TENSOR_OP_MATH" : "CUBLAS_DEFAULT_MATH"}) == CUBLAS_STATUS_SUCCESS;
    return is_set ? ${upper}OK : ${upper}LAUNCH_FAILED;
}

/* out = op(a) op(b), `count` times, by columns: a is m x k, b is k x n, and out m x n without gaps. Where there is nothing
 * to add, which cuBLAS refuses, the sums are 0. */
static enum ${prefix}status ${prefix}sgemm(cublasHandle_t blas, cudaStream_t stream, void *room, cublasOperation_t a_as, cublasOperation_t b_as,
                  int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, int64_t a_step, const float *b,
                  int64_t b_stride, int64_t b_step, float *out, int64_t count)
{
    const int64_t size[] = {m, n, k, a_stride, b_stride, count};
    const float one = 1, zero = 0;
    for (int64_t number : size)
        if (number > INT32_MAX)
            return ${upper}BAD_SIZE;
    if (m == 0 || n == 0 || count == 0)
        return ${upper}OK;
    if (k == 0)
        return cudaMemsetAsync(out, 0, (size_t)(m * n * count) * sizeof *out, stream) == cudaSuccess ? ${upper}OK : ${upper}LAUNCH_FAILED;
    char *memory = (char *)room + (${alignment} - (uintptr_t)room % ${alignment}) % ${alignment};
    if (cublasSetWorkspace(blas, memory, ${bytes}) != CUBLAS_STATUS_SUCCESS)
        return ${upper}LAUNCH_FAILED;
    return cublasSgemmStridedBatched(blas, a_as, b_as, (int)m, (int)n, (int)k, &one, a, (int)a_stride, a_step, b, (int)b_stride,
                                     b_step, &zero, out, (int)m, m * n, (int)count) == CUBLAS_STATUS_SUCCESS
               ? ${upper}OK
               : ${upper}LAUNCH_FAILED;
}

%}
%
%/* In a main(): a handle. */
%void template_cuda_handle(Text *text)
%{
    cublasHandle_t blas;
    if (cublasCreate(&blas) != CUBLAS_STATUS_SUCCESS) {
        fprintf(stderr, "cuBLAS cannot be used\n");
        return 1;
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
%void template_cuda_memory_comment(Text *text, const char *prefix, bool takes_handle, bool tf32)
%{
 *
%   if (takes_handle) {
 * Products are cuBLAS's: link with -lcublas. The handle `blas` is the caller's, for one run at a time (those of several
 * threads or streams want one each); a run sets its stream, memory (in the workspace, until it is set otherwise) and
 * modes: ${tf32 ? "tf32" : "float32 throughout"}, no atomics.
 *
%   }
 * All tensors, weights, graphs and workspaces are the device's memory, the caller's own; where an output's dimensions are
 * told, the host's. An input whose elements are sizes or choose a branch must be where both can read it (managed, or pinned): it is read
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
