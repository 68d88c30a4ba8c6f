/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "condition.h"

#include "conductor.h"
#include "figures.h"

struct condition {
        char name[32];
        char operator[3];
        bool is_duration;
        double value; /* milliseconds if it is a duration */
};

static bool
parse_value(const char *text, struct condition *condition)
{
        int64_t duration;
        char *end;

        if (condition->is_duration) {
                if (aw_opt_duration(text, &duration) == -1)
                        return false;
                condition->value = (double)duration / AW_MILLISECOND;
                return true;
        }
        condition->value = strtod(text, &end);
        return end != text && *end == '\0' && isfinite(condition->value);
}

static bool
is_operator(const char *text)
{
        static const char *const operators[] = {"<", "<=", ">", ">=", "==", "!="};
        size_t i = 0;

        while (i < sizeof(operators) / sizeof(operators[0]) && strcmp(text, operators[i]) != 0)
                i++;
        return i < sizeof(operators) / sizeof(operators[0]);
}

/* NAME, OPERATOR, VALUE; spaces around the operator do not matter. */
static bool
parse_condition(const char *text, struct condition *condition)
{
        size_t name = strcspn(text, "<>=! "), operator;
        const char *rest = text + name + strspn(text + name, " ");

        operator= strspn(rest, "<>=!");
        if (name == 0 || name >= sizeof(condition->name) || operator== 0 || operator> 2)
                return false;
        memcpy(condition->name, text, name);
        condition->name[name] = '\0';
        memcpy(condition->operator, rest, operator);
        condition->operator[operator] = '\0';
        if (!is_operator(condition->operator) ||
            !figures_known(condition->name, &condition->is_duration))
                return false;
        rest += operator;
        return parse_value(rest + strspn(rest, " "), condition);
}

static bool
holds(const struct condition *condition, double value)
{
        const char *operator= condition->operator;

        switch (operator[0]) {
        case '<':
                return operator[1] == '=' ? value <= condition->value : value<condition->value;
        case '>':
                return operator[1] == '=' ? value >= condition->value : value> condition->value;
        default:
                return (operator[0] == '=') == (value == condition->value);
        }
}

enum bench_status
condition_check(const struct bench_options *options, const struct aw_opt_program *program)
{
        const struct aw_opt_strings *conditions = &options->fail_if;
        struct condition condition;

        for (size_t i = 0; i < conditions->count; i++) {
                const char *text = conditions->items[i], *missing;

                if (!parse_condition(text, &condition))
                        return (enum bench_status)aw_opt_usage_error(
                                program,
                                "option '--fail-if' needs a figure, an operator and a value, such "
                                "as 'p99>10ms', 'lost>0' or 'rate<40000', not '%s'",
                                text);
                missing = figures_missing(condition.name, options);
                if (missing != NULL)
                        return (enum bench_status)aw_opt_usage_error(
                                program, "option '--fail-if' cannot judge '%s': %s %s", text,
                                condition.name, missing);
        }
        return BENCH_OK;
}

enum bench_status
condition_judge(const struct aw_opt_strings *conditions, const struct result *result)
{
        enum bench_status status = BENCH_OK;
        struct condition condition;

        for (size_t i = 0; i < conditions->count; i++) {
                double value;

                if (!parse_condition(conditions->items[i], &condition))
                        continue;
                value = figures_value(result, condition.name);
                if (!isnan(value) && !holds(&condition, value))
                        continue;
                if (isnan(value))
                        bench_say("failed: %s: it was not measured", conditions->items[i]);
                else
                        bench_say("failed: %s: it is %.6g%s", conditions->items[i], value,
                                  condition.is_duration ? " ms" : "");
                status = BENCH_MISSED;
        }
        return status;
}
