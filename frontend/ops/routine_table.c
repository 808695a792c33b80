/* routine_table.c -- the functions of runtime/ by name, for the evaluator, which calls them. */
#include "op.h"
#include <string.h>

#define ROUTINE(name, suffix) RoutineFunction o2c_##name##suffix;
#include "routines.def"
#undef ROUTINE

RoutineFunction *routine_function(const Routine *routine)
{
    static const struct {
        const char *name, *suffix;
        RoutineFunction *function;
    } table[] = {
#define ROUTINE(name, suffix) {#name, #suffix, o2c_##name##suffix},
#include "routines.def"
#undef ROUTINE
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *suffix = table[i].suffix + (*table[i].suffix == '_');
        if (strcmp(table[i].name, routine->name) == 0 && strcmp(suffix, routine->suffix) == 0)
            return table[i].function;
    }
    return NULL;
}
