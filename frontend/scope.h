/* scope.h -- what names mean while a model is read: a map from strings for each graph, looked up from inside out. */
#ifndef SCOPE_H
#define SCOPE_H
#include "arena.h"
#include <stdbool.h>

typedef struct Scope Scope;

/* An empty scope inside `outer` (NULL: outermost). */
Scope *scope_new(Arena *arena, const Scope *outer);
/* What a name means here or, failing that, further out; NULL: nothing. */
void *scope_find(const Scope *scope, const char *name);
/* Gives a name, which is not copied, a meaning that is not NULL. False when it has one already, here or further out. */
bool scope_define(Scope *scope, const char *name, void *meaning);
#endif
