/* SPDX-License-Identifier: MIT */
/* Wraps: fopen. */
/*
 * The command lines of the three programs, and their files of options. The input is lines: the first
 * byte of the first says which program, then words, then behind an empty line what is in whatever
 * file they name. What is wrong is said in one sentence; what is on the command line and what is in
 * a file means the same.
 */
#include "await/deflate.h"
#include "fuzz.h"
#include "listener.h"

/* The client's have the names of the server's. */
#undef OPTIONS_H
#undef TLS_ROWS
#include "options.h"

/* Of wsbench, whose table is its own. */
int wsbench_main(int argc, char **argv);
#define main    wsbench_main
#define program wsbench_program
#include "bench/main.c"
#undef main

enum { WORDS_MAX = 40 };

const unsigned fuzz_inputs = 20000;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

/* What files have in them; NULL: files are as they are. */
static const struct fuzz_input *file;
static size_t complaints;

FILE *
__wrap_fopen(const char *path, const char *mode)
{
        if (file == NULL || mode[0] != 'r')
                return __real_fopen(path, mode);
        /* glibc's takes no size of 0. */
        return file->left == 0 ? __real_fopen("/dev/null", mode)
                               : fmemopen((void *)(uintptr_t)file->data, file->left, mode);
}

static void
complain(const char *sentence)
{
        CHECK(sentence[0] != '\0');
        complaints++;
}

struct words {
        int count;
        char *items[WORDS_MAX + 1];
};

static void
check_status(enum aw_opt_status status)
{
        CHECK(status == AW_OPT_RUN || status == AW_OPT_DONE || status == AW_OPT_USAGE);
        CHECK((status == AW_OPT_USAGE) == (complaints == 1));
        CHECK(complaints <= 1);
}

static void
parse_server(struct words *words)
{
        struct server_options options;
        enum aw_opt_status status = options_parse(words->count, words->items, &options, complain);
        unsigned workers;

        check_status(status);
        if (status == AW_OPT_RUN) {
                struct ws_deflate_options deflate = {.mode = WS_DEFLATE_OFF};

                workers = options_workers(options.workers);
                CHECK(workers > 0);
                CHECK(ws_deflate_parse(options.compress, &deflate) == 0);
                CHECK(options.worker_timeout == 0 || options.worker_timeout >= 100000);
        }
        options_clear(&options);
}

static enum aw_opt_status
parse_table(const struct aw_opt_program *table, struct words *words, void *options)
{
        struct aw_opt_program said = *table;
        enum aw_opt_status status;
        int operands = 0;

        said.complain = complain;
        status = aw_opt_parse(&said, words->count, words->items, options, &operands);
        check_status(status);
        CHECK(operands >= 0 && operands < (words->count == 0 ? 1 : words->count));
        CHECK(status == AW_OPT_RUN || operands == 0);
        /* Behind the operands is the end. */
        if (1 + operands < words->count)
                CHECK(words->items[1 + operands] == NULL);
        return status;
}

static void
parse_client(struct words *words)
{
        struct client_options options;

        options_init(&options);
        parse_table(&options_program, words, &options);
        options_free(&options);
}

static void
parse_bench(struct words *words)
{
        struct bench_options options = {.connections = 10};

        parse_table(&wsbench_program, words, &options);
        bench_release(&options);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const parsers[])(struct words * words) = {parse_server, parse_client,
                                                                parse_bench};
        static FILE *nowhere;
        struct fuzz_input input = {data, size}, line;
        size_t which = fuzz_byte(&input) % 3;
        struct words words = {0};
        FILE *output = stdout;

        if (nowhere == NULL)
                nowhere = fopen("/dev/null", "w");
        CHECK(nowhere != NULL);
        words.items[words.count++] = strdup("program");
        while (words.count < WORDS_MAX && (line = fuzz_line(&input)).left > 0)
                words.items[words.count++] = fuzz_string(line);
        struct words order = words;

        complaints = 0;
        stdout = nowhere;
        file = &input;
        parsers[which](&words);
        file = NULL;
        stdout = output;
        while (order.count > 0)
                free(order.items[--order.count]);
        return 0;
}
