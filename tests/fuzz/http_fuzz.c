/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "ws/http_private.h"
#include "ws/request_private.h"

typedef enum aw_http_result parser(const char *data, size_t length, struct aw_http_head *head);

static void
check_inside(struct aw_http_text text, const char *data, size_t length)
{
        CHECK(text.length == 0 || (text.data >= data && text.data + text.length <= data + length));
}

static bool
same(struct aw_http_text a, struct aw_http_text b)
{
        return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

/* Whatever the parser took is found by the accessors. */
static void
check_fields(const struct aw_http_head *head, const char *data)
{
        for (size_t i = 0; i < head->field_count; i++) {
                const struct aw_http_field *field = &head->fields[i];
                char name[AW_HTTP_HEAD_MAX];

                check_inside(field->name, data, head->length);
                check_inside(field->value, data, head->length);
                CHECK(field->name.length > 0);
                memcpy(name, field->name.data, field->name.length);
                name[field->name.length] = '\0';
                CHECK(aw_http_field(head, name) != NULL);
                CHECK(aw_http_field_count(head, name) > 0);
                CHECK(!aw_http_field_has_token(head, name, ""));
                aw_http_field_has_token(head, name, "upgrade");
        }
}

/* Written anew from its parts, a head parses to the same parts. */
static void
check_round_trip(parser *parse, const struct aw_http_head *head)
{
        static char text[2 * AW_HTTP_HEAD_MAX];
        static struct aw_http_head again;
        size_t length;

        if (head->status == 0)
                length = (size_t)sprintf(text, "%.*s %.*s HTTP/1.%d\n", (int)head->method.length,
                                         head->method.data, (int)head->target.length,
                                         head->target.data, head->minor_version);
        else
                length = (size_t)sprintf(text, "HTTP/1.%d %d %.*s\n", head->minor_version,
                                         head->status, (int)head->reason.length, head->reason.data);
        for (size_t i = 0; i < head->field_count; i++)
                length += (size_t)sprintf(
                        text + length, "%.*s:%.*s\n", (int)head->fields[i].name.length,
                        head->fields[i].name.data, (int)head->fields[i].value.length,
                        head->fields[i].value.data);
        length += (size_t)sprintf(text + length, "\n");
        /* A response without the space before its empty reason may have been the longest. */
        if (length > AW_HTTP_HEAD_MAX)
                return;
        CHECK(parse(text, length, &again) == AW_HTTP_OK);
        CHECK(again.length == length && again.field_count == head->field_count);
        CHECK(same(again.method, head->method) && same(again.target, head->target));
        CHECK(same(again.reason, head->reason) && again.status == head->status);
        for (size_t i = 0; i < head->field_count; i++)
                CHECK(same(again.fields[i].name, head->fields[i].name) &&
                      same(again.fields[i].value, head->fields[i].value));
}

static void
check_head(parser *parse, const struct aw_http_head *head, const char *data, size_t length)
{
        static struct aw_http_head shorter;

        CHECK(head->length <= length && head->length <= AW_HTTP_HEAD_MAX);
        CHECK(head->field_count <= AW_HTTP_FIELDS_MAX);
        check_inside(head->method, data, length);
        check_inside(head->target, data, length);
        check_inside(head->reason, data, length);
        CHECK(parse(data, head->length, &shorter) == AW_HTTP_OK);
        CHECK(parse(data, head->length - 1, &shorter) == AW_HTTP_INCOMPLETE);
        check_fields(head, data);
        check_round_trip(parse, head);
}

static void
check_parser(parser *parse, const char *data, size_t length)
{
        static struct aw_http_head head, untouched;
        enum aw_http_result result, earlier;

        memset(&head, 0x5a, sizeof head);
        memset(&untouched, 0x5a, sizeof untouched);
        result = parse(data, length, &head);
        if (result == AW_HTTP_OK)
                check_head(parse, &head, data, length);
        else
                CHECK(memcmp(&head, &untouched, sizeof head) == 0);
        CHECK(result != AW_HTTP_INCOMPLETE || length < AW_HTTP_HEAD_MAX);
        /* Once settled, a result stays; so no beginning has another. */
        for (size_t i = 0; i < length; i += 1 + length / 64) {
                earlier = parse(data, i, &head);
                CHECK(earlier == AW_HTTP_INCOMPLETE || earlier == result);
        }
}

/* That a copy says what the head does, and that neither check nor choice reads beyond it. */
static void
check_request(const char *data, size_t length)
{
        static struct aw_http_head head;
        struct ws_request *request;
        const char *reason = NULL;
        char *chosen = NULL;
        int status;

        if (aw_http_parse_request(data, length, &head) != AW_HTTP_OK)
                return;
        status = ws_request_check(&head, &reason);
        CHECK((status == 0) == (reason == NULL));
        request = ws_request_create(&head);
        CHECK(request != NULL && request->field_count == head.field_count);
        CHECK(strlen(request->target) == head.target.length);
        CHECK(strlen(request->path) <= head.target.length + 1);
        for (size_t i = 0; i < head.field_count; i++) {
                CHECK(strlen(request->fields[i].name) == head.fields[i].name.length);
                CHECK(strlen(request->fields[i].value) == head.fields[i].value.length);
                CHECK(ws_request_field(request, request->fields[i].name, 0) != NULL);
        }
        if (ws_subprotocol_choose(request, NULL, &chosen) == 0 && chosen != NULL)
                CHECK(ws_request_offers(request, chosen));
        free(chosen);
        ws_request_free(request);
}

const unsigned fuzz_inputs = 20000;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        check_request((const char *)data, size);
        check_parser(aw_http_parse_request, (const char *)data, size);
        check_parser(aw_http_parse_response, (const char *)data, size);
        return 0;
}
