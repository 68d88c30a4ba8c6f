/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer without libFuzzer, which prints TAP: replays tests/fuzz/corpus/NAME.txt, then a fixed
 * sequence of inputs made of it: its words, its inputs changed here and there, and noise. With
 * files as arguments it replays those alone.
 *
 * A line of the corpus is an input in quotes, with \\, \" and \xNN as in libFuzzer's dictionaries;
 * or `word` and such a text; or a comment.
 */
#include <stdbool.h>

#include "fuzz.h"

enum { INPUT_MAX = 40000, LINE_SIZE = 1 << 17, ITEMS_MAX = 1000 };

struct item {
        uint8_t *data;
        size_t size;
};

static struct {
        struct item inputs[ITEMS_MAX], words[ITEMS_MAX];
        size_t input_count, word_count;
} corpus;

static uint32_t
number_below(size_t below)
{
        static uint64_t state = 1;

        state = state * 6364136223846793005 + 1442695040888963407;
        return (uint32_t)(state >> 33) % (uint32_t)below;
}

/* The input is copied to memory of just its size, so that a sanitizer sees a read beyond it. */
static void
run(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size + 1);

        CHECK(copy != NULL);
        if (size > 0)
                memcpy(copy + 1, data, size);
        LLVMFuzzerTestOneInput(copy + 1, size);
        free(copy);
}

/* The corpus. */

static struct item
read_quoted(const char *text)
{
        struct item item = {malloc(strlen(text) + 1), 0};
        unsigned byte;

        CHECK(item.data != NULL && *text == '"');
        for (text++; *text != '"'; text++) {
                CHECK(*text != '\0');
                byte = (unsigned char)*text;
                if (*text == '\\' && text[1] == 'x') {
                        CHECK(sscanf(text + 2, "%2x", &byte) == 1);
                        text += 3;
                } else if (*text == '\\') {
                        byte = (unsigned char)*++text;
                }
                item.data[item.size++] = (uint8_t)byte;
        }
        return item;
}

static bool
read_corpus(const char *program)
{
        static char line[LINE_SIZE];
        const char *name = strrchr(program, '/');
        char path[200];
        FILE *file;

        name = name == NULL ? program : name + 1;
        snprintf(path, sizeof(path), "tests/fuzz/corpus/%.*s.txt", (int)strcspn(name, "_"), name);
        file = fopen(path, "r");
        if (file == NULL) {
                perror(path);
                return false;
        }
        while (fgets(line, sizeof(line), file) != NULL) {
                CHECK(corpus.input_count < ITEMS_MAX && corpus.word_count < ITEMS_MAX);
                if (line[0] == '"')
                        corpus.inputs[corpus.input_count++] = read_quoted(line);
                else if (strncmp(line, "word ", 5) == 0)
                        corpus.words[corpus.word_count++] = read_quoted(line + 5);
        }
        fclose(file);
        return true;
}

/* Inputs that are made up. */

static size_t
add(uint8_t *out, size_t size, struct item item)
{
        if (size + item.size > INPUT_MAX)
                return size;
        memcpy(out + size, item.data, item.size);
        return size + item.size;
}

/* Words, now and then many times the same, and a few bytes of noise. */
static size_t
make_of_words(uint8_t *out)
{
        uint32_t pieces = corpus.word_count == 0 ? 0 : number_below(40);
        size_t size = 0;

        while (pieces-- > 0) {
                struct item word = corpus.words[number_below(corpus.word_count)];
                uint32_t times = number_below(100) == 0 ? number_below(2000) : 1;

                while (times-- > 0)
                        size = add(out, size, word);
                if (number_below(20) == 0 && size < INPUT_MAX)
                        out[size++] = (uint8_t)number_below(256);
        }
        return size;
}

/* The beginning of one input and the end of another, with some bytes changed. */
static size_t
make_of_inputs(uint8_t *out)
{
        struct item first, second;
        size_t size, skip;

        if (corpus.input_count == 0)
                return make_of_words(out);
        first = corpus.inputs[number_below(corpus.input_count)];
        second = corpus.inputs[number_below(corpus.input_count)];
        first.size = number_below(3) == 0 ? number_below(first.size + 1) : first.size;
        size = add(out, 0, first);
        if (number_below(3) == 0) {
                skip = number_below(second.size + 1);
                size = add(out, size, (struct item){second.data + skip, second.size - skip});
        }
        for (uint32_t changes = number_below(4); size > 0 && changes > 0; changes--)
                out[number_below(size)] = (uint8_t)number_below(256);
        return size;
}

static int
replay_file(const char *name)
{
        static uint8_t data[1 << 20];
        FILE *file = fopen(name, "rb");
        size_t size;

        if (file == NULL) {
                perror(name);
                return 1;
        }
        size = fread(data, 1, sizeof(data), file);
        fclose(file);
        run(data, size);
        return 0;
}

static int
replay_corpus(const char *program)
{
        static uint8_t data[INPUT_MAX];

        if (!read_corpus(program))
                return 1;
        for (size_t i = 0; i < corpus.input_count; i++)
                run(corpus.inputs[i].data, corpus.inputs[i].size);
        for (unsigned i = 0; i < fuzz_inputs; i++)
                run(data, i % 2 == 0 ? make_of_words(data) : make_of_inputs(data));
        for (size_t i = 0; i < corpus.input_count; i++)
                free(corpus.inputs[i].data);
        for (size_t i = 0; i < corpus.word_count; i++)
                free(corpus.words[i].data);
        return 0;
}

int
main(int argc, char **argv)
{
        int status = 0;

        for (int i = 1; i < argc; i++)
                status |= replay_file(argv[i]);
        if (argc == 1)
                status = replay_corpus(argv[0]);
        /* For the runner: what is wrong aborts before this. */
        printf("1..1\n%s 1 - no input breaks a promise\n", status == 0 ? "ok" : "not ok");
        return status;
}
