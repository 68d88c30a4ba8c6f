/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The service as others see it: what the manager, the log, the pidfile and a predecessor are told. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "service.h"
#include "unit/support.h"

static char pidpath[64], notify[64];
static int manager;
static struct service service;

static int
begin(void **state)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void)state;
        strcpy(address.sun_path, notify);
        manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (bind(manager, (struct sockaddr *)&address, sizeof(address)) == -1)
                return -1;
        setenv("NOTIFY_SOCKET", notify, 1);
        service = (struct service){.inherited = {.ready = -1, .pidfile = -1, .tickets = -1},
                                   .pidfile = {.fd = -1},
                                   .detached = -1,
                                   .workers = 2,
                                   .process = getpid(),
                                   .shared = shared_create(2)};
        test_begin();
        return 0;
}

static int
end(void **state)
{
        (void)state;
        test_end();
        shared_free(service.shared);
        unsetenv("NOTIFY_SOCKET");
        close(manager);
        unlink(notify);
        return 0;
}

static void
assert_told(const char *wanted)
{
        char text[600];
        ssize_t length = recv(manager, text, sizeof(text) - 1, 0);

        text[length > 0 ? length : 0] = '\0';
        assert_string_equal(text, wanted);
}

static void
assert_pidfile(const char *wanted)
{
        char text[64] = "";
        int fd = open(pidpath, O_RDONLY | O_CLOEXEC);

        assert_true(read(fd, text, sizeof(text) - 1) >= 0);
        close(fd);
        assert_string_equal(text, wanted);
}

static void
workers_serve(unsigned count)
{
        for (unsigned i = 0; i < 2; i++)
                atomic_store(&service.shared->workers[i].state,
                             i < count ? WORKER_SERVING : WORKER_DRAINING);
}

static void
the_manager_hears_how_many_workers_serve(void **state)
{
        (void)state;
        workers_serve(2);
        service_show_status(&service);
        assert_told("");
        service.serving = true;
        service_show_status(&service);
        assert_told("STATUS=serving with 2 workers");
        workers_serve(1);
        service_show_status(&service);
        assert_told("STATUS=serving with 1 of 2 workers");
        workers_serve(0);
        service_show_status(&service);
        assert_told("STATUS=serving with 0 of 2 workers");
        service.workers = 1;
        workers_serve(1);
        service_show_status(&service);
        assert_told("STATUS=serving with 1 worker");
        service.draining = true;
        service_show_status(&service);
        assert_told("");
}

static void
the_first_time_it_is_ready_all_are_told(void **state)
{
        char own[24];

        (void)state;
        snprintf(own, sizeof(own), "%d\n", (int)getpid());
        workers_serve(2);
        strcpy(service.options.fingerprint, "AB:CD");
        assert_int_equal(pidfile_open(&service.pidfile, pidpath, "", -1), 0);
        service_ready(&service);
        assert_true(service.serving);
        expect_log("made a self-signed certificate, SHA-256 fingerprint AB:CD");
        assert_told("READY=1\nSTATUS=serving with 2 workers");
        assert_pidfile(own);
        assert_int_equal(ftruncate(service.pidfile.fd, 0), 0);
        /* After a reload the manager alone. */
        service_ready(&service);
        assert_told("READY=1\nSTATUS=serving with 2 workers");
        assert_pidfile("");
        pidfile_close(&service.pidfile, true);
}

static void
an_end_is_told_once_with_the_time_that_it_may_take(void **state)
{
        (void)state;
        service.options.drain_delay = 3 * AW_SECOND;
        service.options.drain_timeout = 20 * AW_SECOND;
        service_stopping(&service);
        assert_true(service.draining);
        expect_log("stopping");
        assert_told("STOPPING=1\nEXTEND_TIMEOUT_USEC=28000000\nSTATUS=draining");
        service_stopping(&service);
        assert_told("");
        /* The successor is the service now, and does not stop. */
        service.draining = false;
        service.handed_over = true;
        service_stopping(&service);
        assert_true(service.draining);
        assert_told("");
}

static void
a_predecessor_gets_its_byte_and_what_nobody_took_goes(void **state)
{
        struct inherited *inherited = &service.inherited;
        size_t descriptors = test_count_descriptors();
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char byte = 'x', line[120];
        int ends[2], fd = socket(AF_UNIX, SOCK_STREAM, 0);

        (void)state;
        assert_int_equal(pipe(ends), 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", pidpath);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        snprintf(line, sizeof(line), "socket %d 0 0 unix:%s", fd, pidpath);
        assert_int_equal(inherit_entry(inherited, line, -1), 0);
        inherited->ready = ends[1];
        workers_serve(2);
        service_ready(&service);
        assert_int_equal(inherited->ready, -1);
        assert_int_equal(inherited->count, 0);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        assert_int_equal(byte, '\0');
        assert_int_equal(read(ends[0], &byte, 1), 0);
        assert_int_equal(access(pidpath, F_OK), -1);
        assert_told("READY=1\nSTATUS=serving with 2 workers");
        close(ends[0]);
        assert_int_equal(test_count_descriptors(), descriptors);
}

static void
a_predecessor_that_is_gone_is_told_of(void **state)
{
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        close(ends[0]);
        service.inherited.ready = ends[1];
        workers_serve(2);
        service_ready(&service);
        expect_log("warning: the server before this one is gone: Broken pipe");
        assert_told("READY=1\nSTATUS=serving with 2 workers");
}

/* It was too late: everything is the other one's, as it was. */
static void
a_predecessor_that_goes_on_ends_this_one(void **state)
{
        char url[80], theirs[24];
        sigset_t set, pending;
        int pair[2], number;

        (void)state;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(send(pair[0], "no", 2, 0), 2);
        shutdown(pair[0], SHUT_RD);
        assert_int_equal(pidfile_open(&service.pidfile, pidpath, "", -1), 0);
        snprintf(url, sizeof(url), "unix:%s", pidpath);
        service.inherited.sockets = calloc(1, sizeof(*service.inherited.sockets));
        service.inherited.sockets[0] = (struct inherited_socket){.fd = dup(0), .url = strdup(url)};
        service.inherited.count = 1;
        service.inherited.ready = pair[1];
        service.inherited.asked = true;
        workers_serve(2);
        service_ready(&service);
        expect_log("error: the running server has not waited for this one, and goes on: this one "
                   "ends");
        assert_true(service.handed_over && service.unwanted);
        assert_int_equal(sigpending(&pending), 0);
        assert_int_equal(sigismember(&pending, SIGTERM), 1);
        sigwait(&set, &number);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        assert_told("");
        /* The other end of the pair is this process's, too. */
        snprintf(theirs, sizeof(theirs), "%d\n", (int)getpid());
        assert_pidfile(theirs);
        inherit_free(&service.inherited);
        close(pair[0]);
        pidfile_close(&service.pidfile, true);
}

static void
a_worker_lets_go_of_what_is_the_supervisors(void **state)
{
        size_t descriptors = test_count_descriptors();
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        close(ends[0]);
        assert_int_equal(pidfile_open(&service.pidfile, pidpath, "", -1), 0);
        service.inherited.ready = dup(0);
        service.detached = ends[1];
        service_become_worker(&service);
        assert_true(service.detached == -1 && service.inherited.ready == -1);
        assert_true(service.lets_go);
        assert_int_equal(test_count_descriptors(), descriptors);
        assert_int_equal(access(pidpath, F_OK), 0);
        service_become_worker(&service);
        assert_false(service.lets_go);
        assert_int_equal(test_count_descriptors(), descriptors);
        unlink(pidpath);
}

/* It is how the predecessor knows of the end. */
static void
a_predecessors_pipe_ends_with_the_process(void **state)
{
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        service.inherited.ready = ends[1];
        service_close(&service);
        service.shared = NULL;
        assert_int_equal(service.inherited.ready, -1);
        assert_int_equal(fcntl(ends[1], F_GETFD), 0);
        close(ends[0]);
        close(ends[1]);
}

/* Whether there has to be a certificate: as the URLs say, or those of sockets that are there. */
static void
a_certificate_is_made_where_tls_is_spoken(void **state)
{
        static const struct {
                const char *listen, *inherited;
                enum socket_kind kind;
                bool tls;
        } all[] = {
                {NULL, NULL, SOCKET_OWN, true},
                {"wss://127.0.0.1:0", NULL, SOCKET_OWN, true},
                {"ws://127.0.0.1:0", NULL, SOCKET_OWN, false},
                {NULL, "ws://127.0.0.1:7", SOCKET_LENT, false},
                {NULL, "wss://127.0.0.1:7", SOCKET_LENT, true},
                {"wss://127.0.0.1:0", "ws://127.0.0.1:7", SOCKET_LENT, true},
                {"ws://127.0.0.1:0", "ws://127.0.0.1:7", SOCKET_LENT, false},
                {NULL, "ws://127.0.0.1:7", SOCKET_OWN, true},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                const char *words[] = {"wsechod", "--check", "--loop", "poll", "-l", all[i].listen};
                int count = all[i].listen == NULL ? 4 : 6;
                struct inherited_socket socket = {
                        .fd = -1, .kind = all[i].kind, .url = (char *)(uintptr_t)all[i].inherited};

                service.options = (struct server_options){.check = false};
                assert_int_equal(
                        options_parse(count, (char **)(uintptr_t)words, &service.options, NULL),
                        AW_OPT_RUN);
                service.inherited.sockets = &socket;
                service.inherited.count = all[i].inherited != NULL;
                assert_int_equal(service_check(&service), 0);
                expect_log("all that can be checked without starting is right");
                if ((service.options.tls != NULL) != all[i].tls)
                        fail_msg("row %zu", i);
                options_clear(&service.options);
                service.inherited = (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
        }
}

static async int
do_nothing(NOTHING)
{
        return 7;
}

static void
a_loop_that_there_is_not_is_told_of(void **state)
{
        struct server_options options = {.loop = "square"};

        (void)state;
        assert_int_equal(service_loop(&options, do_nothing, NULL), 1);
        expect_log("error: event loop 'square': ");
        options.loop = "poll";
        assert_int_equal(service_loop(&options, do_nothing, NULL), 7);
}

#define told(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                told(the_manager_hears_how_many_workers_serve),
                told(the_first_time_it_is_ready_all_are_told),
                told(an_end_is_told_once_with_the_time_that_it_may_take),
                told(a_predecessor_gets_its_byte_and_what_nobody_took_goes),
                told(a_predecessor_that_is_gone_is_told_of),
                told(a_predecessor_that_goes_on_ends_this_one),
                told(a_worker_lets_go_of_what_is_the_supervisors),
                told(a_predecessors_pipe_ends_with_the_process),
                told(a_certificate_is_made_where_tls_is_spoken),
                told(a_loop_that_there_is_not_is_told_of),
        };

        signal(SIGPIPE, SIG_IGN);
        snprintf(pidpath, sizeof(pidpath), "/tmp/service_test.pid.%d", (int)getpid());
        snprintf(notify, sizeof(notify), "/tmp/service_test.notify.%d", (int)getpid());
        return cmocka_run_group_tests(tests, NULL, NULL);
}
