/* arena.c -- one arena per compilation: blocks filled one after the other. */
#include "arena.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer every allocation is a block of its own, so that running past its end is seen. */
#ifdef __SANITIZE_ADDRESS__
#define SEPARATE_BLOCKS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEPARATE_BLOCKS true
#endif
#endif
#ifndef SEPARATE_BLOCKS
#define SEPARATE_BLOCKS false
#endif

enum { ALIGNMENT = 16, BLOCK_SIZE = 64 * 1024, LARGE = BLOCK_SIZE / 4 };

typedef struct Block Block;
struct Block {
    Block *next;
    size_t used, size;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};
typedef struct Release Release;
struct Release {
    void (*release)(void *who);
    void *who;
    Release *next;
};
struct Arena {
    size_t budget, used;
    Block *block;     /* the one being filled, then the full ones */
    Release *release; /* last registered first */
    void (*exhausted)(void *who);
    void *who;
};

static void end_process(void *who)
{
    (void)who;
    fputs("onnx2c: no memory\n", stderr);
    exit(1);
}

Arena *arena_new(size_t budget, void (*exhausted)(void *who), void *who)
{
    Arena *arena = malloc(sizeof *arena);
    if (!arena && !exhausted)
        end_process(NULL);
    if (arena)
        *arena = (Arena){.budget = budget, .exhausted = exhausted ? exhausted : end_process, .who = who};
    return arena;
}

void arena_free(Arena *arena)
{
    if (!arena)
        return;
    for (Release *entry = arena->release; entry; entry = entry->next)
        entry->release(entry->who);
    for (Block *block = arena->block, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

void arena_at_free(Arena *arena, void (*release)(void *who), void *who)
{
    Release *entry = ARENA_NEW(arena, Release);
    *entry = (Release){release, who, arena->release};
    arena->release = entry;
}

/* A block with room for `size` bytes: the first one, or a new one. Large objects get a block of their own behind the
 * first, which goes on being filled. NULL: the machine has no memory left. */
static Block *block_for(Arena *arena, size_t size)
{
    Block *first = arena->block;
    if (first && first->size - first->used >= size)
        return first;
    bool own = SEPARATE_BLOCKS || size >= LARGE;
    size_t room = own ? size : BLOCK_SIZE;
    Block *block = calloc(1, sizeof(Block) + room);
    if (!block)
        return NULL;
    block->size = room;
    Block **place = own && first ? &first->next : &arena->block;
    block->next = *place;
    *place = block;
    return block;
}

void *arena_alloc(Arena *arena, size_t size)
{
    size_t rounded = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    Block *block = NULL;
    if (size <= SIZE_MAX / 2 && rounded <= arena->budget - arena->used)
        block = block_for(arena, rounded);
    if (!block) {
        arena->exhausted(arena->who);
        abort(); /* exhausted must not return */
    }
    void *bytes = block->bytes + block->used;
    block->used += rounded;
    arena->used += rounded;
    return bytes;
}

void *arena_array(Arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return arena_alloc(arena, __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
}

void *arena_grow(Arena *arena, const void *old, size_t old_count, size_t new_count, size_t size)
{
    void *grown = arena_array(arena, new_count, size);
    if (old_count)
        memcpy(grown, old, (old_count < new_count ? old_count : new_count) * size);
    return grown;
}

char *arena_strdup(Arena *arena, const char *string)
{
    return arena_strndup(arena, string, strlen(string));
}

char *arena_strndup(Arena *arena, const char *string, size_t n)
{
    n = strnlen(string, n);
    char *copy = arena_alloc(arena, n + 1);
    memcpy(copy, string, n);
    return copy;
}

char *arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

char *arena_vprintf(Arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return arena_strdup(arena, "");
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

size_t arena_left(const Arena *arena)
{
    return arena->budget - arena->used;
}
