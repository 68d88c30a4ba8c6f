/* SPDX-License-Identifier: MIT */
/* What a request asks for. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#include "await/log.h"
#include "base/utf8.h"
#include "target.h"
#include "ws/raw.h"

#define SHOWN_MAX 60 /* bytes of what is refused that the refusal shows */

struct parser {
        const struct behave_limits *limits;
        struct behave_plan *plan;
        struct behave_refusal *refusal;
};

static int __attribute__((format(printf, 3, 4)))
turn_down(struct parser *parser, int status, const char *format, ...)
{
        char raw[sizeof(parser->refusal->text)];
        va_list arguments;
        size_t used;

        va_start(arguments, format);
        vsnprintf(raw, sizeof(raw), format, arguments);
        va_end(arguments);
        /* What the client wrote is shown to it, but is no line of ours. */
        aw_log_escape(raw, strlen(raw), "", parser->refusal->text, sizeof(raw), &used);
        parser->refusal->status = status;
        return -1;
}

static bool
belongs_to(const struct behave_row *detail, enum behave_id id)
{
        const char *name = behave_table[id].name;

        return detail->of != NULL && behave_words_index(detail->of, name, strlen(name)) >= 0;
}

/* Values. */

/* Undoes %XX, and in a query '+'. A new text of the plan's, or NULL if it cannot be one. */
static const char *
decode(struct parser *parser, const char *text, size_t length, bool query)
{
        char *start = parser->plan->next, *to = start;
        struct aw_utf8 utf8 = {0};

        for (size_t i = 0; i < length; i++) {
                int high = text[i] == '%' && i + 2 < length ? behave_hex_digit(text[i + 1]) : -1;
                int low = high >= 0 ? behave_hex_digit(text[i + 2]) : -1;

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

static int
refuse_value(struct parser *parser, const struct behave_row *row, const char *text)
{
        char takes[BEHAVE_TAKES_MAX], shown[SHOWN_MAX + 1];
        size_t used;

        behave_value_describe(row, parser->limits, takes);
        /* Whole characters, and no control ones. */
        aw_log_escape(text, strlen(text), "", shown, sizeof(shown), &used);
        return turn_down(parser, 400, "%s takes %s, not '%s'", row->name, takes, shown);
}

/* Items. */

static void
confirm(struct behave_plan *plan, enum behave_id id, struct behave_piece value)
{
        size_t used = strlen(plan->confirm);
        bool secret = behave_is_secret((int)id);

        snprintf(plan->confirm + used, sizeof(plan->confirm) - used, "%s%s=%.*s",
                 used > 0 ? " " : "", behave_table[id].name, secret ? 3 : (int)value.length,
                 secret ? "..." : value.data);
}

static int
add_item(struct parser *parser, enum behave_id id, struct behave_piece given, bool query)
{
        const struct behave_row *row = &behave_table[id];
        struct behave_plan *plan = parser->plan;
        struct behave_value value = {.text = decode(parser, given.data, given.length, query)};
        const char *wrong;

        if (row->all && parser->limits->level < BEHAVE_LEVEL_ALL)
                return turn_down(parser, 403, "%s: this server was not started with --test all",
                                 row->name);
        if (value.text == NULL)
                return turn_down(
                        parser, 400,
                        "%s: the value must be UTF-8 without NUL, with %%XX where that is needed",
                        row->name);
        if (!row->repeats && behave_find(plan, id) != NULL)
                return turn_down(parser, 400, "%s: it is given twice", row->name);
        if (plan->count == BEHAVE_ITEMS_MAX)
                return turn_down(parser, 400, "more than %d behaviours are too many",
                                 BEHAVE_ITEMS_MAX);
        if (!behave_value_read(row, parser->limits, &value))
                return refuse_value(parser, row, value.text);
        if (row->code && value.kind == BEHAVE_NUMBER && parser->limits->level < BEHAVE_LEVEL_ALL &&
            !ws_raw_code_is_right((unsigned)value.number))
                return turn_down(parser, 403,
                                 "%s: %s is a code that must not be sent, and this server was not "
                                 "started with --test all",
                                 row->name, value.text);
        wrong = value.kind == BEHAVE_TEXT && row->check != NULL ? row->check(value.text) : NULL;
        if (wrong != NULL)
                return turn_down(parser, 400, "%s: %s", row->name, wrong);
        if (row->check_safe != NULL && parser->limits->level < BEHAVE_LEVEL_ALL)
                wrong = row->check_safe(value.text);
        if (wrong != NULL)
                return turn_down(parser, 403,
                                 "%s: %s, and this server was not started with --test all",
                                 row->name, wrong);
        plan->items[plan->count++] = (struct behave_item){.id = id, .value = value};
        confirm(plan, id, given);
        return 0;
}

/* The query: name=value&name=value. */

/* Others have parameters, too: only in a chain each has to be ours. */
static int
parse_query(struct parser *parser, const char *query, bool strict)
{
        while (*query != '\0') {
                struct behave_piece piece = behave_piece_next(&query, "&");
                size_t name = strcspn(piece.data, "=&");
                size_t skip = name < piece.length ? name + 1 : name;
                int id = behave_row_named(piece.data, name);

                if (id < 0 && strict && piece.length > 0)
                        return turn_down(parser, 404, "there is no behaviour '%.*s': see /-/",
                                         name < SHOWN_MAX ? (int)name : SHOWN_MAX, piece.data);
                if (id >= 0 &&
                    add_item(parser, (enum behave_id)id,
                             (struct behave_piece){piece.data + skip, piece.length - skip},
                             true) == -1)
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
        struct behave_piece segment;

        while (*path != '\0') {
                segment = behave_piece_next(&path, "/");
                id = behave_row_named(segment.data, segment.length);
                if (id >= 0 && behave_table[id].of == NULL)
                        main = detail = id;
                if (id >= 0) {
                        segment = behave_piece_next(&path, "/");
                        if (segment.length == 0 && *path == '\0')
                                return turn_down(parser, 400, "%s: its value is missing",
                                                 behave_table[id].name);
                } else if (main >= 0) {
                        id = detail = next_detail((enum behave_id)main, detail);
                }
                if (id < 0)
                        return turn_down(parser, 404, "there is no behaviour '%.*s': see /-/",
                                         segment.length < SHOWN_MAX ? (int)segment.length
                                                                    : SHOWN_MAX,
                                         segment.data);
                if (add_item(parser, (enum behave_id)id, segment, false) == -1)
                        return -1;
        }
        return 0;
}

static bool
has_main(const struct behave_plan *plan, const struct behave_row *detail)
{
        for (size_t i = 0; i < plan->count; i++)
                if (belongs_to(detail, plan->items[i].id))
                        return true;
        return false;
}

static int
refuse_detail(struct parser *parser, const struct behave_row *detail)
{
        size_t first = strcspn(detail->of, "|");
        const struct behave_row *row = &behave_table[behave_row_named(detail->of, first)];
        char words[80];

        behave_words_list(detail->of, words, sizeof(words));
        return turn_down(parser, 400, "%s is a detail of %s, so one needs the other: ?%s=%s&%s=%s",
                         detail->name, words, row->name, row->example, detail->name,
                         detail->example);
}

/* A detail may stand before its behaviour, so this is looked at in the end. */
static int
check_details(struct parser *parser)
{
        const struct behave_plan *plan = parser->plan;

        for (size_t i = 0; i < plan->count; i++) {
                const struct behave_row *row = &behave_table[plan->items[i].id];

                if (row->of != NULL && !has_main(plan, row))
                        return refuse_detail(parser, row);
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
behave_is(const struct behave_plan *plan, enum behave_id id, const char *word)
{
        return behave_value_is(behave_find(plan, id), word);
}
