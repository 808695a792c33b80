/* symbol_table.c -- open addressing with linear probing, at most half full. */
#include "symbol_table.h"
#include "hash.h"
#include <string.h>

typedef struct {
    const char *name;
    uint64_t hash;
    void *meaning;
} Slot;

struct SymbolTable {
    Arena *arena;
    const SymbolTable *outer;
    Slot *slot;
    size_t count, capacity; /* capacity is 0 or a power of two */
};

SymbolTable *symbol_table_new(Arena *arena, const SymbolTable *outer)
{
    SymbolTable *table = ARENA_NEW(arena, SymbolTable);
    table->arena = arena;
    table->outer = outer;
    return table;
}

/* The slot of the name in this very table, or the free one where it belongs. The table is not empty. */
static Slot *find(const SymbolTable *table, const char *name, uint64_t hash)
{
    for (size_t at = (size_t)hash;; at++) {
        Slot *slot = &table->slot[at & (table->capacity - 1)];
        if (!slot->name || (slot->hash == hash && strcmp(slot->name, name) == 0))
            return slot;
    }
}

void *symbol_table_find(const SymbolTable *table, const char *name)
{
    uint64_t hash = hash_text(name);
    for (; table; table = table->outer) {
        const Slot *slot = table->count ? find(table, name, hash) : NULL;
        if (slot && slot->name)
            return slot->meaning;
    }
    return NULL;
}

static void grow(SymbolTable *table)
{
    const SymbolTable old = *table;
    table->capacity = old.capacity ? old.capacity * 2 : 16;
    table->slot = ARENA_ARRAY(table->arena, table->capacity, Slot);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slot[i].name)
            *find(table, old.slot[i].name, old.slot[i].hash) = old.slot[i];
}

bool symbol_table_define(SymbolTable *table, const char *name, void *meaning)
{
    if (symbol_table_find(table, name))
        return false;
    if (2 * (table->count + 1) > table->capacity)
        grow(table);
    uint64_t hash = hash_text(name);
    *find(table, name, hash) = (Slot){name, hash, meaning};
    table->count++;
    return true;
}
