/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"

/* A message's label: 8 digits of its number, 4 of its connection's, of 6 bits each. */
enum { NUMBER_DIGITS = 8, CONNECTION_DIGITS = 4, LABEL = NUMBER_DIGITS + CONNECTION_DIGITS };

#define PLACES 4096 /* where a message's piece of the text may begin */

/* Digits are the characters from '0' to 'o'. */
#define DIGIT_ZERO '0'
#define DIGIT_MASK 63

/* A text that looks random, always the same one. */
static void
fill(uint8_t *text, size_t length)
{
        uint64_t state = 0x9e3779b97f4a7c15;

        for (size_t i = 0; i < length; i++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                text[i] = (uint8_t)(DIGIT_ZERO + (state >> 58));
        }
}

static int
payload_allocate(struct payload *payload, size_t length)
{
        payload->length = length;
        payload->text = malloc(length + 1);
        payload->scratch = malloc(length + 1);
        if (payload->text != NULL && payload->scratch != NULL)
                return 0;
        payload_free(payload);
        errno = ENOMEM;
        return -1;
}

int
payload_init(struct payload *payload, size_t max)
{
        if (payload_allocate(payload, max + PLACES) == -1)
                return -1;
        payload->numbered = true;
        fill(payload->text, payload->length);
        memcpy(payload->scratch, payload->text, payload->length);
        return 0;
}

int
payload_init_fixed(struct payload *payload, const void *data, size_t length)
{
        if (payload_allocate(payload, length) == -1)
                return -1;
        payload->numbered = false;
        if (length > 0)
                memcpy(payload->text, data, length);
        memcpy(payload->scratch, payload->text, length);
        return 0;
}

void
payload_free(struct payload *payload)
{
        free(payload->text);
        free(payload->scratch);
        payload->text = payload->scratch = NULL;
}

/*
 * 48 bits as 8 digits, the lowest in the lowest byte: halves move apart, then their halves, then
 * theirs.
 */
static uint64_t
digits_of(uint64_t value)
{
        value = (value & 0xffffff) | (value & 0xffffff000000) << 8;
        value = (value & 0x00000fff00000fff) | (value & 0x00fff00000fff000) << 4;
        value = (value & 0x003f003f003f003f) | (value & 0x0fc00fc00fc00fc0) << 2;
        return value + DIGIT_ZERO * UINT64_C(0x0101010101010101);
}

struct label {
        uint64_t number;     /* its digits, the lowest first */
        uint32_t connection; /* likewise */
};

static struct label
label_of(uint32_t connection, uint64_t number)
{
        return (struct label){.number = htole64(digits_of(number)),
                              .connection = htole32((uint32_t)digits_of(connection))};
}

static size_t
label_room(size_t size)
{
        return size < LABEL ? size : LABEL;
}

/* As much of it as the message has room for: of a short one the digits that change most. */
static void
write_label(const struct label *label, uint8_t *out, size_t size)
{
        uint8_t whole[LABEL];

        if (size >= LABEL) {
                memcpy(out, &label->number, NUMBER_DIGITS);
                memcpy(out + NUMBER_DIGITS, &label->connection, CONNECTION_DIGITS);
        } else {
                write_label(label, whole, LABEL);
                memcpy(out, whole, size);
        }
}

static bool
has_label(const struct label *label, const uint8_t *data, size_t length)
{
        uint8_t whole[LABEL];

        write_label(label, whole, LABEL);
        return length >= LABEL ? memcmp(data, whole, LABEL) == 0 : memcmp(data, whole, length) == 0;
}

static size_t
place_of(const struct payload *payload, uint32_t connection, uint64_t number)
{
        if (!payload->numbered)
                return 0;
        return (size_t)(((number + connection * UINT64_C(0x10001)) *
                         UINT64_C(0x9e3779b97f4a7c15)) >>
                        52);
}

const uint8_t *
payload_make(struct payload *payload, uint32_t connection, uint64_t number, size_t size)
{
        uint8_t *message = payload->scratch + place_of(payload, connection, number);
        struct label label = label_of(connection, number);

        if (payload->numbered)
                write_label(&label, message, size);
        return message;
}

void
payload_unmake(struct payload *payload, const uint8_t *message, size_t size)
{
        size_t place = (size_t)(message - payload->scratch);

        if (size >= LABEL)
                memcpy(payload->scratch + place, payload->text + place, LABEL);
        else
                memcpy(payload->scratch + place, payload->text + place, size);
}

void
payload_write(const struct payload *payload, uint32_t connection, uint64_t number, size_t size,
              uint8_t *out)
{
        struct label label = label_of(connection, number);

        memcpy(out, payload->text + place_of(payload, connection, number), size);
        if (payload->numbered)
                write_label(&label, out, size);
}

bool
payload_matches(const struct payload *payload, uint32_t connection, uint64_t number,
                const uint8_t *data, size_t length)
{
        struct label label = label_of(connection, number);
        size_t place, known = label_room(length);

        if (!payload->numbered)
                return length == payload->length && memcmp(data, payload->text, length) == 0;
        place = place_of(payload, connection, number);
        return place + length <= payload->length && has_label(&label, data, length) &&
               memcmp(data + known, payload->text + place + known, length - known) == 0;
}

size_t
payload_difference(const struct payload *payload, uint32_t connection, uint64_t number, size_t size,
                   const uint8_t *data, size_t length)
{
        const uint8_t *text = payload->text + place_of(payload, connection, number);
        struct label label = label_of(connection, number);
        size_t both = size < length ? size : length, i = 0;
        size_t known = payload->numbered ? label_room(size) : 0;
        uint8_t whole[LABEL];

        write_label(&label, whole, LABEL);
        while (i < both && data[i] == (i < known ? whole[i] : text[i]))
                i++;
        return i;
}

uint64_t
payload_numbers(size_t length)
{
        return UINT64_C(1) << (6 * (length < NUMBER_DIGITS ? length : NUMBER_DIGITS));
}

uint64_t
payload_number(const uint8_t *data, size_t length, uint64_t from)
{
        uint64_t numbers = payload_numbers(length), low = 0;

        for (size_t i = length < NUMBER_DIGITS ? length : NUMBER_DIGITS; i-- > 0;)
                low = low << 6 | ((data[i] - (unsigned)DIGIT_ZERO) & DIGIT_MASK);
        return from + ((low - from) & (numbers - 1));
}
