/* SPDX-License-Identifier: MIT */
/* Wraps: malloc calloc realloc free strdup strndup getline __getdelim open_memstream. */
/* Wraps: vasprintf __vasprintf_chk asprintf __asprintf_chk fdopen. */
/*
 * Parts of wsbench without memory: the first request for it fails, then the second, and so on. Each
 * time something is said, and nothing is left behind.
 */
#include <jansson.h>

#include "bench/clock.h"
#include "bench/compare.h"
#include "bench/conductor.h"
#include "bench/forms.h"
#include "bench/plot.h"
#include "bench/report.h"
#include "bench/source.h"
#include "bench/window.h"
#include "unit/no_memory.h"

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);

FILE *
__wrap_fdopen(int fd, const char *mode)
{
        return is_refused() ? NULL : __real_fdopen(fd, mode);
}

static bool
is_short(void)
{
        return memory.requests >= memory.failing;
}

static void
messages(void **state)
{
        struct payload payload;
        int result;

        (void)state;
        test_begin();
        for (int fixed = 0; fixed < 2; fixed++) {
                no_memory_begin();
                do {
                        no_memory_run();
                        result = fixed ? payload_init_fixed(&payload, "abc", 3)
                                       : payload_init(&payload, 3);
                        expect_int(result, is_short() ? -1 : 0);
                        expect(result == 0 || errno == ENOMEM);
                        if (result == 0)
                                payload_free(&payload);
                } while (no_memory_again());
                expect_int(result, 0);
                expect_int(memory.failing, 3);
        }
        test_end();
}

static void
windows_and_sources(void **state)
{
        const struct aw_connect_options way = {.interface = NULL};
        struct window window;
        struct source *sources;
        int made;

        (void)state;
        test_begin();
        no_memory_begin();
        do {
                no_memory_run();
                made = window_init(&window, 3, 20);
                expect_int(made, is_short() ? -1 : 0);
                window_free(&window);
                expect(window.ring == NULL);
        } while (no_memory_again());
        expect_int(memory.failing, 2);
        expect_int((long long)window.size, 64);
        no_memory_begin();
        do {
                no_memory_run();
                sources = source_make(&way, 2);
                expect((sources == NULL) == is_short());
                expect(sources == NULL || strcmp(sources[1].address, "127.0.0.2") == 0);
                free(sources);
        } while (no_memory_again());
        test_end();
}

static void
sizes(void **state)
{
        const char *problem = NULL;
        struct sizes parsed;

        (void)state;
        test_begin();
        no_memory_begin();
        no_memory_run();
        expect_int(sizes_parse("1", &parsed, &problem), -1);
        expect(no_memory_again());
        expect(strcmp(problem, "out of memory") == 0);
        expect_int((long long)parsed.count, 0);
        test_end();
}

/* A point that there is no memory for is left out. */
static void
plots(void **state)
{
        struct plot plot = {.count = 1};

        (void)state;
        test_begin();
        no_memory_begin();
        do {
                no_memory_run();
                for (int i = 0; i < 65; i++)
                        plot_add(&plot, 0, i, i);
                expect_int((long long)plot.lines[0].count, is_short() ? 64 : 65);
                expect_int((long long)plot.lines[0].points[63].x, memory.failing == 1 ? 64 : 63);
                plot_free(&plot);
                plot = (struct plot){.count = 1};
        } while (no_memory_again());
        expect_int(memory.failing, 3);
        test_end();
}

static struct bench_options options;
static struct result_second second = {.seconds = 1, .received = 2, .max = 3};
static struct result result = {.options = &options,
                               .url = "ws://h",
                               .duration = CLOCK_SECOND,
                               .seconds = &second,
                               .second_count = 1,
                               .target = {.count = 1}};

static void
reports(void **state)
{
        FILE *out = fopen("/dev/null", "w");
        int written;

        (void)state;
        test_begin();
        options = (struct bench_options){.connections = 1};
        aw_histogram_record(&result.record.latency, 1000000);
        no_memory_begin();
        do {
                no_memory_run();
                errno = 0;
                written = report_json(&result, out);
                expect(written == 0 || errno == ENOMEM);
        } while (no_memory_again());
        expect_int(written, 0);
        expect(memory.failing > 100);
        /* The table is left out, or points of a plot. */
        no_memory_begin();
        do {
                no_memory_run();
                report_page(&result, out);
                expect(!ferror(out));
        } while (no_memory_again());
        expect(memory.failing > 5);
        fclose(out);
        test_end();
}

static void
files(void **state)
{
        char csv[] = "/tmp/no_memory_test.XXXXXX", hdr[] = "/tmp/no_memory_test.XXXXXX";
        int fds[2] = {mkstemp(csv), mkstemp(hdr)};
        size_t descriptors = test_count_descriptors();
        struct forms forms;
        enum bench_status status;

        (void)state;
        test_begin();
        options = (struct bench_options){.csv = csv, .hdr = hdr, .report = "-"};
        no_memory_begin();
        do {
                no_memory_run();
                status = forms_open(&forms, &options);
                expect_int(status, is_short() ? BENCH_LOCAL : BENCH_OK);
                expect((forms.files[0] == NULL) == (memory.failing == 1));
                expect((forms.files[2] == stdout) == !is_short());
                forms_close(&forms);
                expect(forms.files[0] == NULL && forms.files[1] == NULL && forms.files[2] == NULL);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (no_memory_again());
        expect_int(memory.failing, 3);
        close(fds[0]);
        close(fds[1]);
        unlink(csv);
        unlink(hdr);
        test_end();
}

static void
a_comparison(void **state)
{
        (void)state;
        test_begin();
        options = (struct bench_options){.rounds = 3};
        no_memory_begin();
        no_memory_run();
        expect_int(compare_run(&options, "ws://one", "ws://two"), BENCH_LOCAL);
        expect(no_memory_again());
        expect_int(memory.requests, 1);
        test_end();
}

/* A whole run, to where nobody listens: it ends, whatever there was no memory for. */
static void
a_run(void **state)
{
        struct aw_opt_strings pids = {.count = 0};
        /* Where the first one cannot be had, the library tries the next: not here. */
        const char *loop = getenv("AW_TEST_LOOP");
        size_t descriptors;
        struct result *run;

        (void)state;
        test_begin();
        options = (struct bench_options){.connections = 2,
                                         .messages = 1,
                                         .in_flight = 1,
                                         .thread_count = 1,
                                         .timeout = AW_SECOND,
                                         .duration = AW_SECOND,
                                         .sources = 2,
                                         .loop = loop == NULL ? "poll" : loop,
                                         .sizes = {.parts = {{.low = 1, .high = 1}}, 1, 1, 1}};
        /* What is kept for later runs. */
        conductor_free(conductor_run(&options, "ws://127.0.0.1:1", &pids, false));
        descriptors = test_count_descriptors();
        no_memory_begin();
        do {
                no_memory_run();
                run = conductor_run(&options, "ws://127.0.0.1:1", &pids, false);
                expect(run == NULL || run->error == ENOMEM || run->record.refused > 0);
                if (run != NULL)
                        expect_int((long long)run->record.opened, 0);
                conductor_free(run);
                expect_int((long long)test_count_descriptors(), (long long)descriptors);
        } while (no_memory_again());
        expect(memory.failing > 20);
        test_end();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(messages),     cmocka_unit_test(windows_and_sources),
                cmocka_unit_test(sizes),        cmocka_unit_test(plots),
                cmocka_unit_test(reports),      cmocka_unit_test(files),
                cmocka_unit_test(a_comparison), cmocka_unit_test(a_run),
        };

        json_set_alloc_funcs(malloc, free);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
