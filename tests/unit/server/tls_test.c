/* SPDX-License-Identifier: MIT */
/* Wraps: aw_tls_context_server aw_tls_context_restrict aw_tls_context_again. */
/* Wraps: aw_tls_context_validity. */
/* How long certificates last: who is warned, and when. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "service.h"
#include "unit/clock.h"
#include "unit/support.h"

/* What fails, after so many times that it does not. */
static const char *failing, *reason = "no such luck";
static int spared;

static bool
fails(const char *name, struct aw_error *error)
{
        if (failing == NULL || strcmp(failing, name) != 0 || spared-- > 0)
                return false;
        strcpy(error->text, reason);
        return true;
}

struct aw_tls_context *__real_aw_tls_context_server(const char *cert, const char *key,
                                                    struct aw_error *error);
struct aw_tls_context *__wrap_aw_tls_context_server(const char *cert, const char *key,
                                                    struct aw_error *error);
int __real_aw_tls_context_restrict(struct aw_tls_context *context, const char *min,
                                   const char *ciphers, struct aw_error *error);
int __wrap_aw_tls_context_restrict(struct aw_tls_context *context, const char *min,
                                   const char *ciphers, struct aw_error *error);
struct aw_tls_context *__real_aw_tls_context_again(struct aw_tls_context *context,
                                                   struct aw_error *error);
struct aw_tls_context *__wrap_aw_tls_context_again(struct aw_tls_context *context,
                                                   struct aw_error *error);

struct aw_tls_context *
__wrap_aw_tls_context_server(const char *cert, const char *key, struct aw_error *error)
{
        return fails("server", error) ? NULL : __real_aw_tls_context_server(cert, key, error);
}

int
__wrap_aw_tls_context_restrict(struct aw_tls_context *context, const char *min, const char *ciphers,
                               struct aw_error *error)
{
        return fails("restrict", error)
                       ? -1
                       : __real_aw_tls_context_restrict(context, min, ciphers, error);
}

struct aw_tls_context *
__wrap_aw_tls_context_again(struct aw_tls_context *context, struct aw_error *error)
{
        return fails("again", error) ? NULL : __real_aw_tls_context_again(context, error);
}

/* Of a context that is but its time. */
struct validity {
        int result;
        int64_t begin, end;
};

static const struct validity *now_valid, *fresh_valid;

int __real_aw_tls_context_validity(const struct aw_tls_context *context, size_t index,
                                   int64_t *begin, int64_t *end);
int __wrap_aw_tls_context_validity(const struct aw_tls_context *context, size_t index,
                                   int64_t *begin, int64_t *end);

int
__wrap_aw_tls_context_validity(const struct aw_tls_context *context, size_t index, int64_t *begin,
                               int64_t *end)
{
        const struct validity *validity = (const struct validity *)context;

        if (validity == NULL || (validity != now_valid && validity != fresh_valid))
                return __real_aw_tls_context_validity(context, index, begin, end);
        *begin = validity->begin;
        *end = validity->end;
        return validity->result;
}

#define DAY ((aw_time)24 * 60 * 60 * AW_SECOND)

/* Seconds that the calendar is ahead. */
static time_t ahead;

/* Stands in for the C library's. */
time_t
time(time_t *out)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        now.tv_sec += ahead;
        if (out != NULL)
                *out = now.tv_sec;
        return now.tv_sec;
}

static async void
days_pass(int days)
{
        ahead += (time_t)days * 24 * 60 * 60;
        await(clock_advance(days * DAY));
}

/* A certificate made at the start is good for 30 days: the last 6 of these are the last fifth. */
static async int
a_certificate_is_warned_of_each_day_of_its_last_fifth(NOTHING)
{
        struct server_options options = {.check = false};
        struct tls_watch watch = {.options = NULL};

        ahead = 0;
        expect_int(tls_load(&options, true), 0);
        expect(options.fingerprint[0] != '\0');
        expect(tls_expiry(&options) > (int64_t)time(NULL));
        tls_watch_begin(&watch, &options);
        for (int day = 1; day <= 23; day++)
                await(days_pass(1));
        expect_int((long long)test_log.count, 0);
        await(days_pass(1));
        expect_log("the certificate that was made at the start expires on ");
        await(days_pass(1));
        expect_log(": a restart makes a new one");
        expect_int(tls_check(&options, NULL), 0);
        await(days_pass(1));
        expect_log("expires on");
        for (int day = 27; day <= 30; day++)
                await(days_pass(1));
        test_log.expected = test_log.count;
        await(days_pass(1));
        expect_log("the certificate that was made at the start has expired on ");
        tls_watch_end(&watch);
        await(days_pass(3));
        expect_int((long long)test_log.count, (long long)test_log.expected);
        options_clear(&options);
        return 0;
}

static async int
without_tls_there_is_nothing_to_warn_of(NOTHING)
{
        struct server_options options = {.check = false};

        expect_int(tls_load(&options, false), 0);
        expect(options.tls == NULL);
        tls_warn(&options);
        expect_int(tls_expiry(&options), 0);
        expect_int(tls_check(&options, NULL), 0);
        options_clear(&options);
        return 0;
}

static async int
what_tls_cannot_do_is_told(NOTHING)
{
        static const struct {
                const char *call;
                int spared;
        } all[] = {{"server", 0}, {"restrict", 0}, {"restrict", 1}};
        struct server_options fresh = {.check = false}, now = {.check = false};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                failing = all[i].call;
                spared = all[i].spared;
                expect_int(tls_load(&fresh, true), -1);
                expect_log("error: no such luck");
                expect_int(fresh.tls != NULL, i > 0);
                options_clear(&fresh);
                fresh = now;
        }
        failing = NULL;
        expect_int(tls_reload(&fresh, &now), 0);
        expect(fresh.tls == NULL);
        expect_int(tls_load(&now, true), 0);
        failing = "again";
        expect_int(tls_reload(&fresh, &now), -1);
        expect_log("error: no such luck");
        expect(fresh.tls == NULL);
        failing = NULL;
        expect_int(tls_reload(&fresh, &now), 0);
        expect(fresh.tls != NULL && fresh.tls != now.tls);
        expect(strcmp(fresh.fingerprint, now.fingerprint) == 0 && now.fingerprint[0] != '\0');
        options_clear(&fresh);
        options_clear(&now);
        return 0;
}

/* With its line in the configuration. */
static async int
of_a_pair_the_half_that_is_wrong_is_named(NOTHING)
{
        static const struct {
                const char *reason;
                int line;
        } all[] = {{"cannot read '/a.key': gone", 3},
                   {"the key in '/a.key' does not belong to '/a.pem'", 3},
                   {"the certificate in '/a.pem' does not like '/a.key'", 2},
                   {"/a.key is no good", 2},
                   {"out of memory", 2}};
        char path[] = "/tmp/tls_test.XXXXXX", wanted[200];
        const char *const words[] = {"wsechod", "--config", path, "-l", "wss://127.0.0.1:0", NULL};
        int fd = mkstemp(path);

        dprintf(fd, "workers 1\ncert /a.pem\nkey /a.key\n");
        close(fd);
        failing = "server";
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                struct server_options options = {.check = false};

                expect_int((int)options_parse(5, (char **)(uintptr_t)words, &options, NULL),
                           AW_OPT_RUN);
                reason = all[i].reason;
                spared = 0;
                expect_int(tls_load(&options, true), -1);
                snprintf(wanted, sizeof(wanted), "error: %s:%d: %s", path, all[i].line, reason);
                expect_log(wanted);
                expect(options.tls == NULL);
                options_clear(&options);
        }
        failing = NULL;
        reason = "no such luck";
        unlink(path);
        return 0;
}

/* What is in use is used on, however old it is. */
static async int
what_has_expired_is_refused_unless_it_is_in_use(NOTHING)
{
        static const int64_t later = INT64_MAX;
        static const struct {
                struct validity fresh, now;
                const char *file;
                int result;
        } all[] = {
                {{0, 5, 9}, {0, 5, 9}, "a", 0},     {{0, 5, 9}, {0, 6, 9}, "a", -1},
                {{0, 5, 9}, {0, 5, 8}, "a", -1},    {{0, 5, 9}, {0, 5, 9}, "b", -1},
                {{0, 5, 9}, {-1, 5, 9}, "a", -1},   {{-1, 5, 9}, {0, 5, 8}, "a", 0},
                {{0, 5, later}, {0, 5, 8}, "a", 0},
        };
        const char *fresh_file = "a";
        struct server_options fresh = {.check = false}, now = {.check = false};

        fresh.tls_settings.cert = (struct aw_opt_strings){.items = &fresh_file, .count = 1};
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                const char *now_file = all[i].file;

                fresh_valid = &all[i].fresh;
                now_valid = &all[i].now;
                fresh.tls = (struct aw_tls_context *)(uintptr_t)fresh_valid;
                now.tls = (struct aw_tls_context *)(uintptr_t)now_valid;
                now.tls_settings.cert = (struct aw_opt_strings){.items = &now_file, .count = 1};
                expect_int(tls_check(&fresh, &now), all[i].result);
                if (all[i].result == -1)
                        expect_log("error: the certificate in 'a' has expired: it is not used");
        }
        fresh_valid = now_valid = NULL;
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_certificate_is_warned_of_each_day_of_its_last_fifth),
                on_loop(what_tls_cannot_do_is_told),
                on_loop(of_a_pair_the_half_that_is_wrong_is_named),
                on_loop(what_has_expired_is_refused_unless_it_is_in_use),
                on_loop(without_tls_there_is_nothing_to_warn_of),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
