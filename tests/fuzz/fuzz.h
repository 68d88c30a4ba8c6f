/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers share. Each is an entry point for libFuzzer, which `make fuzz` runs, and with
 * replay.c a program for any compiler. tests/fuzz/corpus/NAME.txt has the inputs and words that
 * NAME_fuzz.c begins with.
 *
 * A target does more than not to crash: it says with CHECK() what holds for every input.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many inputs a replay makes up, besides those of the corpus: so that it takes seconds. */
extern const unsigned fuzz_inputs;

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

/* An input that is taken apart from its beginning. */
struct fuzz_input {
        const uint8_t *data;
        size_t left;
};

/* 0 when nothing is left. */
static inline uint8_t
fuzz_byte(struct fuzz_input *input)
{
        if (input->left == 0)
                return 0;
        input->left--;
        return *input->data++;
}

/* So many bytes, or what is left. */
static inline struct fuzz_input
fuzz_piece(struct fuzz_input *input, size_t size)
{
        struct fuzz_input piece = {input->data, size < input->left ? size : input->left};

        input->data += piece.left;
        input->left -= piece.left;
        return piece;
}

/* The next line, without its end. */
static inline struct fuzz_input
fuzz_line(struct fuzz_input *input)
{
        const uint8_t *end = input->left == 0 ? NULL : memchr(input->data, '\n', input->left);
        struct fuzz_input line =
                fuzz_piece(input, end == NULL ? input->left : (size_t)(end - input->data));

        fuzz_piece(input, 1);
        return line;
}

/* As a string, for free(): up to the first NUL. */
static inline char *
fuzz_string(struct fuzz_input input)
{
        char *text = malloc(input.left + 1);

        CHECK(text != NULL);
        if (input.left > 0)
                memcpy(text, input.data, input.left);
        text[input.left] = '\0';
        return text;
}

#endif
