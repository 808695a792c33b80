/* progress.c -- what is being done, on stderr, for anything that takes over a second there in front of a person. */
#include "command.h"
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static char phase[120];
static volatile sig_atomic_t shown;
static bool started;

static void show(void)
{
    size_t length = strlen(phase);
    if (write(STDERR_FILENO, "\r\033[K", 4) == 4 && write(STDERR_FILENO, phase, length) == (ssize_t)length)
        shown = 1;
}

static void on_alarm(int signal)
{
    (void)signal;
    show();
}

void progress(const char *format, ...)
{
    if (!isatty(STDERR_FILENO))
        return;
    char text[sizeof phase];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    memcpy(phase, text, sizeof phase);
    if (shown) {
        show();
    } else if (!started) {
        started = true;
        sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL);
        setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_sec = 1}}, NULL);
    }
}

void progress_end(void)
{
    if (!started)
        return;
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    if (shown && write(STDERR_FILENO, "\r\033[K", 4) != 4)
        return; /* a terminal that is gone needs no cleaning */
    started = false;
    shown = 0;
}
