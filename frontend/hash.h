/* hash.h -- hashing, for tables. Every bit of a hash may be used; none says anything about order. */
#ifndef HASH_H
#define HASH_H
#include <stddef.h>
#include <stdint.h>

/* A hash and one word more. */
static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15); /* 2^64 over the golden ratio, which is odd */
    return hash ^ hash >> 29;
}

static inline uint64_t hash_pointer(uint64_t hash, const void *pointer)
{
    return hash_word(hash, (uint64_t)(uintptr_t)pointer);
}

/* FNV-1a. */
static inline uint64_t hash_bytes(const void *bytes, size_t count)
{
    const unsigned char *b = bytes;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ b[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

static inline uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}
#endif
