/* whole_file.c -- see whole_file.h. */
#include "whole_file.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void remove_file(void *path)
{
    remove(path);
}

/* Writes to a new file, or into a special one; false with errno. */
static bool write_to(FILE *file, WholeFileWriter *write, void *who)
{
    if (!file)
        return false;
    errno = 0;
    const bool written = write(file, who) && !ferror(file);
    const int why = errno;
    if (fclose(file) == 0 && written)
        return true;
    errno = written ? errno : why;
    return false;
}

static bool write_beside(Context *context, const char *path, WholeFileWriter *write, void *who)
{
    char *beside = arena_printf(context->arena, "%s.%ld.new", path, (long)getpid());
    FILE *file = fopen(beside, "wbx");
    if (file)
        arena_at_free(context->arena, remove_file, beside); /* also when writing ends in report_fatal */
    return write_to(file, write, who) && rename(beside, path) == 0;
}

bool whole_file_write(Context *context, const char *path, WholeFileWriter *write, void *who)
{
    char resolved[PATH_MAX];
    struct stat info;
    const bool is_there = stat(path, &info) == 0;
    const char *place = is_there && realpath(path, resolved) ? resolved : path;
    const bool ok = is_there && !S_ISREG(info.st_mode) ? write_to(fopen(path, "wb"), write, who)
                                                       : write_beside(context, place, write, who);
    return ok || report_add(context->report, NULL, FILE_UNWRITABLE, path, strerror(errno));
}
