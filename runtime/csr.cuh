/* csr.cuh -- Csr (see csr.h) by all threads of a device, with the same results: a radix sort of edges by target.
 *
 * An item is an edge or, behind all edges, a vertex's loop to itself; edges that are dropped because they are such
 * loops already have the key `vertices`, behind all others. From the lowest four bits of the key to the highest, items
 * are put in order of these bits (Knuth 5.2.5): each of `chunks` threads counts them in its own part of the list, all
 * counts are added up in order of bits, then of chunks, and each thread puts its items where its counts begin. No count
 * is shared, so nothing depends on which thread is first. Then row[v] is found in the sorted list by halves. */
enum { O2C_CSR_BITS = 4, O2C_CSR_DIGITS = 1 << O2C_CSR_BITS, O2C_CSR_SCAN = 256 };

template <typename Index> struct o2c_csr_graph {
    const Index *target, *source;
    int64_t edges, vertices, sources, items;
    int drops_loops;
};

template <typename Index> static __device__ int64_t o2c_csr_key(const o2c_csr_graph<Index> &g, int64_t item)
{
    if (item >= g.edges)
        return item - g.edges;
    return g.drops_loops && g.target[item] == g.source[item] ? g.vertices : (int64_t)g.target[item];
}

template <typename Index> static __global__ void o2c_csr_check(o2c_csr_graph<Index> g, int32_t *fault)
{
    for (int64_t e = O2C_THREAD; e < g.edges; e += O2C_THREADS)
        if (g.target[e] < 0 || g.target[e] >= g.vertices || g.source[e] < 0 || g.source[e] >= g.sources)
            *fault = O2C_BAD_INDEX;
}

static __device__ int64_t o2c_csr_begin(int64_t items, int64_t chunk, int64_t chunks)
{
    return items / chunks * chunk + (items % chunks < chunk ? items % chunks : chunk);
}

/* count[digit][chunk] of the items in the list, or of all in their own order. */
template <typename Index>
static __global__ void o2c_csr_count(o2c_csr_graph<Index> g, const int32_t *list, int shift, int32_t *count,
                                     int64_t chunks, const int32_t *fault)
{
    const int64_t chunk = O2C_THREAD;
    if (*fault || chunk >= chunks)
        return;
    for (int digit = 0; digit < O2C_CSR_DIGITS; digit++)
        count[digit * chunks + chunk] = 0;
    for (int64_t i = o2c_csr_begin(g.items, chunk, chunks); i < o2c_csr_begin(g.items, chunk + 1, chunks); i++)
        count[(o2c_csr_key(g, list ? list[i] : i) >> shift) % O2C_CSR_DIGITS * chunks + chunk]++;
}

/* Each count becomes the sum of those before it; by one block. */
static __global__ void o2c_csr_add_up(int32_t *count, int64_t counts, const int32_t *fault)
{
    __shared__ int32_t part[O2C_CSR_SCAN];
    const int thread = (int)threadIdx.x;
    const int64_t begin = o2c_csr_begin(counts, thread, O2C_CSR_SCAN),
                  end = o2c_csr_begin(counts, thread + 1, O2C_CSR_SCAN);
    if (*fault)
        return;
    int32_t sum = 0;
    for (int64_t i = begin; i < end; i++)
        sum += count[i];
    part[thread] = sum;
    for (int distance = 1; distance < O2C_CSR_SCAN; distance *= 2) {
        __syncthreads();
        const int32_t before = thread >= distance ? part[thread - distance] : 0;
        __syncthreads();
        part[thread] += before;
    }
    int32_t before = part[thread] - sum;
    for (int64_t i = begin; i < end; i++) {
        const int32_t here = count[i];
        count[i] = before;
        before += here;
    }
}

/* Puts the items of each chunk where its counts say, which move on. */
template <typename Index>
static __global__ void o2c_csr_move(o2c_csr_graph<Index> g, const int32_t *list, int32_t *moved, int shift,
                                    int32_t *count, int64_t chunks, const int32_t *fault)
{
    const int64_t chunk = O2C_THREAD;
    if (*fault || chunk >= chunks)
        return;
    for (int64_t i = o2c_csr_begin(g.items, chunk, chunks); i < o2c_csr_begin(g.items, chunk + 1, chunks); i++) {
        const int64_t item = list ? list[i] : i;
        moved[count[(o2c_csr_key(g, item) >> shift) % O2C_CSR_DIGITS * chunks + chunk]++] = (int32_t)item;
    }
}

/* row[v]: how many items have a key below v. */
template <typename Index>
static __global__ void o2c_csr_rows(o2c_csr_graph<Index> g, const int32_t *list, int32_t *row, const int32_t *fault)
{
    if (*fault)
        return;
    for (int64_t v = O2C_THREAD; v <= g.vertices; v += O2C_THREADS) {
        int64_t low = 0, high = g.items;
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            if (o2c_csr_key(g, list[middle]) < v)
                low = middle + 1;
            else
                high = middle;
        }
        row[v] = (int32_t)low;
    }
}

template <typename Index>
static __global__ void o2c_csr_fill(o2c_csr_graph<Index> g, const int32_t *list, int32_t *order, int32_t *from,
                                    const int32_t *fault)
{
    if (*fault)
        return;
    for (int64_t i = O2C_THREAD; i < g.items; i += O2C_THREADS) {
        const int64_t item = list[i];
        from[i] = (int32_t)(item < g.edges ? (int64_t)g.source[item] : item - g.edges);
        if (order)
            order[i] = (int32_t)item;
    }
}

static int64_t o2c_csr_chunks(int64_t items)
{
    const int64_t most = 4096;
    return items < most ? (items > 0 ? items : 1) : most;
}

/* Starts all of it; scratch: items + 16 * 4096 numbers. `from` has room for all items, and holds every second list.
 * With loops that are dropped there is no order. */
template <typename Index>
static enum o2c_status o2c_csr(cudaStream_t stream, const Index *target, const Index *source, int32_t *row,
                               int32_t *order, int32_t *from, int64_t edges, int64_t vertices, int64_t sources,
                               int64_t loops, void *scratch, int32_t *fault)
{
    const int64_t items = edges + (loops ? vertices : 0), chunks = o2c_csr_chunks(items);
    const o2c_csr_graph<Index> g = {target, source, edges, vertices, sources, items, loops == 1};
    int32_t *const other = (int32_t *)scratch, *const count = other + items;
    const int32_t *list = nullptr;
    int passes = 1;
    if (edges < 0 || vertices < 0 || vertices >= INT32_MAX || items > INT32_MAX || sources > INT32_MAX)
        return O2C_BAD_SIZE;
    if (loops && vertices > sources)
        return O2C_BAD_INDEX;
    while (vertices >> passes * O2C_CSR_BITS)
        passes++;
    enum o2c_status status = o2c_launch(stream, edges, o2c_csr_check<Index>, g, fault);
    for (int pass = 0; pass < passes && status == O2C_OK; pass++) { /* the last one leaves its list in `other` */
        int32_t *const moved = (passes - 1 - pass) % 2 ? from : other;
        const int shift = pass * O2C_CSR_BITS;
        status = o2c_launch(stream, chunks, o2c_csr_count<Index>, g, list, shift, count, chunks, fault);
        if (status == O2C_OK)
            status = o2c_launch(stream, O2C_CSR_SCAN, o2c_csr_add_up, count, O2C_CSR_DIGITS * chunks, fault);
        if (status == O2C_OK)
            status = o2c_launch(stream, chunks, o2c_csr_move<Index>, g, list, moved, shift, count, chunks, fault);
        list = moved;
    }
    if (status == O2C_OK)
        status = o2c_launch(stream, vertices + 1, o2c_csr_rows<Index>, g, list, row, fault);
    return status == O2C_OK ? o2c_launch(stream, items, o2c_csr_fill<Index>, g, list, order, from, fault) : status;
}
