/* raw.h -- tensors in the files a program's driver reads and writes; codegen.h describes the format. */
#ifndef RAW_H
#define RAW_H
#include "../frontend/ir.h"

/* Both are false after an error in the context's report. Reading checks that the file holds one tensor and nothing
 * else. */
bool raw_write(Context *context, const char *path, const Tensor *tensor);
Tensor *raw_read(Context *context, const char *path, DType dtype); /* NULL instead of false */
#endif
