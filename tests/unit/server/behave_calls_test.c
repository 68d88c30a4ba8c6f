/* SPDX-License-Identifier: MIT */
/* Wraps: malloc calloc strdup open_memstream fclose asprintf __asprintf_chk random. */
/* Wraps: EVP_MD_CTX_new EVP_MD_CTX_free EVP_DigestInit_ex EVP_DigestFinal_ex aw_sleep. */
/* Wraps: ws_request ws_peer ws_peer_close ws_extension ws_subprotocol ws_receive ws_send. */
/* Wraps: ws_send_text ws_close ws_drop ws_raw_begin ws_raw_head ws_raw_open ws_raw_write. */
/* Wraps: ws_raw_count_sent ws_raw_allow ws_raw_wait_output ws_raw_wait_sent ws_raw_has_room. */
/* Wraps: ws_raw_stall ws_raw_wait_input ws_raw_sleep ws_raw_wait_end ws_raw_keep_pings. */
/* Wraps: ws_raw_keep_close ws_raw_ping ws_raw_shutdown ws_raw_close ws_raw_end ws_raw_keep ws_raw_release ws_describe. */
/*
 * What behaviours ask of their connection, in which order and for how long, to the letter; and what
 * they do when something fails. Here the connection does nothing but note the calls.
 */
#include <openssl/evp.h>

#include "base/memory.h"
#include "behave/answer.h"
#include "behave/digest.h"
#include "behave/session.h"
#include "unit/clock.h"
#include "unit/support.h"
#include "ws/pages.h"
#include "ws/private.h"

/* The call that fails, with which error, after so many that do not. */
static struct {
        const char *call;
        int error, spared;
} failing;

static bool
fails(const char *call)
{
        if (failing.call == NULL || strcmp(failing.call, call) != 0 || failing.spared-- > 0)
                return false;
        errno = failing.error;
        return true;
}

/* Notes a call with what it was given. 0, or -1 if it is the one that fails. */
static int __attribute__((format(printf, 2, 3))) called(const char *call, const char *format, ...)
{
        char word[200];
        size_t length = (size_t)snprintf(word, sizeof(word), "%s", call);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(word + length, sizeof(word) - length, format, arguments);
        va_end(arguments);
        trace(word);
        return fails(call) ? -1 : 0;
}

static long long
milliseconds_until(aw_time time)
{
        expect_int((time - aw_loop_now()) % AW_MILLISECOND, 0);
        return (long long)((time - aw_loop_now()) / AW_MILLISECOND);
}

/* What fails for lack of memory. */

#define MAY_FAIL(type, name, parameters, ...)                                                      \
        type __real_##name parameters;                                                             \
        type __wrap_##name parameters;                                                             \
        type __wrap_##name parameters                                                              \
        {                                                                                          \
                return fails(#name) ? (type)0 : __real_##name(__VA_ARGS__);                        \
        }

MAY_FAIL(void *, malloc, (size_t size), size)
MAY_FAIL(void *, calloc, (size_t count, size_t size), count, size)
MAY_FAIL(char *, strdup, (const char *text), text)
MAY_FAIL(FILE *, open_memstream, (char **text, size_t *size), text, size)
MAY_FAIL(int, EVP_DigestInit_ex, (EVP_MD_CTX * context, const EVP_MD *kind, ENGINE *engine),
         context, kind, engine)
MAY_FAIL(int, EVP_DigestFinal_ex, (EVP_MD_CTX * context, unsigned char *out, unsigned *size),
         context, out, size)

static int digests; /* that were begun and not ended */

EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
void __real_EVP_MD_CTX_free(EVP_MD_CTX *context);
void __wrap_EVP_MD_CTX_free(EVP_MD_CTX *context);
int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);
int __wrap_asprintf(char **out, const char *format, ...);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...);
long __wrap_random(void);

EVP_MD_CTX *
__wrap_EVP_MD_CTX_new(void)
{
        if (fails("EVP_MD_CTX_new"))
                return NULL;
        digests++;
        return __real_EVP_MD_CTX_new();
}

void
__wrap_EVP_MD_CTX_free(EVP_MD_CTX *context)
{
        digests -= context != NULL;
        __real_EVP_MD_CTX_free(context);
}

/* What was written is not all there. */
int
__wrap_fclose(FILE *file)
{
        int result = __real_fclose(file);

        return fails("fclose") ? EOF : result;
}

int
__wrap_asprintf(char **out, const char *format, ...)
{
        va_list arguments;
        int result;

        if (fails("asprintf"))
                return -1;
        va_start(arguments, format);
        result = vasprintf(out, format, arguments);
        va_end(arguments);
        return result;
}

int
__wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
        va_list arguments;
        int result;

        (void)flag;
        if (fails("asprintf"))
                return -1;
        va_start(arguments, format);
        result = vasprintf(out, format, arguments);
        va_end(arguments);
        return result;
}

long
__wrap_random(void)
{
        return 2345000;
}

/* The connection. */

static struct ws_request asked;
static struct ws_peer_close peer;
static const char *extension, *subprotocol, *head;
static struct ws_message coming; /* so often, and then nothing comes */
static int comings;
static int nothing_more; /* why nothing comes: an error; 0: it may come yet */
static bool sleepless;   /* no time passes where the connection sleeps */
static int kept;         /* messages */

async int __real_aw_sleep(aw_time duration);
async int __wrap_aw_sleep(aw_time duration);
const struct ws_request *__wrap_ws_request(const struct ws *ws);
const char *__wrap_ws_peer(const struct ws *ws);
const struct ws_peer_close *__wrap_ws_peer_close(const struct ws *ws);
const char *__wrap_ws_extension(const struct ws *ws);
const char *__wrap_ws_subprotocol(const struct ws *ws);
async int __wrap_ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline);
async int __wrap_ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline);
async int __wrap_ws_send_text(struct ws *ws, const char *text, aw_time deadline);
async int __wrap_ws_close(struct ws *ws, unsigned code, const char *reason);
void __wrap_ws_drop(struct ws *ws);
void __wrap_ws_describe(const struct ws *ws, char *buffer, size_t size);
int __wrap_ws_raw_begin(struct ws *ws);
const char *__wrap_ws_raw_head(const struct ws *ws);
void __wrap_ws_raw_open(struct ws *ws);
async int __wrap_ws_raw_write(struct ws *ws, const void *data, size_t length, aw_time deadline);
void __wrap_ws_raw_count_sent(struct ws *ws, enum ws_type type, size_t length);
void __wrap_ws_raw_allow(struct ws *ws, size_t bytes);
async int __wrap_ws_raw_wait_output(struct ws *ws, aw_time deadline);
async int __wrap_ws_raw_wait_sent(struct ws *ws, aw_time deadline);
bool __wrap_ws_raw_has_room(const struct ws *ws);
void __wrap_ws_raw_stall(struct ws *ws, bool stall);
async int64_t __wrap_ws_raw_wait_input(struct ws *ws, aw_time deadline);
async int __wrap_ws_raw_sleep(struct ws *ws, aw_time until);
async int __wrap_ws_raw_wait_end(struct ws *ws, aw_time deadline);
void __wrap_ws_raw_keep_close(struct ws *ws);
void __wrap_ws_raw_keep_pings(struct ws *ws);
async int __wrap_ws_raw_ping(struct ws *ws, uint8_t payload[125], aw_time deadline);
void __wrap_ws_raw_shutdown(struct ws *ws, unsigned code, const char *reason);
void __wrap_ws_raw_close(struct ws *ws, unsigned code, const char *reason);
void __wrap_ws_raw_end(struct ws *ws, enum ws_raw_end how);
void __wrap_ws_raw_keep(struct ws_message *message);
void __wrap_ws_raw_release(struct ws_message *message);

async int
__wrap_aw_sleep(aw_time duration)
{
        return fails("aw_sleep") ? -1 : await(__real_aw_sleep(duration));
}

const struct ws_request *
__wrap_ws_request(const struct ws *ws)
{
        (void)ws;
        return &asked;
}

const char *
__wrap_ws_peer(const struct ws *ws)
{
        (void)ws;
        return "me";
}

const struct ws_peer_close *
__wrap_ws_peer_close(const struct ws *ws)
{
        (void)ws;
        return &peer;
}

const char *
__wrap_ws_extension(const struct ws *ws)
{
        (void)ws;
        return extension;
}

const char *
__wrap_ws_subprotocol(const struct ws *ws)
{
        (void)ws;
        return subprotocol;
}

async int
__wrap_ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline)
{
        (void)ws;
        if (deadline == AW_NEVER)
                called("receive", " ");
        else
                called("receive", " %lld", milliseconds_until(deadline));
        *message = coming;
        if (comings-- > 0)
                return 0;
        if (nothing_more == 0)
                return await(__real_aw_sleep(AW_NEVER));
        errno = nothing_more;
        return -1;
}

/* Who leave a room while one of its members is sent to, and then are gone. */
static struct {
        const struct ws *while_sent_to;
        struct behave *all[2];
} leaving;

static void
leave(const struct ws *sent_to)
{
        if (leaving.while_sent_to != sent_to)
                return;
        for (size_t i = 0; i < 2 && leaving.all[i] != NULL; i++) {
                behave_leave_room(leaving.all[i]);
                memset(leaving.all[i], 0xff, sizeof(*leaving.all[i]));
        }
        leaving.all[0] = NULL;
}

async int
__wrap_ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        expect(deadline == AW_NEVER);
        leave(ws);
        return called("send", " %c%.*s", ws == NULL ? '0' : (char)(uintptr_t)ws,
                      (int)message->length, (const char *)message->data);
}

async int
__wrap_ws_send_text(struct ws *ws, const char *text, aw_time deadline)
{
        (void)ws;
        expect(deadline == AW_NEVER);
        return called("text", " %.40s", text);
}

async int
__wrap_ws_close(struct ws *ws, unsigned code, const char *reason)
{
        (void)ws;
        return called("close", " %u %s", code, reason == NULL ? "-" : reason);
}

void
__wrap_ws_drop(struct ws *ws)
{
        (void)ws;
        trace("drop");
}

void
__wrap_ws_describe(const struct ws *ws, char *buffer, size_t size)
{
        (void)ws;
        snprintf(buffer, size, "none");
}

int
__wrap_ws_raw_begin(struct ws *ws)
{
        (void)ws;
        return called("begin", "%s", "");
}

const char *
__wrap_ws_raw_head(const struct ws *ws)
{
        (void)ws;
        return head;
}

void
__wrap_ws_raw_open(struct ws *ws)
{
        (void)ws;
        trace("open");
}

/* A head as it is, a frame in hexadecimal digits. */
async int
__wrap_ws_raw_write(struct ws *ws, const void *data, size_t length, aw_time deadline)
{
        const uint8_t *bytes = data;
        char text[60] = "";

        (void)ws;
        expect(deadline == AW_NEVER);
        if (head != NULL)
                return called("write", " %.*s", (int)length, (const char *)data);
        for (size_t i = 0; i < length && i < 24; i++)
                snprintf(text + 2 * i, 3, "%02x", bytes[i]);
        return called("write", " %s", text);
}

void
__wrap_ws_raw_count_sent(struct ws *ws, enum ws_type type, size_t length)
{
        (void)ws;
        called("count", " %d %zu", (int)type, length);
}

void
__wrap_ws_raw_allow(struct ws *ws, size_t bytes)
{
        (void)ws;
        if (bytes == WS_RAW_NO_LIMIT)
                trace("allow all");
        else
                called("allow", " %zu", bytes);
}

async int
__wrap_ws_raw_wait_output(struct ws *ws, aw_time deadline)
{
        (void)ws;
        expect(deadline == AW_NEVER);
        return called("output", "%s", "");
}

async int
__wrap_ws_raw_wait_sent(struct ws *ws, aw_time deadline)
{
        (void)ws;
        return called("sent", " %lld", milliseconds_until(deadline));
}

/* None that has a dash for a name. */
bool
__wrap_ws_raw_has_room(const struct ws *ws)
{
        return ws != (const struct ws *)'-';
}

void
__wrap_ws_raw_stall(struct ws *ws, bool stall)
{
        (void)ws;
        trace(stall ? "stall" : "go");
}

async int64_t
__wrap_ws_raw_wait_input(struct ws *ws, aw_time deadline)
{
        (void)ws;
        expect(deadline == AW_NEVER);
        return called("input", "%s", "") == -1 ? -1 : 500;
}

async int
__wrap_ws_raw_sleep(struct ws *ws, aw_time until)
{
        int result = called("sleep", " %lld", milliseconds_until(until));

        (void)ws;
        return result == 0 && !sleepless ? await(__real_aw_sleep(AW_NEVER)) : result;
}

async int
__wrap_ws_raw_wait_end(struct ws *ws, aw_time deadline)
{
        (void)ws;
        return called("end", " %lld", milliseconds_until(deadline));
}

void
__wrap_ws_raw_keep_close(struct ws *ws)
{
        (void)ws;
        trace("keep-close");
}

void
__wrap_ws_raw_keep_pings(struct ws *ws)
{
        (void)ws;
        trace("keep-pings");
}

async int
__wrap_ws_raw_ping(struct ws *ws, uint8_t payload[125], aw_time deadline)
{
        (void)ws;
        expect(deadline == AW_NEVER);
        memcpy(payload, "abc", 3);
        return called("ping", "%s", "") == -1 ? -1 : 2;
}

void
__wrap_ws_raw_shutdown(struct ws *ws, unsigned code, const char *reason)
{
        (void)ws;
        called("shutdown", " %u %s", code, reason == NULL ? "-" : reason);
}

void
__wrap_ws_raw_close(struct ws *ws, unsigned code, const char *reason)
{
        (void)ws;
        called("queue", " %u %s", code, reason == NULL ? "-" : reason);
}

void
__wrap_ws_raw_end(struct ws *ws, enum ws_raw_end how)
{
        static const char *const hows[] = {
                [WS_RAW_FIN] = "fin",
                [WS_RAW_NOTIFY] = "notify",
                [WS_RAW_RESET] = "reset",
                [WS_RAW_MUTE] = "mute",
        };

        (void)ws;
        trace(hows[how]);
}

void
__wrap_ws_raw_keep(struct ws_message *message)
{
        kept += message->data != NULL;
}

void
__wrap_ws_raw_release(struct ws_message *message)
{
        kept -= message->data != NULL;
        message->data = NULL;
}

/* The connection with this query, before anything has happened. */

static struct behave_server server;
static struct behave behave;

static void
begin(const char *query)
{
        struct behave_refusal refusal;

        test_trace[0] = '\0';
        failing.call = NULL;
        failing.spared = 0;
        extension = subprotocol = head = NULL;
        peer = (struct ws_peer_close){.code = 0};
        comings = 0;
        nothing_more = EPIPE;
        sleepless = true;
        server = (struct behave_server){
                .limits = {.level = BEHAVE_LEVEL_ALL, .max_message = 1 << 20}};
        asked = (struct ws_request){
                .target = query, .path = "/", .query = query, .method = "GET", .peer = "me"};
        behave = (struct behave){.server = &server};
        expect_int(behave_parse(&asked, &server.limits, &behave.plan, &refusal), 0);
}

static void
fail_in(const char *call, int error, int spared)
{
        failing.call = call;
        failing.error = error;
        failing.spared = spared;
}

static void
end(void)
{
        failing.call = NULL;
        free(behave.plan);
        behave.plan = NULL;
}

/* Pauses. */

static const struct {
        const char *query;
        async int (*function)(void *behave);
        const char *call; /* that fails */
        int error, spared;
        const char *calls;
} paces[] = {
        {"slice=5", behave_slice_output, "output", EPIPE, 1,
         "allow 0 output allow 5 sleep 1 output allow all"},
        {"slice=5&gap=0", behave_slice_output, "output", EPIPE, 1,
         "allow 0 output allow 5 sleep 1 output allow all"},
        {"slice=5&gap=7ms", behave_slice_output, "output", EPIPE, 1,
         "allow 0 output allow 5 sleep 7 output allow all"},
        {"slice=500&rate=1000&gap=7ms", behave_slice_output, "output", EPIPE, 1,
         "allow 0 output allow 500 sleep 500 output allow all"},
        {"slice=500&rate=1000&gap=2s", behave_slice_output, "sleep", ESHUTDOWN, 0,
         "allow 0 output allow 500 sleep 2000 allow all"},
        {"rate=10", behave_pace_output, "output", EPIPE, 2,
         "allow 0 output allow 1 sleep 100 output allow 1 sleep 100 output allow all"},
        {"rate=100000", behave_pace_output, "sleep", EPIPE, 1,
         "allow 0 output allow 2000 sleep 20 output allow 2000 sleep 20 allow all"},
        {"slice=5&rate=10", behave_pace_output, "output", EPIPE, 0, ""},
        {"read-rate=250", behave_pace_input, "input", EPIPE, 2,
         "input stall sleep 2000 go input stall sleep 2000 go input go"},
        {"read-rate=1000", behave_pace_input, "sleep", EPIPE, 0, "input stall sleep 500 go"},
        {"ping=3s", behave_send_pings, "sleep", EPIPE, 1, "sleep 3000 write 8900 sleep 3000"},
        {"ping=3s&payload=ab", behave_send_pings, "write", EPIPE, 0, "sleep 3000 write 89026162"},
        {"pong=none", behave_answer_pings, "ping", EPIPE, 0, ""},
        {"pong=wrong", behave_answer_pings, "ping", EPIPE, 1, "ping write 8a0577726f6e67 ping"},
        {"pong=2s", behave_answer_pings, "ping", EPIPE, 1, "ping sleep 2000 write 8a026162 ping"},
        {"pong=2s", behave_answer_pings, "sleep", EPIPE, 0, "ping sleep 2000"},
        {"pong=2s", behave_answer_pings, "write", EPIPE, 0, "ping sleep 2000 write 8a026162"},
};

static async int
what_goes_slowly_does_so_in_pieces_with_gaps(NOTHING)
{
        for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
                begin(paces[i].query);
                fail_in(paces[i].call, paces[i].error, paces[i].spared);
                expect_int(await(paces[i].function(&behave)), 0);
                if (!expect_trace(paces[i].calls))
                        print_error("%s\n", paces[i].query);
                end();
        }
        return 0;
}

static async int
a_stall_is_over_whatever_comes(NOTHING)
{
        begin("stall=3s");
        expect_int(await(behave_stall(&behave, behave_find(behave.plan, BEHAVE_STALL))), 0);
        expect_trace("stall sleep 3000 go");
        fail_in("sleep", ESHUTDOWN, 0);
        expect_error(await(behave_stall(&behave, behave_find(behave.plan, BEHAVE_STALL))),
                     ESHUTDOWN);
        expect_trace("stall sleep 3000 go");
        end();
        return 0;
}

/* Replies that come later. */

static struct ws_message
message_of(const char *text)
{
        return (struct ws_message){
                .type = WS_TEXT, .data = (const uint8_t *)text, .length = strlen(text)};
}

static async int
a_reply_comes_when_it_is_due(NOTHING)
{
        static const struct {
                const char *query;
                int sleep;
        } all[] = {{"delay=2s", 2000}, {"delay=0", 0}, {"delay=2s&jitter=1s", 2345}};
        struct ws_message message;
        char calls[80];

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(all[i].query);
                kept = 0;
                coming = message_of("hello");
                comings = 1;
                expect_int(await(behave_read_delayed(&behave)), 0);
                expect_trace("receive  receive ");
                expect_int(behave.delayed_error, EPIPE);
                expect(behave.delayed_bytes > 5);
                expect_int(kept, 1);
                expect_int(await(behave_receive_delayed(&behave, &message)), 0);
                snprintf(calls, sizeof(calls), "sleep %d", all[i].sleep);
                expect_trace(calls);
                expect(message.length == 5 && memcmp(message.data, "hello", 5) == 0);
                expect_int((long long)behave.delayed_bytes, 0);
                expect_int(kept, 1);
                expect_error(await(behave_receive_delayed(&behave, &message)), EPIPE);
                expect_int(kept, 0);
                end();
        }
        return 0;
}

static async int
a_server_that_stops_replies_at_once(NOTHING)
{
        static const int errors[] = {ESHUTDOWN, EPIPE};
        struct ws_message message;

        for (int i = 0; i < 2; i++) {
                begin("delay=2s");
                kept = 0;
                coming = message_of("hello");
                comings = 2;
                expect_int(await(behave_read_delayed(&behave)), 0);
                fail_in("sleep", errors[i], 0);
                expect_int(await(behave_receive_delayed(&behave, &message)), -i);
                expect_int(kept, 2);
                behave_forget_delayed(&behave);
                expect_int(kept, 0);
                expect_int((long long)behave.delayed_bytes, 0);
                end();
        }
        return 0;
}

/* Ends. */

static async int
a_farewell_is_as_the_plan_has_it(NOTHING)
{
        static const struct {
                const char *query;
                unsigned code; /* of the peer's Close */
                int error;     /* of the wait for its end */
                const char *calls;
        } all[] = {
                {"linger=2s", 0, 0, "queue 1001 - end 2000 close 1001 -"},
                {"linger=2s", 0, ETIMEDOUT, "queue 1001 - end 2000 close 1001 -"},
                {"linger=2s", 4000, ESHUTDOWN, "queue 4000 - end 2000 close 4000 -"},
                {"linger=2s", 4000, ECANCELED, "queue 4000 - end 2000 drop"},
                {"linger=0", 4000, 0, "close 4000 -"},
                {"delay=1s", 4000, 0, "close 4000 -"},
                {"delay=1s", 0, 0, "close 1001 -"},
                {"close-reply=none", 0, 0, "close 1001 -"},
                {"close-reply=none", 1006, 0, "close 1001 -"},
                {"close-reply=none", 4000, 0, "end 60000 drop"},
                {"close-reply=echo", 4000, 0, "close 4000 why"},
                {"close-reply=echo&linger=1s", 4000, 0, "queue 4000 why end 1000 close 4000 why"},
                {"close-reply=3s", 4000, 0, "end 3000 close 4000 -"},
                {"close-reply=3s", 4000, ETIMEDOUT, "end 3000 close 4000 -"},
                {"close-reply=3s", 4000, ECANCELED, "end 3000 drop"},
                {"close-reply=4321", 4000, 0, "close 4321 -"},
                {"close-reply=4321", 0, 0, "close 1001 -"},
                {"close-reply=1005", 4000, 0, "shutdown 1005 - close 1005 -"},
                {"close-reply=1005", 0, 0, "close 1001 -"},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(all[i].query);
                peer = (struct ws_peer_close){.code = all[i].code, .reason = "why"};
                if (all[i].error != 0)
                        fail_in("end", all[i].error, 0);
                await(behave_farewell(&behave, 1001));
                if (!expect_trace(all[i].calls))
                        print_error("%s %u\n", all[i].query, all[i].code);
                end();
        }
        return 0;
}

static async int
a_drop_waits_for_what_is_queued_and_for_the_peer(NOTHING)
{
        static const struct {
                const char *query, *call, *calls;
        } all[] = {
                {"drop=fin", NULL, "keep-pings sent 60000 fin end 60000 drop"},
                {"drop=reset", NULL, "keep-pings sent 60000 reset drop"},
                {"drop=notify", NULL, "keep-pings sent 60000 notify end 60000 drop"},
                {"drop=silent", NULL, "keep-pings sent 60000 mute end 60000 drop"},
                {"drop=fin", "sent", "keep-pings sent 60000 drop"},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(all[i].query);
                fail_in(all[i].call, EPIPE, 0);
                expect_int(await(behave_drop(&behave, behave_find(behave.plan, BEHAVE_DROP))), 1);
                expect_trace(all[i].calls);
                end();
        }
        begin("close=4000");
        behave_stop_pongs(&behave);
        expect_trace("");
        end();
        return 0;
}

static async int
what_the_client_makes_of_a_fault_is_told(NOTHING)
{
        static const struct {
                const char *query;
                int error;
                unsigned code;
                const char *reason, *says;
        } all[] = {
                {"fault=rsv", ETIMEDOUT, 0, "", "the client goes on as if nothing was"},
                {"fault=rsv", EPIPE, 1006, "", "the client left without a Close"},
                {"fault=rsv", EPIPE, 1002, "", "the client closed with 1002, as it should"},
                {"fault=rsv", EPIPE, 1002, "oh", "the client closed with 1002, as it should: oh"},
                {"fault=rsv", EPIPE, 1007, "oh", "the client closed with 1007: oh"},
                {"fault=rsv", EPIPE, 1000, "", "the client closed with 1000"},
                {"fault=utf8", EPIPE, 1007, "", "the client closed with 1007, as it should"},
                {"fault=bad-deflate", EPIPE, 1002, "", "the client closed with 1002, as it should"},
                {"fault=rsv", ECANCELED, 0, "", NULL},
        };
        char line[120];

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(all[i].query);
                comings = 1;
                nothing_more = all[i].error;
                peer.code = all[i].code;
                strcpy(peer.reason, all[i].reason);
                expect_int(await(behave_fault(&behave, behave_find(behave.plan, BEHAVE_FAULT))), 0);
                expect(strstr(test_trace, " receive 5000 receive 5000") != NULL);
                snprintf(line, sizeof(line), "me: %s: %s", all[i].query, all[i].says);
                if (all[i].says != NULL)
                        expect(strcmp(test_log.lines[test_log.expected++], line) == 0);
                end();
        }
        begin("fault=bad-deflate");
        extension = "permessage-deflate";
        peer.code = 1007;
        expect_int(await(behave_fault(&behave, behave_find(behave.plan, BEHAVE_FAULT))), 0);
        expect_trace("write c1020700 receive 5000");
        expect_log("me: fault=bad-deflate: the client closed with 1007, as it should");
        end();
        return 0;
}

static async int
behind_half_a_frame_comes_nothing(NOTHING)
{
        const struct behave_value *value;

        begin("fault=half-frame");
        value = behave_find(behave.plan, BEHAVE_FAULT);
        peer.code = 1006;
        expect_int(await(behave_fault(&behave, value)), 1);
        expect_trace("write 826468616c66 sent 5000 fin receive 5000 drop");
        expect_log("me: fault=half-frame: the client left without a Close");
        fail_in("write", EPIPE, 0);
        expect_int(await(behave_fault(&behave, value)), 1);
        expect_trace("write 826468616c66 drop");
        end();
        begin("fault=rsv");
        fail_in("write", EPIPE, 0);
        expect_int(await(behave_fault(&behave, behave_find(behave.plan, BEHAVE_FAULT))), 0);
        expect_trace("write a10178");
        end();
        return 0;
}

static async int
a_close_with_a_wrong_code_is_a_fault(NOTHING)
{
        begin("close=4000&reason=bye");
        expect_int(await(behave_close(&behave, behave_find(behave.plan, BEHAVE_CLOSE))), 1);
        expect_trace("close 4000 bye");
        end();
        begin("close=1005");
        peer.code = 1002;
        expect_int(await(behave_close(&behave, behave_find(behave.plan, BEHAVE_CLOSE))), 1);
        expect_trace("shutdown 1005 - receive 5000 close 1005 -");
        expect_log("me: close=1005: the client closed with 1002, as it should");
        end();
        return 0;
}

/* Frames. */

static async int
fragments_are_frames_of_their_own(NOTHING)
{
        static const struct {
                const char *query, *text, *calls;
        } all[] = {
                {"fragment=2", "abcde",
                 "write 01026162000263648001"
                 "65 count 1 5"},
                {"fragment=2", "abcd", "write 0102616280026364 count 1 4"},
                {"fragment=2", "ab", "write 81026162 count 1 2"},
                {"fragment=9", "", "write 8100 count 1 0"},
                {"fragment=2&ping-between=1", "abc",
                 "write 01026162"
                 "8900800163 count 1 3"},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                struct ws_message message = message_of(all[i].text);

                begin(all[i].query);
                expect_int(await(behave_send_fragments(&behave, &message)), 0);
                expect_trace(all[i].calls);
                fail_in("write", EPIPE, 0);
                expect_error(await(behave_send_fragments(&behave, &message)), EPIPE);
                expect(strncmp(test_trace, all[i].calls, strlen(test_trace)) == 0);
                expect(strstr(test_trace, "count") == NULL);
                fail_in("malloc", ENOMEM, 0);
                test_trace[0] = '\0';
                expect_error(await(behave_send_fragments(&behave, &message)), ENOMEM);
                expect_trace("");
                end();
        }
        return 0;
}

/* The handshake. */

#define HEAD                                                                                       \
        "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                         \
        "Sec-WebSocket-Accept: 1234567\r\n\r\n"

static async int
the_handshake_is_changed_or_late(NOTHING)
{
        static const struct {
                const char *query, *calls;
        } all[] = {
                {"handshake=h10", "write HTTP/1.0 101 OK\r\nUpgrade: websocket\r\nConnection: "
                                  "Upgrade\r\nSec-WebSocket-Accept: 1234567\r\n\r\n open"},
                {"handshake=lf", "write HTTP/1.1 101 OK\nUpgrade: websocket\nConnection: "
                                 "Upgrade\nSec-WebSocket-Accept: 1234567\n\n open"},
                {"handshake=no-upgrade", "write HTTP/1.1 101 OK\r\nConnection: "
                                         "Upgrade\r\nSec-WebSocket-Accept: 1234567\r\n\r\n open"},
                {"handshake=wrong-accept",
                 "write HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: "
                 "Upgrade\r\nSec-WebSocket-Accept: wrong67\r\n\r\n open"},
                {"protocol=x", "write HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: "
                               "Upgrade\r\nSec-WebSocket-Accept: "
                               "1234567\r\nSec-WebSocket-Protocol: x\r\n\r\n open"},
                {"handshake-delay=2s", "sleep 2000 write " HEAD " open"},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(all[i].query);
                head = HEAD;
                expect_int(await(behave_shake_hands(&behave)), 0);
                if (!expect_trace(all[i].calls))
                        print_error("%s\n", all[i].query);
                end();
        }
        begin("protocol=x");
        head = HEAD;
        subprotocol = "y";
        expect_int(await(behave_shake_hands(&behave)), 0);
        expect_trace("write " HEAD " open");
        end();
        begin("handshake-drip=3ms");
        head = "AB";
        expect_int(await(behave_shake_hands(&behave)), 0);
        expect_trace("write A sleep 3 write B sleep 3 open");
        end();
        return 0;
}

static async int
a_handshake_that_fails_opens_nothing(NOTHING)
{
        static const struct {
                const char *query, *call;
                int spared;
                const char *calls;
        } all[] = {
                {"protocol=x&handshake=lf", "strdup", 0, ""},
                {"protocol=x&handshake=lf", "asprintf", 0, ""},
                {"protocol=x&handshake=lf", "open_memstream", 0, ""},
                {"protocol=x&handshake=lf", "open_memstream", 1, ""},
                {"protocol=x&handshake=lf", "fclose", 0, ""},
                {"protocol=x&handshake=lf", "fclose", 1, ""},
                {"delay=1s", "write", 0, "write AB"},
                /* It was not the time that came: the client is gone. */
                {"handshake-delay=2s", "sleep", 0, "sleep 2000"},
                {"handshake-drip=3ms", "sleep", 0, "write A sleep 3"},
                {"handshake-drip=3ms", "write", 0, "write A"},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(all[i].query);
                head = "AB";
                fail_in(all[i].call, EPIPE, all[i].spared);
                expect_error(await(behave_shake_hands(&behave)), ECANCELED);
                if (!expect_trace(all[i].calls))
                        print_error("%s %s\n", all[i].query, all[i].call);
                end();
        }
        return 0;
}

/* Rooms. */

static async int
who_keeps_up_in_a_room_hears_all(NOTHING)
{
        static const char names[] = "ab-c";
        struct ws_message message = message_of("hi");
        const struct behave_value *value;
        struct behave members[101] = {{.ws = NULL}};

        begin("room=x");
        value = behave_find(behave.plan, BEHAVE_ROOM);
        fail_in("calloc", ENOMEM, 0);
        expect_error(await(behave_enter_room(&behave, value)), ENOMEM);
        expect(behave.room == NULL && server.rooms.first == NULL);
        behave_leave_room(&behave);
        failing.call = NULL;
        for (size_t i = 0; i < 4; i++) {
                members[i] =
                        (struct behave){.server = &server, .ws = (struct ws *)(intptr_t)names[i]};
                expect_int(await(behave_enter_room(&members[i], value)), 0);
        }
        expect_int(await(behave_send_to_room(&members[0], &message)), 0);
        expect_trace("send ahi send bhi send chi");
        message.length = 65537;
        expect_error(await(behave_send_to_room(&members[0], &message)), EMSGSIZE);
        expect_trace("");
        for (size_t i = 4; i < 101; i++) {
                members[i].server = &server;
                if (i < 100)
                        expect_int(await(behave_enter_room(&members[i], value)), 0);
        }
        expect_error(await(behave_enter_room(&members[100], value)), EUSERS);
        for (size_t i = 0; i < 101; i++) {
                expect(server.rooms.first != NULL || i == 100);
                behave_leave_room(&members[i]);
                expect(members[i].room == NULL);
        }
        expect(server.rooms.first == NULL && server.rooms.last == NULL);
        end();
        return 0;
}

/* A member of that name. */
static async void
enter_as(struct behave *member, char name, const struct behave_value *value)
{
        *member = (struct behave){.server = &server, .ws = (struct ws *)(intptr_t)name};
        expect_int(await(behave_enter_room(member, value)), 0);
}

static async int
who_leaves_a_room_while_others_are_sent_to_is_passed_over(NOTHING)
{
        static const struct {
                char at;         /* while this one is sent to, */
                const char *who; /* these leave */
                const char *calls;
        } all[] = {
                {'b', "b", "send ahi send bhi send chi send dhi"},
                {'b', "c", "send ahi send bhi send dhi"},
                {'b', "bc", "send ahi send bhi send dhi"},
                {'b', "cd", "send ahi send bhi"},
                {'b', "dc", "send ahi send bhi"},
                {'d', "d", "send ahi send bhi send chi send dhi"},
                {'d', "bc", "send ahi send bhi send chi send dhi"},
        };
        struct ws_message message = message_of("hi");
        const struct behave_value *value;
        struct behave members[4];

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin("room=x");
                value = behave_find(behave.plan, BEHAVE_ROOM);
                for (size_t k = 0; k < 4; k++)
                        await(enter_as(&members[k], "abcd"[k], value));
                leaving.while_sent_to = (const struct ws *)(intptr_t)all[i].at;
                leaving.all[1] = NULL;
                for (size_t k = 0; all[i].who[k] != '\0'; k++)
                        leaving.all[k] = &members[all[i].who[k] - 'a'];
                expect_int(await(behave_send_to_room(&members[0], &message)), 0);
                if (!expect_trace(all[i].calls))
                        print_error("%s leave\n", all[i].who);
                for (size_t k = 0; k < 4; k++)
                        if (strchr(all[i].who, "abcd"[k]) == NULL)
                                behave_leave_room(&members[k]);
                expect(server.rooms.first == NULL);
                end();
        }
        return 0;
}

/* What becomes of a member is its own business, but who is cancelled sends to no more of them. */
static async int
sending_to_a_room_ends_only_if_it_is_cancelled(NOTHING)
{
        struct ws_message message = message_of("hi");
        const struct behave_value *value;
        struct behave members[3];

        begin("room=x");
        value = behave_find(behave.plan, BEHAVE_ROOM);
        for (size_t i = 0; i < 3; i++)
                await(enter_as(&members[i], "abc"[i], value));
        fail_in("send", EPIPE, 1);
        expect_int(await(behave_send_to_room(&members[0], &message)), 0);
        expect_trace("send ahi send bhi send chi");
        fail_in("send", ECANCELED, 1);
        expect_error(await(behave_send_to_room(&members[0], &message)), ECANCELED);
        expect_trace("send ahi send bhi");
        for (size_t i = 0; i < 3; i++)
                behave_leave_room(&members[i]);
        expect(server.rooms.first == NULL);
        end();
        return 0;
}

/* From the handshake to the end. */

#define OPEN "keep-close write H open "

static struct behave *
a_connection(void)
{
        struct behave *one = calloc(1, sizeof(*one));

        *one = behave;
        behave.plan = NULL;
        head = "H";
        return one;
}

static async int
a_connection_ends_as_its_plan_or_its_peer_has_it(NOTHING)
{
        static const struct {
                const char *query;
                int comings, nothing_more;
                const char *call; /* that fails */
                int error;
                const char *calls;
        } all[] = {
                {"protocol=x", 2, EPIPE, NULL, 0,
                 OPEN "receive  send 0hi receive  send 0hi receive  sent 60000 close 1000 -"},
                {"protocol=x", 0, ESHUTDOWN, NULL, 0, OPEN "receive  sent 60000 close 1001 -"},
                {"protocol=x", 0, EMSGSIZE, NULL, 0, OPEN "receive  sent 60000 close 1009 -"},
                {"protocol=x", 0, ENOMEM, NULL, 0, OPEN "receive  sent 60000 close 1011 -"},
                {"protocol=x", 1, EPIPE, "send", ENOMEM,
                 OPEN "receive  send 0hi sent 60000 close 1011 -"},
                {"protocol=x", 0, EPIPE, "write", EPIPE, "keep-close write H drop"},
                {"pong=none", 0, EPIPE, NULL, 0,
                 "keep-close keep-pings write H open receive  sent 60000 close 1000 -"},
                {"show=request", 0, EPIPE, "open_memstream", ENOMEM, OPEN "close 1011 -"},
                {"close=4000", 0, 0, NULL, 0, OPEN "receive  close 4000 -"},
                {"close=4000&after=2", 2, 0, NULL, 0,
                 OPEN "receive  send 0hi receive  send 0hi receive  close 4000 -"},
                {"close=4000&after=2", 1, EPIPE, NULL, 0,
                 OPEN "receive  send 0hi receive  sent 60000 close 1000 -"},
                {"close=4000&after=2s", 0, 0, NULL, 0, OPEN "sleep 2000 receive  close 4000 -"},
                {"close=4000&after=2s", 0, 0, "sleep", ESHUTDOWN,
                 OPEN "sleep 2000 receive  close 1001 -"},
                {"close=4000&send=1&count=2&type=binary", 0, 0, NULL, 0,
                 OPEN "receive  send 0A send 0A close 4000 -"},
                {"drop=fin&after=1", 1, 0, NULL, 0,
                 OPEN
                 "receive  send 0hi keep-pings receive  keep-pings sent 60000 fin end 60000 drop"},
                {"room=x&delay=2s", 1, EPIPE, NULL, 0,
                 OPEN "receive  receive  sleep 2000 send 0hi sent 60000 close 1000 -"},
                {"room=x", 1, EPIPE, NULL, 0,
                 OPEN "receive  send 0hi receive  sent 60000 close 1000 -"},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(all[i].query);
                coming = message_of("hi");
                comings = all[i].comings;
                nothing_more = all[i].nothing_more;
                fail_in(all[i].call, all[i].error, 0);
                expect_int(await(behave_connection(a_connection())), 0);
                if (!expect_trace(all[i].calls))
                        print_error("%s\n", all[i].query);
                expect(server.rooms.first == NULL);
                end();
        }
        test_log.expected = test_log.count;
        return 0;
}

/* Wherever it waits. */
static async int
a_connection_that_is_cancelled_is_dropped(NOTHING)
{
        static const char *const queries[] = {"protocol=x", "close=4000&after=1",
                                              "close=4000&after=2s",
                                              "close=4000&send=3&count=2&every=2s"};

        for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
                struct aw_task *task;

                begin(queries[i]);
                nothing_more = 0;
                sleepless = false;
                task = aw_spawn("connection", behave_connection, a_connection());
                await(aw_sleep(0));
                await(aw_sleep(0));
                test_trace[0] = '\0';
                aw_cancel(task);
                expect_int(await(aw_join(task)), 0);
                if (!expect_trace("drop"))
                        print_error("%s\n", queries[i]);
                end();
        }
        test_log.expected = test_log.count;
        return 0;
}

/* Without memory. */

static async int
a_connection_that_cannot_be_had_is_none(NOTHING)
{
        static const struct {
                const char *call;
                int spared;
        } all[] = {{"calloc", 0}, {"begin", 0}, {"malloc", 0}};
        struct behave *made;

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin("delay=1s");
                fail_in(all[i].call, ENOMEM, all[i].spared);
                errno = 0;
                expect(behave_create(&server, NULL) == NULL);
                if (!expect_int(errno, ENOMEM))
                        print_error("%s\n", all[i].call);
                end();
        }
        begin("delay=1s");
        made = behave_create(&server, (struct ws *)&server);
        expect(made != NULL && made->server == &server && made->ws == (struct ws *)&server);
        expect(made != NULL && behave_find(made->plan, BEHAVE_DELAY) != NULL);
        expect_trace("begin");
        behave_free(made);
        end();
        begin("");
        errno = EIO;
        expect(behave_create(&server, NULL) == NULL);
        expect_int(errno, 0);
        expect_trace("");
        end();
        return 0;
}

static async int
what_is_asked_for_is_sent_as_text(NOTHING)
{
        struct ws_message message = {
                .type = WS_BINARY, .data = (const uint8_t *)"\x01\xfeZ", .length = 3};

        begin("echo=hex&greet=hello");
        expect_int(await(behave_greet(&behave, behave_find(behave.plan, BEHAVE_GREET))), 0);
        expect_trace("text hello");
        expect_int(await(behave_transform(&behave, &message)), 1);
        expect_trace("text 01fe5a");
        fail_in("text", EPIPE, 0);
        expect_error(await(behave_transform(&behave, &message)), EPIPE);
        expect_trace("text 01fe5a");
        expect_error(await(behave_greet(&behave, behave_find(behave.plan, BEHAVE_GREET))), EPIPE);
        expect_trace("text hello");
        end();
        return 0;
}

/* Word for word. Bytes that are no UTF-8 are taken for Latin-1. */
static async int
a_request_is_shown_as_it_was_seen(NOTHING)
{
        const struct ws_field fields[] = {{"Host", "a \"b\" \\ c"},
                                          {"X-Control", "\x01\x1f\x7f~!"},
                                          {"X-UTF-8", "\xc3\xa4 \xe2\x82\xac"},
                                          {"X-Latin-1", "\x80\xe4\xff\xc3"},
                                          {"authorization", "Basic x"}};
        static const char *const passwords[] = {"Basic x", "..."};
        char wanted[600], *text;

        begin("show=request");
        asked.fields = fields;
        asked.field_count = sizeof(fields) / sizeof(fields[0]);
        asked.minor_version = 1;
        for (int hidden = 0; hidden < 2; hidden++) {
                asked.secure = hidden == 1;
                server.limits.passwords = hidden == 1;
                snprintf(wanted, sizeof(wanted),
                         "{\n \"method\": \"GET\",\n \"target\": \"show=request\",\n"
                         " \"version\": \"HTTP/1.1\",\n \"peer\": \"me\",\n"
                         " \"tls\": \"none\",\n \"secure\": %s,\n \"fields\": [\n"
                         "  [\"Host\", \"a \\\"b\\\" \\\\ c\"],\n"
                         "  [\"X-Control\", \"\\u0001\\u001f\\u007f~!\"],\n"
                         "  [\"X-UTF-8\", \"\xc3\xa4 \xe2\x82\xac\"],\n"
                         "  [\"X-Latin-1\", \"\\u0080\\u00e4\\u00ff\\u00c3\"],\n"
                         "  [\"authorization\", \"%s\"]]\n}\n",
                         hidden == 1 ? "true" : "false", passwords[hidden]);
                text = behave_show(&asked, &server.limits, behave_find(behave.plan, BEHAVE_SHOW));
                test_expect(text != NULL && strcmp(text, wanted) == 0, __FILE__, __LINE__, "%s",
                            text == NULL ? "nothing" : text);
                free(text);
        }
        end();
        return 0;
}

static async int
what_there_is_no_memory_for_is_not_sent(NOTHING)
{
        static const struct {
                const char *query, *call;
        } replies[] = {{"echo=hash", "malloc"},
                       {"echo=hash", "EVP_MD_CTX_new"},
                       {"echo=sha256", "EVP_DigestInit_ex"},
                       {"echo=hash", "EVP_DigestFinal_ex"},
                       {"echo=hex", "malloc"}};
        static const char *const shows[] = {"open_memstream", "fclose"};
        struct ws_message message;
        char digest[DIGEST_SIZE];

        for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
                begin(replies[i].query);
                message = message_of("hello");
                digests = 0;
                fail_in(replies[i].call, ENOMEM, 0);
                errno = 0;
                expect_error(await(behave_transform(&behave, &message)), ENOMEM);
                expect_trace("");
                expect_int(digests, 0);
                end();
        }
        fail_in("EVP_DigestInit_ex", EIO, 0);
        errno = 0;
        expect(digest_begin() == NULL);
        expect_int(errno, ENOMEM);
        errno = 0;
        expect_error(digest_end(NULL, digest), ENOMEM);
        fail_in("EVP_DigestFinal_ex", EIO, 0);
        digest[0] = 'x';
        expect_error(digest_end(digest_begin(), digest), ENOMEM);
        expect_int(digest[0], 'x');
        for (size_t i = 0; i < 2; i++) {
                begin("show=request");
                fail_in(shows[i], ENOMEM, 0);
                expect_int(
                        await(behave_show_request(&behave, behave_find(behave.plan, BEHAVE_SHOW))),
                        -1);
                expect_trace("");
                end();
        }
        begin("ping=1s");
        fail_in("malloc", ENOMEM, 0);
        expect_error(await(behave_send_frame(&behave, 0x89, "", 0)), ENOMEM);
        expect_trace("");
        end();
        begin("delay=1s");
        coming = message_of("hello");
        comings = 5;
        kept = 0;
        fail_in("calloc", ENOMEM, 0);
        expect_int(await(behave_read_delayed(&behave)), 0);
        expect_trace("receive ");
        expect_int(behave.delayed_error, ENOMEM);
        expect_int(kept, 0);
        expect_int((long long)behave.delayed_bytes, 0);
        end();
        begin("send=5");
        fail_in("malloc", ENOMEM, 0);
        expect_error(await(behave_send_messages(&behave)), ENOMEM);
        expect(behave.sent_all);
        expect_trace("");
        end();
        return 0;
}

/* However far it has come. */
static async int
a_text_that_is_turned_can_be_cancelled_in_each_piece(NOTHING)
{
        struct ws_buffer *buffer = ws_buffer_create(WS_OP_TEXT, 4 * 65536);
        int failed = 0, result;

        memset(buffer->data, 'x', 4 * 65536);
        do {
                struct ws_message message = {.type = WS_TEXT,
                                             .data = buffer->data,
                                             .length = 4 * 65536,
                                             .buffer = buffer};

                begin("echo=reverse");
                fail_in("aw_sleep", ECANCELED, failed);
                result = await(behave_transform(&behave, &message));
                if (result == -1)
                        expect_int(errno, ECANCELED);
                end();
        } while (result == -1 && failed++ < 10);
        expect_int(failed, 6);
        ws_buffer_unref(buffer);
        return 0;
}

/* While it is sent, and no longer; and over the limit more than 64 KiB of it are refused. */
static async int
what_is_made_to_be_sent_is_charged(NOTHING)
{
        uint64_t before = ws_memory();
        uint8_t *memory = behave_take(100000);

        expect_int((long long)(ws_memory() - before), 100000);
        behave_give_back(memory, 100000);
        behave_give_back(NULL, 100000);
        expect_int((long long)(ws_memory() - before), 0);
        ws_set_max_memory(1);
        aw_memory_charge(2);
        expect_error(behave_take((64 << 10) + 1) == NULL ? -1 : 0, ENOBUFS);
        memory = behave_take(64 << 10);
        expect(memory != NULL);
        behave_give_back(memory, 64 << 10);
        /* Unless as much waits to be given back, which is of no use to anybody. */
        memory = ws_pages_take((size_t)64 << 20);
        expect(memory != NULL);
        ws_pages_give_back(memory, (size_t)64 << 20);
        memory = behave_take((64 << 10) + 1);
        expect(memory != NULL);
        behave_give_back(memory, (64 << 10) + 1);
        ws_pages_give_back_all();
        begin("send=70000&count=2");
        expect_error(await(behave_send_messages(&behave)), ENOBUFS);
        expect(behave.sent_all);
        expect_trace("");
        end();
        begin("send=70000&count=2");
        nothing_more = 0;
        expect_int(await(behave_connection(a_connection())), 0);
        expect(strstr(test_trace, " close 1013 -") != NULL);
        test_log.expected = test_log.count;
        test_trace[0] = '\0';
        end();
        ws_set_max_memory(0);
        aw_memory_charge(-2);
        expect_int((long long)(ws_memory() - before), 0);
        return 0;
}

static async int
messages_of_a_pattern_are_sent_with_pauses(NOTHING)
{
        begin("send=3&count=3&every=2s&type=text");
        expect_int(await(behave_send_messages(&behave)), 0);
        expect(behave.sent_all);
        expect(strncmp(test_trace, "send 0", 6) == 0);
        expect(strstr(test_trace, " sleep 2000 send 0") != NULL);
        expect_int((long long)strlen(test_trace), 3 * 9 + 2 * 12);
        test_trace[0] = '\0';
        fail_in("sleep", EPIPE, 1);
        expect_int(await(behave_send_messages(&behave)), 0);
        expect_int((long long)strlen(test_trace), 2 * 9 + 12 + 11);
        test_trace[0] = '\0';
        behave.ending = true;
        expect_int(await(behave_send_messages(&behave)), 0);
        expect_trace("");
        end();
        return 0;
}

static async int
without_echo_a_message_stays_as_it_is(NOTHING)
{
        struct ws_message message = message_of("hello");

        begin("delay=1s");
        expect_int(await(behave_transform(&behave, &message)), 0);
        expect_int((long long)message.length, 5);
        expect_trace("");
        end();
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_goes_slowly_does_so_in_pieces_with_gaps),
                on_loop(a_stall_is_over_whatever_comes),
                on_loop(a_reply_comes_when_it_is_due),
                on_loop(a_server_that_stops_replies_at_once),
                on_loop(a_farewell_is_as_the_plan_has_it),
                on_loop(a_drop_waits_for_what_is_queued_and_for_the_peer),
                on_loop(what_the_client_makes_of_a_fault_is_told),
                on_loop(behind_half_a_frame_comes_nothing),
                on_loop(a_close_with_a_wrong_code_is_a_fault),
                on_loop(fragments_are_frames_of_their_own),
                on_loop(the_handshake_is_changed_or_late),
                on_loop(a_handshake_that_fails_opens_nothing),
                on_loop(who_keeps_up_in_a_room_hears_all),
                on_loop(who_leaves_a_room_while_others_are_sent_to_is_passed_over),
                on_loop(sending_to_a_room_ends_only_if_it_is_cancelled),
                on_loop(what_is_made_to_be_sent_is_charged),
                on_loop(a_connection_ends_as_its_plan_or_its_peer_has_it),
                on_loop(a_connection_that_is_cancelled_is_dropped),
                on_loop(a_connection_that_cannot_be_had_is_none),
                on_loop(what_is_asked_for_is_sent_as_text),
                on_loop(a_request_is_shown_as_it_was_seen),
                on_loop(what_there_is_no_memory_for_is_not_sent),
                on_loop(a_text_that_is_turned_can_be_cancelled_in_each_piece),
                on_loop(messages_of_a_pattern_are_sent_with_pauses),
                on_loop(without_echo_a_message_stays_as_it_is),
        };

        clock_stop();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
