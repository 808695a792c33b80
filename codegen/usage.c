/* usage.c -- what is said about a wrong command line. */
#include "command.h"
#include <stdarg.h>

int usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("onnx2c: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    return EXIT_USAGE;
}
