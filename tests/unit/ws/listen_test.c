/* SPDX-License-Identifier: MIT */
/* Listening, accepting, and the end of both. */
#include <sys/stat.h>
#include <sys/un.h>

#include "unit/clock.h"
#include "unit/names.h"
#include "unit/ws/raw.h"
#include "ws/listener_private.h"

/* Listening. */

struct refusal {
        const char *url;
        enum aw_error_kind failure;
        int number;
        const char *text; /* a part of it */
};

static async void
expect_refused(const char *url, enum aw_error_kind failure, int number, const char *text)
{
        struct ws_listen_options options = {.url = url};
        struct aw_error error = {.status = -1};
        struct ws_listener *listener = await(ws_listen(&options, &error));
        int got = errno;

        if (!test_expect(listener == NULL, __FILE__, __LINE__, "%s is refused", url)) {
                ws_listener_close(listener);
                return;
        }
        expect_int(got, number);
        expect_int(error.kind, failure);
        test_expect(strstr(error.text, text) != NULL, __FILE__, __LINE__,
                    "listening on %s fails with '%s' (it is '%s')", url, text, error.text);
}

static async int
what_cannot_be_listened_on_is_said_in_a_sentence(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));

        await(expect_refused("http://127.0.0.1:0", AW_ERROR_USAGE, EINVAL,
                             "'http://127.0.0.1:0': "));
        await(expect_refused("wss://127.0.0.1:0", AW_ERROR_USAGE, EINVAL, "certificate"));
        await(expect_refused(ws_listener_url(listener, 0), AW_ERROR_LISTEN, EADDRINUSE,
                             "cannot listen on 127.0.0.1:"));
        await(expect_refused("ws://198.51.100.1:0", AW_ERROR_LISTEN, EADDRNOTAVAIL,
                             "cannot listen on 198.51.100.1"));
        await(expect_refused("unix:/no/such/directory/socket", AW_ERROR_LISTEN, ENOENT,
                             "cannot listen on /no/such/directory/socket: No such file"));
        names_error = EAI_NONAME;
        await(expect_refused("ws://no.such.name:0", AW_ERROR_RESOLVE, EADDRNOTAVAIL,
                             "cannot listen on no.such.name"));
        ws_listener_close(listener);
        return 0;
}

static async int
a_listener_has_all_addresses_of_a_name_on_one_port(NOTHING)
{
        struct connecting connecting[3] = {{.deadline = 0}};
        struct ws_listener *listener;
        const char *port;
        size_t i;

        names_are("127.0.0.1", "127.0.0.2", "127.0.0.3", NULL);
        listener = await(listen_at("ws://three.test:0", NULL));
        port = strrchr(ws_listener_url(listener, 0), ':');
        expect(strncmp(ws_listener_url(listener, 2), "ws://127.0.0.3:", 15) == 0);
        expect(ws_listener_url(listener, 3) == NULL);
        for (i = 0; i < 3; i++) {
                struct ws *server;

                expect(strcmp(strrchr(ws_listener_url(listener, i), ':'), port) == 0);
                connect_start(&connecting[i], ws_listener_url(listener, i));
                server = await(ws_accept(listener, SOON));
                expect_int(await(aw_join(connecting[i].task)), 0);
                ws_drop(connecting[i].ws);
                ws_drop(server);
        }
        ws_listener_close(listener);
        return 0;
}

static async int
an_address_that_the_machine_lacks_is_left_out(NOTHING)
{
        struct ws_listener *listener;

        names_are("198.51.100.1", "127.0.0.1", NULL, NULL);
        listener = await(listen_at("ws://both.test:0", NULL));
        expect(strncmp(ws_listener_url(listener, 0), "ws://127.0.0.1:", 15) == 0);
        expect(ws_listener_url(listener, 1) == NULL);
        ws_listener_close(listener);
        return 0;
}

/* Unix sockets. */

static const char *
socket_path(void)
{
        static char path[100];
        const char *directory = getenv("TMPDIR");

        snprintf(path, sizeof(path), "%s/ws_listen_test.%d", directory == NULL ? "/tmp" : directory,
                 (int)getpid());
        return path;
}

static async int
a_unix_socket_is_there_as_long_as_its_listener(NOTHING)
{
        char url[120], client_url[120];
        struct connecting connecting = {.deadline = 0};
        struct ws_listener *listener;
        struct stat status;
        struct ws *server;

        snprintf(url, sizeof(url), "unix:%s", socket_path());
        snprintf(client_url, sizeof(client_url), "ws+unix:%s:/path", socket_path());
        listener = await(listen_at(url, NULL));
        expect(strcmp(ws_listener_url(listener, 0), url) == 0);
        connect_start(&connecting, client_url);
        server = await(ws_accept(listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        expect(strcmp(ws_peer(server), "unix") == 0);
        expect_int(await(ws_send_text(server, "through the file system", SOON)), 0);
        expect_received(connecting.ws, "through the file system");
        expect_int(stat(socket_path(), &status), 0);
        ws_listener_close(listener);
        expect_error(stat(socket_path(), &status), ENOENT);
        ws_drop(connecting.ws);
        ws_drop(server);
        return 0;
}

static async int
a_stale_unix_socket_is_replaced_and_nothing_else_is(NOTHING)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char url[120];
        struct ws_listener *listener;
        struct stat status;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(url, sizeof(url), "unix:%s", socket_path());
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path());
        expect_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        expect_int(listen(fd, 1), 0);
        await(expect_refused(url, AW_ERROR_LISTEN, EADDRINUSE, "in use"));
        expect_int(stat(socket_path(), &status), 0);
        close(fd);
        listener = await(listen_at(url, NULL));
        ws_listener_close(listener);

        close(open(socket_path(), O_CREAT | O_WRONLY, 0600));
        await(expect_refused(url, AW_ERROR_LISTEN, EADDRINUSE, "in use"));
        expect_int(stat(socket_path(), &status), 0);
        unlink(socket_path());
        return 0;
}

/* What the check says of it: 0, or the errno. */
static async int
check(const char *url, enum aw_error_kind failure, const char *text)
{
        struct ws_listen_options options = {.url = url};
        struct aw_error error = {.status = -1};
        int result = await(ws_listen_check(&options, &error)), number = result == 0 ? 0 : errno;

        test_expect(error.kind == failure && strstr(error.text, text) != NULL, __FILE__, __LINE__,
                    "the check of %s says '%s' (it is '%s')", url, text, error.text);
        return number;
}

static async int
where_one_may_listen_is_checked_and_left_as_it_is(NOTHING)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct stat status;
        char url[120];

        snprintf(url, sizeof(url), "unix:%s", socket_path());
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path());
        expect_int(await(check(ANY_PORT, AW_ERROR_NONE, "")), 0);
        expect_int(await(check("http://127.0.0.1:0", AW_ERROR_USAGE, "'http://127.0.0.1:0': ")),
                   EINVAL);
        expect_int(await(check("wss://127.0.0.1:0", AW_ERROR_USAGE, "wss needs a certificate")),
                   EINVAL);
        names_error = EAI_NONAME;
        expect_int(await(check("ws://no.such.name:0", AW_ERROR_RESOLVE,
                               "cannot listen on no.such.name")),
                   EADDRNOTAVAIL);
        expect_int(await(check("unix:@no/such/directory/socket", AW_ERROR_NONE, "")), 0);
        expect_int(await(check("unix:/no/such/directory/socket", AW_ERROR_LISTEN,
                               "cannot listen on /no/such/directory/socket: No such file")),
                   ENOENT);
        expect_int(await(check(url, AW_ERROR_NONE, "")), 0);
        expect_error(stat(socket_path(), &status), ENOENT);
        /* A server that is there may be one that is to be replaced. */
        expect_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        expect_int(await(check(url, AW_ERROR_NONE, "")), 0);
        expect_int(stat(socket_path(), &status), 0);
        unlink(socket_path());
        close(fd);
        close(open(socket_path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        expect_int(await(check(url, AW_ERROR_LISTEN, "in use")), EADDRINUSE);
        expect_int(stat(socket_path(), &status), 0);
        unlink(socket_path());
        return 0;
}

/* Accepting. */

struct accepting {
        struct ws_listener *listener;
        struct ws *ws;
};

static async int
accept_in_task(void *argument)
{
        struct accepting *accepting = argument;

        accepting->ws = await(ws_accept(accepting->listener, SOON));
        return accepting->ws == NULL ? -1 : 0;
}

/* A client's handshake, which nobody accepts yet. */
static int
knock(struct ws_listener *listener)
{
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        return fd;
}

static async int
accepting_in_vain_times_out_or_is_cancelled(NOTHING)
{
        struct accepting accepting = {.listener = await(listen_at(ANY_PORT, NULL))};
        struct aw_task *task = aw_spawn("accept", accept_in_task, &accepting);
        struct ws *server;
        int fd;

        expect(await(ws_accept(accepting.listener, NOW_OR_NOT)) == NULL && errno == ETIMEDOUT);
        expect(await(ws_accept(accepting.listener, 0)) == NULL && errno == ETIMEDOUT);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        fd = await(raw_client(accepting.listener, &server, 0));
        ws_drop(server);
        close(fd);
        ws_listener_close(accepting.listener);
        return 0;
}

static async int
who_waits_longest_accepts_first(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        struct accepting accepting[3];
        struct aw_task *tasks[3];
        int fds[2], i;

        for (i = 0; i < 3; i++) {
                accepting[i] = (struct accepting){.listener = listener};
                tasks[i] = aw_spawn("accept", accept_in_task, &accepting[i]);
        }
        fds[0] = knock(listener);
        expect_int(await(aw_join(tasks[0])), 0);
        await(idle_turns());
        expect(!aw_task_done(tasks[1]) && !aw_task_done(tasks[2]));
        /* One that is cancelled when its connection has come already leaves it to the next. */
        fds[1] = knock(listener);
        wait_until(listener->accept_first != NULL);
        aw_cancel(tasks[1]);
        expect_error(await(aw_join(tasks[1])), ECANCELED);
        expect_int(await(aw_join(tasks[2])), 0);
        ws_drop(accepting[0].ws);
        ws_drop(accepting[2].ws);
        close(fds[0]);
        close(fds[1]);
        ws_listener_close(listener);
        return 0;
}

static async int
connections_wait_to_be_accepted(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        char head[4096], text[] = "0";
        struct ws *server;
        int fds[3], i;

        for (i = 0; i < 3; i++) {
                fds[i] = knock(listener);
                await(raw_read_head(fds[i], head));
                text[0] = (char)('0' + i);
                raw_text(fds[i], text);
        }
        /* One that was lost meanwhile is accepted too, with what it sent. */
        close(fds[1]);
        for (i = 0; i < 3; i++) {
                server = await(ws_accept(listener, SOON));
                text[0] = (char)('0' + i);
                expect_received(server, text);
                if (i == 1)
                        expect_closed(server, WS_ABNORMAL, "");
                ws_drop(server);
        }
        close(fds[0]);
        close(fds[2]);
        ws_listener_close(listener);
        return 0;
}

/* Out of descriptors: it says so once, waits a little instead of spinning, and goes on. */
static async int
connections_that_cannot_be_accepted_are_accepted_later(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        struct sockaddr_in address = raw_address(ws_listener_url(listener, 0));
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), next = dup(fd);
        struct rlimit limit, less;
        struct ws *server;

        close(next);
        expect_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
        less = limit;
        less.rlim_cur = (rlim_t)next;
        expect_int(setrlimit(RLIMIT_NOFILE, &less), 0);
        expect_int(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        wait_until(test_log.count > 0);
        expect_log("cannot accept connections for now");
        await(clock_advance(AW_SECOND));
        await(idle_turns());
        expect_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
        await(clock_advance(AW_SECOND));
        server = await(ws_accept(listener, SOON));
        expect_log("accepting again");
        raw_text(fd, "at last");
        expect_received(server, "at last");
        ws_drop(server);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* Valgrind answers for the limit itself, and lets sockets through. */
static void
who_cannot_be_accepted_is_accepted_later(void **state)
{
        if (test_under_valgrind())
                skip();
        test_on_loop(state);
}

/* The end. */

static async int
a_listener_that_drains_lets_its_connections_go(struct pair *pair)
{
        struct accepting accepting = {.listener = pair->listener};
        struct aw_task *task = aw_spawn("accept", accept_in_task, &accepting);
        struct sockaddr_in address = raw_address(ws_listener_url(pair->listener, 0));
        int silent = raw_connect(ws_listener_url(pair->listener, 0), 0), fd;
        struct ws_message message;

        expect_int(await(ws_send_text(pair->client, "before", SOON)), 0);
        wait_until(has_inbox(pair->server));
        /* It is served when this one has got as far as this. */
        wait_until(pair->listener->connections->next != NULL);
        ws_listener_drain(pair->listener);
        ws_listener_drain(pair->listener);
        expect_error(await(aw_join(task)), ESHUTDOWN);
        expect(await(ws_accept(pair->listener, SOON)) == NULL && errno == ESHUTDOWN);
        await(raw_expect_end(silent));
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        expect_error(connect(fd, (struct sockaddr *)&address, sizeof(address)), ECONNREFUSED);
        expect_received(pair->server, "before");
        expect_error(await(ws_receive(pair->server, &message, SOON)), ESHUTDOWN);
        expect_closed(pair->client, WS_GOING_AWAY, "");
        await(close_pair(pair));
        close(fd);
        close(silent);
        return 0;
}

static async int
receive_in_task(void *ws)
{
        struct ws_message message;

        return await(ws_receive(ws, &message, SOON));
}

static async int
draining_wakes_who_receives(struct pair *pair)
{
        struct aw_task *task = aw_spawn("receive", receive_in_task, pair->server);

        await(idle_turns());
        ws_listener_drain(pair->listener);
        expect_error(await(aw_join(task)), ESHUTDOWN);
        expect_closed(pair->client, WS_GOING_AWAY, "");
        await(close_pair(pair));
        return 0;
}

/* Those that nobody accepted are still there, and go the same way. */
static async int
who_waits_to_be_accepted_is_accepted_or_dropped(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        char head[4096];
        struct ws_message message;
        struct ws *server;
        int fds[2], i;

        for (i = 0; i < 2; i++) {
                fds[i] = knock(listener);
                await(raw_read_head(fds[i], head));
        }
        ws_listener_drain(listener);
        server = await(ws_accept(listener, SOON));
        expect_error(await(ws_receive(server, &message, SOON)), ESHUTDOWN);
        raw_expect_close(fds[0], WS_GOING_AWAY);
        ws_drop(server);
        ws_listener_close(listener);
        await(raw_expect_end(fds[1]));
        close(fds[0]);
        close(fds[1]);
        return 0;
}

static async int
connections_may_outlive_their_listener(struct pair *pair)
{
        ws_listener_close(pair->listener);
        pair->listener = NULL;
        expect_int(await(ws_send_text(pair->client, "after", SOON)), 0);
        wait_until(has_inbox(pair->server));
        expect_received(pair->server, "after");
        expect_int(await(ws_send_text(pair->server, "reply", SOON)), 0);
        expect_received(pair->client, "reply");
        await(close_pair(pair));
        return 0;
}

static pid_t child;

/* A task that was ready to run must run once, in the parent. */
static async int
tell_once(void *argument)
{
        return (int)write(*(int *)argument, "x", 1);
}

static async int
fork_and_listen(void *argument)
{
        struct pair pair = {.url = ANY_PORT};
        struct connecting connecting = {.deadline = 0};
        struct aw_task *task;
        char bytes[3];
        int channel[2], status;

        (void)argument;
        expect_int(pipe(channel), 0);
        expect_int(await(pair_open(&pair)), 0);
        task = aw_spawn("tell", tell_once, &channel[1]);
        child = fork();
        if (child == 0)
                return 5;
        expect_int(waitpid(child, &status, 0), child);
        expect(WIFEXITED(status) && WEXITSTATUS(status) == 5);
        expect_int(await(aw_join(task)), 1);
        expect_int((int)read(channel[0], bytes, sizeof(bytes)), 1);
        close(channel[0]);
        close(channel[1]);
        /* The connection that there was, and a new one. */
        expect_int(await(ws_send_text(pair.client, "still here", SOON)), 0);
        expect_received(pair.server, "still here");
        ws_drop(pair.client);
        ws_drop(pair.server);
        connect_start(&connecting, ws_listener_url(pair.listener, 0));
        ws_drop(await(ws_accept(pair.listener, SOON)));
        expect_int(await(aw_join(connecting.task)), 0);
        ws_drop(connecting.ws);
        ws_listener_close(pair.listener);
        return 0;
}

static void
a_child_that_returns_leaves_the_loop_to_its_parent(void **state)
{
        int result;

        (void)state;
        test_begin();
        result = test_run(fork_and_listen, NULL);
        if (child == 0)
                _exit(result);
        expect_int(result, 0);
        test_end();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_cannot_be_listened_on_is_said_in_a_sentence),
                on_loop(a_listener_has_all_addresses_of_a_name_on_one_port),
                on_loop(an_address_that_the_machine_lacks_is_left_out),
                on_loop(a_unix_socket_is_there_as_long_as_its_listener),
                on_loop(a_stale_unix_socket_is_replaced_and_nothing_else_is),
                on_loop(where_one_may_listen_is_checked_and_left_as_it_is),
                on_loop(accepting_in_vain_times_out_or_is_cancelled),
                on_loop(who_waits_longest_accepts_first),
                on_loop(connections_wait_to_be_accepted),
                {"who_cannot_be_accepted_is_accepted_later",
                 who_cannot_be_accepted_is_accepted_later, NULL, NULL,
                 (void *)connections_that_cannot_be_accepted_are_accepted_later},
                on_both_pairs(a_listener_that_drains_lets_its_connections_go),
                on_both_pairs(draining_wakes_who_receives),
                on_loop(who_waits_to_be_accepted_is_accepted_or_dropped),
                on_both_pairs(connections_may_outlive_their_listener),
                cmocka_unit_test(a_child_that_returns_leaves_the_loop_to_its_parent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
