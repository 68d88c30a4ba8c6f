/* SPDX-License-Identifier: MIT */
/* Once: it waits for nothing. */
/* Wraps: ws_info malloc. */
/* Who is refused, by limits of all workers, of each address and of the rate; and what is counted. */
#include "limit.h"
#include "metrics.h"
#include "shared.h"
#include "unit/clock.h"
#include "unit/support.h"

/* What there is to know of each connection. */
static struct ws_info known;
static bool no_memory;

void __wrap_ws_info(const struct ws *ws, struct ws_info *info);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void
__wrap_ws_info(const struct ws *ws, struct ws_info *info)
{
        (void)ws;
        *info = known;
}

void *
__wrap_malloc(size_t size)
{
        return no_memory ? NULL : __real_malloc(size);
}

/* The second of three workers, each time anew. */
static struct shared *shared;
static struct limit_options options;
static char connections[8]; /* something to have addresses */
static int done;

static int
begin(void **state)
{
        (void)state;
        shared = shared_create(3);
        options = limit_defaults();
        metrics_use(&shared->metrics[1]);
        limit_use(shared, 1, &options);
        known = (struct ws_info){.peer = "192.0.2.1:5"};
        done = 0;
        test_begin();
        return shared == NULL ? -1 : 0;
}

static int
end(void **state)
{
        (void)state;
        test_end();
        shared_free(shared);
        return 0;
}

static const struct ws *
connection(int number)
{
        return (const struct ws *)(const void *)&connections[number];
}

static void
count_done(struct ws_answer *answer)
{
        (void)answer;
        done++;
}

/* The status that a handshake of the connection gets. */
static struct ws_answer answer;

static int
shake(int number, const char *peer)
{
        struct ws_request request = {.peer = peer, .upgrade = true, .ws = connection(number)};

        answer = (struct ws_answer){.status = 101, .done = count_done};
        limit_count(&request, &answer);
        return answer.status;
}

static void
event(enum ws_event what, int number)
{
        limit_event(what, connection(number), &known);
}

static unsigned
open_now(void)
{
        return atomic_load(&shared->workers[1].open);
}

/* An eighth more may be there to be told so, but no fewer than 16 and no more than 1,024. */
static void
over_the_limit_some_more_are_let_in_to_be_refused(void **state)
{
        static const unsigned all[][2] = {{1, 16},      {127, 16},    {128, 16},    {136, 17},
                                          {8184, 1023}, {8192, 1024}, {8200, 1024}, {100000, 1024}};
        struct ws_listen_options listening = {.url = ""};
        struct metrics *metrics = metrics_block();

        (void)state;
        limit_listen(&listening);
        atomic_store(&shared->workers[0].accepted, 1000000000);
        assert_true(listening.admit(NULL));
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                options.max_connections = all[i][0];
                /* Of all workers together. */
                atomic_store(&shared->workers[0].accepted, all[i][0]);
                atomic_store(&shared->workers[2].accepted, all[i][1] - 1);
                assert_true(listening.admit(NULL));
                event(WS_EVENT_ACCEPTED, 0);
                assert_false(listening.admit(NULL));
                event(WS_EVENT_ENDED, 0);
                assert_int_equal(atomic_load(&shared->workers[1].accepted), 0);
        }
        assert_int_equal(metrics->limits[METRICS_MAX_CONNECTIONS], 8);
        assert_int_equal(metrics->refused[metrics_reason_named("busy")], 8);
        assert_int_equal(metrics->accepted, 8);
        while (test_log.expected < test_log.count)
                expect_log("a connection was turned away: there are --max-connections, and ");
}

static void
what_the_library_sees_to_is_handed_on(void **state)
{
        struct ws_listen_options listening = {.url = ""};

        (void)state;
        options.handshake_timeout = 1;
        options.idle_timeout = 2;
        options.ping_interval = 3;
        options.ping_timeout = 4;
        options.max_lifetime = 5;
        options.max_message_rate = 6;
        options.max_buffer = 7;
        limit_listen(&listening);
        assert_int_equal(listening.handshake_timeout, 1);
        assert_int_equal(listening.idle_timeout, 2);
        assert_int_equal(listening.ping_interval, 3);
        assert_int_equal(listening.ping_timeout, 4);
        assert_int_equal(listening.max_lifetime, 5);
        assert_int_equal(listening.max_message_rate, 6);
        assert_int_equal(listening.max_buffer, 7);
}

static void
a_websocket_that_is_one_too_many_is_refused(void **state)
{
        (void)state;
        options.max_connections = 3;
        atomic_store(&shared->workers[2].open, 1);
        assert_int_equal(shake(0, "192.0.2.1:1"), 101);
        assert_int_equal(shake(1, "192.0.2.1:2"), 101);
        assert_int_equal(done, 0);
        assert_int_equal(shake(2, "192.0.2.1:3"), 503);
        assert_int_equal(done, 1);
        assert_int_equal(answer.field_count, 1);
        assert_string_equal(answer.fields[0], "Retry-After: 5");
        assert_string_equal(answer.why, "more connections than --max-connections");
        assert_string_equal(answer.body, "503 Service Unavailable: the server has no room for "
                                         "another connection: try again later\n");
        assert_null(answer.done);
        assert_int_equal(open_now(), 2);
        assert_int_equal(metrics_block()->limits[METRICS_MAX_CONNECTIONS], 1);
        /* One ends that was open, and one that came to nothing: both places are free. */
        event(WS_EVENT_OPENED, 0);
        known.opened = 1;
        event(WS_EVENT_ENDED, 0);
        known.opened = 0;
        event(WS_EVENT_ENDED, 1);
        assert_int_equal(open_now(), 0);
        assert_int_equal(shake(3, "192.0.2.1:4"), 101);
        assert_int_equal(shake(4, "192.0.2.1:5"), 101);
        /* Ends of those that were refused, or not counted, change nothing. */
        event(WS_EVENT_ENDED, 2);
        assert_int_equal(open_now(), 2);
        event(WS_EVENT_ENDED, 4);
        event(WS_EVENT_ENDED, 3);
        assert_int_equal(open_now(), 0);
}

static void
an_address_has_so_many(void **state)
{
        uint64_t key;

        (void)state;
        options.max_per_address = 2;
        options.max_connections = 3;
        assert_true(addresses_key(shared->addresses, "192.0.2.1:1", &key));
        addresses_add(shared->addresses, 2, key);
        assert_int_equal(shake(0, "192.0.2.1:1"), 101);
        assert_int_equal(shake(1, "192.0.2.1:2"), 429);
        assert_string_equal(answer.fields[0], "Retry-After: 5");
        assert_string_equal(answer.why, "more connections from its address than --max-per-address");
        assert_string_equal(answer.body, "429 Too Many Requests: too many connections from this "
                                         "address: close some\n");
        assert_int_equal(metrics_block()->limits[METRICS_MAX_PER_ADDRESS], 1);
        assert_int_equal(addresses_count(shared->addresses, key), 2);
        assert_int_equal(shake(2, "192.0.2.2:1"), 101);
        /* Who has none is not counted by it. */
        assert_int_equal(shake(3, "unix"), 101);
        /* Of both limits it is told of what it can do something about. */
        assert_int_equal(shake(4, "192.0.2.1:1"), 429);
        event(WS_EVENT_OPENED, 0);
        known.opened = 1;
        event(WS_EVENT_ENDED, 0);
        assert_int_equal(addresses_count(shared->addresses, key), 1);
        known = (struct ws_info){.peer = "unix", .opened = 1};
        event(WS_EVENT_OPENED, 3);
        event(WS_EVENT_ENDED, 3);
        known = (struct ws_info){.peer = "192.0.2.2:1"};
        event(WS_EVENT_ENDED, 2);
        assert_int_equal(open_now(), 0);
}

static void
what_is_no_websocket_is_not_counted(void **state)
{
        struct ws_request request = {.peer = "192.0.2.1:1", .ws = connection(0)};

        (void)state;
        options.max_connections = 1;
        answer = (struct ws_answer){.status = 101};
        limit_count(&request, &answer);
        request.upgrade = true;
        answer.status = 404;
        limit_count(&request, &answer);
        /* It was lost while somebody decided. */
        known.ended = 1;
        answer.status = 101;
        limit_count(&request, &answer);
        assert_int_equal(answer.status, 101);
        assert_int_equal(open_now(), 0);
}

static void
without_memory_to_count_it_is_refused(void **state)
{
        int status;

        (void)state;
        no_memory = true;
        status = shake(0, "192.0.2.1:1");
        no_memory = false;
        assert_int_equal(status, 503);
        assert_int_equal(done, 1);
        assert_int_equal(open_now(), 0);
}

static void
a_rate_is_for_handshakes_of_an_address(void **state)
{
        struct ws_request request = {.peer = "192.0.2.1:1", .upgrade = true, .ws = connection(0)};

        (void)state;
        answer = (struct ws_answer){.status = 101, .done = count_done};
        clock_stop();
        for (int i = 0; i < 5; i++)
                assert_false(limit_rate(&request, &answer));
        options.rate_per_address = "1:2";
        assert_false(limit_rate(&request, &answer));
        assert_false(limit_rate(&request, &answer));
        assert_int_equal(answer.status, 101);
        request.upgrade = false;
        assert_false(limit_rate(&request, &answer));
        request.upgrade = true;
        request.peer = "unix";
        assert_false(limit_rate(&request, &answer));
        request.peer = "192.0.2.1:2";
        assert_true(limit_rate(&request, &answer));
        assert_int_equal(answer.status, 429);
        assert_string_equal(answer.fields[0], "Retry-After: 1");
        assert_string_equal(answer.why, "more handshakes from its address than --rate-per-address");
        assert_string_equal(answer.body,
                            "429 Too Many Requests: too many connections a second from "
                            "this address\n");
        assert_int_equal(metrics_block()->limits[METRICS_RATE_PER_ADDRESS], 1);
        clock_ahead += AW_SECOND;
        assert_false(limit_rate(&request, &answer));
        clock_go_on();
}

/* The largest rate, and what belongs to it. */
static void
rates_and_bursts_have_bounds(void **state)
{
        uint64_t rate, burst;

        (void)state;
        assert_int_equal(limit_parse_rate("1000000", &rate, &burst), 0);
        assert_true(rate == 1000000 && burst == 2000000);
        assert_int_equal(limit_parse_rate("1:2000000", &rate, &burst), 0);
        assert_int_equal(burst, 2000000);
        assert_int_equal(limit_parse_rate("1:2000001", &rate, &burst), -1);
        assert_int_equal(limit_parse_rate("1000001:5", &rate, &burst), -1);
        assert_int_equal(limit_parse_rate("1:1", &rate, &burst), 0);
        assert_int_equal(limit_parse_rate("00000000000000000000001", &rate, &burst), 0);
        assert_int_equal(limit_parse_rate("000000000000000000000001", &rate, &burst), -1);
}

/* A quarter of what there is, and the times that the manual page tells. */
static void
defaults_are_those_of_the_manual(void **state)
{
        struct limit_options limits = limit_defaults();
        uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

        (void)state;
        assert_true(limits.max_memory > 0 && limits.max_memory <= pages / 4 + pages / 100);
        assert_int_equal(limits.handshake_timeout, 10000000);
        assert_int_equal(limits.idle_timeout, INT64_C(3600000000));
        assert_int_equal(limits.ping_interval, 20000000);
        assert_int_equal(limits.ping_timeout, 20000000);
        assert_int_equal(limits.max_buffer, 256 << 10);
        assert_true(limits.max_lifetime == 0 && limits.max_message_rate == 0 &&
                    limits.max_connections == 0 && limits.max_per_address == 0);
}

/* Memory that is shared. */

static void
a_worker_that_is_gone_has_nothing(void **state)
{
        uint64_t key;

        (void)state;
        atomic_store(&shared->workers[1].state, WORKER_SERVING);
        atomic_store(&shared->workers[0].open, 7);
        event(WS_EVENT_ACCEPTED, 0);
        assert_int_equal(shake(0, "192.0.2.1:1"), 101);
        assert_true(addresses_key(shared->addresses, "192.0.2.1:1", &key));
        shared->memory[1] = shared->memory[2] = 5;
        metrics_block()->open = metrics_block()->opened = 3;
        shared_forget_worker(shared, 1);
        assert_int_equal(atomic_load(&shared->workers[1].state), WORKER_NONE);
        assert_int_equal(atomic_load(&shared->workers[1].accepted), 0);
        assert_int_equal(open_now(), 0);
        assert_int_equal(atomic_load(&shared->workers[0].open), 7);
        assert_int_equal(shared->memory[1], 0);
        assert_int_equal(shared->memory[2], 5);
        assert_int_equal(addresses_count(shared->addresses, key), 0);
        assert_int_equal(metrics_block()->open, 0);
        assert_int_equal(metrics_block()->opened, 3);
        event(WS_EVENT_OPENED, 0);
}

/* Each part is where no other is, to its last byte. */
static void
parts_of_shared_memory_lie_behind_each_other(void **state)
{
        char *begin_of = (char *)shared;
        const char *parts[] = {(char *)&shared->workers[3],
                               (char *)shared->metrics,
                               (char *)&shared->metrics[3],
                               (char *)shared->memory,
                               (char *)&shared->memory[3],
                               (char *)shared->addresses,
                               (char *)shared->addresses + addresses_size(3),
                               (char *)shared->board,
                               (char *)shared->board + listing_board_size(3),
                               begin_of + shared->size};

        (void)state;
        for (size_t i = 1; i < sizeof(parts) / sizeof(parts[0]); i++)
                assert_true(parts[i] >= parts[i - 1]);
        assert_int_equal((uintptr_t)shared->metrics % 64, 0);
        assert_int_equal((uintptr_t)shared->addresses % 64, 0);
        assert_int_equal((uintptr_t)shared->board % 64, 0);
        assert_int_equal(shared->count, 3);
        begin_of[shared->size - 1] = 1;
        shared_free(NULL);
}

#define limited(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                limited(over_the_limit_some_more_are_let_in_to_be_refused),
                limited(what_the_library_sees_to_is_handed_on),
                limited(a_websocket_that_is_one_too_many_is_refused),
                limited(an_address_has_so_many),
                limited(what_is_no_websocket_is_not_counted),
                limited(without_memory_to_count_it_is_refused),
                limited(a_rate_is_for_handshakes_of_an_address),
                limited(rates_and_bursts_have_bounds),
                limited(defaults_are_those_of_the_manual),
                limited(a_worker_that_is_gone_has_nothing),
                limited(parts_of_shared_memory_lie_behind_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
