/* SPDX-License-Identifier: MIT */
/* What becomes of a message before it is sent back, and that large ones leave others their turns. */
#include "behave/session.h"
#include "unit/support.h"
#include "ws/private.h"

#define PIECE 65536 /* bytes, behind which others have a turn */

/* A connection that is nothing but its plan. */
static struct behave
with_plan(const char *query)
{
        static const struct behave_limits limits = {.level = BEHAVE_LEVEL_ALL,
                                                    .max_message = 1 << 20};
        struct ws_request request = {.target = query, .path = "/", .query = query};
        struct behave_refusal refusal;
        struct behave behave = {.ws = NULL};

        expect_int(behave_parse(&request, &limits, &behave.plan, &refusal), 0);
        return behave;
}

/* One that came like this, and then x up to the length. */
static struct ws_message
message_of(enum ws_type type, const char *given, size_t length)
{
        struct ws_buffer *buffer = ws_buffer_create(WS_OP_BINARY, length + 1);

        for (size_t i = 0; i < length; i++)
                buffer->data[i] = (uint8_t)(i < strlen(given) ? given[i] : 'x');
        return (struct ws_message){
                .type = type, .data = buffer->data, .length = length, .buffer = buffer};
}

static async void
expect_becomes(const char *query, enum ws_type type, const char *given, const char *wanted)
{
        struct behave behave = with_plan(query);
        struct ws_message message = message_of(type, given, strlen(given));
        struct ws_buffer *buffer = message.buffer;

        expect_int(await(behave_transform(&behave, &message)), 0);
        test_expect(message.length == strlen(wanted) &&
                            memcmp(message.data, wanted, message.length) == 0,
                    __FILE__, __LINE__, "%s of '%s' is '%s' (it is '%.*s')", query, given, wanted,
                    (int)message.length, (const char *)message.data);
        ws_buffer_unref(buffer);
        free(behave.plan);
}

static async int
letters_of_ascii_become_capitals(NOTHING)
{
        await(expect_becomes("echo=upper", WS_TEXT, "`abcdefghijklmnopqrstuvwxyz{@AZ[09\xc3\xa4",
                             "`ABCDEFGHIJKLMNOPQRSTUVWXYZ{@AZ[09\xc3\xa4"));
        await(expect_becomes("echo=upper", WS_TEXT, "", ""));
        return 0;
}

static async int
a_message_is_turned_by_bytes_or_characters(NOTHING)
{
        await(expect_becomes("echo=reverse", WS_BINARY, "", ""));
        await(expect_becomes("echo=reverse", WS_BINARY, "a", "a"));
        await(expect_becomes("echo=reverse", WS_BINARY, "ab", "ba"));
        await(expect_becomes("echo=reverse", WS_BINARY, "abc\xff",
                             "\xff"
                             "cba"));
        await(expect_becomes("echo=reverse", WS_BINARY, "\xc3\xa4x", "x\xa4\xc3"));
        await(expect_becomes("echo=reverse", WS_TEXT, "\xc3\xa4x", "x\xc3\xa4"));
        await(expect_becomes("echo=reverse", WS_TEXT, "a\xe2\x82\xac\xf0\x9f\x98\x80",
                             "\xf0\x9f\x98\x80\xe2\x82\xac"
                             "a"));
        return 0;
}

static async int
a_message_is_told_by_its_length_or_digest(NOTHING)
{
        static const char abc[] =
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        static const char none[] =
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

        await(expect_becomes("echo=length", WS_BINARY, "hello", "5"));
        await(expect_becomes("echo=length", WS_TEXT, "", "0"));
        await(expect_becomes("echo=sha256", WS_TEXT, "abc", abc));
        await(expect_becomes("echo=hash", WS_BINARY, "abc", abc));
        await(expect_becomes("echo=hash", WS_BINARY, "", none));
        return 0;
}

/* What is told of a message is a text, whatever that was. */
static async int
what_is_told_is_a_text_and_nothing_is_no_reply(NOTHING)
{
        struct behave behave = with_plan("echo=length");
        struct ws_message message = {.type = WS_BINARY, .data = (const uint8_t *)"x", .length = 1};

        expect_int(await(behave_transform(&behave, &message)), 0);
        expect_int(message.type, WS_TEXT);
        free(behave.plan);
        behave = with_plan("echo=none");
        expect_int(await(behave_transform(&behave, &message)), 1);
        free(behave.plan);
        return 0;
}

/* Others. */

static unsigned turns;

static async int
count_turns(NOTHING)
{
        while (await(aw_sleep(0)) == 0)
                turns++;
        return 0;
}

/* Turns that others have while a message of so many bytes is worked on. */
static async unsigned
turns_of(const char *query, enum ws_type type, size_t length)
{
        struct behave behave = with_plan(query);
        struct ws_message message = message_of(type, "", length);
        struct ws_buffer *buffer = message.buffer;
        struct aw_task *counting;

        counting = aw_spawn("count", count_turns, NULL);
        await(aw_sleep(0));
        turns = 0;
        expect_int(await(behave_transform(&behave, &message)), 0);
        aw_cancel(counting);
        await(aw_join(counting));
        ws_buffer_unref(buffer);
        free(behave.plan);
        return turns;
}

static async int
each_piece_of_a_large_message_is_followed_by_a_turn(NOTHING)
{
        expect_int(await(turns_of("echo=upper", WS_BINARY, PIECE - 1)), 0);
        expect_int(await(turns_of("echo=upper", WS_BINARY, 10 * PIECE)), 10);
        expect_int(await(turns_of("echo=hash", WS_BINARY, PIECE)), 0);
        expect_int(await(turns_of("echo=hash", WS_BINARY, 10 * PIECE + 1)), 10);
        expect_int(await(turns_of("echo=reverse", WS_BINARY, 2 * PIECE - 1)), 0);
        expect_int(await(turns_of("echo=reverse", WS_BINARY, 20 * PIECE)), 10);
        expect_int(await(turns_of("echo=reverse", WS_TEXT, 20 * PIECE)), 30);
        return 0;
}

struct work {
        struct behave behave;
        struct ws_message message;
};

static async int
do_work(void *argument)
{
        struct work *work = argument;

        return await(behave_transform(&work->behave, &work->message));
}

static async int
work_on_a_large_message_can_be_cancelled(NOTHING)
{
        static const struct {
                const char *query;
                enum ws_type type;
        } all[] = {{"echo=upper", WS_TEXT},
                   {"echo=hash", WS_BINARY},
                   {"echo=reverse", WS_BINARY},
                   {"echo=reverse", WS_TEXT}};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                struct work work = {.behave = with_plan(all[i].query),
                                    .message = message_of(all[i].type, "", 4 * PIECE)};
                struct ws_buffer *buffer = work.message.buffer;
                struct aw_task *task = aw_spawn("work", do_work, &work);

                await(aw_sleep(0));
                aw_cancel(task);
                expect_error(await(aw_join(task)), ECANCELED);
                ws_buffer_unref(buffer);
                free(work.behave.plan);
        }
        return 0;
}

static async int
there_may_be_nothing_to_free(NOTHING)
{
        errno = EPIPE;
        behave_free(NULL);
        expect_int(errno, EPIPE);
        return 0;
}

static async int
a_message_above_the_limit_is_too_large(NOTHING)
{
        struct behave behave = with_plan("max-message=5");
        struct ws_message message = {
                .type = WS_TEXT, .data = (const uint8_t *)"hello!", .length = 5};

        expect_int(await(behave_limit(&behave, &message)), 0);
        message.length = 6;
        expect_error(await(behave_limit(&behave, &message)), EMSGSIZE);
        free(behave.plan);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(letters_of_ascii_become_capitals),
                on_loop(a_message_is_turned_by_bytes_or_characters),
                on_loop(a_message_is_told_by_its_length_or_digest),
                on_loop(what_is_told_is_a_text_and_nothing_is_no_reply),
                on_loop(each_piece_of_a_large_message_is_followed_by_a_turn),
                on_loop(work_on_a_large_message_can_be_cancelled),
                on_loop(there_may_be_nothing_to_free),
                on_loop(a_message_above_the_limit_is_too_large),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
