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

/* What a line that is written to the log says, as JSON. */
static json_t *
logged(const char *message, char line[AW_LOG_LINE_MAX + 100])
{
        int out = dup(STDERR_FILENO), fd = memfd_create("log", MFD_CLOEXEC);
        json_t *object;
        ssize_t length;

        dup2(fd, STDERR_FILENO);
        aw_log(AW_LOG_WARNING, "%s", message);
        dup2(out, STDERR_FILENO);
        length = pread(fd, line, AW_LOG_LINE_MAX + 99, 0);
        assert_true(length > 0);
        line[length] = '\0';
        assert_int_equal(line[length - 1], '\n');
        object = json_loads(line, 0, NULL);
        close(fd);
        close(out);
        return object;
}

/* A message of the bytes of `text`, over and over. */
static void
repeat(const char *text, size_t length, char out[AW_LOG_LINE_MAX])
{
        for (size_t i = 0; i < length; i++)
                out[i] = text[i % strlen(text)];
        out[length] = '\0';
}

/* Each quotation mark takes two bytes in JSON. A message that has no room is cut, between characters. */
static void
a_line_of_json_is_always_one(void **state)
{
        static const char *const texts[] = {"\"", "\"\xc3\xa4", "\"\\\"\xe2\x82\xac", "x"};
        char message[AW_LOG_LINE_MAX] = "", line[AW_LOG_LINE_MAX + 100];
        size_t longest = 0, cut = 0, length;
        const char *time, *said;
        json_t *object;

        (void)state;
        log_form_set("json");
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) * 1000; i++) {
                /* Only whole characters. */
                length = 1000 + i / 4;
                length -= length % strlen(texts[i % 4]);
                repeat(texts[i % 4], length, message);
                object = logged(message, line);
                assert_non_null(object);
                time = json_string_value(json_object_get(object, "time"));
                assert_true(strlen(time) == 24 && time[4] == '-' && time[10] == 'T');
                assert_string_equal(json_string_value(json_object_get(object, "level")), "warning");
                said = json_string_value(json_object_get(object, "message"));
                length = strlen(said);
                if (strcmp(said, message) != 0) {
                        cut++;
                        assert_string_equal(said + length - 3, "...");
                        assert_memory_equal(said, message, length - 3);
                        assert_true(strlen(line) > AW_LOG_LINE_MAX - 20);
                }
                longest = strlen(line) > longest ? strlen(line) : longest;
                json_decref(object);
        }
        aw_log_set_form(NULL);
        assert_int_equal(longest, AW_LOG_LINE_MAX);
        assert_true(cut > 1000);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_journal_is_known_by_its_socket),
                cmocka_unit_test(a_line_of_json_is_always_one),
                cmocka_unit_test(nothing_is_left_of_any_line),
        };

        json_set_alloc_funcs(count_piece, forget_piece);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
