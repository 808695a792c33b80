/* cublas_v2.h -- cuBLAS on a CPU, for tests: what programs for CUDA call of it, under its names, as its manual says.
 *
 * Matrices stand by columns. What cuBLAS refuses is refused, and more: sums of nothing; work without a stream, a
 * workspace or the modes that make results repeatable; and a workspace that is too small for NVIDIA's advice. The
 * workspace is written all over, so that what a program keeps in it is seen to be lost. */
#ifndef EMULATED_CUBLAS_V2_H
#define EMULATED_CUBLAS_V2_H
#include <cuda_runtime.h>
#include <stdint.h>

enum cublasStatus_t {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_EXECUTION_FAILED = 13
};
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasPointerMode_t { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 };
enum cublasAtomicsMode_t { CUBLAS_ATOMICS_NOT_ALLOWED = 0, CUBLAS_ATOMICS_ALLOWED = 1 };
enum cublasMath_t { CUBLAS_DEFAULT_MATH = 0, CUBLAS_PEDANTIC_MATH = 2, CUBLAS_TF32_TENSOR_OP_MATH = 3 };

struct cublasContext {
    bool has_stream = false, has_mode = false;
    cublasAtomicsMode_t atomics = CUBLAS_ATOMICS_ALLOWED;
    cublasPointerMode_t pointers = CUBLAS_POINTER_MODE_DEVICE;
    char *workspace = nullptr;
    size_t bytes = 0;
};
typedef cublasContext *cublasHandle_t;

inline cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    *handle = new cublasContext;
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

/* Takes the workspace back, as the manual has it. */
inline cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->has_stream = true;
    handle->workspace = nullptr;
    handle->bytes = 0;
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if ((uintptr_t)workspace % 256)
        return CUBLAS_STATUS_INVALID_VALUE;
    handle->workspace = (char *)workspace;
    handle->bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->pointers = mode;
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->atomics = mode;
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->has_mode = true;
    return CUBLAS_STATUS_SUCCESS;
}

namespace emulated
{

inline float element(const float *matrix, int stride, bool is_transposed, int row, int column)
{
    return is_transposed ? matrix[column + (int64_t)row * stride] : matrix[row + (int64_t)column * stride];
}

/* c = alpha op(a) op(b) + beta c; c is not read where beta is 0. */
inline void product(bool a_transposed, bool b_transposed, int m, int n, int k, float alpha, const float *a, int lda,
                    const float *b, int ldb, float beta, float *c, int ldc)
{
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            float sum = 0, *to = &c[i + (int64_t)j * ldc];
            for (int l = 0; l < k; l++)
                sum += element(a, lda, a_transposed, i, l) * element(b, ldb, b_transposed, l, j);
            *to = alpha * sum + (beta == 0 ? 0 : beta * *to);
        }
}

} // namespace emulated

inline cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t a_as, cublasOperation_t b_as,
                                                int m, int n, int k, const float *alpha, const float *a, int lda,
                                                long long a_step, const float *b, int ldb, long long b_step,
                                                const float *beta, float *c, int ldc, long long c_step, int count)
{
    const int64_t advised = INT64_C(32) << 20;
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!handle->has_stream || !handle->has_mode || handle->bytes < (size_t)advised ||
        handle->atomics != CUBLAS_ATOMICS_NOT_ALLOWED || handle->pointers != CUBLAS_POINTER_MODE_HOST)
        return CUBLAS_STATUS_EXECUTION_FAILED;
    const int a_rows = a_as == CUBLAS_OP_N ? m : k, b_rows = b_as == CUBLAS_OP_N ? k : n;
    if (m < 1 || n < 1 || k < 1 || count < 1 || lda < a_rows || ldb < b_rows || ldc < m || a_step < 0 || b_step < 0 ||
        (count > 1 && c_step < (long long)ldc * n))
        return CUBLAS_STATUS_INVALID_VALUE;
    memset(handle->workspace, 0xff, handle->bytes);
    for (int i = 0; i < count; i++)
        emulated::product(a_as == CUBLAS_OP_T, b_as == CUBLAS_OP_T, m, n, k, *alpha, a + i * a_step, lda,
                          b + i * b_step, ldb, *beta, c + i * c_step, ldc);
    return CUBLAS_STATUS_SUCCESS;
}
#endif
