/* openmp.c -- the part of OpenMP's run-time library that generated programs use, with plain threads.
 *
 * The thread sanitizer sees what these threads wait for; of the library that comes with the compiler it does not, and
 * would report races that are none. There are THREADS threads in every region that is to run in parallel; a region has
 * one loop, whose chunks go out in turn. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { THREADS = 3 };

/* gcc's interface, libgomp's manual, "The libgomp ABI" */
void GOMP_parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags);
void GOMP_parallel_loop_nonmonotonic_dynamic(void (*work)(void *), void *data, unsigned threads, long begin, long end,
                                             long step, long chunk, unsigned flags);
bool GOMP_loop_nonmonotonic_dynamic_start(long begin, long end, long step, long chunk, long *from, long *to);
bool GOMP_loop_nonmonotonic_dynamic_next(long *from, long *to);
void GOMP_loop_end_nowait(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);

static int running = 1; /* changes only while there is one thread */
static _Thread_local int number;
static _Thread_local long next, last, stride; /* of the loop: this thread's next chunk, the end, a chunk's length */

typedef struct {
    void (*work)(void *);
    void *data;
    int number;
    long first, last, stride;
} Job;

static void *run(void *who)
{
    const Job *job = who;
    number = job->number;
    next = job->first + job->number * job->stride;
    last = job->last;
    stride = job->stride;
    job->work(job->data);
    return NULL;
}

static void run_all(const Job *job, unsigned threads)
{
    pthread_t thread[THREADS];
    Job copy[THREADS];
    running = threads == 1 ? 1 : THREADS;
    for (int i = 0; i < running; i++) {
        copy[i] = *job;
        copy[i].number = i;
        if (i > 0 && pthread_create(&thread[i], NULL, run, &copy[i]) != 0)
            abort();
    }
    run(&copy[0]);
    for (int i = 1; i < running; i++)
        pthread_join(thread[i], NULL);
    running = 1;
}

void GOMP_parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags)
{
    (void)flags;
    run_all(&(Job){work, data, 0, 0, 0, 0}, threads);
}

void GOMP_parallel_loop_nonmonotonic_dynamic(void (*work)(void *), void *data, unsigned threads, long begin, long end,
                                             long step, long chunk, unsigned flags)
{
    (void)flags;
    run_all(&(Job){work, data, 0, begin, end, step * chunk}, threads);
}

bool GOMP_loop_nonmonotonic_dynamic_next(long *from, long *to)
{
    *from = next;
    *to = next + stride < last ? next + stride : last;
    next += stride * running;
    return *from < last;
}

bool GOMP_loop_nonmonotonic_dynamic_start(long begin, long end, long step, long chunk, long *from, long *to)
{
    stride = step * chunk;
    next = begin + number * stride;
    last = end;
    return GOMP_loop_nonmonotonic_dynamic_next(from, to);
}

void GOMP_loop_end_nowait(void)
{
}

int omp_get_num_threads(void)
{
    return running;
}

int omp_get_thread_num(void)
{
    return number;
}
