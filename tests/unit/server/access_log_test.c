/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Threads: a thread writes what others add. */
/* Wraps: write malloc pthread_timedjoin_np. */
/* The access log: its lines, and what happens to them if nobody takes them. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <sys/stat.h>

#include "access_log.h"
#include "log_form.h"
#include "unit/clock.h"
#include "unit/server/pieces.h"
#include "unit/support.h"

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

/* What becomes of each write to come: so many bytes are taken at most, or it fails with -errno. */
static const int *script;
static size_t largest; /* of all writes */
static bool whole;     /* all of them ended with a line */

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t
__wrap_write(int fd, const void *data, size_t size)
{
        int next = script == NULL ? 0 : *script;

        largest = size > largest ? size : largest;
        whole &= ((const char *)data)[size - 1] == '\n';
        if (next == 0)
                return __real_write(fd, data, size);
        script++;
        if (next < 0) {
                errno = -next;
                return -1;
        }
        return __real_write(fd, data, (size_t)next < size ? (size_t)next : size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* It need not be zeroed. */
void *
__wrap_malloc(size_t size)
{
        void *made = __real_malloc(size);

        return made == NULL ? NULL : memset(made, 0x5a, size);
}

static bool waits_for_ever;

int __real_pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *until);
int __wrap_pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *until);

int
__wrap_pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *until)
{
        return waits_for_ever ? ETIMEDOUT : __real_pthread_timedjoin_np(thread, result, until);
}

static char directory[] = "/tmp/access_log_test.XXXXXX";
static char path[64], other[64];

static int
make_directory(void **state)
{
        (void)state;
        if (mkdtemp(directory) == NULL)
                return -1;
        snprintf(path, sizeof(path), "%s/log", directory);
        snprintf(other, sizeof(other), "%s/old", directory);
        return 0;
}

static int
remove_directory(void **state)
{
        (void)state;
        unlink(path);
        unlink(other);
        return rmdir(directory);
}

static void
begin(const char *name, bool json)
{
        access_log_use_json(json);
        assert_int_equal(access_log_open(name, ""), 0);
        assert_true(access_log_is_open());
        assert_int_equal(access_log_start(true), 0);
}

static void
read_file(const char *name, char *out, size_t size)
{
        int fd = open(name, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd == -1 ? 0 : read(fd, out, size - 1);

        assert_true(got >= 0);
        out[got] = '\0';
        if (fd != -1)
                close(fd);
}

static void
assert_like(const char *text, const char *pattern)
{
        regex_t regex;

        assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&regex, text, 0, NULL, 0) != 0)
                fail_msg("'%s' is not like '%s'", text, pattern);
        regfree(&regex);
}

static json_t *
line_of(const char *text)
{
        return json_pack("{sssisfsb}", "path", text, "bytes", 5, "seconds", 0.25, "resumed", 1);
}

static void
a_line_has_the_time_and_pairs(void **state)
{
        char text[1000];

        (void)state;
        unlink(path);
        begin(path, false);
        access_log_write(line_of("/a b"));
        access_log_write(line_of("\" bytes=9 \\"));
        access_log_close();
        assert_false(access_log_is_open());
        read_file(path, text, sizeof(text));
        assert_like(text, "^" TIME " path=\"/a b\" bytes=5 seconds=0.25 resumed=true\n" TIME
                          " path=\"\\\\\" bytes=9 \\\\\\\\\" bytes=5 seconds=0.25 resumed=true\n$");
}

/* A line is whole, or is not there, and fits into a pipe; whichever of its pairs is the last to fit. */
static void
a_line_that_is_too_long_is_left_out(void **state)
{
        static char value[ACCESS_LOG_LINE + 1], text[ACCESS_LOG_LINE + 2];
        size_t length, written = 0;
        json_t *object;

        (void)state;
        for (size_t i = ACCESS_LOG_LINE - 80; i < ACCESS_LOG_LINE; i++) {
                memset(value, 'v', i);
                unlink(path);
                begin(path, false);
                object = json_pack("{ss si}", "first", value, "second", 7);
                assert_non_null(object);
                access_log_write(object);
                access_log_close();
                read_file(path, text, sizeof(text));
                length = strlen(text);
                assert_true(length <= ACCESS_LOG_LINE);
                if (length > 0)
                        assert_like(text, "^" TIME " first=\"v+\" second=7\n$");
                /* Once one is too long, each longer one is. */
                assert_true(length > 0 || written < i);
                written = length > 0 ? i : written;
                assert_true(length == 0 || written == i);
        }
        assert_in_range(written, ACCESS_LOG_LINE - 80, ACCESS_LOG_LINE - 40);
}

static void
with_json_a_line_is_an_object(void **state)
{
        char text[1000];
        json_t *object;

        (void)state;
        unlink(path);
        begin(path, true);
        access_log_write(line_of("\"\n"));
        access_log_close();
        read_file(path, text, sizeof(text));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        object = json_loads(text, 0, NULL);
        assert_non_null(object);
        assert_string_equal(json_string_value(json_object_get(object, "path")), "\"\n");
        assert_like(json_string_value(json_object_get(object, "time")), "^" TIME "$");
        assert_int_equal(json_integer_value(json_object_get(object, "bytes")), 5);
        json_decref(object);
}

static void
a_file_is_appended_to(void **state)
{
        char text[1000];
        struct stat status;

        (void)state;
        unlink(path);
        begin(path, false);
        access_log_write(json_pack("{si}", "n", 1));
        access_log_close();
        begin(path, false);
        access_log_write(json_pack("{si}", "n", 2));
        access_log_close();
        read_file(path, text, sizeof(text));
        assert_like(text, "^" TIME " n=1\n" TIME " n=2\n$");
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0137, 0);
}

static void
a_file_that_was_renamed_is_opened_anew(void **state)
{
        char text[1000];

        (void)state;
        unlink(path);
        test_begin();
        begin(path, false);
        access_log_write(json_pack("{si}", "n", 1));
        do
                read_file(path, text, sizeof(text));
        while (text[0] == '\0');
        assert_int_equal(rename(path, other), 0);
        assert_true(access_log_reopen());
        access_log_write(json_pack("{si}", "n", 2));
        access_log_close();
        expect_log("reopened the access log");
        test_end();
        read_file(other, text, sizeof(text));
        assert_like(text, "^" TIME " n=1\n$");
        read_file(path, text, sizeof(text));
        assert_like(text, "^" TIME " n=2\n$");
}

static void
a_file_that_cannot_be_opened_anew_goes_on(void **state)
{
        char text[1000];

        (void)state;
        unlink(path);
        test_begin();
        begin(path, false);
        assert_int_equal(rename(path, other), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_true(access_log_reopen());
        access_log_write(json_pack("{si}", "n", 2));
        access_log_close();
        expect_log("cannot open the access log");
        test_end();
        assert_int_equal(rmdir(path), 0);
        read_file(other, text, sizeof(text));
        assert_like(text, "^" TIME " n=2\n$");
}

static void
a_thread_that_does_not_end_is_left_to_the_process(void **state)
{
        char wanted[160];

        (void)state;
        test_begin();
        begin(path, false);
        waits_for_ever = true;
        access_log_close();
        waits_for_ever = false;
        snprintf(wanted, sizeof(wanted),
                 "warning: the access log %s takes no more: its last lines are lost", path);
        expect_log(wanted);
        assert_true(access_log_is_open());
        access_log_close();
        assert_false(access_log_is_open());
        unlink(path);
        test_end();
}

/* Those may be closed, and stay so. */
static void
standard_output_is_no_other_standard_file(void **state)
{
        (void)state;
        for (int fd = 0; fd <= 2; fd += 2) {
                int kept = dup(fd);

                close(fd);
                assert_int_equal(access_log_open("-", ""), 0);
                assert_int_equal(fcntl(fd, F_GETFD), -1);
                access_log_close();
                assert_int_equal(dup2(kept, fd), fd);
                close(kept);
        }
}

static void
what_cannot_be_written_to_is_refused_at_once(void **state)
{
        (void)state;
        test_begin();
        assert_int_equal(access_log_open(directory, ""), -1);
        expect_log("--access-log: cannot write to ");
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(access_log_open(path, ""), -1);
        expect_log(": nobody reads it");
        unlink(path);
        test_end();
        assert_false(access_log_is_open());
        assert_false(access_log_reopen());
        access_log_close();
}

/* The next line, by itself, is lost. */
static void
lose_line(void)
{
        uint64_t before = access_log_lost();

        access_log_write(json_pack("{si}", "n", 1));
        while (access_log_lost() == before)
                sched_yield();
}

/* The log is told of the first at once, of more once a minute, and of the rest at the end. */
static void
lines_for_a_full_disk_are_counted(void **state)
{
        uint64_t before = access_log_lost();

        (void)state;
        test_begin();
        begin("/dev/full", false);
        for (int i = 0; i < 4; i++)
                lose_line();
        clock_ahead += 60 * AW_SECOND;
        for (int i = 0; i < 2; i++)
                lose_line();
        access_log_close();
        assert_int_equal(access_log_lost() - before, 6);
        expect_log("lines of the access log /dev/full were lost: No space left");
        expect_log("3 more of the access log's lines in /dev/full were lost: No space left");
        expect_log("2 more of the access log's lines in /dev/full were lost: No space left");
        test_end();
}

static void
a_line_that_cannot_be_made_is_lost(void **state)
{
        uint64_t before = access_log_lost();
        char *longest = calloc(1, 5000);
        char text[1000];

        (void)state;
        memset(longest, 'x', 4999);
        unlink(path);
        begin(path, false);
        access_log_write(NULL);
        access_log_write(json_pack("{ss}", "long", longest));
        access_log_write(json_pack("{si}", "n", 1));
        access_log_close();
        free(longest);
        assert_int_equal(access_log_lost() - before, 2);
        read_file(path, text, sizeof(text));
        assert_like(text, "^" TIME " lost_lines=2\n" TIME " n=1\n$");
}

static void
wait_for_loss(uint64_t lost)
{
        while (access_log_lost() < lost)
                sched_yield();
}

static void
a_write_that_is_cut_short_or_interrupted_goes_on(void **state)
{
        static const int cut[] = {-EINTR, 3, 1, -EINTR, 20, 0};
        uint64_t before = access_log_lost();
        char text[1000];

        (void)state;
        unlink(path);
        script = cut;
        begin(path, false);
        access_log_write(line_of("/a b"));
        access_log_close();
        assert_int_equal(*script, 0);
        script = NULL;
        read_file(path, text, sizeof(text));
        assert_like(text, "^" TIME " path=\"/a b\" bytes=5 seconds=0.25 resumed=true\n$");
        assert_int_equal(access_log_lost(), before);
}

/* What stands there in part is ended, before it is said that it was lost, as soon as that can be. */
static void
a_line_that_is_torn_is_ended_and_lost(void **state)
{
        static const int full[] = {5, -ENOSPC, -ENOSPC, 0};
        uint64_t before = access_log_lost();
        char text[1000];

        (void)state;
        test_begin();
        unlink(path);
        script = full;
        begin(path, false);
        access_log_write(line_of("/first"));
        wait_for_loss(before + 1);
        access_log_write(json_pack("{si}", "n", 2));
        wait_for_loss(before + 2);
        access_log_write(json_pack("{si}", "n", 3));
        access_log_close();
        script = NULL;
        read_file(path, text, sizeof(text));
        assert_like(text, "^[0-9]{4}-\n" TIME " lost_lines=2\n" TIME " n=3\n$");
        assert_int_equal(access_log_lost() - before, 2);
        expect(*test_log_find("were lost: No space left") != '\0');
        test_end();
}

/* Of what is written at once, so much that it ends with a line. */
static void
a_write_that_is_cut_short_between_lines_tears_none(void **state)
{
        static const int full[] = {sizeof("2026-01-01T00:00:00.000Z n=1"), -ENOSPC, 0};
        uint64_t before = access_log_lost();
        char text[1000];

        (void)state;
        test_begin();
        unlink(path);
        script = full;
        access_log_use_json(false);
        assert_int_equal(access_log_open(path, ""), 0);
        access_log_write(json_pack("{si}", "n", 1));
        access_log_write(json_pack("{si}", "n", 2));
        assert_int_equal(access_log_start(true), 0);
        wait_for_loss(before + 1);
        access_log_write(json_pack("{si}", "n", 3));
        access_log_close();
        script = NULL;
        read_file(path, text, sizeof(text));
        assert_like(text, "^" TIME " n=1\n" TIME " lost_lines=1\n" TIME " n=3\n$");
        expect(*test_log_find("were lost: No space left") != '\0');
        test_end();
}

/* Lines of 256 bytes, as many as wait, and one more. */
static void
what_waits_has_a_bound_and_goes_out_in_writes_that_a_pipe_takes_whole(void **state)
{
        static char text[ACCESS_LOG_QUEUE + 4096];
        uint64_t before = access_log_lost();
        char value[256] = "";
        size_t lines = 0;

        (void)state;
        unlink(path);
        memset(value, 'v', 256 - 24 - strlen(" v=\"\"\n"));
        access_log_use_json(false);
        assert_int_equal(access_log_open(path, ""), 0);
        for (size_t i = 0; i <= ACCESS_LOG_QUEUE / 256; i++)
                access_log_write(json_pack("{ss}", "v", value));
        assert_int_equal(access_log_lost() - before, 1);
        largest = 0;
        whole = true;
        assert_int_equal(access_log_start(false), 0);
        access_log_close();
        assert_int_equal(largest, PIPE_BUF);
        assert_true(whole);
        read_file(path, text, sizeof(text));
        for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
                lines++;
        assert_int_equal(lines, ACCESS_LOG_QUEUE / 256 + 1);
        assert_like(text, "^" TIME " lost_lines=1\n" TIME " v=");
}

/* What there is to read, until nothing comes any more and it is `all`. */
static size_t
drain(int fd, size_t *lost)
{
        static char text[2 << 20];
        size_t length = 0, lines = 0;
        ssize_t got;
        char *at;

        while ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
                length += (size_t)got;
        text[length] = '\0';
        *lost = 0;
        for (at = text; (at = strchr(at, '\n')) != NULL; at++)
                lines++;
        for (at = text; (at = strstr(at, "lost_lines=")) != NULL; at++) {
                *lost += strtoul(at + strlen("lost_lines="), NULL, 10);
                lines--;
        }
        return lines;
}

static void *
drain_in_thread(void *argument)
{
        size_t *found = argument;

        found[1] = drain((int)found[0], &found[2]);
        return NULL;
}

/* The reader does not read until all has been written: that it comes so far is what is tested. */
static void
a_reader_that_does_not_read_stops_nobody_and_loses_lines(void **state)
{
        enum { LINES = 20000 };
        uint64_t before = access_log_lost();
        size_t found[3];
        pthread_t thread;
        int fd, i;

        (void)state;
        unlink(path);
        assert_int_equal(mkfifo(path, 0600), 0);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fd >= 0);
        begin(path, false);
        for (i = 0; i < LINES; i++)
                access_log_write(json_pack("{sssi}", "peer", "127.0.0.1:12345", "n", i));
        assert_true(access_log_lost() > before);
        assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
        found[0] = (size_t)fd;
        assert_int_equal(pthread_create(&thread, NULL, drain_in_thread, found), 0);
        access_log_write(json_pack("{si}", "last", 1));
        access_log_close();
        pthread_join(thread, NULL);
        close(fd);
        unlink(path);
        assert_int_equal(found[1] + (access_log_lost() - before), LINES + 1);
        assert_true(found[2] > 0 && found[2] <= access_log_lost());
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_has_the_time_and_pairs),
                cmocka_unit_test(a_line_that_is_too_long_is_left_out),
                cmocka_unit_test(with_json_a_line_is_an_object),
                cmocka_unit_test(a_file_is_appended_to),
                cmocka_unit_test(a_file_that_was_renamed_is_opened_anew),
                cmocka_unit_test(a_file_that_cannot_be_opened_anew_goes_on),
                cmocka_unit_test(a_thread_that_does_not_end_is_left_to_the_process),
                cmocka_unit_test(standard_output_is_no_other_standard_file),
                cmocka_unit_test(what_cannot_be_written_to_is_refused_at_once),
                cmocka_unit_test(lines_for_a_full_disk_are_counted),
                cmocka_unit_test(a_line_that_cannot_be_made_is_lost),
                cmocka_unit_test(a_write_that_is_cut_short_or_interrupted_goes_on),
                cmocka_unit_test(a_line_that_is_torn_is_ended_and_lost),
                cmocka_unit_test(a_write_that_is_cut_short_between_lines_tears_none),
                cmocka_unit_test(
                        what_waits_has_a_bound_and_goes_out_in_writes_that_a_pipe_takes_whole),
                cmocka_unit_test(a_reader_that_does_not_read_stops_nobody_and_loses_lines),
                cmocka_unit_test(nothing_is_left_of_any_line),
        };

        signal(SIGPIPE, SIG_IGN);
        json_set_alloc_funcs(count_piece, forget_piece);
        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
