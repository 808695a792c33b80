/* import.h -- reading protobuf files: what the parts of the importer (wire, import, tensor_proto, external) share.
 *
 * A file is read (file_bytes.h) and scanned before protobuf-c sees it. The scan writes a copy, the skeleton, in which
 * every raw_data field holds a Span instead of its bytes: so weights are never copied and protobuf-c meets only checked
 * messages. */
#ifndef IMPORT_H
#define IMPORT_H
#include "ir.h"
#include "onnx-ml.pb-c.h"

typedef struct {
    const unsigned char *data;
    size_t size;
} Bytes;

/* Where the bytes of a raw_data field lie in the file. */
typedef struct {
    uint64_t offset, size;
} Span;

/* A file being read. */
typedef struct {
    Context *context;
    const char *path;
    Bytes bytes; /* there for the context's life */
} Source;

/* Opens and reads a file. False after an error in the report. */
bool source_open(Source *source, Context *context, const char *path);

/* Checks that the bytes are a message of this type and makes their skeleton. Checked are nesting (100 messages, 32
 * subgraphs), lengths, varints, the number of nodes, and that the memory unpacking will take is there. Bytes that are
 * not UTF-8 text, NUL among them, are replaced in string fields by code points of their own (U+10FF00 + byte), so that
 * different names stay different; fields the type does not have are dropped. False after an error in the report. */
bool wire_scan(Context *context, const ProtobufCMessageDescriptor *type, Bytes file, Bytes *skeleton);

/* Scans and unpacks a whole file as a message of this type, in the context's arena. NULL after an error in the report.
 */
ProtobufCMessage *source_unpack(const Source *source, const ProtobufCMessageDescriptor *type);

/* The tensor a TensorProto of the source holds; raw data is borrowed from the file's bytes where its alignment allows.
 * NULL after an error in the report. */
const Tensor *tensor_import(const Source *source, const Onnx__TensorProto *proto);
/* The same of a SparseTensorProto, made dense; its name is that of its values. */
const Tensor *tensor_import_sparse(const Source *source, const Onnx__SparseTensorProto *proto);

/* The `size` bytes of a tensor stored in another file, by the keys of its external_data: mapped, or copied where they
 * are few. The file must be a plain one beneath the model's folder, reached through no link. NULL after an error in the
 * report. */
const void *external_data(const Source *source, const Onnx__TensorProto *proto, size_t size);

/* The type a TypeProto gives to `name`; unnamed sizes become fresh symbols. False after an error in the report. */
bool type_import(const Source *source, const char *name, const Onnx__TypeProto *proto, Type *type);

/* The SHA-256 digest of bytes as 64 hexadecimal digits and a NUL. */
void sha256_hex(Bytes bytes, char digits[65]);
#endif
