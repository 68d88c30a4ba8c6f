/* SPDX-License-Identifier: MIT */
/* What a request asks for. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#include "base/utf8.h"
#include "cli/opt.h"

struct parser {
        const struct behave_limits *limits;
        struct behave_plan *plan;
        struct behave_refusal *refusal;
};

static int __attribute__((format(printf, 3, 4)))
turn_down(struct parser *parser, int status, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(parser->refusal->text, sizeof(parser->refusal->text), format, arguments);
        va_end(arguments);
        parser->refusal->status = status;
        return -1;
}

/* Words and rows. */

/* Which of the words it is, or -1. */
static int
word_index(const char *words, const char *text, size_t length)
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

static int
find_row(const char *name, size_t length)
{
        for (int i = 0; i < BEHAVE_ROWS; i++)
                if (strlen(behave_table[i].name) == length &&
                    memcmp(behave_table[i].name, name, length) == 0)
                        return i;
        return -1;
}

static bool
belongs_to(const struct behave_row *detail, enum behave_id id)
{
        const char *name = behave_table[id].name;

        return detail->of != NULL && word_index(detail->of, name, strlen(name)) >= 0;
}

/* Values. */

static int
hex_digit(char c)
{
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *found = c == '\0' ? NULL : strchr(digits, c);

        return found == NULL ? -1 : (int)((found - digits) % 16);
}

/* Undoes %XX, and in a query '+'. A new text of the plan's, or NULL if it cannot be one. */
static const char *
decode(struct parser *parser, const char *text, size_t length, bool query)
{
        char *start = parser->plan->next, *to = start;
        struct aw_utf8 utf8 = {0};

        for (size_t i = 0; i < length; i++) {
                int high = text[i] == '%' && i + 2 < length + 0 ? hex_digit(text[i + 1]) : -1;
                int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

                *to = query && text[i] == '+' ? ' ' : text[i];
                if (text[i] == '%') {
                        if (low < 0 || (high == 0 && low == 0))
                                return NULL;
                        *to = (char)(high << 4 | low);
                        i += 2;
                }
                to++;
        }
        *to = '\0';
        parser->plan->next = to + 1;
        if (!aw_utf8_feed(&utf8, (const uint8_t *)start, (size_t)(to - start)) ||
            !aw_utf8_complete(&utf8))
                return NULL;
        return start;
}

static bool
is_within(const struct behave_row *row, const struct behave_limits *limits, uint64_t number)
{
        uint64_t maximum = row->maximum == 0 ? limits->max_message : (uint64_t)row->maximum;

        return number >= (uint64_t)row->minimum && number <= maximum;
}

/* Whether the text is a value of the row's, and which; but for its check. */
static bool
read_value(const struct behave_row *row, const struct behave_limits *limits,
           struct behave_value *value)
{
        const char *text = value->text;
        int word = word_index(row->words, text, strlen(text));
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
                   time <= BEHAVE_TIME_MAX &&
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

/* What the row's values are, in words. */
static void
describe_values(const struct behave_row *row, const struct behave_limits *limits, char out[160])
{
        int64_t maximum = row->maximum == 0 ? (int64_t)limits->max_message : row->maximum;
        bool number = (row->kinds & (BEHAVE_NUMBER | BEHAVE_SIZE)) != 0;
        size_t used = 0;

        out[0] = '\0';
        if ((row->kinds & BEHAVE_WORD) != 0)
                used += (size_t)snprintf(out, 160, "one of %s", row->words);
        if (number)
                used += (size_t)snprintf(
                        out + used, 160 - used, "%sa %s from %" PRId64 " to %" PRId64,
                        used > 0 ? ", or " : "",
                        (row->kinds & BEHAVE_SIZE) != 0 ? "size" : "number", row->minimum, maximum);
        if ((row->kinds & BEHAVE_DURATION) != 0)
                snprintf(out + used, 160 - used, "%sa time up to 60s, such as 250ms or 2s",
                         used > 0 ? ", or " : "");
}

static int
refuse_value(struct parser *parser, const struct behave_row *row, const char *text)
{
        char values[160];

        describe_values(row, parser->limits, values);
        return turn_down(parser, 400, "%s: '%.60s' is not %s", row->name, text, values);
}

/* Items. */

/* A piece of the request, not decoded. */
struct piece {
        const char *data;
        size_t length;
};

static void
confirm(struct behave_plan *plan, enum behave_id id, struct piece value)
{
        size_t used = strlen(plan->confirm);
        bool secret = id == BEHAVE_BASIC || id == BEHAVE_BEARER;

        snprintf(plan->confirm + used, sizeof(plan->confirm) - used, "%s%s=%.*s",
                 used > 0 ? " " : "", behave_table[id].name, secret ? 3 : (int)value.length,
                 secret ? "..." : value.data);
}

static int
add_item(struct parser *parser, enum behave_id id, struct piece given, bool query)
{
        const struct behave_row *row = &behave_table[id];
        struct behave_plan *plan = parser->plan;
        struct behave_value value = {.text = decode(parser, given.data, given.length, query)};
        const char *wrong;

        if (row->all && parser->limits->level < BEHAVE_LEVEL_ALL)
                return turn_down(parser, 403, "%s: this server was not started with --test all",
                                 row->name);
        if (value.text == NULL)
                return turn_down(parser, 400, "%s: the value is not UTF-8 with %%XX", row->name);
        if (!row->repeats && behave_find(plan, id) != NULL)
                return turn_down(parser, 400, "%s: it is given twice", row->name);
        if (plan->count == BEHAVE_ITEMS_MAX)
                return turn_down(parser, 400, "more than %d behaviours are too many",
                                 BEHAVE_ITEMS_MAX);
        if (!read_value(row, parser->limits, &value))
                return refuse_value(parser, row, value.text);
        wrong = value.kind == BEHAVE_TEXT && row->check != NULL ? row->check(value.text) : NULL;
        if (wrong != NULL)
                return turn_down(parser, 400, "%s: %s", row->name, wrong);
        plan->items[plan->count++] = (struct behave_item){.id = id, .value = value};
        confirm(plan, id, given);
        return 0;
}

/* The query: name=value&name=value. */

static struct piece
next_piece(const char **rest, const char *stops)
{
        struct piece piece = {*rest, strcspn(*rest, stops)};

        *rest += piece.length;
        if (**rest != '\0')
                ++*rest;
        return piece;
}

/* Whether the query gives one of the behaviours that the row is a detail of, or the path did. */
static bool
has_main(const struct parser *parser, const struct behave_row *row, const char *query)
{
        struct piece piece;

        for (size_t i = 0; i < parser->plan->count; i++)
                if (belongs_to(row, parser->plan->items[i].id))
                        return true;
        while (*query != '\0') {
                piece = next_piece(&query, "&");
                if (word_index(row->of, piece.data, strcspn(piece.data, "=&")) >= 0)
                        return true;
        }
        return false;
}

/* Others have parameters, too: only in a chain each has to be ours. */
static int
parse_query(struct parser *parser, const char *query, bool strict)
{
        const char *rest = query;

        while (*rest != '\0') {
                struct piece piece = next_piece(&rest, "&");
                size_t name = strcspn(piece.data, "=&");
                size_t skip = name < piece.length ? name + 1 : name;
                int id = find_row(piece.data, name);
                bool stray = id >= 0 && behave_table[id].of != NULL &&
                             !has_main(parser, &behave_table[id], query);

                if (id < 0 && strict && piece.length > 0)
                        return turn_down(parser, 404, "there is no behaviour '%.*s': see /-/",
                                         name < 60 ? (int)name : 60, piece.data);
                if (stray && strict)
                        return turn_down(parser, 400, "%s: it needs %s as well",
                                         behave_table[id].name, behave_table[id].of);
                if (id >= 0 && !stray &&
                    add_item(parser, (enum behave_id)id,
                             (struct piece){piece.data + skip, piece.length - skip}, true) == -1)
                        return -1;
        }
        return 0;
}

/* The chain: /-/name/value/name/value, and behind a value those of the details in their order. */

/* The next detail of the behaviour, behind another one in the table, or -1. */
static int
next_detail(enum behave_id main, int after)
{
        for (int i = after + 1; i < BEHAVE_ROWS; i++)
                if (belongs_to(&behave_table[i], main) && i != BEHAVE_AFTER)
                        return i;
        return -1;
}

static int
parse_chain(struct parser *parser, const char *path)
{
        int main = -1, detail = -1, id;
        struct piece segment;

        while (*path != '\0') {
                segment = next_piece(&path, "/");
                id = find_row(segment.data, segment.length);
                if (id >= 0 && behave_table[id].of == NULL)
                        main = detail = id;
                if (id >= 0) {
                        segment = next_piece(&path, "/");
                        if (segment.length == 0 && *path == '\0')
                                return turn_down(parser, 400, "%s: its value is missing",
                                                 behave_table[id].name);
                } else if (main >= 0) {
                        id = detail = next_detail((enum behave_id)main, detail);
                }
                if (id < 0)
                        return turn_down(parser, 404, "there is no behaviour '%.*s': see /-/",
                                         segment.length < 60 ? (int)segment.length : 60,
                                         segment.data);
                if (add_item(parser, (enum behave_id)id, segment, false) == -1)
                        return -1;
        }
        return 0;
}

/* A detail of a chain may stand before its behaviour, so this is looked at in the end. */
static int
check_details(struct parser *parser)
{
        for (size_t i = 0; i < parser->plan->count; i++) {
                const struct behave_row *row = &behave_table[parser->plan->items[i].id];

                if (row->of != NULL && !has_main(parser, row, ""))
                        return turn_down(parser, 400, "%s: it needs %s as well", row->name,
                                         row->of);
        }
        return 0;
}

static bool
is_chain(const struct ws_request *request)
{
        return strncmp(request->path, BEHAVE_CHAIN, strlen(BEHAVE_CHAIN)) == 0;
}

bool
behave_is_asked(const struct ws_request *request)
{
        return request->query != NULL || is_chain(request);
}

static int
parse_all(struct parser *parser, const struct ws_request *request)
{
        bool chain = is_chain(request);

        if (chain && parse_chain(parser, request->path + strlen(BEHAVE_CHAIN)) == -1)
                return -1;
        if (request->query != NULL && parse_query(parser, request->query, chain) == -1)
                return -1;
        return check_details(parser);
}

int
behave_parse(const struct ws_request *request, const struct behave_limits *limits,
             struct behave_plan **plan, struct behave_refusal *refusal)
{
        struct parser parser = {.limits = limits, .refusal = refusal};
        size_t texts = strlen(request->target) + BEHAVE_ITEMS_MAX + 1;
        int result;

        *plan = NULL;
        if (limits->level == BEHAVE_LEVEL_OFF || !behave_is_asked(request))
                return 0;
        parser.plan = malloc(sizeof(*parser.plan) + texts);
        if (parser.plan == NULL)
                return turn_down(&parser, 500, "out of memory");
        parser.plan->count = 0;
        parser.plan->confirm[0] = '\0';
        parser.plan->next = parser.plan->texts;
        result = parse_all(&parser, request);
        if (result == 0 && parser.plan->count > 0)
                *plan = parser.plan;
        else
                free(parser.plan);
        return result;
}

/* What was asked for. */

const struct behave_value *
behave_find(const struct behave_plan *plan, enum behave_id id)
{
        for (size_t i = 0; i < plan->count; i++)
                if (plan->items[i].id == id)
                        return &plan->items[i].value;
        return NULL;
}

int64_t
behave_number(const struct behave_plan *plan, enum behave_id id, int64_t otherwise)
{
        const struct behave_value *value = behave_find(plan, id);

        return value == NULL ? otherwise : value->number;
}

bool
behave_value_is(const struct behave_value *value, const char *word)
{
        return value != NULL && value->kind == BEHAVE_WORD && strcmp(value->text, word) == 0;
}

bool
behave_is(const struct behave_plan *plan, enum behave_id id, const char *word)
{
        return behave_value_is(behave_find(plan, id), word);
}
