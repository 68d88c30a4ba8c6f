/* SPDX-License-Identifier: MIT */
/*
 * What a request asks a test server for. The input is a request target: a query and a chain that say
 * the same are the same, what is confirmed is what was asked, and no answer is broken text.
 */
#include <jansson.h>

#include "base/utf8.h"
#include "behave/answer.h"
#include "behave/plan.h"
#include "fuzz.h"
#include "ws/private.h"
#include "ws/request_private.h"

enum { TARGET_MAX = 6000 };

const unsigned fuzz_inputs = 20000;

static const struct behave_limits all = {.level = BEHAVE_LEVEL_ALL, .max_message = 1 << 20};
static const struct behave_limits safe = {.level = BEHAVE_LEVEL_SAFE, .max_message = 1 << 20};

static bool
is_text(const char *text)
{
        return aw_utf8_valid((const uint8_t *)text, strlen(text));
}

static struct ws_request *
request_for(const char *target)
{
        static char text[TARGET_MAX + 100];
        static struct aw_http_head head;
        int length = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);

        if (length >= (int)sizeof(text) ||
            aw_http_parse_request(text, (size_t)length, &head) != AW_HTTP_OK)
                return NULL;
        return ws_request_create(&head);
}

/* The plan, or NULL: it asks for nothing, or is refused. */
static struct behave_plan *
plan_for(const char *target, const struct behave_limits *limits)
{
        struct behave_refusal refusal = {.status = 0};
        struct ws_request *request = request_for(target);
        struct behave_plan *plan = NULL;
        int result;

        if (request == NULL)
                return NULL;
        result = behave_parse(request, limits, &plan, &refusal);
        ws_request_free(request);
        CHECK((result == 0) == (refusal.status == 0));
        if (result == -1) {
                CHECK(plan == NULL && is_text(refusal.text));
                CHECK(refusal.status == 400 || refusal.status == 403 || refusal.status == 404);
        }
        return plan;
}

static void
check_item(const struct behave_item *item, const struct behave_limits *limits)
{
        const struct behave_row *row = &behave_table[item->id];
        const struct behave_value *value = &item->value;
        int64_t maximum = row->maximum == 0 ? (int64_t)limits->max_message : row->maximum;

        CHECK((row->kinds & value->kind) != 0);
        CHECK(is_text(value->text));
        CHECK(!row->all || limits->level == BEHAVE_LEVEL_ALL);
        if (value->kind == BEHAVE_NUMBER || value->kind == BEHAVE_SIZE)
                CHECK(value->number >= row->minimum && value->number <= maximum);
        if (value->kind == BEHAVE_DURATION)
                CHECK(value->number >= row->shortest && value->number <= BEHAVE_TIME_MAX);
        if (value->kind == BEHAVE_TEXT && row->check != NULL)
                CHECK(row->check(value->text) == NULL);
}

static void
check_same(const struct behave_plan *plan, const struct behave_plan *other)
{
        CHECK(other != NULL && other->count == plan->count);
        for (size_t i = 0; i < plan->count; i++) {
                CHECK(plan->items[i].id == other->items[i].id);
                CHECK(plan->items[i].value.kind == other->items[i].value.kind);
                CHECK(plan->items[i].value.number == other->items[i].value.number);
                CHECK(strcmp(plan->items[i].value.text, other->items[i].value.text) == 0);
        }
}

static bool
is_secret(enum behave_id id)
{
        return id == BEHAVE_BASIC || id == BEHAVE_BEARER;
}

/* Byte by byte as %XX, so that it means the same wherever it stands. */
static size_t
print_encoded(char *out, const char *text)
{
        size_t length = 0;

        for (; *text != '\0'; text++)
                length += (size_t)sprintf(out + length, "%%%02x", (unsigned char)*text);
        out[length] = '\0';
        return length;
}

/* As a query, and as a chain. */
static void
check_printed(const struct behave_plan *plan)
{
        static char query[4 * TARGET_MAX], chain[4 * TARGET_MAX];
        size_t asked = (size_t)sprintf(query, "/?"), linked = (size_t)sprintf(chain, "/-");
        struct behave_plan *again;
        bool empty = false;

        for (size_t i = 0; i < plan->count; i++) {
                const struct behave_item *item = &plan->items[i];
                const char *name = behave_table[item->id].name;

                if (asked + 3 * strlen(item->value.text) + strlen(name) + 3 >= TARGET_MAX)
                        return;
                asked += (size_t)sprintf(query + asked, "%s%s=", i == 0 ? "" : "&", name);
                asked += print_encoded(query + asked, item->value.text);
                linked += (size_t)sprintf(chain + linked, "/%s/", name);
                linked += print_encoded(chain + linked, item->value.text);
                empty = empty || item->value.text[0] == '\0';
        }
        again = plan_for(query, &all);
        check_same(plan, again);
        free(again);
        if (empty)
                return;
        again = plan_for(chain, &all);
        check_same(plan, again);
        free(again);
}

/* The header that confirms has all that was asked for, but no secrets. */
static void
check_confirm(const struct behave_plan *plan)
{
        size_t length = strlen(plan->confirm);
        char hidden[40];

        CHECK(length < BEHAVE_CONFIRM_MAX && is_text(plan->confirm));
        CHECK(aw_http_is_value(plan->confirm, length));
        for (size_t i = 0; i < plan->count; i++) {
                const char *name = behave_table[plan->items[i].id].name;

                CHECK(length == BEHAVE_CONFIRM_MAX - 1 || strstr(plan->confirm, name) != NULL);
                if (is_secret(plan->items[i].id) && plan->count == 1) {
                        snprintf(hidden, sizeof(hidden), "%s=...", name);
                        CHECK(strcmp(plan->confirm, hidden) == 0);
                }
        }
}

static void
check_shown(const char *target)
{
        static const struct behave_value request_itself = {.kind = BEHAVE_WORD, .text = "request"};
        static const struct ws nobody;
        struct ws_request *request = request_for(target);
        json_t *shown;
        char *text;

        if (request == NULL)
                return;
        request->peer = "peer";
        request->ws = &nobody;
        text = behave_show(request, &safe, &request_itself);
        CHECK(text != NULL);
        shown = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        CHECK(shown != NULL);
        CHECK(strcmp(json_string_value(json_object_get(shown, "target")), target) == 0);
        json_decref(shown);
        free(text);
        ws_request_free(request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct behave_plan *plan, *bounded;
        char *target;

        if (size > TARGET_MAX)
                return 0;
        target = fuzz_string((struct fuzz_input){data, size});
        check_shown(target);
        plan = plan_for(target, &all);
        bounded = plan_for(target, &safe);
        for (size_t i = 0; plan != NULL && i < plan->count; i++)
                check_item(&plan->items[i], &all);
        for (size_t i = 0; bounded != NULL && i < bounded->count; i++)
                check_item(&bounded->items[i], &safe);
        if (bounded != NULL)
                check_same(bounded, plan);
        if (plan != NULL) {
                check_printed(plan);
                check_confirm(plan);
        }
        free(plan);
        free(bounded);
        free(target);
        return 0;
}
