/* process.h -- other programs, and folders that are gone afterwards. */
#ifndef PROCESS_H
#define PROCESS_H
#include "../frontend/arena.h"

/* Runs a program (found on PATH) in `folder`, its output and errors going to the file `log`, and waits. Its exit
 * status; 128 + n when signal n ended it, as happens after half an hour of processor time; 127 when it
 * could not be started. */
int process_run(const char *const argv[], const char *folder, const char *log);

/* A new folder below $TMPDIR or the system's place for such; NULL when it cannot be made. */
char *temporary_folder(Arena *arena);
/* Removes a folder with all that is in it. */
void remove_folder(const char *path);

/* The text of a small file, cut at 64 KiB; "" when it cannot be read. */
char *file_text(Arena *arena, const char *path);
#endif
