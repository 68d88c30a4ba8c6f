/* SPDX-License-Identifier: MIT */
/* Which option a word is that is almost one. */
#include <string.h>

#include "cli/private.h"

#define WORD_MAX 40
#define FAR      3 /* so many letters wrong are another word */

static size_t
lesser(size_t a, size_t b)
{
        return a < b ? a : b;
}

/*
 * How many letters are wrong, missing, too many, or the wrong way round: the optimal string
 * alignment distance. rows[i % 3] is that of the first i letters of `a` to each beginning of `b`.
 */
static size_t
distance(const char *a, size_t length_a, const char *b, size_t length_b)
{
        size_t rows[3][WORD_MAX + 1];

        for (size_t k = 0; k <= length_b; k++)
                rows[0][k] = k;
        for (size_t i = 1; i <= length_a; i++) {
                const size_t *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
                size_t *row = rows[i % 3];

                row[0] = i;
                for (size_t k = 1; k <= length_b; k++) {
                        row[k] = lesser(lesser(before[k], row[k - 1]) + 1,
                                        before[k - 1] + (a[i - 1] != b[k - 1]));
                        if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                                row[k] = lesser(row[k], earlier[k - 2] + 1);
                }
        }
        return rows[length_a % 3][length_b];
}

const char *
aw_opt_nearest(const struct aw_opt_program *program, const char *word, size_t length)
{
        const struct aw_opt *option = NULL;
        const char *name = NULL;
        /* Of a short word fewer letters may be wrong. */
        size_t best = length / 3 < FAR ? length / 3 + 1 : FAR, wrong;

        if (length > WORD_MAX)
                return NULL;
        while ((option = aw_opt_next(program, option)) != NULL) {
                size_t length_name = strlen(option->name);

                if (option->help == NULL || length_name > WORD_MAX)
                        continue;
                wrong = distance(word, length, option->name, length_name);
                /* It is no word for this place, such as one in a file. */
                if (wrong == 0)
                        return NULL;
                if (wrong < best)
                        name = option->name;
                else if (wrong == best)
                        name = NULL;
                best = lesser(best, wrong);
        }
        return name;
}
