/* map.h -- a map from pointers to pointers, in an arena. */
#ifndef MAP_H
#define MAP_H
#include "arena.h"

typedef struct Map Map;

Map *map_new(Arena *arena);
/* The value of a key; NULL: there is none. */
void *map_get(const Map *map, const void *key);
/* Puts or replaces the value of a key, which is not NULL. */
void map_set(Map *map, const void *key, const void *value);
#endif
