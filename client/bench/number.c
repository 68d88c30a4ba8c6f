/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

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
