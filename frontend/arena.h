/* arena.h -- one arena per compilation: everything allocated while a model is compiled lives here and is freed at once.
 *
 * The arena has a budget, so that a hostile model meets a refusal before the machine meets its limits. */
#ifndef ARENA_H
#define ARENA_H
#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

/* A new arena that hands out at most `budget` bytes. When the budget or the machine's memory is spent, `exhausted(who)`
 * is called and must not return (it reports the limit and jumps to the end of the compilation). NULL: no memory at all.
 * Where `exhausted` is NULL, the process ends with a message instead, here too: for a little text of a command. */
Arena *arena_new(size_t budget, void (*exhausted)(void *who), void *who);

/* Frees the arena and all it handed out. NULL is allowed. */
void arena_free(Arena *arena);
/* arena_free first calls release(who), the last registered first: for what is not memory, such as a mapped file. */
void arena_at_free(Arena *arena, void (*release)(void *who), void *who);

/* `size` zeroed bytes, aligned for any type (16). Never NULL; size 0 gives a unique pointer. */
void *arena_alloc(Arena *arena, size_t size);

/* `count` objects of `size` bytes each, the product checked for overflow. */
void *arena_array(Arena *arena, size_t count, size_t size);

/* A longer array: `new_count` objects, the first `old_count` copied from `old` (NULL when old_count is 0). */
void *arena_grow(Arena *arena, const void *old, size_t old_count, size_t new_count, size_t size);

/* A copy of a NUL-terminated string; of the first n bytes of one; a string printed as printf would. */
char *arena_strdup(Arena *arena, const char *string);
char *arena_strndup(Arena *arena, const char *string, size_t n);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list args);

/* Bytes the budget still allows. */
size_t arena_left(const Arena *arena);

#define ARENA_NEW(arena, Type)          ((Type *)arena_alloc((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, count, Type) ((Type *)arena_array((arena), (size_t)(count), sizeof(Type)))
#endif
