/* SPDX-License-Identifier: MIT */
/* Values of behaviours: what a row takes, whether a text is that, and how it is said. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli/opt.h"
#include "plan.h"

/* Words, separated by '|'. */

int
behave_words_index(const char *words, const char *text, size_t length)
{
        int index = 0;

        while (words != NULL) {
                size_t end = strcspn(words, "|");

                if (end == length && memcmp(words, text, length) == 0)
                        return index;
                words = words[end] == '|' ? words + end + 1 : NULL;
                index++;
        }
        return -1;
}

/* Appends to a text as far as there is room. */
static void __attribute__((format(printf, 3, 4)))
value_append(char *out, size_t size, const char *format, ...)
{
        size_t used = strlen(out);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(out + used, size - used, format, arguments);
        va_end(arguments);
}

/* What stands before the next one of several: "a, b or c". */
static const char *
separator(const char *before, bool last)
{
        return before[0] == '\0' ? "" : last ? " or " : ", ";
}

/* `last`: no more follow. */
static void
value_append_words(const char *words, bool last, char *out, size_t size)
{
        while (words != NULL) {
                size_t length = strcspn(words, "|");
                const char *next = words[length] == '|' ? words + length + 1 : NULL;

                value_append(out, size, "%s%.*s", separator(out, last && next == NULL), (int)length,
                             words);
                words = next;
        }
}

void
behave_words_list(const char *words, char *out, size_t size)
{
        out[0] = '\0';
        value_append_words(words, true, out, size);
}

/* Reading. */

static bool
is_within(const struct behave_row *row, const struct behave_limits *limits, uint64_t number)
{
        uint64_t maximum = row->maximum == 0 ? limits->max_message : (uint64_t)row->maximum;

        return number >= (uint64_t)row->minimum && number <= maximum;
}

bool
behave_value_read(const struct behave_row *row, const struct behave_limits *limits,
                  struct behave_value *value)
{
        const char *text = value->text;
        int word = behave_words_index(row->words, text, strlen(text));
        uint64_t number = 0;
        int64_t time = 0;

        if ((row->kinds & BEHAVE_WORD) != 0 && word >= 0) {
                value->kind = BEHAVE_WORD;
                value->number = word;
        } else if ((row->kinds & BEHAVE_NUMBER) != 0 && aw_opt_number(text, &number) == 0 &&
                   is_within(row, limits, number)) {
                value->kind = BEHAVE_NUMBER;
                value->number = (int64_t)number;
        } else if ((row->kinds & BEHAVE_SIZE) != 0 && aw_opt_size(text, &number) == 0 &&
                   is_within(row, limits, number)) {
                value->kind = BEHAVE_SIZE;
                value->number = (int64_t)number;
        } else if ((row->kinds & BEHAVE_DURATION) != 0 && aw_opt_duration(text, &time) == 0 &&
                   time >= row->shortest && time <= BEHAVE_TIME_MAX &&
                   ((row->kinds & BEHAVE_NUMBER) == 0 || aw_opt_number(text, &number) == -1)) {
                value->kind = BEHAVE_DURATION;
                value->number = time;
        } else if ((row->kinds & BEHAVE_TEXT) != 0) {
                value->kind = BEHAVE_TEXT;
        } else {
                return false;
        }
        return true;
}

bool
behave_value_is(const struct behave_value *value, const char *word)
{
        return value != NULL && value->kind == BEHAVE_WORD && strcmp(value->text, word) == 0;
}

/* Describing. */

struct noun {
        const char *text;
        int length;
};

/* The first word in capitals of what the row's argument is called, but for TIME: "CODE". */
static struct noun
noun_of(const struct behave_row *row)
{
        static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        const char *start = row->argument + strcspn(row->argument, capitals);

        return (struct noun){start, (int)strspn(start, capitals)};
}

/* "64K" and not 65536. */
static void
value_append_number(const struct behave_row *row, int64_t number, char *out, size_t size)
{
        static const char units[] = "KMG";
        int unit = -1;

        while ((row->kinds & BEHAVE_SIZE) != 0 && unit < 2 && number > 0 && number % 1024 == 0) {
                number /= 1024;
                unit++;
        }
        value_append(out, size, "%" PRId64 "%.*s", number, unit < 0 ? 0 : 1,
                     units + (unit < 0 ? 0 : unit));
}

static void
value_append_range(const struct behave_row *row, const struct behave_limits *limits, char *out,
                   size_t size)
{
        struct noun noun = noun_of(row);

        value_append(out, size, "%s%.*s from ",
                     separator(out, (row->kinds & (BEHAVE_DURATION | BEHAVE_TEXT)) == 0),
                     noun.length, noun.text);
        value_append_number(row, row->minimum, out, size);
        value_append(out, size, " to ");
        if (row->maximum != 0)
                value_append_number(row, row->maximum, out, size);
        else if (limits != NULL)
                value_append_number(row, (int64_t)limits->max_message, out, size);
        else
                value_append(out, size, "--max-message");
}

void
behave_value_describe(const struct behave_row *row, const struct behave_limits *limits,
                      char out[BEHAVE_TAKES_MAX])
{
        bool range = (row->kinds & (BEHAVE_NUMBER | BEHAVE_SIZE)) != 0;
        bool time = (row->kinds & BEHAVE_DURATION) != 0, text = (row->kinds & BEHAVE_TEXT) != 0;
        const char *before;

        out[0] = '\0';
        value_append_words(row->words, !range && !time && !text, out, BEHAVE_TAKES_MAX);
        if (range)
                value_append_range(row, limits, out, BEHAVE_TAKES_MAX);
        before = separator(out, true);
        if (time && row->shortest > 0)
                value_append(out, BEHAVE_TAKES_MAX, "%sTIME from %" PRId64 "ms to 60s", before,
                             row->shortest / AW_MILLISECOND);
        else if (time)
                value_append(out, BEHAVE_TAKES_MAX, "%sTIME up to 60s", before);
        else if (text)
                value_append(out, BEHAVE_TAKES_MAX, "%s%.*s", before, noun_of(row).length,
                             noun_of(row).text);
}
