/* symbol.c -- what is known of sizes: their names, and where a run learns those that only the data tells. */
#include "../frontend/ops/expr.h"
#include "lower.h"

static bool *grow_flags(const Program *program, const bool *flags, int count)
{
    return arena_grow(program->context->arena, flags, (size_t)program->nsymbol, (size_t)count, sizeof *flags);
}

void grow_symbols(Program *program)
{
    const int count = 2 * dim_symbol_count(program->context->dims) + 64;
    if (dim_symbol_count(program->context->dims) <= program->nsymbol)
        return;
    program->is_defined = grow_flags(program, program->is_defined, count);
    program->is_known = grow_flags(program, program->is_known, count);
    program->is_variable = grow_flags(program, program->is_variable, count);
    program->is_used = grow_flags(program, program->is_used, count);
    program->is_unbounded = grow_flags(program, program->is_unbounded, count);
    program->nsymbol = count;
}

void define_symbol(Program *program, Dim *symbol)
{
    const int index = dim_symbol_index(symbol);
    program->is_variable[index] |= program->is_known[index] || program->depth > 0;
    program->is_defined[index] = program->is_known[index] = true;
}

/* The symbol is read from this element of the value once that is there. */
static void define_size(Program *program, Dim *symbol, Value *value, int64_t number)
{
    if (program->is_defined[dim_symbol_index(symbol)])
        return;
    define_symbol(program, symbol);
    need_buffer(program, value);
    Step *step = step_new(program, STEP_SIZE, value->name);
    step->out[step->nout++] = value;
    step->symbol = symbol;
    step->number = number;
}

void define_sizes(Program *program, Value *value)
{
    DimTable *dims = program->context->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        int element;
        if (dim_fresh_key(dim_symbol_at(dims, i), &element) == value)
            define_size(program, dim_symbol_at(dims, i), value, element);
    }
    const int64_t count = value->element ? small_count(&value->type) : 0;
    for (int64_t i = 0; i < count; i++)
        if (value->element[i] && dim_is_fresh(value->element[i]))
            define_size(program, value->element[i], value, i);
}

/* Whether a node that is no routine has one give it sizes, which reads the value. */
static bool has_sizes_from(const Node *node, const Value *value, const void *key)
{
    for (int i = 1; node == key && node->op->form == FORM_INDEX && i < node->nin; i++)
        if (node->in[i] == value)
            return true;
    return false;
}

bool holds_size(const Program *program, const Value *value)
{
    DimTable *dims = program->context->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        int element;
        const void *key = dim_fresh_key(dim_symbol_at(dims, i), &element);
        if (program->is_defined[i] || !key)
            continue;
        if (key == value)
            return true;
        for (int k = 0; k < value->nreader; k++)
            if (has_sizes_from(value->reader[k], value, key))
                return true;
    }
    const int64_t count = value->element ? small_count(&value->type) : 0;
    for (int64_t i = 0; i < count; i++)
        if (value->element[i] && dim_is_fresh(value->element[i]) &&
            !program->is_defined[dim_symbol_index(value->element[i])])
            return true;
    return false;
}

void name_symbol(Program *program, Dim *symbol, const char *name)
{
    if (!map_get(program->symbol_name, symbol))
        map_set(program->symbol_name, symbol, name_identifier(program->names, "", name));
}
