/* SPDX-License-Identifier: MIT */
/* How large messages are: all alike, anything between two sizes, or a mix of these. */
#ifndef SIZES_H
#define SIZES_H

#include <stddef.h>
#include <stdint.h>

#define SIZES_PARTS_MAX   16
#define SIZES_MAX         ((uint64_t)1 << 30) /* bytes in a message */
#define SIZES_ONE_PERCENT 1000                /* of a share */

/* Read it by the functions only; zeroed it means empty messages. */
struct sizes {
        struct sizes_part {
                uint32_t share; /* of all messages: thousandths of a percent */
                uint32_t low, high;
        } parts[SIZES_PARTS_MAX];
        size_t count;
        uint32_t max;
        double mean;
};

/*
 * Reads "128", "64-4096" (each size alike often) or "90%:128,10%:64K-1M" (shares that add up to
 * 100 %). 0, or -1 with *problem set to what is wrong with the text, a literal without full stop.
 */
int sizes_parse(const char *text, struct sizes *sizes, const char **problem);

/* The size that a random number of 64 bits stands for. */
uint32_t sizes_pick(const struct sizes *sizes, uint64_t random);

#endif
