/* SPDX-License-Identifier: MIT */
/*
 * Command line options as a table, read by getopt_long(). The table is the one place where an option is described:
 * parsing, --help, the shell completion and the check of the man page all follow it.
 */
#ifndef AW_CLI_OPT_H
#define AW_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum aw_opt_kind {
        /* bool: set to true. */
        AW_OPT_FLAG,
        /* unsigned: one more each time it is given. */
        AW_OPT_COUNT,
        /* const char *: points into argv. */
        AW_OPT_STRING,
        /* struct aw_opt_strings, empty to begin with: repeatable, collected in order. */
        AW_OPT_STRINGS,
        /* uint64_t, bytes: 4096, 64K, 16M, 1G, 1T (powers of 1,024; lower case does as well). */
        AW_OPT_SIZE,
        /*
         * int64_t, microseconds: 500us, 250ms, 10s, 2m, 1h; a plain number is seconds; fractions
         * work and are rounded down, but to no less than a microsecond. At most some 146,000
         * years, so that the time now may be added.
         */
        AW_OPT_DURATION,
        /* uint64_t, decimal. */
        AW_OPT_NUMBER,
        /* const char *: one of the words in `argument`, which are separated by '|'. */
        AW_OPT_CHOICE,
        /*
         * struct aw_opt_config: a file that options are read from, one on a line: "name value",
         * "name=value", or the name of a flag; lines that begin with # are comments. What the
         * command line says, wherever, replaces what the file says.
         */
        AW_OPT_CONFIG,
};

struct aw_opt;

/* Which line of the file said something; or the environment, or the command line. */
#define AW_OPT_ENVIRONMENT  0
#define AW_OPT_COMMAND_LINE (-1)
struct aw_opt_origin {
        const struct aw_opt *option;
        const char *value; /* NULL: of a flag */
        int line;
};

/*
 * Strings of the file lie in `text`, words of lists in the environment in `copies`, and what came
 * from where in `origins`, in the order in which it was said; freed by aw_opt_config_free().
 */
struct aw_opt_config {
        const char *path; /* or NULL */
        char *text;
        struct aw_opt_origin *origins;
        size_t origin_count;
        const char *prefix; /* of variables */
        char **copies;
        size_t copy_count;
};

/* Borrowed words of argv in arrays of the parser's; freed by aw_opt_strings_free(). */
struct aw_opt_strings {
        const char **items;
        char *letters; /* of each one's option: several may share a list */
        size_t count;
};

struct aw_opt {
        /* Begins a topic, whose heading this is; NULL: the option belongs to the one before. */
        const char *topic;
        /* Long name, without dashes: "max-message". */
        const char *name;
        /* Short name or 0. */
        char letter;
        enum aw_opt_kind kind;
        /*
         * What --help calls its argument: "SIZE"; for a choice "auto|ev|uv|poll"; NULL for a flag or a count.
         */
        const char *argument;
        /*
         * One line, lower case, no full stop; says the default. NULL hides the option: it works
         * when written out in full, and that is all.
         */
        const char *help;
        /* offsetof() the field in the caller's structure of options. */
        size_t offset;
        /* Of a size, duration or number; maximum 0: no bound. */
        uint64_t minimum, maximum;
        /* Only `--help all` shows it. */
        bool seldom;
        /*
         * Makes the argument one that may be left out (--name or --name=VALUE, never the next word):
         * what it is then. Of options without a letter.
         */
        const char *implied;
};

struct aw_opt_program {
        /* "wsechod" */
        const char *name;
        /* What follows the name: "[options] URL [MESSAGE...]". */
        const char *synopsis;
        /* One sentence. */
        const char *summary;
        /*
         * Ends with name NULL. Added to every table: help (-h; `--help all` shows what is seldom
         * used as well, by topic), version, and the hidden
         * completion, which takes "bash" or "zsh" and prints the script for that shell.
         */
        const struct aw_opt *options;
        /* After the options, printed as it is and ended with a newline; or NULL. */
        const char *epilogue;
        /* Takes the sentence that says what is wrong; NULL: it goes to standard error. */
        void (*complain)(const char *sentence);
        /*
         * "WSECHOD_": variables of the environment whose names begin so, and go on with an option's
         * in capitals with _ for -, say what the file may say, and win over it; a list's words are
         * separated by white space, a flag is 1 or 0. Empty ones say nothing. The table must have a
         * row of kind AW_OPT_CONFIG. NULL: none.
         */
        const char *environment;
        const char *place; /* the parser's: "FILE:LINE: " */
};

enum aw_opt_status {
        /* Go on. */
        AW_OPT_RUN = 0,
        /* What --help or the like prints is on standard output; exit with 0. */
        AW_OPT_DONE = 1,
        /* One sentence that names the argument is on standard error; exit with 2. */
        AW_OPT_USAGE = 2,
        /*
         * Standard output was not writable or memory ran out, as standard error says; exit with 1.
         */
        AW_OPT_FAILED = 3,
};

/*
 * Parses argv into *values, whose fields hold the defaults. Long options as --name VALUE,
 * --name=VALUE or unique prefixes, short ones as -n VALUE, -nVALUE, grouped flags -kv; "--" ends
 * the options; options and operands mix; "-" is an operand. Operands are moved, in order, to the
 * front of argv + 1, a NULL follows them, and *operands is their count. With anything but
 * AW_OPT_RUN there are no operands, and lists of strings are empty again. What was read of a file
 * and the environment has to be freed whatever it returns.
 */
enum aw_opt_status aw_opt_parse(const struct aw_opt_program *program, int argc, char **argv,
                                void *values, int *operands);

/*
 * Hands a sentence to `warn` for each variable that begins as program->environment says, which is not
 * NULL, but is no option's: a name that is written wrong says nothing else. Empty ones are left out,
 * and those that Kubernetes sets for a Service of the program's name (PREFIX_PORT, PREFIX_SERVICE_HOST
 * and the like).
 */
void aw_opt_tell_ignored(const struct aw_opt_program *program, void (*warn)(const char *sentence));

/*
 * For the beginning of a program: sees to it that descriptors 0, 1 and 2 are taken. One that was
 * closed stays as good as closed, but no socket gets its number, and with it what is printed.
 */
void aw_opt_keep_standard(void);

/* What --help prints; all: what `--help all` does. */
void aw_opt_help(const struct aw_opt_program *program, bool all, FILE *out);

/*
 * Prints "name: sentence" and "try 'name --help'" on standard error, or hands the sentence to
 * program->complain(); returns AW_OPT_USAGE.
 */
enum aw_opt_status aw_opt_usage_error(const struct aw_opt_program *program, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/*
 * Where a value of the option of this name comes from: "FILE:LINE: ", "VARIABLE: ", or "" if the
 * command line or nobody said it. `value` is the string itself that lies in the option's field, or
 * NULL for what is no string. Returns `out`.
 */
#define AW_OPT_PLACE_SIZE 512
const char *aw_opt_place(const struct aw_opt_config *config, const char *name, const char *value,
                         char out[AW_OPT_PLACE_SIZE]);

/* aw_opt_usage_error() for what is wrong with such a value, with its place in front. */
enum aw_opt_status aw_opt_value_error(const struct aw_opt_program *program,
                                      const struct aw_opt_config *config, const char *name,
                                      const char *value, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

/* Frees what was read of the file and the environment, and with it the strings. */
void aw_opt_config_free(struct aw_opt_config *config);

/* Frees the arrays (not the words) and empties them. */
void aw_opt_strings_free(struct aw_opt_strings *strings);

/* The checked parsers by themselves: 0, or -1 with errno EINVAL (not of the form) or ERANGE. */
int aw_opt_size(const char *text, uint64_t *bytes);
int aw_opt_duration(const char *text, int64_t *microseconds);
int aw_opt_number(const char *text, uint64_t *number);

/* A duration as its user would write it, for aw_opt_duration(): 50ms, 1.5s, 90s, 2m, or 0. */
#define AW_OPT_DURATION_SIZE 32
void aw_opt_duration_text(int64_t microseconds, char out[AW_OPT_DURATION_SIZE]);

#endif
