/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: ws_peer_address. */
/* Which clients may come, by the networks of --allow and --deny. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "networks.h"
#include "unit/support.h"

/* Whose address is asked for. */
static struct sockaddr_storage client;

const struct sockaddr *__wrap_ws_peer_address(const struct ws *ws);

const struct sockaddr *
__wrap_ws_peer_address(const struct ws *ws)
{
        (void)ws;
        return (const struct sockaddr *)&client;
}

/* Options of which each list has up to two networks, or NULL. */
static struct networks_options
with(const char *const allow[2], const char *const deny[2])
{
        static const struct aw_opt_config config;
        static const struct aw_opt_program said = {.name = "test"};
        struct networks_options options = {.forwarded = NULL};

        for (int i = 0; i < 2; i++) {
                options.allow.count += allow[i] != NULL;
                options.deny.count += deny[i] != NULL;
        }
        options.allow.items = (const char **)(uintptr_t)allow;
        options.deny.items = (const char **)(uintptr_t)deny;
        assert_int_equal(networks_check(&options, &config, &said), 0);
        assert_int_equal(options.allowed.count, options.allow.count);
        assert_int_equal(options.denied.count, options.deny.count);
        options.allow.items = options.deny.items = NULL;
        return options;
}

static void
assert_comes(const struct networks_options *options, const char *address, bool comes)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *)&client;
        struct ws_answer answer = {.status = 101};
        struct ws_request request = {.upgrade = true};

        memset(&client, 0, sizeof(client));
        v4->sin_family = AF_INET;
        if (address == NULL)
                client.ss_family = AF_UNIX;
        else
                assert_int_equal(inet_pton(AF_INET, address, &v4->sin_addr), 1);
        assert_int_equal(networks_refuse(options, &request, &answer), !comes);
        assert_int_equal(answer.status, comes ? 101 : 403);
        if (comes)
                return;
        assert_ptr_equal(answer.why, networks_denied);
        assert_string_equal(answer.body,
                            "403 Forbidden: this server does not serve your network\n");
}

static void
the_narrower_network_counts_and_of_the_same_one_deny(void **state)
{
        static const char *const none[2] = {NULL};
        static const char *const wide[2] = {"10.0.0.0/8", NULL};
        static const char *const narrow[2] = {"10.1.0.0/16", "192.0.2.1"};
        static const char *const sockets[2] = {"unix", NULL};
        struct networks_options options;

        (void)state;
        options = with(none, none);
        assert_comes(&options, "192.0.2.1", true);
        assert_comes(&options, NULL, true);
        networks_clear(&options);
        options = with(wide, none);
        assert_comes(&options, "10.255.255.255", true);
        assert_comes(&options, "11.0.0.0", false);
        assert_comes(&options, NULL, false);
        networks_clear(&options);
        options = with(none, narrow);
        assert_comes(&options, "10.1.255.255", false);
        assert_comes(&options, "10.2.0.0", true);
        assert_comes(&options, "192.0.2.1", false);
        networks_clear(&options);
        options = with(wide, narrow);
        assert_comes(&options, "10.2.0.0", true);
        assert_comes(&options, "10.1.0.0", false);
        assert_comes(&options, "192.0.2.2", false);
        networks_clear(&options);
        options = with(narrow, wide);
        assert_comes(&options, "10.2.0.0", false);
        assert_comes(&options, "10.1.0.0", true);
        networks_clear(&options);
        options = with(wide, wide);
        assert_comes(&options, "10.0.0.1", false);
        networks_clear(&options);
        options = with(sockets, none);
        assert_comes(&options, NULL, true);
        assert_comes(&options, "10.0.0.1", false);
        networks_clear(&options);
        assert_true(options.allowed.items == NULL && options.allowed.count == 0);
}

static void
who_is_believed_is_told_to_the_listener(void **state)
{
        struct networks_options options = {.forwarded = NULL};
        struct ws_listen_options listening = {.url = ""};
        struct aw_network network;

        (void)state;
        networks_set(&options, &listening);
        assert_string_equal(listening.trust.forwarded, "x-forwarded-for");
        assert_false(listening.trust.proxy_protocol);
        options = (struct networks_options){.forwarded = "off",
                                            .proxy_protocol = true,
                                            .believed = {.items = &network, .count = 1}};
        networks_set(&options, &listening);
        assert_null(listening.trust.forwarded);
        assert_true(listening.trust.proxy_protocol);
        assert_ptr_equal(listening.trust.networks, &network);
        assert_int_equal(listening.trust.count, 1);
        options.forwarded = "forwarded";
        networks_set(&options, &listening);
        assert_string_equal(listening.trust.forwarded, "forwarded");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_narrower_network_counts_and_of_the_same_one_deny),
                cmocka_unit_test(who_is_believed_is_told_to_the_listener),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
