/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* What is wrong with options, one by one and together; and which of them a reload cannot change. */
#include <grp.h>

#include "listener.h" /* it has the server's options.h, where the name alone is the client's */
#include "unit/support.h"

static char said[600];

static void
note_sentence(const char *sentence)
{
        snprintf(said, sizeof(said), "%s", sentence);
}

/* These words, of which the last is NULL, but for up to seven. */
static enum aw_opt_status
parse(struct server_options *options, const char *const *words)
{
        char *all[9] = {(char *)(uintptr_t) "wsechod"};
        int count = 1;

        for (; count < 8 && words[count - 1] != NULL; count++)
                all[count] = (char *)(uintptr_t)words[count - 1];
        said[0] = '\0';
        return options_parse(count, all, options, note_sentence);
}

#define WORDS(...)                                                                                 \
        (const char *const[])                                                                      \
        {                                                                                          \
                __VA_ARGS__, NULL                                                                  \
        }

static void
assert_right(const char *const *words)
{
        struct server_options options;

        if (parse(&options, words) != AW_OPT_RUN)
                fail_msg("%s %s: %s", words[0], words[1], said);
        assert_string_equal(said, "");
        options_clear(&options);
}

static void
assert_wrong(const char *const *words, const char *sentence)
{
        struct server_options options;

        assert_int_equal(parse(&options, words), AW_OPT_USAGE);
        assert_string_equal(said, sentence);
        options_clear(&options);
}

#define PEM "--cert", "c", "--key", "k"

static void
certificates_and_keys_come_in_pairs(void **state)
{
        (void)state;
        assert_right(WORDS(PEM));
        assert_wrong(WORDS("--cert", "c"), "--cert and --key go together: --key is missing");
        assert_wrong(WORDS("--key", "k"), "--cert and --key go together: --cert is missing");
        assert_wrong(WORDS("--cert", "c", PEM), "--cert and --key go together: a --key is missing");
        assert_wrong(WORDS("--key", "k", PEM), "--cert and --key go together: a --cert is missing");
        assert_right(WORDS(PEM, "--ocsp-file", "o"));
        assert_wrong(WORDS("--ocsp-file", "o"), "--ocsp-file goes with a --cert");
        assert_right(WORDS("--client-ca", "a", "--client-verify", "optional"));
        assert_wrong(WORDS("--client-verify", "optional"),
                     "--client-verify goes with a --client-ca");
}

static void
origins_are_as_browsers_write_them(void **state)
{
        static const char *const right[] = {"https://a.example", "https://a:1", "http://[::1]:80",
                                            "x+y-1.0://h",       "self",        "null"};
        static const char *const wrong[] = {"",
                                            "a.example",
                                            "https://",
                                            "://a",
                                            "https:/a",
                                            "https://a/",
                                            "https://a?",
                                            "https://a#",
                                            "https://u@a",
                                            "https://a,b",
                                            "https://a b",
                                            "HTTPS://a",
                                            "Self"};
        char sentence[100];

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
                assert_right(WORDS("--origin", right[i]));
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                snprintf(sentence, sizeof(sentence),
                         "--origin: '%s' is not SCHEME://HOST[:PORT], self or null", wrong[i]);
                assert_wrong(WORDS("--origin", "self", "--origin", wrong[i]), sentence);
        }
        assert_wrong(WORDS("--origin", "https://\x7f"),
                     "--origin: 'https://\\x7f' is not SCHEME://HOST[:PORT], self or null");
}

static void
messages_have_options_of_their_own(void **state)
{
        (void)state;
        assert_right(WORDS("--subprotocol", "a!#$%&'*+-.^_`|~09Z"));
        assert_wrong(WORDS("--subprotocol", ""), "--subprotocol: '' is no subprotocol's name");
        assert_wrong(WORDS("--subprotocol", "a b"),
                     "--subprotocol: 'a b' is no subprotocol's name");
        assert_right(WORDS("--compress", "context:9"));
        assert_wrong(WORDS("--compress", "context:8"),
                     "--compress: 'context:8' is not off, shared, context, or context:BITS with 9 "
                     "to 15");
}

static void
unix_sockets_have_modes_and_groups(void **state)
{
        (void)state;
        assert_right(WORDS("-l", "unix:/x", "--socket-mode", "1", "--socket-group", "1"));
        assert_right(WORDS("-l", "ws+unix:/x", "--socket-mode", "0777"));
        assert_wrong(WORDS("-l", "unix:/x", "--socket-mode", "0"),
                     "--socket-mode: '0' is not an octal mode from 1 to 777");
        assert_wrong(WORDS("-l", "unix:/x", "--socket-mode", "1000"),
                     "--socket-mode: '1000' is not an octal mode from 1 to 777");
        assert_wrong(WORDS("-l", "ws://h", "--socket-mode", "600"),
                     "--socket-mode: no --listen names a Unix socket");
        assert_wrong(WORDS("-l", "unix:/x", "--socket-group", "no such group"),
                     "--socket-group: there is no group 'no such group' but root's");
        assert_wrong(WORDS("-l", "unix:/x", "--socket-group", "0"),
                     "--socket-group: there is no group '0' but root's");
        assert_wrong(WORDS("--socket-group", "1"),
                     "--socket-group: no --listen names a Unix socket");
        assert_wrong(WORDS("--admin", "https://h"),
                     "--admin: 'https://h' is neither http://HOST:PORT nor unix:/PATH");
}

static void
processes_have_numbers_and_times(void **state)
{
        (void)state;
        assert_right(WORDS("--workers", "1024"));
        assert_wrong(WORDS("--workers", "1025"),
                     "--workers: '1025' is neither auto nor from 1 to 1024");
        assert_wrong(WORDS("--workers", "0"), "--workers: '0' is neither auto nor from 1 to 1024");
        assert_right(WORDS("--takeover", "--pidfile", "p"));
        assert_wrong(WORDS("--takeover"),
                     "--takeover: --pidfile is missing, which says from which server");
        assert_right(WORDS("--worker-timeout", "100ms"));
        assert_right(WORDS("--worker-timeout", "0"));
        assert_wrong(WORDS("--worker-timeout", "99999us"),
                     "--worker-timeout: it must be 0 or at least 100ms");
        assert_wrong(WORDS("--worker-timeout", "1us"),
                     "--worker-timeout: it must be 0 or at least 100ms");
        assert_right(WORDS("--max-control-rate", "1000"));
        assert_right(WORDS("--max-control-rate", "0"));
        assert_wrong(WORDS("--max-control-rate", "999"),
                     "--max-control-rate: it must be 0 or at least 1000");
}

static void
addresses_and_networks_are_checked(void **state)
{
        static const char told[] =
                " says how load balancers tell for whom they connect: name those "
                "that are believed with --trusted";
        char sentence[200];

        (void)state;
        assert_wrong(WORDS("--rate-per-address", "1:0"),
                     "--rate-per-address: '1:0' is neither RATE nor RATE:BURST, of at most 1000000 "
                     "a second");
        snprintf(sentence, sizeof(sentence), "--proxy-protocol%s", told);
        assert_wrong(WORDS("--proxy-protocol"), sentence);
        snprintf(sentence, sizeof(sentence), "--forwarded%s", told);
        assert_wrong(WORDS("--forwarded", "forwarded"), sentence);
        assert_right(WORDS("--proxy-protocol", "--trusted", "10.0.0.0/8"));
        assert_wrong(WORDS("surplus"), "unexpected argument 'surplus'");
}

static void
modes_groups_and_workers_are_read(void **state)
{
        const struct group *group = getgrgid(1);

        (void)state;
        assert_int_equal(options_socket_mode("777"), 0777);
        assert_int_equal(options_socket_mode("0600"), 0600);
        assert_int_equal(options_socket_mode("00600"), 0);
        assert_int_equal(options_socket_mode("8"), 0);
        assert_int_equal(options_socket_mode("6x"), 0);
        assert_int_equal(options_socket_mode(""), 0);
        assert_int_equal(options_socket_group("2147483647"), INT32_MAX);
        assert_int_equal(options_socket_group("2147483648"), 0);
        assert_int_equal(options_socket_group("root"), 0);
        if (group != NULL)
                assert_int_equal(options_socket_group(group->gr_name), 1);
        assert_int_equal(options_workers("7"), 7);
        assert_in_range(options_workers("auto"), 1, 1024);
        assert_int_equal(options_workers("1024"), 1024);
        assert_int_equal(options_workers("1025"), 0);
        assert_int_equal(options_workers("x"), 0);
}

static void
schemes_are_looked_for_without_case_or_in_the_default(void **state)
{
        struct server_options options;

        (void)state;
        parse(&options, WORDS("-l", "ws://h", "-l", "WSS://h"));
        assert_true(options_has_scheme(&options, "wss:"));
        assert_true(options_has_scheme(&options, "ws:"));
        assert_false(options_has_scheme(&options, "unix:"));
        options_clear(&options);
        parse(&options, WORDS("--check"));
        assert_true(options_has_scheme(&options, "wss:"));
        assert_false(options_has_scheme(&options, "ws:"));
        options_clear(&options);
}

/* How a listener is to be, by the options. */
static void
options_become_those_of_a_listener(void **state)
{
        struct server_options options;
        struct ws_listen_options listening;

        (void)state;
        assert_int_equal(parse(&options, WORDS("-l", "unix:/x", "--socket-mode", "640",
                                               "--drain-timeout", "7s")),
                         AW_OPT_RUN);
        listening = listener_options(&options);
        assert_int_equal(listening.socket_mode, 0640);
        assert_int_equal(listening.socket_group, 0);
        assert_int_equal(listening.drain_time, 3500000);
        assert_null(listening.subprotocol);
        assert_int_equal(listening.deflate.mode, WS_DEFLATE_SHARED);
        assert_int_equal(listening.deflate.level, 3);
        assert_int_equal(listening.deflate.threshold, 256);
        assert_int_equal(listening.max_message, 16 << 20);
        assert_string_equal(listening.trust.forwarded, "x-forwarded-for");
        options_clear(&options);
        parse(&options,
              WORDS("--subprotocol", "none", "--compress-level", "9", "--compress-min", "1K"));
        listening = listener_options(&options);
        assert_string_equal(listening.subprotocol, "");
        assert_int_equal(listening.deflate.level, 9);
        assert_int_equal(listening.deflate.threshold, 1024);
        assert_int_equal(listening.socket_mode, 0);
        options_clear(&options);
        parse(&options, WORDS("--subprotocol", "chat"));
        assert_string_equal(listener_options(&options).subprotocol, "chat");
        options_clear(&options);
}

static void
a_reload_warns_of_what_it_cannot_change(void **state)
{
        static const char *const names[] = {"workers", "loop",       "pidfile",  "user",
                                            "admin",   "access-log", "slow-task"};
        static const char *const values[] = {"2", "poll", "/p", "u", "http://h:1", "/l", "1s"};
        struct server_options plain, other;
        char option[40], wanted[100];

        (void)state;
        test_begin();
        parse(&plain, WORDS("-l", "unix:/x"));
        options_warn_fixed(&plain, &plain);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                snprintf(option, sizeof(option), "--%s", names[i]);
                snprintf(wanted, sizeof(wanted),
                         "warning: --%s has changed: that takes a restart, or SIGUSR2", names[i]);
                assert_int_equal(parse(&other, WORDS("-l", "unix:/x", option, values[i])),
                                 AW_OPT_RUN);
                options_warn_fixed(&plain, &other);
                expect_log(wanted);
                options_warn_fixed(&other, &plain);
                expect_log(wanted);
                options_warn_fixed(&other, &other);
                options_clear(&other);
        }
        test_end();
        test_begin();
        parse(&other, WORDS("-l", "unix:/x", "-l", "unix:/y", "--socket-mode", "600"));
        options_warn_fixed(&plain, &other);
        expect_log("warning: --listen has changed: ");
        expect_log("warning: --socket-mode has changed: ");
        options_warn_fixed(&other, &plain);
        expect_log("warning: --listen has changed: ");
        expect_log("warning: --socket-mode has changed: ");
        options_clear(&other);
        parse(&other, WORDS("-l", "unix:/y", "--socket-group", "1"));
        options_warn_fixed(&plain, &other);
        expect_log("warning: --listen has changed: ");
        expect_log("warning: --socket-group has changed: ");
        /* What a reload changes is not warned of. */
        options_clear(&other);
        parse(&other, WORDS("-l", "unix:/x", "--max-message", "5"));
        options_warn_fixed(&plain, &other);
        options_clear(&other);
        options_clear(&plain);
        test_end();
}

static void
a_value_is_refused_with_its_place(void **state)
{
        struct server_options options;

        (void)state;
        test_begin();
        parse(&options, WORDS("--user", "u"));
        options_refuse_value(&options, "user", NULL, "--user: %s %d", "no", 5);
        expect_log("error: --user: no 5");
        options_clear(&options);
        test_end();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(certificates_and_keys_come_in_pairs),
                cmocka_unit_test(origins_are_as_browsers_write_them),
                cmocka_unit_test(messages_have_options_of_their_own),
                cmocka_unit_test(unix_sockets_have_modes_and_groups),
                cmocka_unit_test(processes_have_numbers_and_times),
                cmocka_unit_test(addresses_and_networks_are_checked),
                cmocka_unit_test(modes_groups_and_workers_are_read),
                cmocka_unit_test(schemes_are_looked_for_without_case_or_in_the_default),
                cmocka_unit_test(options_become_those_of_a_listener),
                cmocka_unit_test(a_reload_warns_of_what_it_cannot_change),
                cmocka_unit_test(a_value_is_refused_with_its_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
