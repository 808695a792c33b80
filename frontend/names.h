/* names.h -- what names mean while a model is read: a map from strings for each graph, looked up from inside out. */
#ifndef NAMES_H
#define NAMES_H
#include "arena.h"
#include <stdbool.h>

typedef struct Names Names;

/* An empty scope inside `outer` (NULL: outermost). */
Names *names_new(Arena *arena, const Names *outer);
/* What a name means here or, failing that, further out; NULL: nothing. */
void *names_find(const Names *scope, const char *name);
/* Gives a name, which is not copied, a meaning that is not NULL. False when it has one already, here or further out. */
bool names_define(Names *scope, const char *name, void *meaning);
#endif
