/* cuda_runtime.h -- CUDA on a CPU, for tests: what programs for CUDA use of it, under its names, compiled as C++.
 *
 *     g++ -std=c++17 -x c++ -I tests/cuda NAME.cu ...
 *
 * Kernels run when they are started, one block after the other, one thread of a block after the other until it ends or
 * waits at a barrier. Blocks and threads take turns in an order drawn anew behind each barrier from the number in
 * EMULATED_ORDER (0, or none: their own order): results that depend on it come from a race. Before each block all
 * __shared__ memory is filled with bytes of that order too, and what cudaMalloc gives with 0xff, so that what was never
 * written is seen to be garbage. Threads that wait at different barriers, or for one that has ended, end the program
 * with a message on stderr: on a device they would hang or read too early.
 *
 * The threads of a block are fibers, each on a stack of its own: on x86-64 by a switch of a few instructions, elsewhere
 * by those of ucontext.h. */
#ifndef EMULATED_CUDA_RUNTIME_H
#define EMULATED_CUDA_RUNTIME_H
#include <memory>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif
#include <vector>

#define __global__
#define __device__
#define __host__
#define __managed__
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("emulated_shared")))

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};
inline dim3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
struct CUstream_st;
typedef CUstream_st *cudaStream_t;
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes = 0;
    cudaStream_t stream = nullptr;
    void *attrs = nullptr;
    unsigned numAttrs = 0;
};

extern "C" __attribute__((weak)) char __start_emulated_shared[], __stop_emulated_shared[];

namespace emulated
{

/* ---- fibers ---- */
enum { STACK = 1 << 18 };
#ifdef __x86_64__
typedef void *Fiber; /* its stack's end, where it has put the registers that calls keep */

__attribute__((naked, noinline, no_sanitize("address", "undefined"))) inline void switch_to(Fiber *, Fiber)
{
    __asm__("pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
            "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
            "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret");
}

inline void go(Fiber *from, Fiber *to)
{
    switch_to(from, *to);
}

inline void fiber_new(Fiber *fiber, char *stack, void (*begin)())
{
    void **end = (void **)((uintptr_t)(stack + STACK) / 16 * 16) - 8;
    memset(end, 0, 8 * sizeof *end);
    end[6] = (void *)begin; /* behind six registers: where the switch returns to */
    *fiber = end;
}
#else
typedef ucontext_t Fiber;

inline void go(Fiber *from, Fiber *to)
{
    swapcontext(from, to);
}

inline void fiber_new(Fiber *fiber, char *stack, void (*begin)())
{
    getcontext(fiber);
    fiber->uc_stack.ss_sp = stack;
    fiber->uc_stack.ss_size = STACK;
    fiber->uc_link = nullptr;
    makecontext(fiber, begin, 0);
}
#endif

enum State { READY, AT_BARRIER, AT_WARP, DONE };
struct Thread {
    Fiber fiber;
    std::unique_ptr<char[]> stack;
    dim3 index;
    State state;
    int line;       /* of the barrier or shuffle it waits at */
    unsigned lanes; /* that must come to the shuffle */
    uint64_t slot[2];
    int parity; /* of its shuffles: a lane may be one ahead of the lanes that read from it */
};
struct Device {
    std::vector<Thread> threads; /* of the block that runs */
    Fiber scheduler;
    Thread *running = nullptr;
    unsigned running_number = 0;
    void (*call)(void *) = nullptr;
    void *who = nullptr;
    uint64_t order = 0;
    bool order_is_known = false;
};
inline Device device;

[[noreturn]] inline void fail(const char *what, int line)
{
    fprintf(stderr, "emulated CUDA: block %u, thread %u, line %d: %s\n", blockIdx.x, threadIdx.x, line, what);
    abort();
}

/* ---- the order ---- */
inline uint64_t draw()
{
    device.order += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = device.order;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

inline void find_order()
{
    const char *text = getenv("EMULATED_ORDER");
    device.order = text ? strtoull(text, nullptr, 10) : 0;
    device.order_is_known = true;
}

/* For programs compiled with it: what a long row is, from EMULATED_LONG_ROW. */
inline int64_t long_row()
{
    static const int64_t number =
        getenv("EMULATED_LONG_ROW") ? strtoll(getenv("EMULATED_LONG_ROW"), nullptr, 10) : 1024;
    return number;
}

inline std::vector<unsigned> permutation(size_t count)
{
    std::vector<unsigned> all(count);
    for (size_t i = 0; i < count; i++)
        all[i] = (unsigned)i;
    for (size_t i = count; device.order && i > 1; i--)
        std::swap(all[i - 1], all[draw() % i]);
    return all;
}

/* ---- a thread ---- */
inline void wait(State state, int line, unsigned lanes)
{
    Thread *thread = device.running;
    thread->state = state;
    thread->line = line;
    thread->lanes = lanes;
    go(&thread->fiber, &device.scheduler);
}

inline void begin()
{
    device.call(device.who);
    device.running->state = DONE;
    go(&device.running->fiber, &device.scheduler);
}

inline void resume(unsigned number)
{
    Thread &thread = device.threads[number];
    device.running = &thread;
    device.running_number = number;
    threadIdx = thread.index;
    go(&device.scheduler, &thread.fiber);
}

/* ---- a block ---- */
inline dim3 index_of(unsigned number)
{
    return dim3(number % blockDim.x, number / blockDim.x % blockDim.y, number / blockDim.x / blockDim.y);
}

inline bool release_barrier()
{
    const Thread &first = device.threads[0];
    for (const Thread &thread : device.threads) {
        if (thread.state == DONE && first.state != DONE)
            fail("a barrier that another thread ended without", first.line);
        if (thread.state != AT_BARRIER)
            return false;
        if (thread.line != first.line)
            fail("threads wait at different barriers", first.line);
    }
    for (Thread &thread : device.threads)
        thread.state = READY;
    return true;
}

/* Whether the lanes of a warp that a shuffle of this thread's names are there; they go on. */
inline bool release_lanes(size_t number)
{
    const Thread &thread = device.threads[number];
    const size_t warp = number / warpSize * warpSize;
    if (thread.state != AT_WARP)
        return false;
    for (size_t i = warp; i < warp + warpSize && i < device.threads.size(); i++) {
        const Thread &other = device.threads[i];
        if (!(thread.lanes >> (i - warp) & 1))
            continue;
        if (other.state == DONE)
            fail("a shuffle that another lane ended without", thread.line);
        if (other.state != AT_WARP)
            return false;
        if (other.line != thread.line || other.lanes != thread.lanes)
            fail("lanes wait at different shuffles", thread.line);
    }
    const unsigned lanes = thread.lanes;
    for (size_t i = warp; i < warp + warpSize && i < device.threads.size(); i++)
        if (lanes >> (i - warp) & 1)
            device.threads[i].state = READY;
    return true;
}

inline void run_block(unsigned count)
{
    device.threads.resize(count);
    for (unsigned i = 0; i < count; i++) {
        Thread &thread = device.threads[i];
        if (!thread.stack)
            thread.stack.reset(new char[STACK]);
        thread.index = index_of(i);
        thread.state = READY;
        thread.parity = 0;
        fiber_new(&thread.fiber, thread.stack.get(), begin);
    }
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        for (unsigned i : permutation(count))
            if (device.threads[i].state == READY)
                resume(i);
        for (size_t i = 0; i < count; i++)
            goes_on |= release_lanes(i);
        goes_on = goes_on || release_barrier();
    }
    for (const Thread &thread : device.threads)
        if (thread.state != DONE)
            fail("it waits for ever", thread.line);
}

inline void poison_shared()
{
    if (!__start_emulated_shared)
        return;
    for (char *at = __start_emulated_shared; at < __stop_emulated_shared; at++)
        *at = (char)(device.order ? draw() : 0xff);
}

inline cudaError_t launch(const cudaLaunchConfig_t *config, void (*call)(void *), void *who)
{
    const dim3 grid = config->gridDim, block = config->blockDim;
    const uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z, threads = (uint64_t)block.x * block.y * block.z;
    if (blocks == 0 || threads == 0 || threads > 1024 || grid.y > 65535 || grid.z > 65535)
        return cudaErrorInvalidConfiguration;
    if (!device.order_is_known)
        find_order();
    gridDim = grid;
    blockDim = block;
    device.call = call;
    device.who = who;
    for (unsigned number : permutation(blocks)) {
        blockIdx = dim3(number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y);
        poison_shared();
        run_block((unsigned)threads);
    }
    return cudaSuccess;
}

template <typename T> T exchange(int line, unsigned lanes, T value, unsigned from)
{
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle of more than 8 bytes");
    Thread *thread = device.running;
    const unsigned number = device.running_number, warp = number / warpSize * warpSize;
    const int parity = thread->parity ^= 1;
    memcpy(&thread->slot[parity], &value, sizeof value);
    if (!(lanes >> (number - warp) & 1))
        fail("a shuffle whose mask leaves out this lane", line);
    wait(AT_WARP, line, lanes);
    if (warp + from >= device.threads.size() || !(lanes >> from & 1))
        return value;
    memcpy(&value, &device.threads[warp + from].slot[parity], sizeof value);
    return value;
}

inline unsigned lane()
{
    return device.running_number % warpSize;
}

/* Of the lanes in the mask, those for which the condition holds. */
inline unsigned ballot(int line, unsigned lanes, bool holds)
{
    exchange(line, lanes, (unsigned)holds, lane());
    unsigned bits = 0;
    const unsigned warp = device.running_number / warpSize * warpSize;
    for (unsigned i = 0; i < (unsigned)warpSize && warp + i < device.threads.size(); i++) {
        const Thread &other = device.threads[warp + i];
        unsigned held = 0;
        memcpy(&held, &other.slot[device.running->parity], sizeof held);
        if (lanes >> i & 1 && held)
            bits |= 1u << i;
    }
    return bits;
}

} // namespace emulated

#define __syncthreads()                emulated::wait(emulated::AT_BARRIER, __LINE__, 0)
#define __syncwarp()                   emulated::wait(emulated::AT_WARP, __LINE__, 0xffffffffu)
#define __shfl_sync(mask, value, from) emulated::exchange(__LINE__, mask, value, (unsigned)(from) % warpSize)
#define __shfl_xor_sync(mask, value, bits)                                                                             \
    emulated::exchange(__LINE__, mask, value, emulated::lane() ^ (unsigned)(bits))
#define __ballot_sync(mask, holds) emulated::ballot(__LINE__, mask, holds)
#define __ffs(bits)                __builtin_ffs(bits)
#define __shfl_down_sync(mask, value, by)                                                                              \
    emulated::exchange(__LINE__, mask, value,                                                                          \
                       emulated::lane() + (unsigned)(by) < warpSize ? emulated::lane() + (unsigned)(by)                \
                                                                    : emulated::lane())

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...), Arguments... arguments)
{
    auto call = [&] { kernel(arguments...); };
    return emulated::launch(
        config, [](void *who) { (*(decltype(call) *)who)(); }, &call);
}

inline cudaError_t cudaMallocManaged(void **memory, size_t bytes)
{
    *memory = aligned_alloc(256, (bytes + 256) / 256 * 256);
    if (!*memory)
        return cudaErrorMemoryAllocation;
    memset(*memory, 0xff, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    return cudaMallocManaged(memory, bytes);
}
inline cudaError_t cudaFree(void *memory)
{
    free(memory);
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t)
{
    memcpy(to, from, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    memset(to, value, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t)
{
    memset(to, value, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t)
{
    return cudaSuccess;
}
#endif
