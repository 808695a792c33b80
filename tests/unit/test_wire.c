/* test_wire.c -- the scan before unpacking: what it refuses, and what it makes of strings and raw data. */
#include "frontend/import.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

/* Scans bytes given as a string literal, as a model unless `type` says otherwise. */
#define SCAN(context, type, literal, skeleton)                                                                         \
    wire_scan(context, type, (Bytes){(const unsigned char *)(literal), sizeof(literal) - 1}, skeleton)

static bool refused(const char *bytes, size_t size)
{
    Context *context = test_context();
    Bytes skeleton;
    bool fine =
        wire_scan(context, &onnx__model_proto__descriptor, (Bytes){(const unsigned char *)bytes, size}, &skeleton);
    bool said = report_has(context->report, WIRE_MALFORMED);
    context_free(context);
    return !fine && said;
}
#define REFUSED(literal) refused(literal, sizeof(literal) - 1)

static void test_refuses(void)
{
    CU_ASSERT(REFUSED("\x08"));                                             /* a field without its value */
    CU_ASSERT(REFUSED("\x08\x80"));                                         /* a number that does not end */
    CU_ASSERT(REFUSED("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")); /* 11 bytes */
    CU_ASSERT(REFUSED("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));     /* 65 bits */
    CU_ASSERT(REFUSED("\x3a\x05\x00"));                                     /* longer than the file */
    CU_ASSERT(REFUSED("\x3a\x02\x0a\x01\x00"));                             /* longer than its parent */
    CU_ASSERT(REFUSED("\x02\x00"));                                         /* field 0 */
    CU_ASSERT(REFUSED("\x3b"));                                             /* a group */
    CU_ASSERT(REFUSED("\x0f\x00"));                                         /* wire type 7 */
    CU_ASSERT(REFUSED("\x0d\x00\x00"));                                     /* 32 bits that are 16 */
    CU_ASSERT(!REFUSED("\x08\x07"));
    CU_ASSERT(!REFUSED(""));
}

/* Subgraphs in subgraphs: graph, node, attribute, graph ... as many times. */
static bool nested_is_refused(int times)
{
    size_t size = (size_t)times * 12 + 16, at = size;
    char *bytes = malloc(size);
    const int field[] = {6, 5, 1}; /* AttributeProto.g, NodeProto.attribute, GraphProto.node, inside out */
    for (int i = 0; i < 3 * times + 1; i++) {
        size_t length = size - at; /* in three bytes, though fewer would do */
        for (int k = 0; k < 3; k++)
            bytes[--at] = (char)((length >> 7 * (2 - k) & 127) | (k == 0 ? 0 : 128));
        bytes[--at] = (char)((i == 3 * times ? 7 : field[i % 3]) << 3 | 2);
    }
    bool result = refused(bytes + at, size - at);
    free(bytes);
    return result;
}

static void test_nesting(void)
{
    CU_ASSERT(!nested_is_refused(0));
    CU_ASSERT(!nested_is_refused(32));
    CU_ASSERT(nested_is_refused(33));
    CU_ASSERT(nested_is_refused(5000));
}

static void test_limits(void)
{
    Context *context = test_context();
    Bytes skeleton;
    context->max_nodes = 2;
    CU_ASSERT(SCAN(context, &onnx__model_proto__descriptor, "\x3a\x04\x0a\x00\x0a\x00", &skeleton));
    CU_ASSERT(!SCAN(context, &onnx__model_proto__descriptor, "\x3a\x06\x0a\x00\x0a\x00\x0a\x00", &skeleton));
    CU_ASSERT(report_has(context->report, LIMIT_EXCEEDED));
    context_free(context);

    /* 20 KB of empty names of inputs: more than a megabyte when unpacked, which this context does not have */
    context = context_new(1 << 20, "small.onnx");
    enum { SIZE = 20004 };
    unsigned char *bytes = calloc(1, SIZE);
    memcpy(bytes, "\x0a\xa0\x9c\x01", 4); /* GraphProto.node, 20000 bytes */
    for (int i = 4; i < SIZE; i += 2)
        bytes[i] = 0x0a; /* NodeProto.input "" */
    CU_ASSERT(!wire_scan(context, &onnx__graph_proto__descriptor, (Bytes){bytes, SIZE}, &skeleton));
    CU_ASSERT(report_has(context->report, LIMIT_EXCEEDED));
    free(bytes);
    context_free(context);
}

/* The name that a GraphProto file of this one field is unpacked with. */
static char *name_of(Context *context, const char *name, size_t size)
{
    unsigned char file[64] = {2 << 3 | 2, (unsigned char)size};
    memcpy(file + 2, name, size);
    Bytes skeleton;
    if (!wire_scan(context, &onnx__graph_proto__descriptor, (Bytes){file, size + 2}, &skeleton))
        return NULL;
    Onnx__GraphProto *graph = onnx__graph_proto__unpack(NULL, skeleton.size, skeleton.data);
    char *copy = graph ? arena_strdup(context->arena, graph->name) : NULL;
    if (graph)
        onnx__graph_proto__free_unpacked(graph, NULL);
    return copy;
}

static void test_strings(void)
{
    Context *context = test_context();
    CU_ASSERT_STRING_EQUAL(name_of(context, "plain", 5), "plain");
    CU_ASSERT_STRING_EQUAL(name_of(context, "Gr\xc3\xbc\xc3\x9f\x65", 7), "Gr\xc3\xbc\xc3\x9f\x65");
    CU_ASSERT_STRING_EQUAL(name_of(context, "\xf0\x9f\x98\x80", 4), "\xf0\x9f\x98\x80");
    /* NUL, a lone continuation, overlong, a surrogate, and the code points that stand for such bytes: all become text,
     * and different names stay different */
    const struct {
        const char *bytes;
        size_t size;
    } odd[] = {{"a\0b", 3},
               {"a", 1},
               {"a\x80", 2},
               {"a\xc0\x80", 3},
               {"a\xed\xa0\x80", 4},
               {"a\xff", 2},
               {"a\xf4\x8f\xbc\x80", 5},
               {"a\xf4\x8f\xbc\x80\x62", 6},
               {"a\xf4\x90\x80\x80", 5}};
    enum { COUNT = sizeof odd / sizeof *odd };
    char *name[COUNT];
    for (int i = 0; i < COUNT; i++) {
        name[i] = name_of(context, odd[i].bytes, odd[i].size);
        CU_ASSERT_PTR_NOT_NULL_FATAL(name[i]);
        for (int k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(name[i], name[k]);
    }
    CU_ASSERT_STRING_EQUAL(name[0], "a\xf4\x8f\xbc\x80\x62");
    context_free(context);
}

static void test_raw_data(void)
{
    Context *context = test_context();
    const unsigned char file[] = {9 << 3 | 2, 5, 1, 2, 3, 4, 5, 2 << 3, 1}; /* raw_data, data_type */
    Bytes skeleton;
    CU_ASSERT_FATAL(wire_scan(context, &onnx__tensor_proto__descriptor, (Bytes){file, sizeof file}, &skeleton));
    Onnx__TensorProto *tensor = onnx__tensor_proto__unpack(NULL, skeleton.size, skeleton.data);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tensor);
    Span span;
    CU_ASSERT_EQUAL_FATAL(tensor->raw_data.len, sizeof span);
    memcpy(&span, tensor->raw_data.data, sizeof span);
    CU_ASSERT_EQUAL(span.offset, 2);
    CU_ASSERT_EQUAL(span.size, 5);
    CU_ASSERT_EQUAL(tensor->data_type, 1);
    onnx__tensor_proto__free_unpacked(tensor, NULL);
    context_free(context);
}

static void test_unknown_fields(void)
{
    Context *context = test_context();
    Bytes skeleton;
    /* field 500 as bytes, field 1 (ir_version) as bytes though it is a number: dropped, as protobuf does */
    CU_ASSERT(SCAN(context, &onnx__model_proto__descriptor, "\xa2\x1f\x01x\x0a\x01x\x08\x07", &skeleton));
    CU_ASSERT_EQUAL_FATAL(skeleton.size, 2);
    CU_ASSERT(memcmp(skeleton.data, "\x08\x07", 2) == 0);
    context_free(context);
}

static void test_merges(void)
{
    enum { COUNT = 200 };
    char many[2 * COUNT];
    for (int i = 0; i < COUNT; i++)
        memcpy(many + 2 * i, "\x3a\x00", 2); /* ModelProto.graph, empty */
    CU_ASSERT(!refused(many, 2 * 3));
    CU_ASSERT(refused(many, sizeof many));
}

static void test_sha256(void)
{
    char digits[65];
    const struct {
        const char *text, *digest;
    } known[] = {
        /* FIPS 180-4's examples */
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        sha256_hex((Bytes){(const unsigned char *)known[i].text, strlen(known[i].text)}, digits);
        CU_ASSERT_STRING_EQUAL(digits, known[i].digest);
    }
}

void suite_wire(void)
{
    static const UnitTest tests[] = {{"refuses", test_refuses},   {"nesting", test_nesting},
                                     {"limits", test_limits},     {"strings", test_strings},
                                     {"raw data", test_raw_data}, {"unknown fields", test_unknown_fields},
                                     {"merges", test_merges},     {"sha256", test_sha256}};
    ADD_SUITE("wire", tests);
}
