/* SPDX-License-Identifier: MIT */
/*
 * What messages consist of, and whether one that came is the echo of one that was sent.
 *
 * A message says which it is: its first 8 bytes are its number in its connection, the next 4 the
 * connection's, as far as it is long enough. The rest is a piece of a fixed text that begins at a
 * place which depends on both. So an echo with the tail of another message is wrong as well. All is
 * printable ASCII. A message that the user gave says nothing: its echoes are known by their order.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct payload {
        uint8_t *text;    /* the fixed text, or the user's message */
        uint8_t *scratch; /* a copy, in which messages are made one at a time */
        size_t length;    /* of both */
        bool numbered;
};

/* For messages of up to `max` bytes. -1 with ENOMEM. */
int payload_init(struct payload *payload, size_t max);

/* For one message, which is copied. -1 with ENOMEM. */
int payload_init_fixed(struct payload *payload, const void *data, size_t length);
void payload_free(struct payload *payload);

/*
 * Makes a message in the scratch copy and points to it. It stands until payload_unmake() is called
 * with what this returned; no other is made meanwhile.
 */
const uint8_t *payload_make(struct payload *payload, uint32_t connection, uint64_t number,
                            size_t size);
void payload_unmake(struct payload *payload, const uint8_t *message, size_t size);

/* The same into memory of the caller's. */
void payload_write(const struct payload *payload, uint32_t connection, uint64_t number, size_t size,
                   uint8_t *out);

/* Whether these bytes are that message. */
bool payload_matches(const struct payload *payload, uint32_t connection, uint64_t number,
                     const uint8_t *data, size_t length);

/* The first byte in which they differ from it, or `length` or `size`, the smaller. */
size_t payload_difference(const struct payload *payload, uint32_t connection, uint64_t number,
                          size_t size, const uint8_t *data, size_t length);

/*
 * Of the numbers that a message of this length can have and this one says: the first from `from`
 * on. Only of a payload that is numbered.
 */
uint64_t payload_number(const uint8_t *data, size_t length, uint64_t from);

/* How many numbers a message of this length can tell apart; 0: more than there will be. */
uint64_t payload_numbers(size_t length);

#endif
