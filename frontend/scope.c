/* scope.c -- open addressing with linear probing, at most half full. */
#include "scope.h"
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *name;
    uint64_t hash;
    void *meaning;
} Slot;

struct Scope {
    Arena *arena;
    const Scope *outer;
    Slot *slot;
    size_t count, capacity; /* capacity is 0 or a power of two */
};

Scope *scope_new(Arena *arena, const Scope *outer)
{
    Scope *scope = ARENA_NEW(arena, Scope);
    scope->arena = arena;
    scope->outer = outer;
    return scope;
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

/* The slot of the name in this very scope, or the free one where it belongs. The scope is not empty. */
static Slot *find(const Scope *scope, const char *name, uint64_t hash)
{
    for (size_t at = (size_t)hash;; at++) {
        Slot *slot = &scope->slot[at & (scope->capacity - 1)];
        if (!slot->name || (slot->hash == hash && strcmp(slot->name, name) == 0))
            return slot;
    }
}

void *scope_find(const Scope *scope, const char *name)
{
    uint64_t hash = hash_of(name);
    for (; scope; scope = scope->outer) {
        const Slot *slot = scope->count ? find(scope, name, hash) : NULL;
        if (slot && slot->name)
            return slot->meaning;
    }
    return NULL;
}

static void grow(Scope *scope)
{
    const Scope old = *scope;
    scope->capacity = old.capacity ? old.capacity * 2 : 16;
    scope->slot = ARENA_ARRAY(scope->arena, scope->capacity, Slot);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slot[i].name)
            *find(scope, old.slot[i].name, old.slot[i].hash) = old.slot[i];
}

bool scope_define(Scope *scope, const char *name, void *meaning)
{
    if (scope_find(scope, name))
        return false;
    if (2 * (scope->count + 1) > scope->capacity)
        grow(scope);
    uint64_t hash = hash_of(name);
    *find(scope, name, hash) = (Slot){name, hash, meaning};
    scope->count++;
    return true;
}
