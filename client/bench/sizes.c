/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sizes.h"

#include "cli/opt.h"

#define ALL_SHARES (100 * SIZES_ONE_PERCENT)

static int
sizes_problem(const char **problem, const char *text)
{
        *problem = text;
        return -1;
}

/* "128" or "64-4096". */
static int
parse_range(char *text, struct sizes_part *part, const char **problem)
{
        char *dash = strchr(text, '-');
        uint64_t low, high;

        if (dash != NULL)
                *dash = '\0';
        if (aw_opt_size(text, &low) == -1 || low > SIZES_MAX)
                return sizes_problem(problem,
                                     "a size is a number such as 128, 64K or 1M, up to 1G");
        high = low;
        if (dash != NULL && (aw_opt_size(dash + 1, &high) == -1 || high > SIZES_MAX))
                return sizes_problem(problem, "a range is two sizes such as 64-4096, up to 1G");
        if (high < low)
                return sizes_problem(problem, "a range begins with the smaller size");
        part->low = (uint32_t)low;
        part->high = (uint32_t)high;
        return 0;
}

/* "90%" or "0.5%". */
static int
parse_share(const char *text, struct sizes_part *part, const char **problem)
{
        char *end;
        double percent = strtod(text, &end);

        if (end == text || strcmp(end, "%") != 0 || !(percent > 0) || percent > 100)
                return sizes_problem(problem, "a share is a percentage such as 90% or 0.5%");
        part->share = (uint32_t)(percent * SIZES_ONE_PERCENT + 0.5);
        return 0;
}

/* One part, alone (then it is all) or of a mix. */
static int
parse_part(char *text, struct sizes *sizes, const char **problem)
{
        struct sizes_part *part;
        char *colon = strchr(text, ':');

        if (sizes->count == SIZES_PARTS_MAX)
                return sizes_problem(problem, "a mix has at most 16 parts");
        part = &sizes->parts[sizes->count++];
        part->share = ALL_SHARES;
        if (colon == NULL)
                return parse_range(text, part, problem);
        *colon = '\0';
        return parse_share(text, part, problem) == -1 ? -1 : parse_range(colon + 1, part, problem);
}

static int
sum_up(struct sizes *sizes, const char **problem)
{
        uint64_t shares = 0;

        sizes->max = 0;
        sizes->mean = 0;
        for (size_t i = 0; i < sizes->count; i++) {
                const struct sizes_part *part = &sizes->parts[i];

                shares += part->share;
                if (part->high > sizes->max)
                        sizes->max = part->high;
                sizes->mean += ((double)part->low + part->high) / 2 * part->share / ALL_SHARES;
        }
        return shares == ALL_SHARES
                       ? 0
                       : sizes_problem(problem, "the shares of a mix must add up to 100%");
}

int
sizes_parse(const char *text, struct sizes *sizes, const char **problem)
{
        char *copy = strdup(text), *rest = copy, *part;
        int result = 0;

        *sizes = (struct sizes){.count = 0};
        if (copy == NULL)
                return sizes_problem(problem, "out of memory");
        while (result == 0 && (part = strsep(&rest, ",")) != NULL)
                result = parse_part(part, sizes, problem);
        free(copy);
        return result == -1 ? -1 : sum_up(sizes, problem);
}

uint32_t
sizes_pick(const struct sizes *sizes, uint64_t random)
{
        const struct sizes_part *part = sizes->parts;
        uint32_t share;
        uint64_t span;

        if (sizes->count > 1)
                for (share = (uint32_t)(random % ALL_SHARES); share >= part->share; part++)
                        share -= part->share;
        span = (uint64_t)part->high - part->low + 1;
        /* The upper half chooses within the range, so that it does not depend on the part. */
        return part->low + (uint32_t)(span == 1 ? 0 : (random >> 32) % span);
}
