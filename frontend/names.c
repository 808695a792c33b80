/* names.c -- open addressing with linear probing, at most half full. */
#include "names.h"
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *name;
    uint64_t hash;
    void *meaning;
} Slot;

struct Names {
    Arena *arena;
    const Names *outer;
    Slot *slot;
    size_t count, capacity; /* capacity is 0 or a power of two */
};

Names *names_new(Arena *arena, const Names *outer)
{
    Names *names = ARENA_NEW(arena, Names);
    names->arena = arena;
    names->outer = outer;
    return names;
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

/* The slot of the name in this very names, or the free one where it belongs. The names is not empty. */
static Slot *find(const Names *names, const char *name, uint64_t hash)
{
    for (size_t at = (size_t)hash;; at++) {
        Slot *slot = &names->slot[at & (names->capacity - 1)];
        if (!slot->name || (slot->hash == hash && strcmp(slot->name, name) == 0))
            return slot;
    }
}

void *names_find(const Names *names, const char *name)
{
    uint64_t hash = hash_of(name);
    for (; names; names = names->outer) {
        const Slot *slot = names->count ? find(names, name, hash) : NULL;
        if (slot && slot->name)
            return slot->meaning;
    }
    return NULL;
}

static void grow(Names *names)
{
    const Names old = *names;
    names->capacity = old.capacity ? old.capacity * 2 : 16;
    names->slot = ARENA_ARRAY(names->arena, names->capacity, Slot);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slot[i].name)
            *find(names, old.slot[i].name, old.slot[i].hash) = old.slot[i];
}

bool names_define(Names *names, const char *name, void *meaning)
{
    if (names_find(names, name))
        return false;
    if (2 * (names->count + 1) > names->capacity)
        grow(names);
    uint64_t hash = hash_of(name);
    *find(names, name, hash) = (Slot){name, hash, meaning};
    names->count++;
    return true;
}
