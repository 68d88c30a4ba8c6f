/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The line that tells how far a run is, on a terminal. */
#include "bench/conductor.h"
#include "bench/live.h"
#include "unit/support.h"

/* What a run of two phases prints on standard error. */
static void
prints(bool shown, const char *wanted)
{
        const struct result_second first = {.seconds = 1, .received = 5000, .errors = 2},
                                   second = {.seconds = 0.5,
                                             .received = 1000,
                                             .errors = 1,
                                             .p50 = 1500000,
                                             .p99 = 2500000,
                                             .max = 1},
                                   none = {.seconds = 0, .received = 7};
        FILE *file = tmpfile();
        char got[600] = "";
        int saved = dup(STDERR_FILENO);
        struct live live;

        dup2(fileno(file), STDERR_FILENO);
        live_init(&live, shown);
        live_phase(&live, "opening", 0);
        live_second(&live, &first, false);
        live_phase(&live, NULL, 3 * AW_SECOND);
        live_second(&live, &second, true);
        live_second(&live, &none, true);
        live_clear(&live);
        dup2(saved, STDERR_FILENO);
        close(saved);
        rewind(file);
        got[fread(got, 1, sizeof(got) - 1, file)] = '\0';
        fclose(file);
        assert_string_equal(got, wanted);
}

static void
a_terminal_sees_each_second(void **state)
{
        (void)state;
        prints(true, "\r\x1b[Kopening ..."
                     "\r\x1b[Kwarming up 1 s  5,000 messages/s  2 errors"
                     "\r\x1b[K0 of 3 s  2,000 messages/s  p50 1.50  p99 2.50 ms  3 errors"
                     "\r\x1b[K0 of 3 s  0 messages/s  3 errors"
                     "\r\x1b[K");
}

static void
others_see_nothing(void **state)
{
        (void)state;
        prints(false, "");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_terminal_sees_each_second),
                cmocka_unit_test(others_see_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
