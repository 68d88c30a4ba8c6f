/* SPDX-License-Identifier: MIT */
/* What the arguments of options say. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/private.h"

struct unit {
        const char *suffix;
        uint64_t factor;
};

/* The largest first, for format_bound(). */
static const struct unit size_units[] = {
        {"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20}, {"K", 1ull << 10}, {"", 1},
};
static const struct unit duration_units[] = {
        {"h", 3600000000}, {"m", 60000000}, {"s", 1000000}, {"ms", 1000}, {"us", 1},
};

/* The time now and several of these together are still a time. It is 18,000 years. */
#define DURATION_MAX (INT64_MAX / 16)

#define UNIT_COUNT 5
_Static_assert(sizeof(size_units) / sizeof(size_units[0]) == UNIT_COUNT, "sizes");
_Static_assert(sizeof(duration_units) / sizeof(duration_units[0]) == UNIT_COUNT, "durations");

static bool
value_is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Reads digits up to something else. Returns where they end, or NULL if they are too many. */
static const char *
read_digits(const char *text, uint64_t *number)
{
        *number = 0;
        for (; value_is_digit(*text); text++)
                if (__builtin_mul_overflow(*number, (uint64_t)10, number) ||
                    __builtin_add_overflow(*number, (uint64_t)(*text - '0'), number))
                        return NULL;
        return text;
}

static int
bad_value(int error)
{
        errno = error;
        return -1;
}

static const struct unit *
find_unit(const struct unit *units, const char *suffix, int (*compare)(const char *, const char *))
{
        for (size_t i = 0; i < UNIT_COUNT; i++)
                if (compare(units[i].suffix, suffix) == 0)
                        return &units[i];
        return NULL;
}

int
aw_opt_number(const char *text, uint64_t *number)
{
        uint64_t value;

        if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
                return bad_value(EINVAL);
        if (read_digits(text, &value) == NULL)
                return bad_value(ERANGE);
        *number = value;
        return 0;
}

int
aw_opt_size(const char *text, uint64_t *bytes)
{
        size_t digits = strspn(text, "0123456789");
        const struct unit *unit = find_unit(size_units, text + digits, strcasecmp);
        uint64_t value;

        if (digits == 0 || unit == NULL)
                return bad_value(EINVAL);
        if (read_digits(text, &value) == NULL ||
            __builtin_mul_overflow(value, unit->factor, &value))
                return bad_value(ERANGE);
        *bytes = value;
        return 0;
}

/* The digits after a decimal point as billionths; later ones are below any unit's microsecond. */
static uint64_t
read_fraction(const char *digits)
{
        uint64_t fraction = 0;

        for (int i = 0; i < 9; i++)
                fraction =
                        fraction * 10 + (value_is_digit(*digits) ? (uint64_t)(*digits++ - '0') : 0);
        return fraction;
}

int
aw_opt_duration(const char *text, int64_t *microseconds)
{
        size_t whole = strspn(text, "0123456789");
        const char *point = text + whole;
        size_t digits = *point == '.' ? strspn(point + 1, "0123456789") : 0;
        const char *suffix = *point == '.' ? point + 1 + digits : point;
        const struct unit *unit = find_unit(duration_units, *suffix != '\0' ? suffix : "s", strcmp);
        uint64_t value;

        if (unit == NULL || whole + digits == 0 || (*point == '.' && digits == 0))
                return bad_value(EINVAL);
        if (read_digits(text, &value) == NULL ||
            __builtin_mul_overflow(value, unit->factor, &value))
                return bad_value(ERANGE);
        /* At most a billion times an hour's 3.6e9 microseconds: that fits. */
        if (digits > 0 &&
            __builtin_add_overflow(value, read_fraction(point + 1) * unit->factor / 1000000000,
                                   &value))
                return bad_value(ERANGE);
        if (value > DURATION_MAX)
                return bad_value(ERANGE);
        if (value == 0 && strpbrk(text, "123456789") != NULL)
                value = 1;
        *microseconds = (int64_t)value;
        return 0;
}

/* Hours and minutes are whole; smaller units may have thousandths. */
static bool
suits(const struct unit *unit, uint64_t microseconds)
{
        uint64_t rest = microseconds % unit->factor;

        return rest == 0 || (unit->factor <= 1000000 && microseconds > unit->factor &&
                             rest * 1000 % unit->factor == 0);
}

void
aw_opt_duration_text(int64_t microseconds, char out[AW_OPT_DURATION_SIZE])
{
        const struct unit *unit = duration_units;
        uint64_t value = (uint64_t)microseconds, thousandths;
        int length;

        while (!suits(unit, value))
                unit++;
        thousandths = value % unit->factor * 1000 / unit->factor;
        length = snprintf(out, AW_OPT_DURATION_SIZE, "%" PRIu64 ".%03" PRIu64, value / unit->factor,
                          thousandths);
        while (out[length - 1] == '0')
                length--;
        if (out[length - 1] == '.')
                length--;
        snprintf(out + length, AW_OPT_DURATION_SIZE - (size_t)length, "%s",
                 value == 0 ? "" : unit->suffix);
}

/* A bound as the user would write it: 1M, 250ms, 7. */
static void
format_bound(const struct aw_opt *option, uint64_t value, char out[32])
{
        const struct unit *unit = size_units;

        if (option->kind == AW_OPT_DURATION) {
                aw_opt_duration_text((int64_t)value, out);
                return;
        }
        if (option->kind == AW_OPT_NUMBER || value == 0) {
                snprintf(out, 32, "%" PRIu64, value);
                return;
        }
        while (value % unit->factor != 0)
                unit++;
        snprintf(out, 32, "%" PRIu64 "%s", value / unit->factor, unit->suffix);
}

static enum aw_opt_status
out_of_range(const struct aw_opt_program *program, const struct aw_opt *option, const char *text,
             bool overflow)
{
        char low[32], high[32];

        format_bound(option, option->minimum, low);
        format_bound(option, option->maximum, high);
        if (option->maximum == 0 && (option->minimum == 0 || overflow))
                return aw_opt_usage_error(program, "option '--%s': '%s' is too large", option->name,
                                          text);
        if (option->maximum == 0)
                return aw_opt_usage_error(program, "option '--%s' must be at least %s, not '%s'",
                                          option->name, low, text);
        return aw_opt_usage_error(program, "option '--%s' must be from %s to %s, not '%s'",
                                  option->name, low, high, text);
}

/* Sizes, durations and numbers. */
static enum aw_opt_status
store_quantity(const struct aw_opt_program *program, const struct aw_opt *option, const char *text,
               uint64_t *field)
{
        static const char *const forms[] = {
                [AW_OPT_SIZE] = "a size such as 4096, 64K or 16M",
                [AW_OPT_DURATION] = "a duration such as 250ms, 10s or 2m",
                [AW_OPT_NUMBER] = "a whole number",
        };
        uint64_t value = 0;
        int64_t duration = 0;
        int result;

        if (option->kind == AW_OPT_DURATION) {
                result = aw_opt_duration(text, &duration);
                value = (uint64_t)duration;
        } else {
                result = option->kind == AW_OPT_SIZE ? aw_opt_size(text, &value)
                                                     : aw_opt_number(text, &value);
        }
        if (result == -1 && errno == EINVAL)
                return aw_opt_usage_error(program, "option '--%s' needs %s, not '%s'", option->name,
                                          forms[option->kind], text);
        if (result == -1 || value < option->minimum ||
            (option->maximum != 0 && value > option->maximum))
                return out_of_range(program, option, text, result == -1);
        /* int64_t and uint64_t may alias, and the value is not negative. */
        *field = value;
        return AW_OPT_RUN;
}

/* True if text is one of the words of "a|b|c". */
static bool
is_choice(const char *words, const char *text)
{
        size_t length = strlen(text);

        while (strcspn(words, "|") != length || strncmp(words, text, length) != 0) {
                words = strchr(words, '|');
                if (words == NULL)
                        return false;
                words++;
        }
        return true;
}

static enum aw_opt_status
store_string(const struct aw_opt_program *program, struct aw_opt_strings *strings, char letter,
             const char *text)
{
        const char **items = realloc(strings->items, (strings->count + 1) * sizeof(*items));
        char *letters = realloc(strings->letters, strings->count + 1);

        if (items != NULL)
                strings->items = items;
        if (letters != NULL)
                strings->letters = letters;
        if (items == NULL || letters == NULL) {
                fprintf(stderr, "%s: out of memory\n", program->name);
                return AW_OPT_FAILED;
        }
        letters[strings->count] = letter;
        items[strings->count++] = text;
        return AW_OPT_RUN;
}

void
aw_opt_unset(const struct aw_opt *option, void *values)
{
        void *field = (char *)values + option->offset;

        if (option->kind == AW_OPT_COUNT)
                *(unsigned *)field = 0;
        else
                *(bool *)field = false;
}

enum aw_opt_status
aw_opt_store(const struct aw_opt_program *program, const struct aw_opt *option, const char *text,
             void *values)
{
        void *field = (char *)values + option->offset;

        if (option->kind == AW_OPT_CHOICE && !is_choice(option->argument, text))
                return aw_opt_usage_error(program, "option '--%s' must be %s, not '%s'",
                                          option->name, option->argument, text);
        if (aw_opt_is_builtin(option))
                return aw_opt_run_builtin(program, option, text);
        switch (option->kind) {
        case AW_OPT_FLAG:
                *(bool *)field = true;
                return AW_OPT_RUN;
        case AW_OPT_COUNT:
                ++*(unsigned *)field;
                return AW_OPT_RUN;
        case AW_OPT_STRINGS:
                return store_string(program, field, option->letter, text);
        case AW_OPT_CONFIG:
                /* It was read already. */
                return AW_OPT_RUN;
        case AW_OPT_STRING:
        case AW_OPT_CHOICE:
                *(const char **)field = text;
                return AW_OPT_RUN;
        default:
                return store_quantity(program, option, text, field);
        }
}

void
aw_opt_strings_free(struct aw_opt_strings *strings)
{
        free(strings->items);
        free(strings->letters);
        *strings = (struct aw_opt_strings){0};
}
