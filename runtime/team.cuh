/* team.cuh -- rows of any length by teams of threads: a warp where the row is short, a whole block where it is long.
 *
 * A kernel has a point for each row, and a template parameter O2C_WARPS: how many warps are a team. It is started
 * twice, with 1 and with O2C_BLOCK_WARPS; each of its teams takes the points that are its own, so that no list of long
 * rows is needed. The parts of a row that the threads of a team have found are joined in an order that nothing but the
 * team's size decides, first in each warp, then over the warps in shared memory: results never depend on who is first.
 */
#ifndef O2C_LONG_ROW
#define O2C_LONG_ROW 1024 /* what is longer has a block */
#endif
enum { O2C_BLOCK_WARPS = 8, O2C_BLOCK_THREADS = 32 * O2C_BLOCK_WARPS };
#define O2C_LANE   ((int64_t)(threadIdx.x % 32))
#define O2C_WARP   ((int64_t)(O2C_WARPS == 1 ? 0 : threadIdx.x / 32)) /* in its team */
#define O2C_UNROLL _Pragma("unroll")
/* Before a kernel: three of its blocks find room on a multiprocessor, whose registers are 80 for each thread then. */
#define O2C_TEAMS template <int O2C_WARPS> __launch_bounds__(O2C_BLOCK_THREADS, 3)

/* Memory of a block, outside of all templates so that it is there once: which of the points it looks at have long rows,
 * a bit for each; and the parts that are joined. */
static __device__ uint32_t *o2c_long_rows(void)
{
    __shared__ uint32_t bits[O2C_BLOCK_WARPS];
    return bits;
}

static __device__ void *o2c_parts(void)
{
    __shared__ uint64_t parts[O2C_BLOCK_THREADS];
    return parts;
}

/* The points of a team, one after the other. */
template <int WARPS> struct o2c_points {
    int64_t count, point, round = -1;
    int looked_at = O2C_BLOCK_THREADS; /* points of this round */

    __device__ explicit o2c_points(int64_t points) : count(points), point(O2C_THREAD / 32 - O2C_THREADS / 32)
    {
    }

    /* A point of the block's round: far from the others, for long rows stand side by side in many graphs. */
    __device__ int64_t candidate(int number) const
    {
        return (round * O2C_BLOCK_THREADS + number) * gridDim.x + blockIdx.x;
    }

    /* Finds the long rows of a round, one by each thread. */
    template <typename Length> __device__ void look(Length length)
    {
        const int64_t mine = candidate((int)threadIdx.x);
        const uint32_t bits = __ballot_sync(0xffffffffu, mine < count && length(mine) > O2C_LONG_ROW);
        __syncthreads(); /* the last round's have been read */
        if (threadIdx.x % 32 == 0)
            o2c_long_rows()[threadIdx.x / 32] = bits;
        __syncthreads();
        looked_at = 0;
    }

    /* The next long row of this round. */
    __device__ bool take()
    {
        while (looked_at < O2C_BLOCK_THREADS) {
            const uint32_t bits = o2c_long_rows()[looked_at / 32] >> looked_at % 32;
            if (bits) {
                looked_at += __ffs((int)bits);
                point = candidate(looked_at - 1);
                return true;
            }
            looked_at += 32 - looked_at % 32;
        }
        return false;
    }

    /* Goes on to the next point; all threads of a team, and for blocks all of the block, come here together. */
    template <typename Length> __device__ bool next(Length length)
    {
        if constexpr (WARPS == 1) {
            do
                point += O2C_THREADS / 32;
            while (point < count && length(point) > O2C_LONG_ROW);
            return point < count;
        } else {
            while (!take()) {
                round++;
                if (candidate(0) >= count)
                    return false;
                look(length);
            }
            return true;
        }
    }
};

/* What all threads of a team that differ in more than the lowest WIDTH lanes have, joined: each gets the same. */
template <int WARPS, int WIDTH, typename T, typename Join> static __device__ T o2c_join(T value, Join join)
{
    for (int bits = 16; bits >= WIDTH; bits /= 2)
        value = join(value, __shfl_xor_sync(0xffffffffu, value, bits));
    if constexpr (WARPS > 1) {
        T *const part = (T *)o2c_parts();
        const int lane = (int)threadIdx.x % WIDTH;
        __syncthreads(); /* the last parts have been read */
        if (threadIdx.x % 32 < WIDTH)
            part[threadIdx.x / 32 * WIDTH + lane] = value;
        __syncthreads();
        value = part[lane];
        for (int warp = 1; warp < WARPS; warp++)
            value = join(value, part[warp * WIDTH + lane]);
    }
    return value;
}

/* Starts a kernel's teams: warps, and then blocks. */
template <typename... Parameters, typename... Arguments>
static enum o2c_status o2c_launch_teams(cudaStream_t stream, int64_t points, void (*warps)(Parameters...),
                                        void (*blocks)(Parameters...), Arguments... arguments)
{
    const int64_t of_block = O2C_BLOCK_THREADS;
    const enum o2c_status status =
        o2c_start(stream, (points + O2C_BLOCK_WARPS - 1) / O2C_BLOCK_WARPS, O2C_BLOCK_THREADS, warps, arguments...);
    return status == O2C_OK
               ? o2c_start(stream, (points + of_block - 1) / of_block, O2C_BLOCK_THREADS, blocks, arguments...)
               : status;
}
