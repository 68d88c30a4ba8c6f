/* SPDX-License-Identifier: MIT */
/* Once: nothing waits. */
/* Wraps: ws_listen ws_listen_check ws_listener_url ws_listener_release ws_listener_close. */
/* Wraps: admin_listen_url realloc strdup aw_log_say. */
/* What the server listens on: which URLs in which order, how often, and what fails. */
#include <fcntl.h>

#include "admin.h"
#include "base/say.h"
#include "listener.h"
#include "unit/support.h"

/* What fails, after so many times that it does not; and of which kind that is. */
static const char *failing;
static int spared;
static enum aw_error_kind kind;

static bool
fails(const char *name)
{
        if (failing == NULL || strcmp(failing, name) != 0 || spared-- > 0)
                return false;
        errno = ENOMEM;
        return true;
}

static void
fail_in(const char *name, int times)
{
        failing = name;
        spared = times;
}

static char place; /* all listeners are this one, which has two addresses */

async struct ws_listener *__wrap_ws_listen(const struct ws_listen_options *options,
                                           struct aw_error *error);
async int __wrap_ws_listen_check(const struct ws_listen_options *options, struct aw_error *error);
const char *__wrap_ws_listener_url(const struct ws_listener *listener, size_t index);
int __wrap_ws_listener_release(struct ws_listener *listener, int fds[WS_ADDRESSES_MAX]);
void __wrap_ws_listener_close(struct ws_listener *listener);
char *__real_admin_listen_url(const char *url);
char *__wrap_admin_listen_url(const char *url);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void __wrap_aw_log_say(const char *format, va_list arguments);

static int joined; /* that is released next has one address */

async struct ws_listener *
__wrap_ws_listen(const struct ws_listen_options *options, struct aw_error *error)
{
        static const char *const sharing[] = {[WS_SHARING_NONE] = "alone",
                                              [WS_SHARING_FIRST] = "first",
                                              [WS_SHARING_JOIN] = "join"};
        char word[120];

        snprintf(word, sizeof(word), "%s %s %zu %o", options->url, sharing[options->sharing],
                 options->descriptor_count, (unsigned)options->socket_mode);
        trace(word);
        joined = options->sharing == WS_SHARING_JOIN;
        if (!fails("ws_listen"))
                return (struct ws_listener *)&place;
        aw_error_set(error, kind, EIO, "no such luck");
        return NULL;
}

async int
__wrap_ws_listen_check(const struct ws_listen_options *options, struct aw_error *error)
{
        trace(options->url);
        if (!fails("ws_listen_check"))
                return 0;
        aw_error_set(error, kind, EIO, "no such luck");
        return -1;
}

const char *
__wrap_ws_listener_url(const struct ws_listener *listener, size_t index)
{
        static const char *const urls[] = {"ws://127.0.0.1:1", "ws://[::1]:1", NULL};

        assert_ptr_equal(listener, &place);
        return urls[index];
}

int
__wrap_ws_listener_release(struct ws_listener *listener, int fds[WS_ADDRESSES_MAX])
{
        int count = joined ? 1 : 2;

        assert_ptr_equal(listener, &place);
        if (fails("ws_listener_release"))
                return -1;
        for (int i = 0; i < count; i++)
                fds[i] = dup(0);
        return count;
}

void
__wrap_ws_listener_close(struct ws_listener *listener)
{
        assert_ptr_equal(listener, &place);
        trace("closed");
}

char *
__wrap_admin_listen_url(const char *url)
{
        return fails("admin_listen_url") ? NULL : __real_admin_listen_url(url);
}

void *
__wrap_realloc(void *old, size_t size)
{
        return fails("realloc") ? NULL : __real_realloc(old, size);
}

char *
__wrap_strdup(const char *text)
{
        return fails("strdup") ? NULL : __real_strdup(text);
}

void
__wrap_aw_log_say(const char *format, va_list arguments)
{
        char text[200];

        vsnprintf(text, sizeof(text), format, arguments);
        test_sink(AW_LOG_INFO, text);
}

static struct server_options options;
static struct inherited inherited;
static struct listeners listeners;
static size_t descriptors;

static int
begin(void **state)
{
        (void)state;
        descriptors = test_count_descriptors();
        options = (struct server_options){
                .subprotocol = "first", .compress = "off", .socket_mode = "600"};
        inherited = (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
        failing = NULL;
        kind = AW_ERROR_SYSTEM;
        test_begin();
        return 0;
}

static int
end(void **state)
{
        (void)state;
        listeners_free(&listeners);
        assert_null(listeners.items);
        assert_int_equal(listeners.count, 0);
        failing = NULL;
        assert_int_equal(test_count_descriptors(), descriptors);
        test_end();
        return 0;
}

/* No task is needed: what it awaits is the test's. */
static int (*const open_listening)(struct listeners *listeners,
                                   const struct server_options *options,
                                   struct inherited *inherited, unsigned workers) = listeners_open;

static int (*const check_listening)(const struct server_options *options) = listeners_check;

static void
listen_at_urls(const char *const *urls, size_t count)
{
        options.listen =
                (struct aw_opt_strings){.items = (const char **)(uintptr_t)urls, .count = count};
}

static const char *const two[] = {"ws://a:1", "ws://b:2"};

static void
without_an_option_it_listens_on_its_own_url(void **state)
{
        (void)state;
        options.admin = "http://c";
        assert_int_equal(open_listening(&listeners, &options, &inherited, 3), 0);
        expect_trace("wss://localhost:7681 first 0 600 ws://127.0.0.1:1 join 0 600 ws://[::1]:1 "
                     "join 0 600 ws://127.0.0.1:1 join 0 600 ws://[::1]:1 join 0 600 ws://c alone "
                     "0 0");
        assert_int_equal(listeners.count, 2);
        assert_int_equal(listeners.items[0].slot_count, 3);
        assert_false(listeners.items[0].shared);
        for (int i = 0; i < 3; i++)
                assert_int_equal(listeners.items[0].slots[i].count, 2);
        assert_int_equal(listeners.items[1].slot_count, 1);
        assert_int_equal(listeners.items[1].kind, SOCKET_ADMIN);
        assert_true(listeners.items[1].shared);
        listeners_tell(&listeners);
        expect_log("listening on ws://127.0.0.1:1");
        expect_log("listening on ws://[::1]:1");
}

static void
what_cannot_be_had_is_told_and_nothing_else_is_opened(void **state)
{
        static const struct {
                const char *call;
                int spared;
                enum aw_error_kind kind;
                int status;
                const char *says, *calls;
        } all[] = {
                {"ws_listen", 0, AW_ERROR_SYSTEM, 1, "error: no such luck", "ws://a:1 first 0 600"},
                {"ws_listen", 0, AW_ERROR_USAGE, 2, "error: no such luck", "ws://a:1 first 0 600"},
                {"ws_listen", 0, AW_ERROR_CANCELLED, 1, NULL, "ws://a:1 first 0 600"},
                {"ws_listen", 1, AW_ERROR_SYSTEM, 1, "error: no such luck",
                 "ws://a:1 first 0 600 ws://127.0.0.1:1 join 0 600"},
                {"ws_listener_release", 0, 0, 1, "error: Cannot allocate memory",
                 "ws://a:1 first 0 600 closed"},
                {"ws_listener_release", 1, 0, 1, "error: Cannot allocate memory",
                 "ws://a:1 first 0 600 ws://127.0.0.1:1 join 0 600 closed"},
                {"realloc", 0, 0, 1, "error: Cannot allocate memory", ""},
                {"realloc", 1, 0, 1, "error: Cannot allocate memory", ""},
                {"strdup", 0, 0, 1, "error: Cannot allocate memory", ""},
                {"strdup", 1, 0, 1, "error: Cannot allocate memory", "ws://a:1 first 0 600"},
                {"strdup", 2, 0, 1, "error: Cannot allocate memory", "ws://a:1 first 0 600"},
                {"ws_listen", 6, AW_ERROR_USAGE, 2, "error: --admin: no such luck", NULL},
                {"admin_listen_url", 0, 0, 1, "error: Cannot allocate memory", NULL},
        };

        (void)state;
        listen_at_urls(two, 2);
        options.admin = "http://c";
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                kind = all[i].kind;
                fail_in(all[i].call, all[i].spared);
                test_trace[0] = '\0';
                assert_int_equal(open_listening(&listeners, &options, &inherited, 2),
                                 all[i].status);
                failing = NULL;
                if (all[i].calls != NULL)
                        expect_trace(all[i].calls);
                if (all[i].says != NULL)
                        expect_log(all[i].says);
                listeners_free(&listeners);
                assert_int_equal(test_count_descriptors(), descriptors);
        }
        test_trace[0] = '\0';
}

static void
what_was_there_before_is_used(void **state)
{
        struct inherited_socket sockets[WS_ADDRESSES_MAX + 4];
        char *urls[] = {(char *)(uintptr_t) "ws://a:1", (char *)(uintptr_t) "unix:/lent"};
        char wanted[120];

        (void)state;
        listen_at_urls(two, 1);
        for (size_t i = 0; i < WS_ADDRESSES_MAX + 1; i++)
                sockets[i] = (struct inherited_socket){.fd = dup(0), .url = urls[0]};
        sockets[WS_ADDRESSES_MAX + 1] =
                (struct inherited_socket){.fd = dup(0), .url = urls[0], .kind = SOCKET_ADMIN};
        sockets[WS_ADDRESSES_MAX + 2] =
                (struct inherited_socket){.fd = dup(0), .url = urls[1], .kind = SOCKET_LENT};
        sockets[WS_ADDRESSES_MAX + 3] =
                (struct inherited_socket){.fd = dup(0), .url = urls[0], .slot = 1};
        inherited.sockets = sockets;
        inherited.count = WS_ADDRESSES_MAX + 4;
        assert_int_equal(open_listening(&listeners, &options, &inherited, 2), 0);
        snprintf(wanted, sizeof(wanted),
                 "unix:/lent first 1 600 closed ws://a:1 first %d 600 closed", WS_ADDRESSES_MAX);
        expect_trace(wanted);
        assert_int_equal(listeners.count, 2);
        assert_int_equal(listeners.items[0].kind, SOCKET_LENT);
        assert_int_equal(listeners.items[0].slots[0].count, 1);
        assert_int_equal(listeners.items[1].slot_count, 2);
        assert_int_equal(listeners.items[1].slots[0].count, WS_ADDRESSES_MAX);
        assert_int_equal(listeners.items[1].slots[1].count, 1);
        /* There was no room for one, and one is not of this kind: they stay where they are. */
        for (size_t i = 0; i < inherited.count; i++) {
                bool left = i == WS_ADDRESSES_MAX || i == WS_ADDRESSES_MAX + 1;

                assert_int_equal(sockets[i].fd != -1, left);
                if (left)
                        close(sockets[i].fd);
        }
        listeners_free(&listeners);
        sockets[0].fd = dup(0);
        inherited.count = 1;
        fail_in("realloc", 1);
        assert_int_equal(open_listening(&listeners, &options, &inherited, 2), 1);
        expect_log("error: Cannot allocate memory");
        expect_trace("");
        close(sockets[0].fd);
}

static void
urls_are_looked_at_before(void **state)
{
        (void)state;
        listen_at_urls(two, 2);
        assert_int_equal(check_listening(&options), 0);
        expect_trace("ws://a:1 ws://b:2");
        options.admin = "http://c";
        assert_int_equal(check_listening(&options), 0);
        expect_trace("ws://a:1 ws://b:2 ws://c");
        kind = AW_ERROR_USAGE;
        fail_in("ws_listen_check", 1);
        assert_int_equal(check_listening(&options), 2);
        expect_trace("ws://a:1 ws://b:2");
        expect_log("error: no such luck");
        kind = AW_ERROR_SYSTEM;
        fail_in("ws_listen_check", 2);
        assert_int_equal(check_listening(&options), 1);
        expect_log("error: --admin: no such luck");
        fail_in("admin_listen_url", 0);
        assert_int_equal(check_listening(&options), 1);
        expect_log("error: Cannot allocate memory");
        test_trace[0] = '\0';
}

static void
a_slot_is_for_one_worker_or_for_all(void **state)
{
        static const struct listener own = {.shared = false}, all = {.shared = true};

        (void)state;
        for (unsigned slot = 0; slot < 6; slot++)
                for (unsigned worker = 0; worker < 3; worker++) {
                        assert_int_equal(listener_is_for(&own, slot, worker, 3),
                                         slot == worker || slot == worker + 3);
                        assert_true(listener_is_for(&all, slot, worker, 3));
                }
}

#define with_nothing_open(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_nothing_open(without_an_option_it_listens_on_its_own_url),
                with_nothing_open(what_cannot_be_had_is_told_and_nothing_else_is_opened),
                with_nothing_open(what_was_there_before_is_used),
                with_nothing_open(urls_are_looked_at_before),
                with_nothing_open(a_slot_is_for_one_worker_or_for_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
