/* SPDX-License-Identifier: MIT */
/* Wraps: malloc calloc realloc free strdup strndup getline __getdelim open_memstream. */
/* Wraps: vasprintf __vasprintf_chk asprintf __asprintf_chk fclose json_object ws_listen. */
/*
 * Parts of the server without memory: the first request for it fails, then the second, and so on. Each
 * time something is said, nothing is left behind, and nothing ends.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "access_log.h"
#include "admin.h"
#include "behave/answer.h"
#include "handover.h"
#include "listener.h"
#include "observe.h"
#include "passwords.h"
#include "pidfile.h"
#include "takeover.h"
#include "unit/no_memory.h"
#include "ws/raw_private.h"

int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);
json_t *__real_json_object(void);
json_t *__wrap_json_object(void);
async struct ws_listener *__real_ws_listen(const struct ws_listen_options *options,
                                           struct aw_error *error);
async struct ws_listener *__wrap_ws_listen(const struct ws_listen_options *options,
                                           struct aw_error *error);

/* For the end of a stream in memory there may be none either. */
int
__wrap_fclose(FILE *file)
{
        bool refused = memory.stream == file && is_refused();
        int result;

        if (memory.stream == file)
                memory.stream = NULL;
        result = __real_fclose(file);
        return refused ? EOF : result;
}

json_t *
__wrap_json_object(void)
{
        return is_refused() ? NULL : __real_json_object();
}

/* The listener for operators: its handler is enough. */
static struct ws_listen_options admin_options;
static bool admin_opens;

async struct ws_listener *
__wrap_ws_listen(const struct ws_listen_options *options, struct aw_error *error)
{
        if (!admin_opens)
                return await(__real_ws_listen(options, error));
        admin_options = *options;
        aw_error_set(error, AW_ERROR_SYSTEM, EIO, "that is enough");
        return NULL;
}

static void
next_run(void)
{
        test_begin();
        no_memory_run();
}

static bool
end_run(void)
{
        bool again = no_memory_again();

        test_log.expected = test_log.count;
        test_end();
        return again;
}

static char complaint[100];

static void
complain(const char *sentence)
{
        snprintf(complaint, sizeof(complaint), "%s", sentence);
}

/* Answers: with 500, or without the part that there was no memory for; or else as they should be. */

static void
assert_answers(const char *target, bool upgrade, const char *accept, int status)
{
        static const struct behave_server model = {
                .limits = {.level = BEHAVE_LEVEL_ALL, .max_message = 1 << 20},
                .deflate = {.mode = WS_DEFLATE_SHARED}};
        struct ws_field field = {"Accept", accept};
        char path[60];
        struct ws_request request = {.method = "GET",
                                     .target = target,
                                     .path = path,
                                     .query = strchr(target, '?'),
                                     .peer = "me",
                                     .upgrade = upgrade,
                                     .fields = &field,
                                     .field_count = 1};
        struct behave_server server = model;
        struct ws_raw_answer raw;
        bool failed;

        snprintf(path, sizeof(path), "%.*s", (int)strcspn(target, "?"), target);
        request.query += request.query != NULL;
        no_memory_begin();
        do {
                next_run();
                raw = (struct ws_raw_answer){.answer = {.status = upgrade ? 101 : 426}};
                behave_answer(&server, &request, &raw.answer);
                if (raw.answer.done != NULL)
                        raw.answer.done(&raw.answer);
                expect(raw.answer.status == status || raw.answer.status == 500 ||
                       raw.answer.status == 401);
                failed = end_run();
        } while (failed);
        assert_int_equal(raw.answer.status, status);
        assert_true(memory.failing > 1);
}

static void
answers_of_behaviours(void **state)
{
        (void)state;
        assert_answers("/-/", false, "text/plain", 200);
        assert_answers("/-/", false, "text/html", 200);
        assert_answers("/-/", false, "application/json", 200);
        assert_answers("/-/status/503/2s", false, "", 503);
        assert_answers("/?redirect=1&to=/x", false, "", 302);
        assert_answers("/?redirect=2", false, "", 302);
        assert_answers("/?basic=a:b", false, "", 401);
        assert_answers("/?delay=x", false, "", 400);
        assert_answers("/?header=a:b&cookie=c=d", true, "", 101);
        assert_answers("/-/healthz", false, "", 200);
}

static void
passwords_and_files(void **state)
{
        char path[] = "/tmp/no_memory_test.XXXXXX", sentence[PASSWORDS_SENTENCE];
        const char hash[] = "a:$1$salt$qJH7.N4xYta3aEG/dfqo/0\nb:$1$salt$qJH7.N4xYta3aEG/dfqo/0\n";
        int fd = mkstemp(path);
        struct passwords *passwords;

        (void)state;
        assert_int_equal(write(fd, hash, strlen(hash)), strlen(hash));
        close(fd);
        no_memory_begin();
        do {
                next_run();
                sentence[0] = '\0';
                passwords = passwords_read(path, sentence);
                expect(passwords != NULL || strstr(sentence, "Cannot allocate memory") != NULL);
                passwords_free(passwords);
        } while (end_run());
        assert_non_null(passwords);
        unlink(path);
}

static void
logs_and_files_of_numbers(void **state)
{
        size_t descriptors = test_count_descriptors();
        char path[60];
        struct pidfile pidfile;
        int opened;

        (void)state;
        snprintf(path, sizeof(path), "/tmp/no_memory_test.%d", (int)getpid());
        no_memory_begin();
        do {
                next_run();
                opened = access_log_open(path, "PLACE: ");
                expect(opened == 0 ||
                       strstr(test_log.lines[0], "error: PLACE: --access-log: cannot write to ") !=
                               NULL);
                expect(access_log_is_open() == (opened == 0));
                access_log_close();
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (end_run());
        assert_int_equal(opened, 0);
        no_memory_begin();
        do {
                next_run();
                opened = pidfile_open(&pidfile, path, "", -1);
                expect(opened == 0 ||
                       strstr(test_log.lines[0], "error: --pidfile: Cannot") != NULL);
                pidfile_close(&pidfile, true);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (end_run());
        assert_int_equal(opened, 0);
}

static void
what_is_handed_over(void **state)
{
        struct inherited inherited;
        size_t descriptors = test_count_descriptors();
        int result;

        (void)state;
        no_memory_begin();
        do {
                struct sockaddr address = {.sa_family = AF_UNIX};
                int fd = socket(AF_UNIX, SOCK_STREAM, 0);

                assert_int_equal(bind(fd, &address, sizeof(sa_family_t)), 0);
                assert_int_equal(listen(fd, 1), 0);
                next_run();
                inherited = (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
                result = inherit_entry(&inherited, "socket 0 0 0 unix:/x", fd);
                expect(result == 0 || strstr(test_log.lines[0], "Cannot allocate memory") != NULL);
                inherit_free(&inherited);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (end_run());
        assert_int_equal(result, 0);
}

static void
a_successor(void **state)
{
        char *words[] = {(char *)(uintptr_t) "/bin/true", NULL};
        struct service service = {.argv = words, .pidfile = {.fd = -1}, .shared = shared_create(1)};
        size_t descriptors = test_count_descriptors();
        struct takeover takeover;
        int result;

        (void)state;
        no_memory_begin();
        do {
                next_run();
                result = takeover_begin(&takeover, &service);
                expect(result == 0 ||
                       strstr(test_log.lines[0], "error: SIGUSR2: Cannot allocate") != NULL);
                if (result == 0)
                        takeover_end(&takeover, &service, false);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (end_run());
        assert_int_equal(result, 0);
        shared_free(service.shared);
}

/* Pages for operators. */
static async int
pages_for_operators(NOTHING)
{
        static const char *const paths[] = {"/", "/metrics", "/-/healthz", "/-/readyz"};
        static bool draining;
        struct shared *shared = shared_create(1);
        struct admin admin = {.draining = &draining, .metrics = shared->metrics, .blocks = 1};
        struct ws_answer answer;
        int refused;

        metrics_use(&shared->metrics[0]);
        no_memory_begin();
        admin_opens = true;
        do {
                next_run();
                expect_int(await(admin_open(&admin, "http://127.0.0.1:0")), 1);
                expect(strcmp(test_log.lines[0], memory.requests >= memory.failing
                                                         ? "error: --admin: Cannot allocate memory"
                                                         : "error: --admin: that is enough") == 0);
        } while (end_run());
        admin_opens = false;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct ws_request request = {.method = "GET", .path = paths[i]};

                refused = 0;
                no_memory_begin();
                do {
                        next_run();
                        admin_options.handler(&request, &answer, &admin);
                        if (answer.status == 500) {
                                refused++;
                                expect(strcmp(answer.body, "500: out of memory\n") == 0);
                                expect(answer.done == NULL);
                        } else {
                                expect_int(answer.status, 200);
                                answer.done(&answer);
                        }
                } while (end_run());
                expect_int(refused, 2);
        }
        test_begin();
        shared_free(shared);
        return 0;
}

static void
options_and_their_environment(void **state)
{
        static const char *const words[] = {"wsechod", "--listen", "ws://a", NULL};
        struct server_options options;
        struct inherited inherited;
        enum aw_opt_status status;
        int result;

        (void)state;
        no_memory_begin();
        do {
                next_run();
                complaint[0] = '\0';
                status = options_parse(3, (char **)(uintptr_t)words, &options, complain);
                expect(status == AW_OPT_RUN || status == AW_OPT_FAILED ||
                       strstr(complaint, "out of memory") != NULL);
                expect(memory.failing > 1 ||
                       (status == AW_OPT_FAILED && strcmp(complaint, "out of memory") == 0));
                options_clear(&options);
        } while (end_run());
        assert_int_equal(status, AW_OPT_RUN);
        assert_true(memory.failing > 2);
        no_memory_begin();
        do {
                next_run();
                options = (struct server_options){.check = false};
                options_refuse_value(&options, "user", NULL, "not %d", 7);
                expect(strcmp(test_log.lines[0],
                              memory.failing == 1 ? "error: out of memory" : "error: not 7") == 0);
        } while (end_run());
        assert_int_equal(memory.failing, 2);
        no_memory_begin();
        do {
                setenv("WSECHOD_HANDED_OVER", "ready 0", 1);
                next_run();
                result = inherit(&inherited);
                expect(result == 0 ||
                       strcmp(test_log.lines[0], "error: Cannot allocate memory") == 0);
                expect(getenv("WSECHOD_HANDED_OVER") == NULL);
        } while (end_run());
        assert_int_equal(memory.failing, 2);
}

/* With memory, nothing is left either. */
static void
what_was_read_is_given_back(void **state)
{
        static const char *const words[] = {"wsechod", "--listen",    "ws://a",     "--listen",
                                            "ws://b",  "--cert",      "c",          "--key",
                                            "k",       "--ocsp-file", "o",          "--origin",
                                            "self",    "--allow",     "10.0.0.0/8", "--deny",
                                            "unix",    "--trusted",   "10.0.0.1",   NULL};
        const struct ws_field field = {"User-Agent", "me"};
        static const struct behave_limits limits = {.level = BEHAVE_LEVEL_ALL,
                                                    .max_message = 1 << 20};
        static const struct behave_limits off = {.level = BEHAVE_LEVEL_OFF, .max_message = 1 << 20};
        struct ws_request request = {.method = "GET",
                                     .target = "/?delay=1s&close=4000",
                                     .path = "/",
                                     .query = "delay=1s&close=4000",
                                     .fields = &field,
                                     .field_count = 1};
        struct ws_info info = {.peer = "p", .request = &request, .ended = 1};
        struct server_options options;
        int count = 0;

        (void)state;
        observe_connections(&limits);
        while (words[count] != NULL)
                count++;
        memory.failing = 1 << 20;
        next_run();
        expect_int(options_parse(count, (char **)(uintptr_t)words, &options, NULL), AW_OPT_RUN);
        options_clear(&options);
        expect_int(memory.live, 0);
        json_decref(observe_describe(&info));
        end_run();
        no_memory_begin();
        next_run();
        expect(observe_describe(&info) == NULL);
        end_run();
        /* A server without behaviours has no plan. */
        observe_connections(&off);
        memory.failing = 1 << 20;
        next_run();
        json_decref(observe_describe(&info));
        end_run();
}

/* Sockets: what the library needs for itself is looked at by its own tests. */

static async int
open_listeners(void *argument)
{
        static struct server_options options = {.subprotocol = "first", .compress = "off"};
        static const char *urls[] = {"ws://127.0.0.1:0"};
        struct inherited none = {.ready = -1, .pidfile = -1, .tickets = -1};
        struct listeners *listeners = argument;
        int status;

        options.listen = (struct aw_opt_strings){.items = urls, .count = 1};
        options.max_message = 1 << 20;
        status = await(listeners_open(listeners, &options, &none, 2));
        return status;
}

static async int
listeners_for_two_workers(NOTHING)
{
        size_t descriptors = test_count_descriptors();
        int status;

        no_memory_begin();
        do {
                struct listeners listeners = {.count = 0};

                memory.requests = 0;
                memory.failing++;
                memory.active = true;
                test_log.expected = test_log.count = 0;
                status = await(open_listeners(&listeners));
                memory.active = false;
                expect(status == 0 || (status == 1 && test_log.count > 0));
                if (status == 0) {
                        expect_int((long long)listeners.count, 1);
                        expect_int(listeners.items[0].slot_count, 2);
                        expect_int(listeners.items[0].slots[1].count, 1);
                }
                listeners_free(&listeners);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (memory.requests >= memory.failing && test_failures == 0);
        expect_int(status, 0);
        expect(memory.failing > 5);
        test_log.expected = test_log.count;
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers_of_behaviours),
                cmocka_unit_test(passwords_and_files),
                cmocka_unit_test(logs_and_files_of_numbers),
                cmocka_unit_test(what_is_handed_over),
                cmocka_unit_test(a_successor),
                cmocka_unit_test(what_was_read_is_given_back),
                cmocka_unit_test(options_and_their_environment),
                on_loop(pages_for_operators),
                on_loop(listeners_for_two_workers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
