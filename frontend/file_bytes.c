/* file_bytes.c -- see file_bytes.h. */
#include "file_bytes.h"
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    void *data;
    size_t size;
} Mapping;

static void unmap(void *who)
{
    const Mapping *mapping = who;
    munmap(mapping->data, mapping->size);
}

static const void *map(Arena *arena, int file, uint64_t offset, size_t size)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), lead = offset % page;
    void *data = mmap(NULL, size + lead, PROT_READ, MAP_PRIVATE, file, (off_t)(offset - lead));
    if (data == MAP_FAILED)
        return NULL;
    Mapping *mapping = ARENA_NEW(arena, Mapping);
    *mapping = (Mapping){data, size + lead};
    arena_at_free(arena, unmap, mapping);
    return (const char *)data + lead;
}

const void *file_bytes(Arena *arena, int file, uint64_t offset, size_t size, size_t map_from)
{
    if (size >= map_from)
        return map(arena, file, offset, size);
    char *data = arena_alloc(arena, size);
    for (size_t done = 0; done < size;) {
        const ssize_t n = pread(file, data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : EIO; /* cut short since it was measured */
            return NULL;
        }
        done += (size_t)n;
    }
    return data;
}

/* Nothing but what a signal handler may call. */
static void cut_short(int signal_number, siginfo_t *info, void *where)
{
    static const char text[] = "onnx2c: a file was cut short while it was read\n";
    if (info->si_code != BUS_ADRERR) { /* no page of a file: a bug of ours, which ends as the system has it */
        signal(signal_number, SIG_DFL);
        return;
    }
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        (void)where; /* nobody listens */
    _exit(1);
}

void file_bytes_guard(void)
{
    struct sigaction action = {.sa_sigaction = cut_short, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
