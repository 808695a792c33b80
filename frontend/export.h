/* export.h -- writing protobuf files: what export.c and tensor_proto.c share. */
#ifndef EXPORT_H
#define EXPORT_H
#include "import.h"

/* A tensor as a message; everything it points to is the tensor's or in the arena. */
Onnx__TensorProto *tensor_export(Arena *arena, const Tensor *tensor, const char *name);

/* Writes a message; false when that fails. */
bool message_write(const ProtobufCMessage *message, FILE *file);
#endif
