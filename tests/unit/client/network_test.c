/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: aw_tls_context_client_with. */
/* The way to a server: by which proxy, as whom, and what may be done if it fails. */
#include <arpa/inet.h>
#include <fcntl.h>

#include "await/tls.h"
#include "network.h"
#include "unit/client/balance.h"
#include "unit/support.h"

/* What the context was to be made of; there is none. */
static struct aw_tls_client_options made;
static char made_passphrase[100];
static unsigned made_count;
static char context_place;

struct aw_tls_context *__wrap_aw_tls_context_client_with(const struct aw_tls_client_options *tls,
                                                         struct aw_error *error);

struct aw_tls_context *
__wrap_aw_tls_context_client_with(const struct aw_tls_client_options *tls, struct aw_error *error)
{
        (void)error;
        made = *tls;
        made_count++;
        strcpy(made_passphrase, tls->passphrase == NULL ? "" : tls->passphrase);
        return (struct aw_tls_context *)&context_place;
}

static const char *const variables[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static int
begin(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
                unsetenv(variables[i]);
        made_count = 0;
        return 0;
}

static void
goes_by(const struct network_options *options, const char *url, const char *proxy)
{
        struct aw_connect_options connect;
        struct aw_error error;

        assert_int_equal(network_connect_options(options, url, &connect, &error), 0);
        assert_string_equal(connect.proxy == NULL ? "straight" : connect.proxy, proxy);
}

static void
the_environment_names_a_proxy_for_each_scheme(void **state)
{
        static const struct network_options none;

        (void)state;
        goes_by(&none, "ws://a", "straight");
        setenv("ALL_PROXY", "1", 1);
        goes_by(&none, "ws://a", "1");
        goes_by(&none, "wss://a", "1");
        goes_by(&none, "ws+unix:/a", "straight");
        goes_by(&none, "unix:/a", "straight");
        setenv("all_proxy", "2", 1);
        goes_by(&none, "ws://a", "2");
        goes_by(&none, "wss://a", "2");
        setenv("HTTP_PROXY", "3", 1);
        setenv("HTTPS_PROXY", "4", 1);
        goes_by(&none, "ws://a", "2");
        goes_by(&none, "WSS://a", "4");
        setenv("http_proxy", "5", 1);
        setenv("https_proxy", "6", 1);
        goes_by(&none, "WS://a", "5");
        goes_by(&none, "wss://a", "6");
        setenv("http_proxy", "", 1);
        goes_by(&none, "ws://a", "2");
}

static void
an_option_wins_over_the_environment(void **state)
{
        struct network_options options = {.proxy = "1"};

        (void)state;
        setenv("http_proxy", "2", 1);
        goes_by(&options, "ws://a", "1");
        options.proxy = "";
        goes_by(&options, "ws://a", "straight");
        options.proxy = NULL;
        options.unix_socket = "/a";
        goes_by(&options, "ws://a", "straight");
        options.unix_socket = NULL;
        setenv("NO_PROXY", "b", 1);
        goes_by(&options, "ws://a", "2");
        goes_by(&options, "ws://b", "straight");
        setenv("no_proxy", "a", 1);
        goes_by(&options, "ws://a", "straight");
        goes_by(&options, "ws://b", "2");
        options.noproxy = "b";
        goes_by(&options, "ws://a", "2");
        goes_by(&options, "ws://b", "straight");
        options.noproxy = "";
        goes_by(&options, "ws://a", "2");
}

static void
no_proxy_has_hosts_and_domains(void **state)
{
        static const struct {
                const char *list, *url;
                bool straight;
        } rows[] = {
                {"*", "ws://a", true},
                {"*,b", "ws://a", false},
                {"a", "ws://a", true},
                {"a", "ws://A:80/b?c", true},
                {"a", "ws://a?b", true},
                {"a", "ws://a#b", true},
                {"b", "ws://a/b", false},
                {"x,a", "ws://a", true},
                {"x a", "ws://a", true},
                {", x, ,a, ", "ws://a", true},
                {"x,y", "ws://a", false},
                {"", "ws://a", false},
                {",", "ws://a", false},
                {"org", "ws://a.org", true},
                {".org", "ws://a.org", true},
                {".org", "ws://org", true},
                {"b.org", "ws://a.b.org", true},
                {"b.org", "ws://ab.org", false},
                {"a.b.org", "ws://b.org", false},
                {"a.org", "ws://a.org.", true},
                {".", "ws://a", false},
                {"0.0.1", "ws://127.0.0.1", false},
                {"127.0.0.1", "ws://127.0.0.1", true},
                {"127.0.0.1", "ws://127.0.0.1:80", true},
                {"[::1]", "ws://[::1]:80/", true},
                {"::1", "ws://[::1]", true},
                {":1", "ws://[::1]", false},
                {"[::1]", "ws://[::11]", false},
                {"fe80::1", "ws://[FE80::1]", true},
                {"[]", "ws://a", false},
                {"a", "a:80", true},
        };
        struct network_options options = {.proxy = "p"};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                print_message("%s %s\n", rows[i].list, rows[i].url);
                options.noproxy = rows[i].list;
                goes_by(&options, rows[i].url, rows[i].straight ? "straight" : "p");
        }
}

static void
the_library_gets_what_the_options_say(void **state)
{
        const char *resolve[] = {"r"}, *connect_to[] = {"c", "d"};
        struct network_options options = {.interface = "i", .unix_socket = "u"};
        struct aw_connect_options connect;
        struct aw_error error;

        (void)state;
        options.resolve.items = resolve;
        options.resolve.count = 1;
        options.connect_to.items = connect_to;
        options.connect_to.count = 2;
        assert_int_equal(network_connect_options(&options, "ws://a", &connect, &error), 0);
        assert_int_equal(connect.family, AF_UNSPEC);
        assert_string_equal(connect.interface, "i");
        assert_string_equal(connect.unix_socket, "u");
        assert_ptr_equal(connect.resolve, options.resolve.items);
        assert_int_equal(connect.resolve_count, 1);
        assert_ptr_equal(connect.connect_to, options.connect_to.items);
        assert_int_equal(connect.connect_to_count, 2);
        options.ipv4 = true;
        assert_int_equal(network_connect_options(&options, "ws://a", &connect, &error), 0);
        assert_int_equal(connect.family, AF_INET);
        options.ipv6 = true;
        assert_int_equal(network_connect_options(&options, "ws://a", &connect, &error), -1);
        assert_int_equal(error.kind, AW_ERROR_USAGE);
        assert_string_equal(error.text,
                            "'-4' and '-6' exclude each other: without them both are tried");
        options.ipv4 = false;
        assert_int_equal(network_connect_options(&options, "ws://a", &connect, &error), 0);
        assert_int_equal(connect.family, AF_INET6);
        options.proxy = "p";
        assert_int_equal(network_connect_options(&options, "ws://a", &connect, &error), -1);
        assert_int_equal(error.kind, AW_ERROR_USAGE);
        assert_string_equal(error.text, "'--unix-socket' and '--proxy' exclude each other");
}

static void
only_a_proxy_with_tls_has_a_context_and_no_certificate_of_ours(void **state)
{
        struct network_options options = {.proxy = "http://p"};
        const struct tls_options tls = {.cacert = "1",
                                        .capath = "2",
                                        .insecure = true,
                                        .fingerprint = "3",
                                        .pinned_key = "4",
                                        .cert = "5",
                                        .key = "6",
                                        .pass_file = "/nowhere",
                                        .min = "7",
                                        .max = "8",
                                        .ciphers = "9"};
        struct aw_tls_context *context = (struct aw_tls_context *)&context_place;
        struct aw_error error;

        (void)state;
        assert_int_equal(network_proxy_tls(&options, &tls, "ws://a", &context, &error), 0);
        assert_null(context);
        assert_int_equal(made_count, 0);
        options.proxy = "HTTPS://p";
        options.noproxy = "a";
        assert_int_equal(network_proxy_tls(&options, &tls, "ws://a", &context, &error), 0);
        assert_null(context);
        options.noproxy = NULL;
        assert_int_equal(network_proxy_tls(&options, &tls, "ws://a", &context, &error), 0);
        assert_ptr_equal(context, &context_place);
        assert_string_equal(made.ca_file, "1");
        assert_string_equal(made.ca_path, "2");
        assert_true(made.insecure);
        assert_null(made.fingerprint);
        assert_null(made.pinned_key);
        assert_null(made.cert_file);
        assert_null(made.key_file);
        assert_null(made.min_version);
        assert_null(made.passphrase);
        /* For any URL it does not matter what goes straight, nor which scheme has the proxy. */
        options.noproxy = "*";
        assert_int_equal(network_proxy_tls(&options, &tls, NULL, &context, &error), 0);
        assert_ptr_equal(context, &context_place);
        options.proxy = NULL;
        for (size_t i = 0; i < 2; i++) {
                setenv(i == 0 ? "http_proxy" : "https_proxy", "https://p", 1);
                assert_int_equal(network_proxy_tls(&options, &tls, NULL, &context, &error), 0);
                assert_ptr_equal(context, &context_place);
                setenv(i == 0 ? "http_proxy" : "https_proxy", "http://p", 1);
                assert_int_equal(network_proxy_tls(&options, &tls, NULL, &context, &error), 0);
                assert_null(context);
        }
        unsetenv("http_proxy");
        unsetenv("https_proxy");
        options.ipv4 = options.ipv6 = true;
        assert_int_equal(network_proxy_tls(&options, &tls, "ws://a", &context, &error), -1);
        assert_null(context);
}

/* A file with this text. */
static void
write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
}

static void
a_certificate_of_ours_is_for_the_server_itself(void **state)
{
        struct tls_options options = {.cert = "5",
                                      .key = "6",
                                      .min = "7",
                                      .max = "8",
                                      .ciphers = "9",
                                      .fingerprint = "3",
                                      .pinned_key = "4"};
        char path[] = "/tmp/wsecho-unit-XXXXXX";
        struct aw_error error;

        (void)state;
        assert_int_not_equal(close(mkstemp(path)), -1);
        write_file(path, "secret\r\nmore\n");
        options.pass_file = path;
        assert_non_null(network_tls(&options, true, &error));
        assert_string_equal(made.cert_file, "5");
        assert_string_equal(made.key_file, "6");
        assert_string_equal(made.min_version, "7");
        assert_string_equal(made.max_version, "8");
        assert_string_equal(made.ciphers, "9");
        assert_string_equal(made.fingerprint, "3");
        assert_string_equal(made.pinned_key, "4");
        assert_string_equal(made_passphrase, "secret");
        assert_non_null(network_tls(&options, false, &error));
        assert_null(made.cert_file);
        assert_null(made.key_file);
        assert_null(made.passphrase);
        unlink(path);
        made_count = 0;
        assert_null(network_tls(&options, true, &error));
        assert_int_equal(made_count, 0);
        assert_non_null(network_tls(&options, false, &error));
}

static void
the_first_line_of_a_file(void **state)
{
        static const struct {
                const char *text, *line;
        } rows[] = {{"a", "a"},         {"a\n", "a"}, {"a\r\nb\n", "a"},
                    {"a\rb\n", "a\rb"}, {"\n", ""},   {" a \n", " a "}};
        char path[] = "/tmp/wsecho-unit-XXXXXX", words[100], *line;
        struct aw_error error = {.kind = AW_ERROR_NONE};
        size_t count = test_count_descriptors();
        static char longest[NETWORK_LINE + 1];
        int fd;

        (void)state;
        assert_int_not_equal(close(mkstemp(path)), -1);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                write_file(path, rows[i].text);
                line = network_read_line(path, &error);
                assert_non_null(line);
                assert_string_equal(line, rows[i].line);
                free(line);
        }
        write_file(path, "");
        assert_null(network_read_line(path, &error));
        assert_int_equal(error.kind, AW_ERROR_USAGE);
        snprintf(words, sizeof(words), "'%s' has no line", path);
        assert_string_equal(error.text, words);
        fd = open(path, O_WRONLY);
        assert_int_equal(write(fd, "a\0b\n", 4), 4);
        assert_null(network_read_line(path, &error));
        snprintf(words, sizeof(words), "cannot read '%s': it is no text: there is a NUL in it",
                 path);
        assert_string_equal(error.text, words);
        memset(longest, 'a', sizeof(longest));
        assert_int_equal(pwrite(fd, longest, NETWORK_LINE, 0), NETWORK_LINE);
        line = network_read_line(path, &error);
        assert_non_null(line);
        assert_int_equal(strlen(line), NETWORK_LINE);
        free(line);
        assert_int_equal(pwrite(fd, longest, NETWORK_LINE + 1, 0), NETWORK_LINE + 1);
        assert_null(network_read_line(path, &error));
        snprintf(words, sizeof(words), "cannot read '%s': it has a line longer than 64 KiB", path);
        assert_string_equal(error.text, words);
        close(fd);
        unlink(path);
        assert_null(network_read_line(path, &error));
        snprintf(words, sizeof(words), "cannot read '%s': No such file or directory", path);
        assert_string_equal(error.text, words);
        assert_int_equal(error.kind, AW_ERROR_USAGE);
        assert_int_equal(error.number, EINVAL);
        assert_null(network_read_line("/tmp", &error));
        assert_string_equal(error.text, "cannot read '/tmp': Is a directory");
        assert_int_equal(test_count_descriptors(), count);
}

static void
dash_is_standard_input_which_stays_open(void **state)
{
        struct aw_error error;
        int channel[2];
        char *line;

        (void)state;
        assert_int_equal(pipe(channel), 0);
        assert_int_equal(dup2(channel[0], STDIN_FILENO), STDIN_FILENO);
        assert_int_equal(write(channel[1], "a\nb\n", 4), 4);
        close(channel[0]);
        close(channel[1]);
        line = network_read_line("-", &error);
        assert_string_equal(line, "a");
        free(line);
        line = network_read_line("-", &error);
        assert_non_null(line);
        assert_string_equal(line, "b");
        free(line);
        assert_int_not_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
}

static void
each_cause_has_its_cure(void **state)
{
        static const struct {
                enum aw_error_cause cause;
                const char *of_peer, *of_proxy;
        } rows[] = {
                {AW_CAUSE_NONE, "", ""},
                {AW_CAUSE_ISSUER, ": --cacert FILE, or --insecure to take any",
                 ": --cacert FILE, or --insecure to take any"},
                {AW_CAUSE_NAME, ": use --servername or --resolve",
                 ": give --proxy a name that it is for"},
                {AW_CAUSE_DATES, ": the server needs a new one, or --insecure to take any",
                 ": the proxy needs a new one, or --insecure to take any"},
                {AW_CAUSE_PIN, ": if that is right, give the new one", ""},
                {AW_CAUSE_NOT_TLS, ": try ws://", ": try --proxy http://"},
                {AW_CAUSE_SILENT, ": try wss://", ""},
                {AW_CAUSE_PROXY, ": --proxy USER:PASSWORD@HOST:PORT", ""},
                {AW_CAUSE_NOT_SWITCHED, ": not a WebSocket server at this path?", ""},
                {AW_CAUSE_NO_KEY, ": --key FILE, if it is elsewhere", ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct aw_error error = {.cause = rows[i].cause};

                assert_string_equal(network_cure(&error), rows[i].of_peer);
                error.of_proxy = true;
                assert_string_equal(network_cure(&error), rows[i].of_proxy);
        }
}

#define with_nothing_set(test) cmocka_unit_test_setup(test, begin)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_nothing_set(the_environment_names_a_proxy_for_each_scheme),
                with_nothing_set(an_option_wins_over_the_environment),
                with_nothing_set(no_proxy_has_hosts_and_domains),
                with_nothing_set(the_library_gets_what_the_options_say),
                with_nothing_set(only_a_proxy_with_tls_has_a_context_and_no_certificate_of_ours),
                with_nothing_set(a_certificate_of_ours_is_for_the_server_itself),
                with_nothing_set(the_first_line_of_a_file),
                with_nothing_set(dash_is_standard_input_which_stays_open),
                with_nothing_set(each_cause_has_its_cure),
        };

        return run_balanced(tests, NULL);
}
