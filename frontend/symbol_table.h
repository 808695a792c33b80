/* symbol_table.h -- what names mean while a model is read: a map from strings for each graph, looked up from inside
 * out. */
#ifndef SYMBOL_TABLE_H
#define SYMBOL_TABLE_H
#include "arena.h"
#include <stdbool.h>

typedef struct SymbolTable SymbolTable;

/* An empty scope inside `outer` (NULL: outermost). */
SymbolTable *symbol_table_new(Arena *arena, const SymbolTable *outer);
/* What a name means here or, failing that, further out; NULL: nothing. */
void *symbol_table_find(const SymbolTable *table, const char *name);
/* Gives a name, which is not copied, a meaning that is not NULL. False when it has one already, here or further out. */
bool symbol_table_define(SymbolTable *table, const char *name, void *meaning);
#endif
