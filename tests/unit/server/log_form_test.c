/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Lines of the log on standard error, as JSON, and where they go. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "log_form.h"
#include "unit/server/pieces.h"

static void
the_journal_is_known_by_its_socket(void **state)
{
        struct stat status;
        char own[64];

        (void)state;
        assert_int_equal(fstat(STDERR_FILENO, &status), 0);
        snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
        assert_true(log_form_is_journal(own));
        assert_false(log_form_is_journal(NULL));
        assert_false(log_form_is_journal(""));
        assert_false(log_form_is_journal("1:1"));
        strcat(own, "0");
        assert_false(log_form_is_journal(own));
}

/* A line as long as there is room for is one of JSON; one byte more, and it is as without. */
static void
a_line_of_json_is_whole_or_is_none(void **state)
{
        char message[AW_LOG_LINE_MAX + 1] = "", line[AW_LOG_LINE_MAX + 100];
        int out = dup(STDERR_FILENO), fd = memfd_create("log", MFD_CLOEXEC);
        size_t length, longest = 0, plain = 0;
        const char *time;
        json_t *object;

        (void)state;
        log_form_set("json");
        /* Each quotation mark takes two bytes in JSON. */
        for (size_t i = AW_LOG_LINE_MAX - 150; i < AW_LOG_LINE_MAX; i++) {
                memset(message, '"', i / 2);
                strcpy(message + i / 2, i % 2 == 0 ? "" : "m");
                assert_int_equal(ftruncate(fd, 0), 0);
                lseek(fd, 0, SEEK_SET);
                dup2(fd, STDERR_FILENO);
                aw_log(AW_LOG_WARNING, "%s", message);
                dup2(out, STDERR_FILENO);
                memset(line, 0, sizeof(line));
                assert_true(pread(fd, line, sizeof(line) - 1, 0) > 0);
                length = strlen(line);
                assert_int_equal(line[length - 1], '\n');
                object = json_loads(line, 0, NULL);
                if (object == NULL) {
                        plain++;
                        continue;
                }
                assert_int_equal(plain, 0);
                time = json_string_value(json_object_get(object, "time"));
                assert_true(strlen(time) == 24 && time[4] == '-' && time[10] == 'T');
                assert_string_equal(json_string_value(json_object_get(object, "level")), "warning");
                assert_string_equal(json_string_value(json_object_get(object, "message")), message);
                longest = length > longest ? length : longest;
                json_decref(object);
        }
        aw_log_set_form(NULL);
        assert_int_equal(longest, AW_LOG_LINE_MAX);
        assert_true(plain > 0);
        close(fd);
        close(out);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_journal_is_known_by_its_socket),
                cmocka_unit_test(a_line_of_json_is_whole_or_is_none),
                cmocka_unit_test(nothing_is_left_of_any_line),
        };

        json_set_alloc_funcs(count_piece, forget_piece);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
