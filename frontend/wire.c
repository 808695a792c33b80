/* wire.c -- checks a protobuf file before protobuf-c unpacks it, and copies it without its raw data.
 *
 * protobuf-c recurses into messages without a limit, keeps strings that end early or are not text, and needs up to a
 * hundred times the file's size for empty messages. This scan is one loop with a stack of its own, driven by the
 * descriptors protoc-c generates from the schema, so it knows every field without a table of its own. It runs twice: to
 * check and measure, then to write the copy. */
#include "import.h"
#include <limits.h>
#include <string.h>

enum { MAX_MESSAGES = 100, MAX_GRAPHS = 33, MAX_MERGES = 64 };
enum { LENGTH_BYTES = 5 };  /* every length in the copy takes as many, so that it can be filled in afterwards */
enum { MEMBER_BYTES = 96 }; /* what protobuf-c's table of fields found takes, growth included */
enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_GROUP, WIRE_END_GROUP, WIRE_32 };
enum { PRIVATE_PLANE = 0x10FF00 }; /* code points that stand for bytes that are not text */

/* A message being read. */
typedef struct {
    const ProtobufCMessageDescriptor *type;
    size_t end;       /* in the file */
    size_t length_at; /* where its length stands in the copy */
    uint64_t seen;    /* singular message fields met, a bit for each */
} Frame;

typedef struct {
    Context *context;
    Bytes file;
    size_t at;
    unsigned char *copy; /* NULL while measuring */
    size_t written;
    size_t memory; /* what unpacking will take */
    int64_t nodes, merges;
    Frame frame[MAX_MESSAGES];
    int depth, graphs;
} Scan;

static bool malformed(Scan *scan, const char *what)
{
    return report_add(scan->context->report, NULL, WIRE_MALFORMED, what, scan->at);
}

static size_t rounded(size_t size)
{
    return (size + 15) / 16 * 16 + (size == 0) * 16;
}

static void put(Scan *scan, const void *bytes, size_t size)
{
    if (scan->copy)
        memcpy(scan->copy + scan->written, bytes, size);
    scan->written += size;
}

static void put_varint(Scan *scan, uint64_t value)
{
    for (; value > 127; value >>= 7)
        put(scan, &(unsigned char){(unsigned char)(value | 128)}, 1);
    put(scan, &(unsigned char){(unsigned char)value}, 1);
}

/* Room for a length; end_length fills it in with what has been written since. */
static size_t begin_length(Scan *scan)
{
    size_t at = scan->written;
    put(scan, "\0\0\0\0", LENGTH_BYTES);
    return at;
}

static void end_length(Scan *scan, size_t at)
{
    size_t length = scan->written - at - LENGTH_BYTES;
    for (int i = 0; scan->copy && i < LENGTH_BYTES; i++)
        scan->copy[at + (size_t)i] = (unsigned char)((length >> 7 * i & 127) | (i < LENGTH_BYTES - 1 ? 128 : 0));
}

/* Reads a varint that must end before `end`. */
static bool read_varint(Scan *scan, size_t end, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 10; i++) {
        if (scan->at == end)
            return malformed(scan, "a number that does not end");
        unsigned char byte = scan->file.data[scan->at++];
        *value |= (uint64_t)(byte & 127) << 7 * i;
        if (byte < 128)
            return i < 9 || byte < 2 || malformed(scan, "a number of more than 64 bits");
    }
    return malformed(scan, "a number of more than 10 bytes");
}

/* The length in bytes of the UTF-8 sequence that begins at text; 0 when none does, or when it is NUL or one of the code
 * points reserved for bytes that are not text. */
static size_t utf8_length(const unsigned char *text, size_t size)
{
    if (text[0] < 0x80)
        return text[0] != 0;
    size_t length = text[0] < 0xC2 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : text[0] < 0xF5 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t code = text[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3F);
    }
    bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    bool surrogate = code >= 0xD800 && code < 0xE000;
    return overlong || surrogate || code >= PRIVATE_PLANE ? 0 : length;
}

static void put_text(Scan *scan, const unsigned char *text, size_t size)
{
    for (size_t i = 0, n; i < size; i += n) {
        n = utf8_length(text + i, size - i);
        if (n > 0) {
            put(scan, text + i, n);
            continue;
        }
        uint32_t code = PRIVATE_PLANE + text[i];
        put(scan,
            (unsigned char[]){0xF4, (unsigned char)(0x80 | (code >> 12 & 63)), (unsigned char)(0x80 | (code >> 6 & 63)),
                              (unsigned char)(0x80 | (code & 63))},
            4);
        n = 1;
    }
}

static int wire_type(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

/* Checks the elements of a packed field, which ends at `end`, and copies them. */
static bool scan_packed(Scan *scan, int element, size_t end)
{
    size_t start = scan->at, count = 0;
    if (element == WIRE_VARINT) {
        for (uint64_t ignored; scan->at < end; count++)
            if (!read_varint(scan, end, &ignored))
                return false;
    } else {
        size_t size = element == WIRE_64 ? 8 : 4;
        if ((end - start) % size)
            return malformed(scan, "a packed list that ends within an element");
        count = (end - start) / size;
        scan->at = end;
    }
    scan->memory += count * 8;
    put(scan, scan->file.data + start, end - start);
    return true;
}

/* Begins the message that ends at `end`. Its length has been begun in the copy. */
static bool enter(Scan *scan, const ProtobufCFieldDescriptor *field, size_t end, size_t length_at)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    if (scan->depth == MAX_MESSAGES)
        return malformed(scan, "messages nested more than 100 deep");
    if (type == &onnx__graph_proto__descriptor && ++scan->graphs > MAX_GRAPHS)
        return malformed(scan, "subgraphs nested more than 32 deep");
    if (type == &onnx__node_proto__descriptor && ++scan->nodes > scan->context->max_nodes) {
        char limit[32];
        snprintf(limit, sizeof limit, "%lld", (long long)scan->context->max_nodes);
        return report_add(scan->context->report, NULL, LIMIT_EXCEEDED, "the number of nodes", limit);
    }
    Frame *parent = &scan->frame[scan->depth - 1];
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        /* Merging a message that was given before copies its lists: a file must not make us do that without end. */
        uint64_t bit = UINT64_C(1) << (field - parent->type->fields) % 64;
        if (parent->seen & bit && ++scan->merges > MAX_MERGES)
            return malformed(scan, "the same field given again and again");
        parent->seen |= bit;
    }
    scan->memory += rounded(type->sizeof_message);
    scan->frame[scan->depth++] = (Frame){.type = type, .end = end, .length_at = length_at};
    return true;
}

static void leave(Scan *scan)
{
    const Frame *frame = &scan->frame[--scan->depth];
    if (frame->type == &onnx__graph_proto__descriptor)
        scan->graphs--;
    if (scan->depth > 0)
        end_length(scan, frame->length_at);
}

/* A field with a length: text, bytes, a message or a packed list, which ends at `end`. */
static bool scan_bytes(Scan *scan, const ProtobufCFieldDescriptor *field, size_t end)
{
    size_t start = scan->at, length_at = begin_length(scan);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return enter(scan, field, end, length_at);
    bool is_raw_data = field->id == 9 && scan->frame[scan->depth - 1].type == &onnx__tensor_proto__descriptor;
    if (wire_type(field->type) != WIRE_BYTES) {
        if (!scan_packed(scan, wire_type(field->type), end))
            return false;
    } else if (is_raw_data) {
        put(scan, &(Span){start, end - start}, sizeof(Span));
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        put_text(scan, scan->file.data + start, end - start);
    } else {
        put(scan, scan->file.data + start, end - start);
    }
    scan->memory += rounded(scan->written - length_at) + 16;
    scan->at = end;
    end_length(scan, length_at);
    return true;
}

/* One field of the message on top of the stack. */
static bool scan_field(Scan *scan)
{
    const Frame *frame = &scan->frame[scan->depth - 1];
    uint64_t tag, value = 0;
    if (!read_varint(scan, frame->end, &tag))
        return false;
    int wire = (int)(tag & 7);
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF)
        return malformed(scan, "a field number out of range");
    if (wire == WIRE_GROUP || wire == WIRE_END_GROUP)
        return malformed(scan, "a group, which ONNX does not use");
    if (wire > WIRE_32)
        return malformed(scan, "a field of unknown wire type");
    size_t start = scan->at, end;
    if (wire == WIRE_VARINT || wire == WIRE_BYTES) {
        if (!read_varint(scan, frame->end, &value))
            return false;
        end = scan->at;
        if (wire == WIRE_BYTES) {
            if (value > frame->end - scan->at)
                return malformed(scan, "a length beyond the end of what holds it");
            end += value;
        }
    } else {
        size_t size = wire == WIRE_64 ? 8 : 4;
        if (size > frame->end - scan->at)
            return malformed(scan, "a number that does not end");
        end = start + size;
    }
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(frame->type, (unsigned)(tag >> 3));
    bool packed = field && field->label == PROTOBUF_C_LABEL_REPEATED && wire == WIRE_BYTES;
    if (!field || (wire != wire_type(field->type) && !packed)) {
        scan->at = end; /* unknown to the schema: later versions may have it */
        return true;
    }
    scan->memory += MEMBER_BYTES + 8;
    put_varint(scan, tag);
    if (wire == WIRE_BYTES)
        return scan_bytes(scan, field, end);
    put(scan, scan->file.data + start, end - start);
    scan->at = end;
    return true;
}

/* The whole file; `copy` NULL: only check and measure. */
static bool scan_file(Scan *scan, const ProtobufCMessageDescriptor *type, unsigned char *copy)
{
    scan->at = scan->written = scan->memory = 0;
    scan->nodes = scan->merges = 0;
    scan->copy = copy;
    scan->depth = 1;
    scan->graphs = 0;
    scan->frame[0] = (Frame){.type = type, .end = scan->file.size};
    while (scan->depth > 0) {
        if (scan->at == scan->frame[scan->depth - 1].end)
            leave(scan);
        else if (!scan_field(scan))
            return false;
    }
    return true;
}

bool wire_scan(Context *context, const ProtobufCMessageDescriptor *type, Bytes file, Bytes *skeleton)
{
    Scan scan = {.context = context, .file = file};
    if (!scan_file(&scan, type, NULL))
        return false;
    if (scan.written > INT_MAX)
        return report_add(context->report, NULL, LIMIT_EXCEEDED, "the file without its weights", "2 GiB");
    if (scan.memory > arena_left(context->arena) || scan.written > arena_left(context->arena) - scan.memory)
        return report_add(context->report, NULL, LIMIT_EXCEEDED, "memory for unpacking the file", "--max-memory");
    unsigned char *copy = arena_alloc(context->arena, scan.written);
    scan_file(&scan, type, copy);
    *skeleton = (Bytes){copy, scan.written};
    return true;
}
