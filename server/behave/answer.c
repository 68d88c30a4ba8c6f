/* SPDX-License-Identifier: MIT */
/* Behaviours that answer the request with something else than 101, or add to it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"

#include "await/log.h"
#include "base/text.h"
#include "target.h"
#include "ws/raw.h"

/* The answer and its parts. */

/* The answering now owns the text, which may be NULL. */
static const char *
own(struct behave_answering *answering, char *text)
{
        if (text != NULL)
                answering->owned[answering->owned_count++] = text;
        return text;
}

static char *__attribute__((format(printf, 1, 0)))
format_text(const char *format, va_list arguments)
{
        char *text;

        return vasprintf(&text, format, arguments) == -1 ? NULL : text;
}

void
behave_add_field(struct behave_answering *answering, const char *format, ...)
{
        struct ws_answer *answer = answering->answer;
        va_list arguments;
        const char *field;

        va_start(arguments, format);
        field = own(answering, format_text(format, arguments));
        va_end(arguments);
        if (field != NULL && answer->field_count < BEHAVE_FIELDS_MAX)
                answering->fields[answer->field_count++] = field;
        answer->fields = answering->fields;
}

bool
behave_settle(struct behave_answering *answering, int status, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        answering->answer->status = status;
        answering->answer->body = own(answering, format_text(format, arguments));
        va_end(arguments);
        return true;
}

static void
answering_done(struct ws_answer *answer)
{
        struct behave_answering *answering = answer->data;

        for (size_t i = 0; i < answering->owned_count; i++)
                free(answering->owned[i]);
        free(answering);
}

/* The behaviours. */

/* The field has whole seconds: none of them is too short. */
bool
behave_status(struct behave_answering *answering, const struct behave_value *value)
{
        int64_t after = behave_number(answering->plan, BEHAVE_RETRY_AFTER, -1);

        if (after >= 0)
                behave_add_field(answering, "Retry-After: %" PRId64,
                                 (after + AW_SECOND - 1) / AW_SECOND);
        return behave_settle(answering, (int)value->number, "%d, as asked for by status=%d\n",
                             (int)value->number, (int)value->number);
}

/* Where the number stands in the target, which has one. */
static const char *
find_number(const char *target)
{
        struct behave_walk walk = behave_walk_begin(target);
        struct behave_piece value;
        int id;

        while (behave_walk_next(&walk, &id, &value) && id != BEHAVE_REDIRECT)
                continue;
        return value.data;
}

/* The target, with one redirect less. */
static char *
target_with(const struct ws_request *request, const struct behave_value *value)
{
        const char *target = request->target, *number = find_number(target);
        char *text;

        if (asprintf(&text, "%.*s%" PRId64 "%s", (int)(number - target), target, value->number - 1,
                     number + strcspn(number, "/?&")) == -1)
                return NULL;
        return text;
}

/* The path as a URI has it: %XX for what may not stand there. For free(), or NULL: no memory. */
static char *
encode_path(const char *path)
{
        static const char free_of_code[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
                ":/?#[]@!$&'()*+,;=%";
        char *text = malloc(3 * strlen(path) + 1), *to = text;

        if (text == NULL)
                return NULL;
        for (; *path != '\0'; path++)
                if (strchr(free_of_code, *path) != NULL)
                        *to++ = *path;
                else
                        to += sprintf(to, "%%%02X", (unsigned char)*path);
        *to = '\0';
        return text;
}

bool
behave_redirect(struct behave_answering *answering, const struct behave_value *value)
{
        const struct behave_value *to = behave_find(answering->plan, BEHAVE_TO);
        const char *target;

        if (value->number == 0)
                return false;
        target = own(answering, to != NULL && value->number == 1
                                        ? encode_path(to->text)
                                        : target_with(answering->request, value));
        if (target == NULL)
                return behave_settle(answering, 500, "500: out of memory\n");
        /* The path may be one of a request that begins with two slashes. */
        if (behave_check_url(target) != NULL)
                return behave_settle(answering, 400, "400 Bad Request: redirect: %s\n",
                                     behave_check_url(target));
        behave_add_field(answering, "Location: %s", target);
        return behave_settle(answering, 302, "302: %s\n", target);
}

/* For free(), or NULL: no memory. */
static char *
base64(const char *text)
{
        size_t length = strlen(text);
        char *out = malloc(AW_BASE64_SIZE(length));

        if (out != NULL)
                aw_base64_encode((const uint8_t *)text, length, out);
        return out;
}

/* Whether the client knows what it should; else 401 with the challenge. */
static bool
challenge(struct behave_answering *answering, const char *scheme, const char *secret)
{
        const char *given = ws_request_field(answering->request, "Authorization", 0);
        size_t length = strlen(scheme);

        if (secret != NULL && given != NULL && strncasecmp(given, scheme, length) == 0 &&
            given[length] == ' ' && strcmp(given + length + 1, secret) == 0)
                return false;
        behave_add_field(answering, "WWW-Authenticate: %s realm=\"wsechod\"", scheme);
        return behave_settle(answering, 401, "401: %s credentials are wanted, as in the URL\n",
                             scheme);
}

bool
behave_basic(struct behave_answering *answering, const struct behave_value *value)
{
        return challenge(answering, "Basic", own(answering, base64(value->text)));
}

bool
behave_bearer(struct behave_answering *answering, const struct behave_value *value)
{
        return challenge(answering, "Bearer", value->text);
}

bool
behave_header(struct behave_answering *answering, const struct behave_value *value)
{
        behave_add_field(answering, "%s", value->text);
        return false;
}

bool
behave_cookie(struct behave_answering *answering, const struct behave_value *value)
{
        behave_add_field(answering, "Set-Cookie: %s", value->text);
        return false;
}

/* One that is not offered is written into the response later: see handshake.c. */
bool
behave_protocol(struct behave_answering *answering, const struct behave_value *value)
{
        struct ws_answer *answer = answering->answer;

        if (!answering->request->upgrade || behave_value_is(value, "first"))
                return false;
        answer->subprotocol = NULL;
        if (behave_value_is(value, "none"))
                return false;
        if (ws_request_offers(answering->request, value->text))
                answer->subprotocol = value->text;
        else if (answering->limits->level < BEHAVE_LEVEL_ALL)
                return behave_settle(answering, 403,
                                     "403 Forbidden: protocol: the client does not offer this one, "
                                     "and the server was not started with --test all\n");
        return false;
}

/* Whoever started the server without compression does not want to pay for it. */
bool
behave_deflate(struct behave_answering *answering, const struct behave_value *value)
{
        static const enum ws_deflate_mode modes[] = {WS_DEFLATE_OFF, WS_DEFLATE_SHARED,
                                                     WS_DEFLATE_CONTEXT};
        enum ws_deflate_mode mode = modes[value->number];

        if (mode != WS_DEFLATE_OFF && answering->deflate.mode == WS_DEFLATE_OFF)
                return behave_settle(answering, 403,
                                     "403 Forbidden: deflate: this server was started with "
                                     "--compress off\n");
        answering->deflate.mode = mode;
        answering->deflate.bits = (unsigned)behave_number(answering->plan, BEHAVE_BITS, 0);
        answering->answer->deflate = &answering->deflate;
        return false;
}

/* The request. */

static bool
refuse_request(struct behave_answering *answering, const struct behave_refusal *refusal)
{
        static const struct {
                int status;
                const char *phrase;
        } phrases[] = {{400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"}};
        const char *phrase = "Internal Server Error";
        char *target = behave_target_public(answering->request->target);

        for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
                if (phrases[i].status == refusal->status)
                        phrase = phrases[i].phrase;
        aw_log_limited(AW_LOG_INFO, "%s: %s: %s", answering->request->peer,
                       target == NULL ? "a request" : target, refusal->text);
        free(target);
        return behave_settle(answering, refusal->status, "%d %s: %s\n", refusal->status, phrase,
                             refusal->text);
}

/* A plain request. */
static bool
answer_plain(struct behave_answering *answering)
{
        if (behave_find(answering->plan, BEHAVE_SHOW) != NULL) {
                answering->answer->content_type = "application/json";
                answering->answer->status = 200;
                answering->answer->body =
                        own(answering, behave_show(answering->request, answering->limits,
                                                   behave_find(answering->plan, BEHAVE_SHOW)));
                return true;
        }
        if (strncmp(answering->request->path, BEHAVE_CHAIN, strlen(BEHAVE_CHAIN)) != 0)
                return false;
        return behave_settle(answering, 426, "426 Upgrade Required: a WebSocket here has: %s\n",
                             answering->plan->confirm);
}

static bool
follow_plan(struct behave_answering *answering)
{
        const struct behave_plan *plan = answering->plan;
        bool settled = false;

        behave_add_field(answering, "X-Wsechod: %s", plan->confirm);
        for (size_t i = 0; i < plan->count && !settled; i++) {
                const struct behave_row *row = &behave_table[plan->items[i].id];

                if (row->answer != NULL)
                        settled = row->answer(answering, &plan->items[i].value);
        }
        if (settled)
                return true;
        if (!answering->request->upgrade)
                return answer_plain(answering);
        ws_raw_hold(answering->answer);
        return false;
}

bool
behave_is_probe(const struct ws_request *request)
{
        return strcmp(request->path, BEHAVE_CHAIN "healthz") == 0 ||
               strcmp(request->path, BEHAVE_CHAIN "readyz") == 0;
}

/* The paths that are no chain. */
static bool
answer_path(struct behave_server *server, struct behave_answering *answering)
{
        const char *path = answering->request->path;
        struct ws_answer *answer = answering->answer;

        if (strcmp(path, BEHAVE_CHAIN "healthz") == 0)
                return behave_settle(answering, 200, "ok\n");
        if (strcmp(path, BEHAVE_CHAIN "readyz") == 0)
                return behave_settle(answering, server->draining ? 503 : 200, "%s\n",
                                     server->draining ? "draining" : "ready");
        if (strcmp(path, BEHAVE_CHAIN "version") == 0)
                return behave_settle(answering, 200, "wsechod %s\n", AW_VERSION);
        if (strcmp(path, BEHAVE_CHAIN) != 0 || server->limits.level == BEHAVE_LEVEL_OFF ||
            answering->request->upgrade)
                return false;
        answer->status = 200;
        answer->body = own(answering, behave_list(answering->request, &answer->content_type));
        behave_add_field(answering,
                         "Content-Security-Policy: default-src 'none'; style-src 'self'; "
                         "img-src data:; base-uri 'none'; form-action 'none'; "
                         "frame-ancestors 'none'");
        behave_add_field(answering, "Vary: Accept");
        return true;
}

static bool
answer_all(struct behave_server *server, struct behave_answering *answering)
{
        struct behave_refusal refusal;
        struct behave_plan *plan = NULL;
        bool settled;

        if (answer_path(server, answering))
                return true;
        if (behave_parse(answering->request, &server->limits, &plan, &refusal) == -1)
                return refuse_request(answering, &refusal);
        if (plan == NULL)
                return false;
        /* Its texts are the answer's, too. */
        own(answering, (char *)plan);
        answering->plan = plan;
        settled = follow_plan(answering);
        return settled;
}

bool
behave_answer(struct behave_server *server, const struct ws_request *request,
              struct ws_answer *answer)
{
        struct ws_answer before = *answer;
        struct behave_answering *answering;

        if (!behave_is_asked(request))
                return false;
        answering = calloc(1, sizeof(*answering));
        if (answering == NULL) {
                *answer = (struct ws_answer){.status = 500};
                return true;
        }
        answering->limits = &server->limits;
        answering->deflate = server->deflate;
        answering->request = request;
        answering->answer = answer;
        answer->done = answering_done;
        answer->data = answering;
        if (answer_all(server, answering))
                return true;
        /* A handshake that is accepted has our fields; anything else is somebody else's business. */
        if (!request->upgrade || answering->plan == NULL) {
                answering_done(answer);
                *answer = before;
        }
        return false;
}
