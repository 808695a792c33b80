/* barriers.cu -- does the emulation find missing barriers? Kernels as they are written for GPUs, each with a barrier
 * that -DPLANTED=1, 2, 3 or 4 leaves out; 5 leaves shared memory as it was. Exit 0: all results are right. */
#include <cuda_runtime.h>

enum { BLOCK = 128, BLOCKS = 3, COUNT = BLOCK * BLOCKS, WARPS = BLOCK / 32 };
#ifndef PLANTED
#define PLANTED 0
#endif

/* Each block's elements in reverse, through shared memory. */
static __global__ void reverse(const float *x, float *y)
{
    __shared__ float held[BLOCK];
    held[threadIdx.x] = x[blockIdx.x * BLOCK + threadIdx.x];
#if PLANTED != 1
    __syncthreads();
#endif
    y[blockIdx.x * BLOCK + threadIdx.x] = held[BLOCK - 1 - threadIdx.x];
}

/* Sums from each block's first element on, by doubling distances (Hillis and Steele 1986). */
static __global__ void scan(const float *x, float *y)
{
    __shared__ float sum[BLOCK];
    sum[threadIdx.x] = x[blockIdx.x * BLOCK + threadIdx.x];
    __syncthreads();
    for (unsigned distance = 1; distance < BLOCK; distance *= 2) {
        const float before = threadIdx.x >= distance ? sum[threadIdx.x - distance] : 0.0f;
#if PLANTED != 2
        __syncthreads();
#endif
        sum[threadIdx.x] += before;
        __syncthreads();
    }
    y[blockIdx.x * BLOCK + threadIdx.x] = sum[threadIdx.x];
}

/* Each block's sum: warps by shuffles, then the warps' sums. */
static __global__ void total(const float *x, float *y)
{
    __shared__ float of_warp[WARPS];
    float sum = x[blockIdx.x * BLOCK + threadIdx.x];
    for (int bits = 16; bits > 0; bits /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, bits);
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = sum;
#if PLANTED != 3
    __syncthreads();
#endif
    sum = 0;
    for (int i = 0; i < WARPS; i++)
        sum += of_warp[i];
    y[blockIdx.x * BLOCK + threadIdx.x] = sum;
}

/* Each warp's elements in reverse, half a warp at a time. */
static __global__ void turn(const float *x, float *y)
{
    __shared__ float held[BLOCK];
    const unsigned lane = threadIdx.x % 32, from = threadIdx.x - lane + 31 - lane;
#if PLANTED != 5
    held[threadIdx.x] = 0;
#endif
    __syncwarp();
    if (lane % 2 == 0)
        held[threadIdx.x] = x[blockIdx.x * BLOCK + threadIdx.x];
#if PLANTED != 4
    __syncwarp();
#endif
    y[blockIdx.x * BLOCK + threadIdx.x] = held[from];
}

static int wrong(void (*kernel)(const float *, float *), int which)
{
    float *x, *y, sum = 0;
    int bad = 0;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(BLOCKS);
    config.blockDim = dim3(BLOCK);
    if (cudaMallocManaged((void **)&x, COUNT * sizeof *x) != cudaSuccess ||
        cudaMallocManaged((void **)&y, COUNT * sizeof *y) != cudaSuccess)
        return 1;
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i * 7 % 31);
    bad += cudaLaunchKernelEx(&config, kernel, (const float *)x, y) != cudaSuccess;
    bad += cudaStreamSynchronize(nullptr) != cudaSuccess;
    for (int i = 0; i < COUNT; i++) {
        const int first = i / BLOCK * BLOCK;
        sum = i == first ? x[i] : sum + x[i];
        float all = 0;
        for (int k = first; k < first + BLOCK; k++)
            all += x[k];
        const int turned = i - i % 32 + 31 - i % 32;
        const float wanted[] = {x[first + BLOCK - 1 - (i - first)], sum, all, turned % 2 == 0 ? x[turned] : 0};
        bad += !(y[i] == wanted[which]);
    }
    cudaFree(x);
    cudaFree(y);
    return bad;
}

int main()
{
    return wrong(reverse, 0) + wrong(scan, 1) + wrong(total, 2) + wrong(turn, 3) ? 1 : 0;
}
