/* SPDX-License-Identifier: MIT */
/* Wraps: malloc calloc realloc free strdup strndup getline __getdelim open_memstream fopencookie. */
/* Wraps: vasprintf __vasprintf_chk asprintf __asprintf_chk ws_info ws_peer ws_peer_close ws_problem. */
/*
 * Parts of wsecho without memory: the first request for it fails, then the second, and so on. Each
 * time something is said, and nothing is left behind.
 */
#include <locale.h>
#include <sys/stat.h>

#include "connect.h"
#include "frame.h"
#include "history.h"
#include "identity.h"
#include "json.h"
#include "json_text.h"
#include "network.h"
#include "print.h"
#include "report.h"
#include "screen.h"
#include "secrets.h"
#include "session.h"
#include "terminal.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/no_memory.h"
#include "url.h"

static struct client_options options;
static struct aw_error error;

FILE *__real_fopencookie(void *cookie, const char *mode, cookie_io_functions_t functions);
FILE *__wrap_fopencookie(void *cookie, const char *mode, cookie_io_functions_t functions);

FILE *
__wrap_fopencookie(void *cookie, const char *mode, cookie_io_functions_t functions)
{
        return is_refused() ? NULL : __real_fopencookie(cookie, mode, functions);
}

static void
expect_no_memory(void)
{
        expect_int(error.kind, AW_ERROR_MEMORY);
        expect_int(error.number, ENOMEM);
        test_expect(strcmp(error.text, "out of memory") == 0, __FILE__, __LINE__,
                    "out of memory (it is '%s')", error.text);
}

static void
expect_said(const char *words)
{
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "'%s' is said (it is '%s')",
                    words, said);
}

/* At most one of the words that hold secrets is still as it was where memory ended. */
static async int
secrets_on_the_command_line(NOTHING)
{
        char url[40], proxy[40], user[40], header[40], cookie[40];
        int result;

        no_memory_begin();
        do {
                const char *headers[] = {"Accept: a", header}, *cookies[] = {cookie};

                strcpy(url, "ws://a:b@host/");
                strcpy(proxy, "c:d@proxy");
                strcpy(user, "joe:secret");
                strcpy(header, "Cookie: a=b");
                strcpy(cookie, "c=d");
                options_init(&options);
                options.url = url;
                options.network.proxy = proxy;
                options.handshake.user = user;
                options.handshake.headers = (struct aw_opt_strings){.items = headers, .count = 2};
                options.handshake.cookies = (struct aw_opt_strings){.items = cookies, .count = 1};
                no_memory_run();
                result = secrets_hide(&options);
                expect_int(result, memory.requests >= memory.failing ? -1 : 0);
                expect_int((long long)options.copy_count, (memory.requests - (result == -1)) / 2);
                for (size_t i = 0; i < options.copy_count; i++)
                        free(options.copies[i]);
                free(options.copies);
        } while (no_memory_again());
        expect_int(result, 0);
        expect_int(memory.failing, 11);
        expect(strcmp(url, "ws://***@host/") == 0);
        expect(strcmp(proxy, "***@proxy") == 0);
        expect(strcmp(user, "joe:******") == 0);
        expect(strcmp(header, "Cookie:****") == 0);
        expect(strcmp(cookie, "***") == 0);
        return 0;
}

static void
follow(const char *from, const char *location, const char *wanted)
{
        char *to;

        no_memory_begin();
        do {
                no_memory_run();
                to = url_follow(from, location, &error);
                if (to == NULL)
                        expect_no_memory();
                else
                        test_expect(strcmp(to, wanted) == 0, __FILE__, __LINE__,
                                    "'%s' (it is '%s')", wanted, to);
                expect((to == NULL) == (memory.requests >= memory.failing));
                free(to);
        } while (no_memory_again());
        expect(memory.failing > 2);
}

static async int
urls(NOTHING)
{
        static const char *const texts[] = {"ws://joe:a%20b@host/", "joe@host/", "host"};
        struct url url;
        int result;

        for (size_t i = 0; i < 3; i++) {
                no_memory_begin();
                do {
                        no_memory_run();
                        result = url_read(&url, texts[i], &error);
                        if (result == -1)
                                expect_no_memory();
                        expect_int(result, memory.requests >= memory.failing ? -1 : 0);
                        url_free(&url);
                        expect(url.text == NULL && url.user == NULL && url.password == NULL);
                } while (no_memory_again());
                expect_int(result, 0);
                expect_int(memory.failing, 4 - (int)i);
        }
        follow("ws://a/b/c?d", "e", "ws://a/b/e");
        follow("ws://a", "e", "ws://a/e");
        follow("ws://a/b?c", "?d", "ws://a/b?d");
        follow("ws://a/b?c", "/d", "ws://a/d");
        follow("ws://a/b?c", "//d/e", "ws://d/e");
        follow("ws://a/b", "ws://joe:x@c/d", "ws://c/d");
        return 0;
}

/* With these options; this many requests fail, one after the other. */
static void
make_identity(int failing, size_t fields, const char *user, const char *password)
{
        struct identity identity;
        int result;

        no_memory_begin();
        do {
                no_memory_run();
                error = (struct aw_error){.kind = 0};
                result = identity_make(&identity, &options, user, password, &error);
                expect_int(result, memory.requests >= memory.failing ? -1 : 0);
                if (result == -1 && error.kind != AW_ERROR_USAGE)
                        expect_no_memory();
                identity_free(&identity);
                expect(identity.fields == NULL && identity.count == 0);
        } while (no_memory_again());
        expect_int(result, 0);
        expect_int(memory.failing, failing + 1);
        no_memory_run();
        expect_int(identity_make(&identity, &options, user, password, &error), 0);
        expect_int((long long)identity.count, (long long)fields);
        identity_free(&identity);
        no_memory_again();
}

static async int
fields_of_a_handshake(NOTHING)
{
        const char *words[] = {"a", "b"};
        struct handshake_options *handshake = &options.handshake;

        options_init(&options);
        make_identity(0, 0, NULL, NULL);
        make_identity(4, 1, "joe", "secret");
        handshake->origin = "http://a";
        make_identity(2, 1, NULL, NULL);
        handshake->cookies = (struct aw_opt_strings){.items = words, .count = 2};
        make_identity(4, 2, NULL, NULL);
        handshake->subprotocols = handshake->cookies;
        make_identity(6, 3, NULL, NULL);
        *handshake = (struct handshake_options){.user = "joe:secret"};
        make_identity(6, 1, NULL, NULL);
        words[0] = "A: b";
        words[1] = "C;";
        *handshake = (struct handshake_options){.headers = {.items = words, .count = 2}};
        make_identity(4, 2, NULL, NULL);
        return 0;
}

static async int
files_of_fields(NOTHING)
{
        char path[] = "/tmp/no_memory_test.XXXXXX", at[40];
        const char *words[] = {at};
        int fd = mkstemp(path);
        struct handshake_options *handshake = &options.handshake;

        expect_int(write(fd, "A: b\n", 5), 5);
        close(fd);
        options_init(&options);
        snprintf(at, sizeof(at), "@%s", path);
        handshake->headers = (struct aw_opt_strings){.items = words, .count = 1};
        make_identity(3, 1, NULL, NULL);
        handshake->headers.count = 0;
        handshake->bearer_file = path;
        make_identity(3, 1, NULL, NULL);
        no_memory_begin();
        no_memory_run();
        expect(network_read_line(path, &error) == NULL);
        expect_no_memory();
        expect(no_memory_again());
        unlink(path);
        return 0;
}

static async int
words_for_people(NOTHING)
{
        static const struct {
                struct ws_frame frame;
                const char *words;
        } frames[] = {
                {{.final = true, .opcode = 8, .length = 3, .payload = (const uint8_t *)"\3\350x"},
                 "< close 1000 x"},
                {{.sent = true, .opcode = 9, .length = 1, .payload = (const uint8_t *)"x"},
                 "> ping: x"},
                {{.opcode = 1, .length = 7}, "< text, 7 bytes, more follows"},
        };
        const struct aw_error refused = {.kind = AW_ERROR_HANDSHAKE,
                                         .status = 404,
                                         .text = "the server refuses (404 Not Found)"};
        char body[] = " not\r\n here ";
        struct connector connector = {.body = body, .options = &options};
        char *line;

        options_init(&options);
        for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
                no_memory_begin();
                do {
                        no_memory_run();
                        line = frame_describe(&frames[i].frame);
                        expect((line == NULL) == (memory.requests >= memory.failing));
                        expect(line == NULL || strcmp(line, frames[i].words) == 0);
                        free(line);
                } while (no_memory_again());
                expect_int(memory.failing, 2);
        }
        no_memory_begin();
        do {
                no_memory_run();
                said_begin();
                expect_int(client_refused(&refused, &connector), CLIENT_HANDSHAKE);
                expect_said(memory.requests >= memory.failing
                                    ? "wsecho: the server refuses (404 Not Found)\n"
                                    : "wsecho: the server refuses (404 Not Found); it says "
                                      "\"not here\"\n");
        } while (no_memory_again());
        expect_int(memory.failing, 2);
        return 0;
}

/* What there is no memory for is left out. */
static async int
objects(NOTHING)
{
        char *line;
        json_t *event;

        no_memory_begin();
        do {
                event = json_object();
                no_memory_run();
                json_add_data(event, (const uint8_t *)"\377", 1, true);
                expect((json_object_get(event, "base64") == NULL) == (memory.failing == 1));
                json_decref(event);
        } while (no_memory_again());
        expect_int(memory.failing, 2);
        no_memory_begin();
        no_memory_run();
        expect(json_any_text("\377", 1) == NULL);
        expect(no_memory_again());
        event = json_object();
        no_memory_begin();
        no_memory_run();
        line = json_line(json_incref(event));
        expect(line == NULL);
        memory.live = 0; /* the library's text */
        expect(no_memory_again());
        expect_int((long long)event->refcount, 1);
        json_decref(event);
        return 0;
}

static async int
a_judge(NOTHING)
{
        struct session session = {.options = &options, .ws = peer_ws(), .all_sent = true};
        const struct ws_message message = {.data = (const uint8_t *)"yes", .length = 3};

        options_init(&options);
        options.ending.expect = "yes";
        options.ending.has_expected = true;
        expect_int(regcomp(&options.ending.expected, "yes", REG_NOSUB), 0);
        no_memory_begin();
        no_memory_run();
        said_begin();
        judge_message(&session, &message);
        expect(no_memory_again());
        expect_said("wsecho: out of memory\n");
        expect(session.failed && !session.matched);
        expect_int(session.status, CLIENT_LOCAL);
        expect_int((long long)session.received, 1);
        expect_int((long long)session.bytes_received, 3);
        options_free(&options);
        return 0;
}

/* Messages that cannot even be copied end the session. */
static async int
a_message_of_the_command_line(NOTHING)
{
        char word[] = "x", *words[] = {word};
        struct session session = {.options = &options, .ws = peer_ws()};

        options_init(&options);
        options.sending.messages = words;
        options.sending.count = 1;
        options.sending.repeat = 2;
        no_memory_begin();
        no_memory_run();
        said_begin();
        expect_int(await(messages_send(&session)), -1);
        expect(no_memory_again());
        expect_int(memory.requests, 1);
        expect_said("wsecho: out of memory\n");
        expect(session.failed);
        expect_int(session.status, CLIENT_LOCAL);
        return 0;
}

static async int
a_file_to_send(NOTHING)
{
        const char *words[] = {"@/dev/null"};
        char letters[] = "d";
        struct session session = {.options = &options, .ws = peer_ws()};
        size_t descriptors = test_count_descriptors();

        options_init(&options);
        options.printing.quiet = true;
        options.sending.parts =
                (struct aw_opt_strings){.items = words, .letters = letters, .count = 1};
        options.sending.repeat = 1;
        no_memory_begin();
        for (int i = 0; i < 2; i++) {
                no_memory_run();
                said_begin();
                session = (struct session){.options = &options, .ws = peer_ws()};
                expect_int(await(messages_send(&session)), -1);
                expect(no_memory_again());
                expect_said("wsecho: /dev/null: Cannot allocate memory\n");
                expect_int(session.status, CLIENT_USAGE);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        }
        return 0;
}

/* From an empty standard input: all that is asked for is asked for before the first byte. */
static async void
read_input(bool null, bool binary)
{
        struct session session;
        int result, input = dup(STDIN_FILENO);

        expect(freopen("/dev/null", "r", stdin) != NULL);
        options_init(&options);
        options.sending.null = null;
        options.sending.binary = binary;
        no_memory_begin();
        do {
                no_memory_run();
                said_begin();
                session = (struct session){.options = &options, .ws = peer_ws()};
                result = await(input_send(&session));
                expect_int(result, memory.requests >= memory.failing ? -1 : 0);
                expect_said(result == 0 ? "" : "wsecho: standard input: Cannot allocate memory\n");
                expect_int(session.status, result == 0 ? CLIENT_OK : CLIENT_LOCAL);
        } while (no_memory_again());
        expect_int(result, 0);
        expect(memory.failing > 2);
        expect_int(dup2(input, STDIN_FILENO), STDIN_FILENO);
        close(input);
}

static async int
what_is_read(NOTHING)
{
        await(read_input(false, false));
        await(read_input(true, false));
        await(read_input(false, true));
        return 0;
}

static async int
a_connector(NOTHING)
{
        static struct connector connector;
        const char *headers[] = {"A: b"};
        int result;

        options_init(&options);
        options.url = "ws://joe:secret@host";
        options.handshake.headers = (struct aw_opt_strings){.items = headers, .count = 1};
        no_memory_begin();
        do {
                no_memory_run();
                result = connector_open(&connector, &options, &error);
                expect_int(result, memory.requests >= memory.failing ? -1 : 0);
                if (result == -1)
                        expect_no_memory();
                connector_close(&connector);
        } while (no_memory_again());
        expect_int(result, 0);
        expect(memory.failing > 5);
        return 0;
}

static async int
where_it_is_printed(NOTHING)
{
        struct printer *printer;
        struct report *report;
        struct screen *screen;

        options_init(&options);
        no_memory_begin();
        do {
                no_memory_run();
                said_begin();
                printer = print_open(&options.printing, false, NULL);
                expect_said(printer == NULL ? "wsecho: standard output: Cannot allocate memory\n"
                                            : "");
                expect((printer == NULL) == (memory.requests >= memory.failing));
                print_free(printer);
        } while (no_memory_again());
        expect(printer != NULL && memory.failing > 2);
        no_memory_begin();
        do {
                no_memory_run();
                said_begin();
                report = report_create(&options);
                expect_said(report == NULL ? "wsecho: out of memory\n" : "");
                report_free(report);
        } while (no_memory_again());
        expect(report != NULL && memory.failing == 2);
        no_memory_begin();
        do {
                no_memory_run();
                screen = screen_create();
                if (screen != NULL)
                        screen_puts(screen, "what there is no memory for is not shown");
                screen_free(screen);
        } while (no_memory_again());
        expect(screen != NULL && memory.failing == 4);
        return 0;
}

static async int
where_it_is_typed(NOTHING)
{
        struct terminal *terminal;
        int input = dup(STDIN_FILENO);

        /* No terminal: nothing asks for memory once lines cannot be edited. */
        expect(freopen("/dev/null", "r", stdin) != NULL);
        options_init(&options);
        options.terminal.history = false;
        no_memory_begin();
        do {
                no_memory_run();
                said_begin();
                terminal = terminal_open(&options);
                expect_said(memory.failing <= 4 ? "wsecho: out of memory\n" : "");
                expect((terminal == NULL) == (memory.failing <= 4));
                terminal_free(terminal);
        } while (no_memory_again());
        expect_int(memory.failing, 6);
        expect_int(dup2(input, STDIN_FILENO), STDIN_FILENO);
        close(input);
        return 0;
}

/* What is typed is kept all the same, but not in the file. */
static async int
the_history(NOTHING)
{
        char folder[] = "/tmp/no_memory_test.XXXXXX", file[60];
        size_t descriptors = test_count_descriptors();
        struct history_lines *history;

        expect(mkdtemp(folder) != NULL);
        setenv("XDG_STATE_HOME", folder, 1);
        no_memory_begin();
        do {
                no_memory_run();
                said_begin();
                history = history_open(true);
                if (memory.failing == 1)
                        expect(history == NULL);
                expect_said(memory.failing == 2
                                    ? "wsecho: the history '' cannot be kept: Cannot allocate "
                                      "memory\n"
                                    : "");
                history_close(history);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (no_memory_again());
        expect(history != NULL && memory.failing == 4);
        history = history_open(true);
        /* What the loop keeps for later ones. */
        await(history_add(history, "first"));
        await(history_flush(history));
        no_memory_begin();
        do {
                char line[] = "line a";

                line[5] = (char)('a' + memory.failing);
                no_memory_run();
                said_begin();
                await(history_add(history, line));
                expect_said(memory.requests < memory.failing || memory.failing == 1
                                    ? ""
                                    : "wsecho: the history cannot be kept: Cannot allocate "
                                      "memory\n");
                await(history_flush(history));
        } while (no_memory_again());
        expect(memory.failing > 3);
        history_close(history);
        expect_int((long long)test_count_descriptors(), (long long)descriptors);
        snprintf(file, sizeof(file), "%s/wsecho/history", folder);
        unlink(file);
        *strrchr(file, '/') = '\0';
        expect_int(rmdir(file), 0);
        expect_int(rmdir(folder), 0);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(secrets_on_the_command_line),
                on_loop(urls),
                on_loop(fields_of_a_handshake),
                on_loop(files_of_fields),
                on_loop(words_for_people),
                on_loop(objects),
                on_loop(a_judge),
                on_loop(a_message_of_the_command_line),
                on_loop(a_file_to_send),
                on_loop(what_is_read),
                on_loop(a_connector),
                on_loop(where_it_is_printed),
                on_loop(where_it_is_typed),
                on_loop(the_history),
        };

        setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
