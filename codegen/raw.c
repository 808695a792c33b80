/* raw.c -- tensors in the files a program's driver reads and writes. */
#include "raw.h"
#include <errno.h>
#include <string.h>

static bool write_elements(const Tensor *tensor, FILE *file)
{
    size_t size = dtype_info(tensor->dtype)->size;
    for (int64_t i = 0; i < tensor->count; i++) {
        const void *element = tensor_at(tensor, i);
        if (tensor->dtype == STRING) {
            const char *text = *(char *const *)element;
            int64_t length = (int64_t)strlen(text);
            if (fwrite(&length, sizeof length, 1, file) != 1 || fwrite(text, 1, (size_t)length, file) != (size_t)length)
                return false;
        } else if (fwrite(element, size, 1, file) != 1) {
            return false;
        }
    }
    return true;
}

bool raw_write(Context *context, const char *path, const Tensor *tensor)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return report_add(context->report, NULL, FILE_UNWRITABLE, path, strerror(errno));
    int64_t rank = tensor->rank;
    bool done = fwrite(&rank, sizeof rank, 1, file) == 1 &&
                fwrite(tensor->dim, sizeof *tensor->dim, (size_t)rank, file) == (size_t)rank &&
                write_elements(tensor, file);
    if (fclose(file) != 0 || !done)
        return report_add(context->report, NULL, FILE_UNWRITABLE, path, strerror(errno));
    return true;
}

static bool read_elements(Context *context, Tensor *tensor, FILE *file)
{
    size_t size = dtype_info(tensor->dtype)->size;
    if (tensor->dtype != STRING)
        return fread(tensor->data, size, (size_t)tensor->count, file) == (size_t)tensor->count;
    for (int64_t i = 0; i < tensor->count; i++) {
        int64_t length;
        if (fread(&length, sizeof length, 1, file) != 1 || length < 0 || length > 1 << 30)
            return false;
        char *text = arena_alloc(context->arena, (size_t)length + 1);
        if (fread(text, 1, (size_t)length, file) != (size_t)length)
            return false;
        ((char **)tensor->data)[i] = text;
    }
    return true;
}

Tensor *raw_read(Context *context, const char *path, DType dtype)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        report_add(context->report, NULL, FILE_UNREADABLE, path, strerror(errno));
        return NULL;
    }
    int64_t rank, dim[MAX_RANK];
    bool read = fread(&rank, sizeof rank, 1, file) == 1 && rank >= 0 && rank <= MAX_RANK &&
                fread(dim, sizeof *dim, (size_t)rank, file) == (size_t)rank;
    for (int64_t i = 0; read && i < rank; i++)
        read = dim[i] >= 0;
    Tensor *tensor = read ? tensor_new(context, dtype, (int)rank, dim) : NULL;
    read = tensor && read_elements(context, tensor, file) && getc(file) == EOF;
    fclose(file);
    if (!read)
        report_add(context->report, NULL, FILE_UNREADABLE, path, "it does not hold one tensor");
    return read ? tensor : NULL;
}
