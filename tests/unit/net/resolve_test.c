/* SPDX-License-Identifier: MIT */
/* Names to addresses: which ones, each once. */
#include <arpa/inet.h>
#include <net/if.h>

#include "await/task_wait.h"
#include "net/resolve.h"
#include "net/url.h"
#include "unit/names.h"
#include "unit/support.h"

/* That the URL, to listen on or to connect to, stands for these addresses, a space after each. */
static async void
expect_addresses(const char *text, bool passive, const char *wanted)
{
        struct aw_url *url = malloc(sizeof(*url));
        struct aw_error error = {.text = ""};
        struct aw_addresses addresses;
        char all[400] = "", one[64];
        const char *reason;
        size_t i;

        expect_int((passive ? aw_url_parse_listen : aw_url_parse)(text, url, &error), 0);
        if (expect_int(await(aw_resolve(url, passive, &addresses, &reason)), 0)) {
                for (i = 0; i < addresses.count; i++) {
                        aw_address_format(&addresses.items[i].storage, one, sizeof(one));
                        strcat(strcat(all, one), " ");
                }
                test_expect(strcmp(all, wanted) == 0, __FILE__, __LINE__, "%s is %s (it is %s)",
                            text, wanted, all);
                aw_addresses_free(&addresses);
        }
        free(url);
}

static async int
a_name_has_each_of_its_addresses_once(NOTHING)
{
        names_are("127.0.0.1", "::1", "127.0.0.1", "::1");
        await(expect_addresses("ws://twice.test:1", false, "127.0.0.1:1 [::1]:1 "));
        await(expect_addresses("ws://twice.test:0", true, "127.0.0.1:0 [::1]:0 "));
        names_are("127.0.0.2", "127.0.0.1", "127.0.0.2", "127.0.0.3");
        await(expect_addresses("ws://some.test:1", false, "127.0.0.2:1 127.0.0.1:1 127.0.0.3:1 "));
        return 0;
}

/* No resolver is asked: this one would say that there is no such name. */
static async int
all_addresses_are_those_of_both_families(NOTHING)
{
        names_error = EAI_NONAME;
        await(expect_addresses("ws://*:7", true, "0.0.0.0:7 [::]:7 "));
        await(expect_addresses("ws://:7", true, "0.0.0.0:7 [::]:7 "));
        await(expect_addresses("ws://127.0.0.1:7", true, "127.0.0.1:7 "));
        return 0;
}

/* What the resolver is asked. */
static async int
zones_are_numbers_and_localhost_has_no_dot(NOTHING)
{
        char loopback[40], asked[AW_URL_HOST_MAX + AW_URL_ZONE_MAX + 2];

        names_asked = asked;
        names_are("127.0.0.1", NULL, NULL, NULL);
        await(expect_addresses("ws://localhost.:1", false, "127.0.0.1:1 "));
        expect(strcmp(names_asked, "localhost") == 0);
        await(expect_addresses("ws://localhost.test.:1", false, "127.0.0.1:1 "));
        expect(strcmp(names_asked, "localhost.test.") == 0);
        snprintf(loopback, sizeof(loopback), "fe80::1%%%u", if_nametoindex("lo"));
        await(expect_addresses("ws://[fe80::1%25lo]:1", false, "[::]:1 "));
        expect(strcmp(names_asked, loopback) == 0);
        await(expect_addresses("ws://[fe80::1%25nowhere]:1", false, "[::]:1 "));
        expect(strcmp(names_asked, "fe80::1%nowhere") == 0);
        names_asked = NULL;
        return 0;
}

static async int
what_has_no_address_has_a_reason(NOTHING)
{
        static const struct {
                int code, number;
                const char *reason;
        } all[] = {{EAI_MEMORY, ENOMEM, NULL}, {EAI_NONAME, EADDRNOTAVAIL, NULL}};
        struct aw_url *url = malloc(sizeof(*url));
        struct aw_addresses addresses;
        struct aw_error error;
        const char *reason;

        expect_int(aw_url_parse("ws://some.test", url, &error), 0);
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                names_error = all[i].code;
                errno = 0;
                expect_error(await(aw_resolve(url, false, &addresses, &reason)), all[i].number);
                expect(strcmp(reason, gai_strerror(all[i].code)) == 0);
                expect(addresses.items == NULL);
        }
        free(url);
        return 0;
}

struct resolving {
        const struct aw_url *url;
        struct aw_addresses addresses;
        aw_time deadline;
};

static async int
resolve_in_task(void *argument)
{
        struct resolving *resolving = argument;
        struct aw_timeout timeout;
        const char *reason;

        aw_timeout_enter(&timeout, resolving->deadline);
        return aw_timeout_exit(
                &timeout, await(aw_resolve(resolving->url, false, &resolving->addresses, &reason)));
}

/* What the thread finds later is dropped. */
static async int
a_name_that_takes_long_can_be_given_up(NOTHING)
{
        struct aw_url *url = malloc(sizeof(*url));
        struct aw_error error;
        struct resolving resolving = {.url = url, .deadline = AW_NEVER};
        struct aw_task *task;
        static sem_t gate; /* the threads outlive this function */

        names_are("127.0.0.1", NULL, NULL, NULL);
        sem_init(&gate, 0, 0);
        names_gate = &gate;
        names_waiting = 0;
        expect_int(aw_url_parse("ws://slow.test", url, &error), 0);

        task = aw_spawn("resolve", resolve_in_task, &resolving);
        while (names_waiting < 1)
                await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);

        resolving.deadline = aw_loop_now() + 10 * AW_MILLISECOND;
        task = aw_spawn("resolve", resolve_in_task, &resolving);
        expect_error(await(aw_join(task)), ETIMEDOUT);
        expect(resolving.addresses.items == NULL);
        sem_post(&gate);
        sem_post(&gate);
        free(url);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_name_has_each_of_its_addresses_once),
                on_loop(all_addresses_are_those_of_both_families),
                on_loop(zones_are_numbers_and_localhost_has_no_dot),
                on_loop(what_has_no_address_has_a_reason),
                on_loop(a_name_that_takes_long_can_be_given_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
