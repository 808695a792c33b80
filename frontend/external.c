/* external.c -- tensor data in other files.
 *
 * The location comes from the model and is hostile: what it names must be a plain file beneath the model's folder,
 * reached without `..`, symbolic links or hard links, and every check is made on the descriptor that is then read, so
 * that nothing can be exchanged in between. After ONNX's docs/ExternalDataSecurity.md. */
#include "file_bytes.h"
#include "import.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *refuse(const Source *source, const Onnx__TensorProto *proto, const char *why)
{
    report_add(source->context->report, NULL, EXTERNAL_DATA, proto->name ? proto->name : "", why);
    return NULL;
}

/* A number in decimal digits and nothing else. */
static bool parse_size(const char *text, uint64_t *value)
{
    *value = 0;
    for (const char *at = text; *at; at++)
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*at - '0'), value))
            return false;
    return *text != 0;
}

/* What is wrong with a location, or NULL. */
static const char *check_location(const char *location)
{
    if (!*location)
        return "no location";
    if (*location == '/')
        return "an absolute location";
    if (strchr(location, '\\'))
        return "a backslash in its location";
    for (const char *part = location; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == 0))
            return "a location that leaves the folder";
    return NULL;
}

static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int descriptor = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    return descriptor;
}

/* Opens location beneath folder one component at a time, following no link. */
static int open_by_components(int folder, const char *location)
{
    char *copy = strdup(location), *rest = NULL;
    int at = dup(folder);
    for (char *part = copy ? strtok_r(copy, "/", &rest) : NULL; part && at >= 0;) {
        char *next = strtok_r(NULL, "/", &rest);
        int flags = next ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        int inner = openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC);
        int reason = errno;
        close(at);
        at = inner;
        errno = reason;
        part = next;
    }
    free(copy);
    return at;
}

static int open_beneath(int folder, const char *location)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int descriptor = (int)syscall(SYS_openat2, folder, location, &how, sizeof how);
    if (descriptor >= 0 || (errno != ENOSYS && errno != EPERM))
        return descriptor;
    return open_by_components(folder, location); /* kernels before 5.6, and sandboxes that do not know the call */
}

/* What is wrong with the file for `size` bytes from offset on, or NULL. */
static const char *check_file(int file, uint64_t offset, size_t size)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return strerror(errno);
    if (!S_ISREG(status.st_mode))
        return "not a plain file";
    if (status.st_nlink != 1)
        return "a file with more than one name (a hard link)";
    uint64_t end;
    if (__builtin_add_overflow(offset, (uint64_t)size, &end) || end > (uint64_t)status.st_size)
        return "the file ends before the data do";
    return NULL;
}

const void *external_data(const Source *source, const Onnx__TensorProto *proto, size_t size)
{
    const char *location = "";
    uint64_t offset = 0, length = size;
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        const char *key = entry->key ? entry->key : "", *value = entry->value ? entry->value : "";
        if (strcmp(key, "location") == 0)
            location = value;
        else if (strcmp(key, "offset") == 0 && !parse_size(value, &offset))
            return refuse(source, proto, "an offset that is not a number");
        else if (strcmp(key, "length") == 0 && !parse_size(value, &length))
            return refuse(source, proto, "a length that is not a number");
    }
    const char *wrong = check_location(location);
    if (!wrong && length != size)
        wrong = "a length other than the shape asks for";
    if (wrong)
        return refuse(source, proto, wrong);
    int folder = open_folder(source->path);
    int file = folder < 0 ? -1 : open_beneath(folder, location);
    const void *data = NULL;
    if (file < 0)
        wrong = errno == ELOOP || errno == EXDEV ? "reached through a link" : strerror(errno);
    else if (!(wrong = check_file(file, offset, size)) &&
             !(data = file_bytes(source->context->arena, file, offset, size, MAP_WEIGHTS_FROM)))
        wrong = strerror(errno);
    if (file >= 0)
        close(file);
    if (folder >= 0)
        close(folder);
    return wrong ? refuse(source, proto, wrong) : data;
}
