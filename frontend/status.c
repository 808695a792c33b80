/* status.c -- the rows of status.def. */
#include "../runtime/runtime.h"
#include "frontend.h"

static const char *const row[][2] = {
#define STATUS(name, text) [O2C_##name] = {#name, text},
#include "status.def"
};
enum { NUM_STATUS = sizeof row / sizeof *row };

const char *status_name(int status)
{
    return status >= 0 && status < NUM_STATUS ? row[status][0] : NULL;
}

const char *status_text(int status)
{
    return status >= 0 && status < NUM_STATUS ? row[status][1] : "unknown status";
}
