/* handle.cu -- for programs that are called from Python (tests/program.py): a handle of the emulated cuBLAS. */
#include <cublas_v2.h>

extern "C" cublasHandle_t new_handle()
{
    cublasHandle_t handle;
    return cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS ? handle : nullptr;
}
