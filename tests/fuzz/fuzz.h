/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers share. Each is an entry point for libFuzzer:
 *
 *     clang -fsanitize=fuzzer,address,undefined -Icommon tests/fuzz/X_fuzz.c common/ws/X.c
 *
 * and with -DFUZZ_REPLAY a program for any compiler, which replays the files named as arguments
 * or, without any, a fixed sequence of inputs made of the fuzzer's words and of noise.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

#ifdef FUZZ_REPLAY

struct fuzz_word {
        const char *data;
        size_t size;
};

#define FUZZ_WORD(literal)                                                                         \
        {                                                                                          \
                literal, sizeof(literal) - 1                                                       \
        }

enum { FUZZ_INPUTS = 20000, FUZZ_INPUT_MAX = 40000 };

static uint32_t
fuzz_random(uint32_t below)
{
        static uint64_t state = 1;

        state = state * 6364136223846793005 + 1442695040888963407;
        return (uint32_t)(state >> 33) % below;
}

/* The input is copied to memory of just its size, so that a sanitizer sees a read beyond it. */
static void
fuzz_run(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size + 1);

        CHECK(copy != NULL);
        memcpy(copy + 1, data, size);
        LLVMFuzzerTestOneInput(copy + 1, size);
        free(copy);
}

/* Words, now and then many times the same, and a few bytes of noise. */
static size_t
fuzz_make(uint8_t *out, const struct fuzz_word *words, size_t count)
{
        uint32_t pieces = fuzz_random(40);
        size_t size = 0;

        while (pieces-- > 0) {
                const struct fuzz_word *word = &words[fuzz_random((uint32_t)count)];
                uint32_t times = fuzz_random(100) == 0 ? fuzz_random(2000) : 1;

                for (; times > 0 && size + word->size < FUZZ_INPUT_MAX; times--) {
                        memcpy(out + size, word->data, word->size);
                        size += word->size;
                }
                if (fuzz_random(20) == 0 && size < FUZZ_INPUT_MAX)
                        out[size++] = (uint8_t)fuzz_random(256);
        }
        return size;
}

static int
fuzz_replay_file(const char *name)
{
        static uint8_t data[1 << 20];
        FILE *file = fopen(name, "rb");
        size_t size;

        if (file == NULL) {
                perror(name);
                return 1;
        }
        size = fread(data, 1, sizeof data, file);
        fclose(file);
        fuzz_run(data, size);
        return 0;
}

static int
fuzz_main(int argc, char **argv, const struct fuzz_word *words, size_t count)
{
        static uint8_t data[FUZZ_INPUT_MAX];
        int status = 0;

        for (int i = 1; i < argc; i++)
                status |= fuzz_replay_file(argv[i]);
        for (int i = 0; argc == 1 && i < FUZZ_INPUTS; i++)
                fuzz_run(data, fuzz_make(data, words, count));
        /* TAP, for the runner: what is wrong aborts before this. */
        printf("1..1\n%s 1 - no input breaks a promise\n", status == 0 ? "ok" : "not ok");
        return status;
}

#endif
#endif
