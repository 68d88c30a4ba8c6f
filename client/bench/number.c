/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "number.h"

const char *
number_grouped(uint64_t number, char out[NUMBER_ROOM])
{
        char digits[32];
        int length = snprintf(digits, sizeof(digits), "%" PRIu64, number), at = 0;

        for (int i = 0; i < length; i++) {
                if (i > 0 && (length - i) % 3 == 0)
                        out[at++] = ',';
                out[at++] = digits[i];
        }
        out[at] = '\0';
        return out;
}

/* As many decimals as make that many digits, but at most `most`. */
static const char *
with_digits(double number, int digits, int most, char out[NUMBER_ROOM])
{
        int decimals = number > 0 ? digits - 1 - (int)floor(log10(number)) : 0;

        if (decimals <= 0 && number < 1e18)
                return number_grouped((uint64_t)llround(number), out);
        snprintf(out, NUMBER_ROOM, "%.*f", decimals < most ? decimals : most, number);
        return out;
}

const char *
number_rounded(double number, char out[NUMBER_ROOM])
{
        return with_digits(number, 4, 6, out);
}

const char *
number_ms(double milliseconds, char out[NUMBER_ROOM])
{
        return milliseconds > 0 ? with_digits(milliseconds, 3, 3, out) : "0.000";
}

const char *
number_bytes(uint64_t bytes, char out[NUMBER_ROOM])
{
        char number[NUMBER_ROOM];

        snprintf(out, NUMBER_ROOM, "%.32s byte%s", number_grouped(bytes, number),
                 bytes == 1 ? "" : "s");
        return out;
}

/* Without the zeros behind the point that say nothing, and the point itself. */
static void
strip_zeros(char *number)
{
        char *end = number + strlen(number);

        if (strchr(number, '.') == NULL)
                return;
        while (end[-1] == '0')
                end--;
        *(end[-1] == '.' ? end - 1 : end) = '\0';
}

/* From two minutes on: hours, minutes and seconds, without those of which there are none. */
static const char *
long_duration(uint64_t seconds, char out[NUMBER_ROOM])
{
        const struct {
                uint64_t count;
                const char *name;
        } parts[] = {{seconds / 3600, "h"}, {seconds / 60 % 60, "min"}, {seconds % 60, "s"}};
        int at = 0;

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                if (parts[i].count > 0)
                        at += snprintf(out + at, NUMBER_ROOM - (size_t)at, "%s%" PRIu64 " %s",
                                       at > 0 ? " " : "", parts[i].count, parts[i].name);
        return out;
}

const char *
number_duration(int64_t nanoseconds, char out[NUMBER_ROOM])
{
        static const struct {
                int64_t limit; /* from there on the next unit is used */
                double unit;
                const char *name;
        } units[] = {{999500, 1e3, "us"}, {999500000, 1e6, "ms"}, {INT64_MAX, 1e9, "s"}};
        size_t i = 0;
        char number[NUMBER_ROOM];

        if (nanoseconds >= 2 * INT64_C(60000000000))
                return long_duration((uint64_t)(nanoseconds + 500000000) / 1000000000, out);
        while (nanoseconds >= units[i].limit)
                i++;
        with_digits((double)nanoseconds / units[i].unit, 3, 3, number);
        strip_zeros(number);
        snprintf(out, NUMBER_ROOM, "%.32s %s", number, units[i].name);
        return out;
}
