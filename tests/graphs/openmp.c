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
bool GOMP_loop_nonmonotonic_dynamic_start(long begin, long end, long step, long chunk, long *from, long *to);
bool GOMP_loop_nonmonotonic_dynamic_next(long *from, long *to);
void GOMP_loop_end_nowait(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long next, last, stride; /* of the loop; guarded by the mutex */
static bool begun;
static int running = 1; /* changes only while there is one thread */
static _Thread_local int number;

typedef struct {
    void (*work)(void *);
    void *data;
    int number;
} Job;

static void *run(void *who)
{
    Job *job = who;
    number = job->number;
    job->work(job->data);
    return NULL;
}

void GOMP_parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags)
{
    (void)flags;
    pthread_t thread[THREADS];
    Job job[THREADS];
    begun = false;
    running = threads == 1 ? 1 : THREADS;
    for (int i = 1; i < running; i++) {
        job[i] = (Job){work, data, i};
        if (pthread_create(&thread[i], NULL, run, &job[i]) != 0)
            abort();
    }
    work(data);
    for (int i = 1; i < running; i++)
        pthread_join(thread[i], NULL);
    running = 1;
}

bool GOMP_loop_nonmonotonic_dynamic_next(long *from, long *to)
{
    pthread_mutex_lock(&mutex);
    const bool any = next < last;
    *from = next;
    *to = next + stride < last ? next + stride : last;
    next = *to;
    pthread_mutex_unlock(&mutex);
    return any;
}

bool GOMP_loop_nonmonotonic_dynamic_start(long begin, long end, long step, long chunk, long *from, long *to)
{
    pthread_mutex_lock(&mutex);
    if (!begun) {
        begun = true;
        next = begin;
        last = end;
        stride = step * chunk;
    }
    pthread_mutex_unlock(&mutex);
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
