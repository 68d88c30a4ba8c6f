/* SPDX-License-Identifier: MIT */
/*
 * What others wrote, in lines of ours: of the log, of the access log, of wsecho --json. Nobody can
 * forge a line, break one or steer a terminal, and what is JSON reads back. The input is such text;
 * for the access log its lines are a request's target, agent and subprotocol.
 */
#include "base/utf8.h"
#include "behave/plan.h"
#include "fuzz.h"
#include "json.h"
#include "observe.h"
#include "ws/request_private.h"

/* For what composes a line in them. */
#include "access_log.c"
#include "log_form.c"

enum { TEXT_MAX = 6000, TARGET_SIZE = 2 * TEXT_MAX };

const unsigned fuzz_inputs = 20000;

/* UTF-8 without anything that a terminal obeys, but for what is allowed. */
static void
check_shown(const char *text, size_t length, const char *allowed)
{
        CHECK(aw_utf8_valid((const uint8_t *)text, length));
        for (size_t i = 0; i < length; i++) {
                unsigned char byte = (unsigned char)text[i];

                CHECK((byte >= ' ' && byte != 0x7f) || (byte != 0 && strchr(allowed, byte)));
                /* U+0080 to U+009F. */
                CHECK(byte != 0xc2 || (unsigned char)text[i + 1] >= 0xa0);
        }
}

/* In pieces, as printers do it, and at once. */
static void
check_escape(const uint8_t *data, size_t size, const char *keep, size_t room)
{
        static char whole[4 * TEXT_MAX + 1], pieces[4 * TEXT_MAX + 1];
        size_t used, length = aw_log_escape(data, size, keep, whole, sizeof(whole), &used);
        size_t done = 0, written = 0, piece;

        CHECK(used == size && strlen(whole) == length);
        check_shown(whole, length, keep);
        while (done < size) {
                piece = aw_log_escape(data + done, size - done, keep, pieces + written, room,
                                      &used);
                CHECK(used > 0 && piece < room);
                done += used;
                written += piece;
        }
        CHECK(written == length && memcmp(whole, pieces, length) == 0);
}

/* The log. */

static char logged[3000];
static size_t lines;

static void
take_line(enum aw_log_level level, const char *message)
{
        (void)level;
        CHECK(strlen(message) <= 2000);
        strcpy(logged, message);
        lines++;
}

/* The message, or its beginning if the line has no room for more. */
static void
check_message(const char *told, size_t length)
{
        size_t whole = strlen(told);

        if (strcmp(told, logged) == 0)
                return;
        CHECK(length > AW_LOG_LINE_MAX - 10);
        CHECK(whole >= 3 && strcmp(told + whole - 3, "...") == 0);
        CHECK(strncmp(told, logged, whole - 3) == 0);
}

static void
check_log(const char *text)
{
        char line[AW_LOG_LINE_MAX];
        json_t *object;
        size_t length;

        lines = 0;
        aw_log_set_sink(take_line);
        aw_log(AW_LOG_WARNING, "%s", text);
        aw_log_set_sink(NULL);
        CHECK(lines == 1);
        check_shown(logged, strlen(logged), "");
        length = log_form_json(AW_LOG_WARNING, logged, line, sizeof(line));
        CHECK(length > 0);
        CHECK(line[length - 1] == '\n');
        check_shown(line, length - 1, "");
        object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
        CHECK(object != NULL && json_object_size(object) == 3);
        check_message(json_string_value(json_object_get(object, "message")), length);
        json_decref(object);
}

/* The access log. */

/* " NAME=VALUE NAME=VALUE" behind the time: as an object again. */
static json_t *
read_pairs(const char *line, size_t length)
{
        json_t *object = json_object(), *value;
        const char *end = line + length, *equals;
        json_error_t error;
        char name[40];

        line += strcspn(line, " ");
        while (line < end) {
                CHECK(*line == ' ');
                line++;
                equals = memchr(line, '=', (size_t)(end - line));
                CHECK(equals != NULL && (size_t)(equals - line) < sizeof(name));
                snprintf(name, sizeof(name), "%.*s", (int)(equals - line), line);
                CHECK(name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] == '\0');
                value = json_loadb(equals + 1, (size_t)(end - equals - 1),
                                   JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
                CHECK(value != NULL && json_object_get(object, name) == NULL);
                json_object_set_new(object, name, value);
                line = equals + 1 + error.position;
        }
        return object;
}

/* A line says no more and no less than the object. */
static void
check_line(json_t *object, bool json)
{
        char line[ACCESS_LOG_LINE];
        json_t *again;
        size_t length;

        access_log.json = json;
        length = compose_line(object, line);
        /* However it is written, a client cannot keep its connection out of the log. */
        CHECK(length > 0 && line[length - 1] == '\n');
        check_shown(line, length - 1, "");
        again = json ? json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL)
                     : read_pairs(line, length - 1);
        CHECK(again != NULL);
        json_object_del(again, "time");
        CHECK(json_equal(again, object));
        json_decref(again);
}

static void
check_access(struct fuzz_input input)
{
        static const struct behave_limits all = {.level = BEHAVE_LEVEL_ALL, .max_message = 1 << 20};
        static char text[TARGET_SIZE];
        static struct aw_http_head head;
        struct ws_info info = {.peer = "[2001:db8::1]:65535", .status = 101, .why = "it closed"};
        struct fuzz_input target = fuzz_line(&input), agent = fuzz_line(&input);
        int length = snprintf(text, sizeof(text), "GET %.*s HTTP/1.1\r\nUser-Agent: %.*s\r\n\r\n",
                              (int)target.left, (const char *)target.data, (int)agent.left,
                              (const char *)agent.data);
        char *subprotocol = fuzz_string(fuzz_line(&input));
        json_t *object;

        observe_connections(&all);
        if (aw_http_parse_request(text, (size_t)length, &head) == AW_HTTP_OK) {
                info.request = ws_request_create(&head);
                info.ended_by = WS_SIDE_CLIENT;
                info.tls = "TLSv1.3";
                if (aw_http_is_token(subprotocol, strlen(subprotocol)))
                        info.subprotocol = subprotocol;
                object = observe_describe(&info);
                CHECK(object != NULL);
                check_line(object, false);
                check_line(object, true);
                json_decref(object);
                ws_request_free((struct ws_request *)(uintptr_t)info.request);
        }
        free(subprotocol);
}

/* wsecho --json. */

static void
check_json(const uint8_t *data, size_t size, const char *text)
{
        json_t *event = json_event("message"), *again;
        char *line;
        size_t length;

        CHECK(event != NULL);
        json_add_data(event, data, size, aw_utf8_valid(data, size));
        json_add_head(event, text);
        json_add_tls(event, text);
        line = json_line(json_incref(event));
        CHECK(line != NULL);
        length = strlen(line);
        CHECK(length > 0 && strchr(line, '\n') == line + length - 1);
        again = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        CHECK(again != NULL && json_equal(again, event));
        CHECK(json_object_get(again, "data") != NULL || json_object_get(again, "base64") != NULL);
        json_decref(again);
        json_decref(event);
        free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text;

        if (size > TEXT_MAX || size == 0)
                return 0;
        text = fuzz_string((struct fuzz_input){data, size});
        check_escape(data, size, "", 5 + data[0]);
        check_escape(data, size, "\n\t", 5 + data[0]);
        check_log(text);
        check_access((struct fuzz_input){data, size});
        check_json(data, size, text);
        free(text);
        return 0;
}
