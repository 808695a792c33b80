/* buffer.c -- where values live: inputs, outputs, weights and the workspace. */
#include "lower.h"

Buffer *buffer_of(const Program *program, const Value *value)
{
    return map_get(program->buffer_of, value);
}

Buffer *buffer_new(Program *program, BufferKind kind, Value *value)
{
    Buffer *buffer = ARENA_NEW(program->context->arena, Buffer);
    buffer->kind = kind;
    buffer->value = value;
    buffer->name = name_identifier(program->names, "", value_label(program->context->arena, value));
    buffer->slot = -1;
    if (program->last_buffer)
        program->last_buffer->next = buffer;
    else
        program->buffers = buffer;
    program->last_buffer = buffer;
    if (!buffer_of(program, value))
        share_buffer(program, value, buffer);
    return buffer;
}

void share_buffer(Program *program, Value *value, Buffer *buffer)
{
    map_set(program->buffer_of, value, buffer);
    map_set(program->value_name, value, buffer->name);
}

Value *hidden_value(Program *program, const char *name, Type type, const Tensor *constant)
{
    Value *value = ARENA_NEW(program->context->arena, Value);
    value->name = name;
    value->graph = program->graph;
    value->type = type;
    value->constant = constant;
    need_buffer(program, value);
    return value;
}

Buffer *need_buffer(Program *program, Value *value)
{
    Buffer *buffer = buffer_of(program, value);
    if (buffer)
        return buffer;
    if (value->constant)
        return buffer_new(program, BUFFER_WEIGHT, value);
    return buffer_new(program, BUFFER_WORKSPACE, value);
}
