/* SPDX-License-Identifier: MIT */
/* A table of options, and what runs the parser on it and keeps what it printed. */
#ifndef OPT_TEST_H
#define OPT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/opt.h"

struct values {
        bool insecure, verbose;
        const char *origin, *loop;
        struct aw_opt_strings headers;
        uint64_t message_size, count;
        int64_t timeout;
};

#define FIELD(name) offsetof(struct values, name)

static const struct aw_opt options[] = {
        {NULL, "insecure", 'k', AW_OPT_FLAG, NULL, "do not check the certificate", FIELD(insecure),
         0, 0, false, NULL},
        {NULL, "verbose", 'v', AW_OPT_FLAG, NULL, "say more", FIELD(verbose), 0, 0, false, NULL},
        {NULL, "origin", 'o', AW_OPT_STRING, "URL", "the Origin field (default: none)",
         FIELD(origin), 0, 0, false, NULL},
        {NULL, "header", 'H', AW_OPT_STRINGS, "NAME:VALUE",
         "a header field to add to the request; may be repeated, and then all of them are sent in "
         "the order given",
         FIELD(headers), 0, 0, false, NULL},
        {NULL, "max-message", 0, AW_OPT_SIZE, "SIZE", "refuse larger messages (default: 16M)",
         FIELD(message_size), 125, 1 << 30, false, NULL},
        {NULL, "max", 0, AW_OPT_NUMBER, "N", "a name that is the beginning of another",
         FIELD(count), 0, 0, false, NULL},
        {NULL, "count", 'n', AW_OPT_NUMBER, "N", "how often (default: 1)", FIELD(count), 1, 0,
         false, NULL},
        {NULL, "timeout", 't', AW_OPT_DURATION, "DURATION", "give up after that (default: 10s)",
         FIELD(timeout), 1500, 86400000000, false, NULL},
        {NULL, "loop", 0, AW_OPT_CHOICE, "auto|ev|uv|poll", "what waits for events (default: auto)",
         FIELD(loop), 0, 0, false, NULL},
        {NULL, "hidden-flag", 0, AW_OPT_FLAG, NULL, NULL, FIELD(verbose), 0, 0, false, NULL},
        {NULL, NULL, 0, AW_OPT_FLAG, NULL, NULL, 0, 0, 0, false, NULL},
};

static const struct aw_opt_program program = {
        .name = "test",
        .synopsis = "[options] URL [MESSAGE...]",
        .summary = "Tests the parser of options, with a sentence that is too long for one line of "
                   "eighty columns.",
        .options = options,
        .epilogue = "Examples:\n  test -k wss://localhost",
};

/* One run of the parser, and all that came of it. */
struct run {
        struct values values;
        char **argv;
        int operands;
        char out[8192], err[1024];
        enum aw_opt_status status;
};

/* Points fd at a file in memory; returns a copy of what it was. */
static inline int
capture(int fd, FILE *stream)
{
        int copy = dup(fd), file = memfd_create("output", 0);

        assert_true(copy >= 0 && file >= 0);
        fflush(stream);
        assert_int_equal(dup2(file, fd), fd);
        close(file);
        return copy;
}

/* Puts fd back and stores what was written in the meantime. */
static inline void
release(int fd, FILE *stream, int copy, char *text, size_t size)
{
        ssize_t length;

        fflush(stream);
        length = pread(fd, text, size - 1, 0);
        assert_true(length >= 0);
        text[length] = '\0';
        assert_int_equal(dup2(copy, fd), fd);
        close(copy);
}

static inline struct run
run(const struct aw_opt_program *with, char **argv)
{
        struct run r = {.argv = argv, .operands = -1};
        int out, err, argc = 0;

        r.values = (struct values){.loop = "auto", .message_size = 16 << 20, .count = 1};
        while (argv[argc] != NULL)
                argc++;
        out = capture(STDOUT_FILENO, stdout);
        err = capture(STDERR_FILENO, stderr);
        r.status = aw_opt_parse(with, argc, argv, &r.values, &r.operands);
        release(STDERR_FILENO, stderr, err, r.err, sizeof(r.err));
        release(STDOUT_FILENO, stdout, out, r.out, sizeof(r.out));
        return r;
}

#define RUN(...) run(&program, (char *[]){"test", ##__VA_ARGS__, NULL})

/* The run went well and was silent. */
static inline void
assert_accepted(const struct run *r)
{
        assert_string_equal(r->err, "");
        assert_string_equal(r->out, "");
        assert_int_equal(r->status, AW_OPT_RUN);
}

static inline void
assert_refused(struct run r, const char *sentence)
{
        char expected[1024];

        snprintf(expected, sizeof(expected), "test: %s\ntry 'test --help'\n", sentence);
        assert_string_equal(r.err, expected);
        assert_string_equal(r.out, "");
        assert_int_equal(r.status, AW_OPT_USAGE);
        assert_int_equal(r.operands, 0);
        assert_null(r.values.headers.items);
}

#endif
