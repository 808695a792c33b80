/* file_bytes.h -- the bytes of an open file, read into memory or, where they are many, mapped.
 *
 * What is read stays as it was when it was checked, whatever becomes of the file. A mapping costs neither time nor
 * memory, but follows the file: who writes to it meanwhile changes what we see, and who cuts it short takes the bytes
 * away. That is not survived; it ends the process with a message, see file_bytes_guard. Only weights are seen so: the
 * structure of a model is copied as it is checked (wire.c). */
#ifndef FILE_BYTES_H
#define FILE_BYTES_H
#include "arena.h"
#include <stdint.h>

enum {
    MAP_MODEL_FROM = 64 << 20,  /* bytes; reading 64 MB from memory takes some 20 ms */
    MAP_WEIGHTS_FROM = 64 << 10 /* ... of one tensor in a file of its own; there may be thousands */
};

/* `size` bytes from offset on, mapped from `map_from` bytes on, in the arena. NULL: errno says why. */
const void *file_bytes(Arena *arena, int file, uint64_t offset, size_t size, size_t map_from);

/* From now on a mapped file that is cut short under our hands ends the process with a message and exit status 1: there
 * is no going on without the bytes, and nobody else could tell why it died. What was written so far stands beside its
 * place, which is as it was. */
void file_bytes_guard(void);
#endif
