/* source.c -- opens, reads and unpacks protobuf files. */
#include "file_bytes.h"
#include "import.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool unreadable(Context *context, const char *path, const char *why)
{
    return report_add(context->report, NULL, FILE_UNREADABLE, path, why);
}

bool source_open(Source *source, Context *context, const char *path)
{
    *source = (Source){.context = context, .path = path};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make us wait */
    if (file < 0)
        return unreadable(context, path, strerror(errno));
    struct stat status;
    const char *why = NULL;
    const void *data = NULL;
    if (fstat(file, &status) != 0)
        why = strerror(errno);
    else if (!S_ISREG(status.st_mode))
        why = "not a plain file";
    else if (!(data = file_bytes(context->arena, file, 0, (size_t)status.st_size, MAP_MODEL_FROM)))
        why = strerror(errno);
    close(file);
    if (why)
        return unreadable(context, path, why);
    source->bytes = (Bytes){data, (size_t)status.st_size};
    return true;
}

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void release(void *arena, void *bytes)
{
    (void)arena;
    (void)bytes; /* freed with the arena */
}

ProtobufCMessage *source_unpack(const Source *source, const ProtobufCMessageDescriptor *type)
{
    Arena *arena = source->context->arena;
    Bytes skeleton;
    if (!wire_scan(source->context, type, source->bytes, &skeleton))
        return NULL;
    ProtobufCAllocator allocator = {.alloc = allocate, .free = release, .allocator_data = arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, skeleton.size, skeleton.data);
    if (!message)
        report_add(source->context->report, NULL, WIRE_MALFORMED, "no message of this schema", source->bytes.size);
    return message;
}
