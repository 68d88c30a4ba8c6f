/* SPDX-License-Identifier: MIT */
/* Figures as people read them. Each writes to `out` and returns it. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdint.h>

#define NUMBER_ROOM 48

/* 412310 as "412,310". */
const char *number_grouped(uint64_t number, char out[NUMBER_ROOM]);

/* With four digits that count, or all in front of the point: 0.1234, 12.34, "1,234". Not negative. */
const char *number_rounded(double number, char out[NUMBER_ROOM]);

/* The same with three digits that count, of which no more than three are behind the point. */
const char *number_ms(double milliseconds, char out[NUMBER_ROOM]);

/* "1 byte", "65,536 bytes". */
const char *number_bytes(uint64_t bytes, char out[NUMBER_ROOM]);

/*
 * Nanoseconds, not negative, to three digits, or whole seconds: "332 us", "35.5 ms", "3 s",
 * "2 min 30 s", "1 h".
 */
const char *number_duration(int64_t nanoseconds, char out[NUMBER_ROOM]);

#endif
