/* noise.h -- made-up tensors: a program's self-test has the same ones as the evaluator that says what it must give. */
#ifndef O2C_NOISE_H
#define O2C_NOISE_H
#include <stdint.h>
#include <string.h>

static inline uint32_t o2c_noise(uint32_t counter)
{
    uint32_t x = counter * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    return x ^ x >> 13;
}

/* Fills a tensor of elements of `bytes` bytes with elements whose bits are in [least, least + range), those of `sign`
 * put to about every other one. */
static inline void o2c_fill(void *data, int64_t count, int bytes, uint32_t seed, uint64_t least, uint64_t range,
                            uint64_t sign)
{
    for (int64_t i = 0; i < count; i++) {
        const uint32_t counter = seed + 2u * (uint32_t)i, low = o2c_noise(counter + 1u);
        const uint64_t any = (uint64_t)o2c_noise(counter) << 31 | low >> 1;
        const uint64_t eight = (least + any % range) | (low & 1 ? sign : 0);
        const uint32_t four = (uint32_t)eight;
        const uint16_t two = (uint16_t)eight;
        const uint8_t one = (uint8_t)eight;
        char *element = (char *)data + i * bytes;
        switch (bytes) {
        case 8:
            memcpy(element, &eight, 8);
            break;
        case 4:
            memcpy(element, &four, 4);
            break;
        case 2:
            memcpy(element, &two, 2);
            break;
        default:
            memcpy(element, &one, 1);
        }
    }
}
#endif
