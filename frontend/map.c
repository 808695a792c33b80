/* map.c -- open addressing with linear probing, at most half full. */
#include "map.h"
#include <stdint.h>

typedef struct {
    const void *key;
    void *value;
} Slot;

struct Map {
    Arena *arena;
    Slot *slot;
    size_t count, capacity; /* capacity is a power of two */
};

enum { FIRST_CAPACITY = 32 };

Map *map_new(Arena *arena)
{
    Map *map = ARENA_NEW(arena, Map);
    *map = (Map){arena, ARENA_ARRAY(arena, FIRST_CAPACITY, Slot), 0, FIRST_CAPACITY};
    return map;
}

/* The slot of the key, or the free one where it belongs. */
static Slot *find(const Map *map, const void *key)
{
    size_t at = (size_t)(((uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
    for (;; at++) {
        Slot *slot = &map->slot[at & (map->capacity - 1)];
        if (!slot->key || slot->key == key)
            return slot;
    }
}

void *map_get(const Map *map, const void *key)
{
    return find(map, key)->value;
}

static void grow(Map *map)
{
    const Map old = *map;
    map->capacity *= 2;
    map->slot = ARENA_ARRAY(map->arena, map->capacity, Slot);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slot[i].key)
            *find(map, old.slot[i].key) = old.slot[i];
}

void map_set(Map *map, const void *key, const void *value)
{
    Slot *slot = find(map, key);
    if (!slot->key && 2 * ++map->count > map->capacity) {
        grow(map);
        slot = find(map, key);
    }
    *slot = (Slot){key, (void *)(uintptr_t)value};
}
