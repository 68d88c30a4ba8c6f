/* SPDX-License-Identifier: MIT */
/* Wraps: calloc malloc json_object ws_listener_each ws_info. */
/* What all workers together list, if some of them answer, or none, or there is no memory. */
#include <inttypes.h>
#include <jansson.h>

#include "await/watch.h"
#include "listing.h"
#include "shared.h"
#include "unit/clock.h"
#include "unit/support.h"

#define WORKERS 3

static const char *failing = "";

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static void *
no_memory(void)
{
        errno = ENOMEM;
        return NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return strcmp(failing, "calloc") == 0 ? no_memory() : __real_calloc(count, size);
}

void *
__wrap_malloc(size_t size)
{
        return strcmp(failing, "malloc") == 0 ? no_memory() : __real_malloc(size);
}

json_t *__real_json_object(void);
json_t *__wrap_json_object(void);

json_t *
__wrap_json_object(void)
{
        return strcmp(failing, "json_object") == 0 ? NULL : __real_json_object();
}

/* The connections of a listener. */
static size_t connections;
static struct ws_info known; /* of each of them */

void __wrap_ws_listener_each(const struct ws_listener *listener,
                             bool (*function)(const struct ws *ws, void *argument), void *argument);
void __wrap_ws_info(const struct ws *ws, struct ws_info *info);

void
__wrap_ws_listener_each(const struct ws_listener *listener,
                        bool (*function)(const struct ws *ws, void *argument), void *argument)
{
        (void)listener;
        for (size_t i = 0; i < connections; i++)
                if (!function(NULL, argument))
                        break;
}

void
__wrap_ws_info(const struct ws *ws, struct ws_info *info)
{
        (void)ws;
        *info = known;
}

/* The first worker is asked; it has no connections, unless it has a listener. */
struct asking {
        struct shared *shared;
        struct listing listing;
        size_t count;
        FILE *out;
        char *text;
        size_t length;
};

static void
begin(struct asking *asking)
{
        *asking = (struct asking){.shared = shared_create(WORKERS)};
        if (!expect(asking->shared != NULL))
                abort();
        for (size_t i = 0; i < WORKERS; i++)
                atomic_store(&asking->shared->workers[i].state, WORKER_SERVING);
        asking->listing = (struct listing){.shared = asking->shared, .count = &asking->count};
        asking->out = open_memstream(&asking->text, &asking->length);
}

static void
end(struct asking *asking)
{
        fclose(asking->out);
        free(asking->text);
        shared_free(asking->shared);
}

/* As another worker does. */
static void
answer(struct asking *asking, size_t worker, const char *text, uint64_t left_out, uint64_t question)
{
        struct listing_page *page = &asking->shared->board->pages[worker];

        page->length = strlen(text);
        page->left_out = left_out;
        memcpy(page->text, text, page->length);
        atomic_store(&page->question, question);
}

static void
expect_text(struct asking *asking, const char *wanted)
{
        fflush(asking->out);
        test_expect(strcmp(asking->text, wanted) == 0, __FILE__, __LINE__, "%s is %s", asking->text,
                    wanted);
}

static async int
ask(void *argument)
{
        struct asking *asking = argument;

        return await(listing_write(&asking->listing, asking->out));
}

/* In a task of its own, which has asked and waits. */
static async struct aw_task *
ask_meanwhile(struct asking *asking)
{
        struct aw_task *task = aw_spawn("ask", ask, asking);

        await(aw_sleep(0));
        return task;
}

static async int
answers_are_put_together(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        task = await(ask_meanwhile(&asking));
        expect_int(atomic_load(&asking.shared->board->asked), 1);
        answer(&asking, 2, "{\"a\":1},\n{\"a\":2},\n", 5, 1);
        /* One that is for a later question is as good. */
        answer(&asking, 1, "{\"a\":3},\n", 2, 7);
        expect_int(await(aw_join(task)), 0);
        expect_text(&asking,
                    "{\"workers\": 3, \"connections\": [\n{\"a\":3},\n{\"a\":1},\n{\"a\":2}],\n"
                    "\"left_out\": 7, \"silent\": []}\n");
        end(&asking);
        return 0;
}

/* The last one, too. */
static async int
each_answer_is_waited_for(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        clock_stop();
        task = await(ask_meanwhile(&asking));
        answer(&asking, 2, "{\"a\":1},\n", 0, 1);
        await(clock_advance(LISTING_TIME / 2));
        answer(&asking, 1, "{\"a\":2},\n", 0, 1);
        await(clock_advance(LISTING_TIME / 4));
        clock_go_on();
        expect_int(await(aw_join(task)), 0);
        expect_text(&asking, "{\"workers\": 3, \"connections\": [\n{\"a\":2},\n{\"a\":1}],\n"
                             "\"left_out\": 0, \"silent\": []}\n");
        end(&asking);
        return 0;
}

static async int
who_does_not_answer_in_time_is_named_unless_it_is_not_there(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        atomic_store(&asking.shared->workers[2].state, WORKER_STARTING);
        /* What was for an earlier question, or is being written, is no answer. */
        asking.shared->board->asked = 4;
        answer(&asking, 1, "{\"a\":3},\n", 0, 4);
        answer(&asking, 2, "{\"a\":3},\n", 0, 0);
        clock_stop();
        task = await(ask_meanwhile(&asking));
        await(clock_advance(LISTING_TIME));
        clock_go_on();
        expect_int(await(aw_join(task)), 0);
        expect_text(&asking,
                    "{\"workers\": 3, \"connections\": [],\n\"left_out\": 0, \"silent\": [1]}\n");
        end(&asking);
        return 0;
}

static async int
who_does_not_answer_keeps_nobody_from_being_listed(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        clock_stop();
        task = await(ask_meanwhile(&asking));
        answer(&asking, 2, "{\"a\":3},\n", 1, 1);
        await(clock_advance(LISTING_TIME));
        clock_go_on();
        expect_int(await(aw_join(task)), 0);
        expect_text(&asking, "{\"workers\": 3, \"connections\": [\n{\"a\":3}],\n\"left_out\": 1, "
                             "\"silent\": [1]}\n");
        end(&asking);
        return 0;
}

static async int
who_is_asked_may_be_cancelled(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        task = await(ask_meanwhile(&asking));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_text(&asking, "");
        end(&asking);
        return 0;
}

static async int
without_memory_it_fails(NOTHING)
{
        static const char *const functions[] = {"calloc", "malloc"};

        for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
                struct asking asking;
                int result;

                begin(&asking);
                failing = functions[i];
                result = await(listing_write(&asking.listing, asking.out));
                failing = "";
                expect_error(result, ENOMEM);
                expect_text(&asking, "");
                end(&asking);
        }
        return 0;
}

static struct ws_listener *no_listeners[2];

static async int
each_connection_is_told_of_with_its_worker_and_state(NOTHING)
{
        static const struct {
                aw_time opened;
                enum ws_side ended_by;
                const char *state, *end;
        } all[] = {{0, WS_SIDE_NONE, "handshake", ""},
                   {1, WS_SIDE_NONE, "open", ""},
                   {1, WS_SIDE_CLIENT, "closing", "\"ended_by\":\"client\",\"why\":\"x\","}};
        struct listing_page *page;
        struct asking asking;
        char wanted[600];

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(&asking);
                page = &asking.shared->board->pages[2];
                connections = 2;
                known = (struct ws_info){.peer = "p",
                                         .accepted = 1,
                                         .ended = 1,
                                         .opened = all[i].opened,
                                         .ended_by = all[i].ended_by,
                                         .why = "x",
                                         .awaits = "ws_receive",
                                         .unread = 3,
                                         .queued = 4};
                asking.listing.worker = 2;
                asking.listing.listeners = no_listeners;
                asking.count = 2;
                asking.shared->board->asked = 1;
                listing_open(&asking.listing);
                listing_close(&asking.listing);
                snprintf(wanted, sizeof(wanted),
                         "{\"peer\":\"p\",\"seconds\":0.0,\"received_messages\":0,"
                         "\"received_bytes\":0,\"sent_messages\":0,\"sent_bytes\":0,%s"
                         "\"worker\":2,\"state\":\"%s\",\"unread\":3,\"queued\":4,"
                         "\"awaits\":\"ws_receive\"},\n",
                         all[i].end, all[i].state);
                if (!expect_int((long long)page->length, 4 * (long long)strlen(wanted)))
                        print_error("%.*s\n", (int)page->length, page->text);
                for (size_t n = 0; n < 4; n++)
                        expect(memcmp(page->text + n * strlen(wanted), wanted, strlen(wanted)) ==
                               0);
                expect_int((long long)page->left_out, 0);
                end(&asking);
        }
        return 0;
}

/* How many are listed, and what each of them needs. */
static size_t
list_so_many(size_t count, uint64_t *left_out)
{
        struct asking asking;
        struct listing_page *page;
        size_t length;

        begin(&asking);
        page = &asking.shared->board->pages[0];
        connections = count;
        asking.listing.listeners = no_listeners;
        asking.count = 1;
        asking.shared->board->asked = 1;
        listing_open(&asking.listing);
        listing_close(&asking.listing);
        length = page->length;
        *left_out = page->left_out;
        end(&asking);
        return length;
}

static async int
what_a_page_does_not_take_is_counted(NOTHING)
{
        static char text[129], agent[200];
        static const struct ws_field field = {"User-Agent", agent};
        static const struct ws_request request = {
                .method = "", .target = "", .path = "", .fields = &field, .field_count = 1};
        uint64_t left_out;
        size_t one;

        known = (struct ws_info){.peer = "p", .accepted = 1, .ended = 1};
        one = list_so_many(1, &left_out);
        expect_int((long long)left_out, 0);
        expect_int((long long)list_so_many(1000, &left_out), 1000 * (long long)one);
        expect_int((long long)left_out, 0);
        expect_int((long long)list_so_many(1002, &left_out), 1000 * (long long)one);
        expect_int((long long)left_out, 2);
        failing = "json_object";
        expect_int((long long)list_so_many(2, &left_out), 0);
        failing = "";
        expect_int((long long)left_out, 2);
        /* Long ones: as many as there is room for. */
        memset(text, 'x', 128);
        memset(agent, 'x', sizeof(agent) - 1);
        known.peer = known.subprotocol = known.tls = known.server_name = known.client_subject =
                text;
        one = list_so_many(1, &left_out);
        expect(list_so_many(1000, &left_out) == LISTING_SIZE / one * one);
        expect_int((long long)left_out, 1000 - (long long)(LISTING_SIZE / one));
        /* A page that is full to the last byte. */
        known.request = &request;
        agent[sizeof(agent) - 1 - (list_so_many(1, &left_out) - 1024)] = '\0';
        expect_int((long long)list_so_many(1, &left_out), 1024);
        expect(list_so_many(513, &left_out) == LISTING_SIZE);
        expect_int((long long)left_out, 1);
        known.request = NULL;
        return 0;
}

static async int
others_are_answered_until_it_is_closed(NOTHING)
{
        struct asking asking;
        struct listing_page *page;

        begin(&asking);
        page = &asking.shared->board->pages[0];
        clock_stop();
        listing_open(&asking.listing);
        expect_int(atomic_load(&page->question), 0);
        atomic_store(&asking.shared->board->asked, 3);
        await(clock_advance(AW_SECOND / 10));
        expect_int(atomic_load(&page->question), 3);
        listing_close(&asking.listing);
        atomic_store(&asking.shared->board->asked, 4);
        await(clock_advance(AW_SECOND));
        clock_go_on();
        expect_int(atomic_load(&page->question), 3);
        end(&asking);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(answers_are_put_together),
                on_loop(each_answer_is_waited_for),
                on_loop(who_does_not_answer_in_time_is_named_unless_it_is_not_there),
                on_loop(who_does_not_answer_keeps_nobody_from_being_listed),
                on_loop(who_is_asked_may_be_cancelled),
                on_loop(without_memory_it_fails),
                on_loop(each_connection_is_told_of_with_its_worker_and_state),
                on_loop(what_a_page_does_not_take_is_counted),
                on_loop(others_are_answered_until_it_is_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
