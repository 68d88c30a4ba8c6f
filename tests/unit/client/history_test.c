/* SPDX-License-Identifier: MIT */
/* Wraps: rename. */
/* What was typed, and its file. */
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <wchar.h>

#include "history.h"
#include "unit/client/balance.h"
#include "unit/client/said.h"
#include "unit/support.h"

static char folder[] = "/tmp/wsecho-unit-XXXXXX", file[100];
static bool no_rename; /* it fails */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int
__wrap_rename(const char *from, const char *to)
{
        errno = EIO;
        return no_rename ? -1 : __real_rename(from, to);
}

static void
begin(void)
{
        said_begin();
        setenv("XDG_STATE_HOME", folder, 1);
        snprintf(file, sizeof(file), "%s/wsecho/history", folder);
        unlink(file);
}

static void
is_said(const char *words)
{
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "'%s' is said (it is '%s')",
                    words, said);
        said_begin();
}

static void
write_file(const char *text, size_t length)
{
        FILE *out = fopen(file, "w");

        expect(out != NULL);
        if (out == NULL)
                return;
        expect_int((long long)fwrite(text, 1, length, out), (long long)length);
        expect_int(fclose(out), 0);
}

static void
file_is(const char *text)
{
        char got[2000] = "";
        FILE *in = fopen(file, "r");

        expect(in != NULL);
        if (in == NULL)
                return;
        got[fread(got, 1, sizeof(got) - 1, in)] = '\0';
        fclose(in);
        test_expect(strcmp(got, text) == 0, __FILE__, __LINE__, "the file is '%s' (it is '%s')",
                    text, got);
}

/* The lines from the first on, with '|' between them. */
static void
lines_are(struct history_lines *history, const char *lines)
{
        HistEventW event;
        char got[2000] = "";

        for (int result = history_w(history_of(history), &event, H_LAST); result >= 0;
             result = history_w(history_of(history), &event, H_PREV))
                snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%ls",
                         got[0] == '\0' ? "" : "|", event.str);
        test_expect(strcmp(got, lines) == 0, __FILE__, __LINE__, "the lines are '%s' (it is '%s')",
                    lines, got);
}

static async void
end(struct history_lines *history)
{
        await(history_flush(history));
        history_close(history);
}

static async int
without_a_file_lines_are_kept_in_memory(NOTHING)
{
        struct history_lines *history;

        begin();
        history = history_open(false);
        await(history_add(history, "one"));
        await(history_add(history, "two"));
        await(history_add(history, "two"));
        await(history_add(history, ""));
        await(history_add(history, "a\xff"));
        /* Behind Unicode: the C library may take it for a character. */
        await(history_add(history, "\xfd\x89\x89\x89\x89\x89"));
        await(history_add(history, "one"));
        lines_are(history, "one|two|one");
        await(end(history));
        history_close(NULL);
        expect_int(access(file, F_OK), -1);
        is_said("");
        return 0;
}

static async int
a_line_of_8_kib_is_kept_and_no_longer_one(NOTHING)
{
        static char line[(8 << 10) + 2];
        struct history_lines *history = history_open(false);
        HistEventW event;

        memset(line, 'x', sizeof(line) - 1);
        await(history_add(history, line));
        expect_int(history_w(history_of(history), &event, H_GETSIZE), 0);
        expect_int(event.num, 0);
        line[8 << 10] = '\0';
        await(history_add(history, line));
        expect_int(history_w(history_of(history), &event, H_GETSIZE), 0);
        expect_int(event.num, 1);
        await(end(history));
        return 0;
}

static async int
five_hundred_are_kept(NOTHING)
{
        struct history_lines *history = history_open(false);
        HistEventW event;
        char line[16];

        for (int i = 0; i < 510; i++) {
                snprintf(line, sizeof(line), "%d", i);
                await(history_add(history, line));
        }
        expect_int(history_w(history_of(history), &event, H_GETSIZE), 0);
        expect_int(event.num, 500);
        expect_int(history_w(history_of(history), &event, H_LAST), 0);
        expect(wcscmp(event.str, L"10") == 0);
        await(end(history));
        return 0;
}

static async int
the_file_has_a_line_for_each_and_is_for_its_owner(NOTHING)
{
        struct history_lines *history;
        struct stat status;
        size_t count;
        char long_one[HISTORY_LINE_MAX + 2];

        begin();
        memset(long_one, 'x', sizeof(long_one));
        long_one[sizeof(long_one) - 1] = '\0';
        history = history_open(true);
        count = test_count_descriptors();
        await(history_add(history, "one"));
        await(history_add(history, "a\nb\\n\\"));
        await(history_add(history, "a\nb\\n\\"));
        await(history_add(history, ""));
        await(history_add(history, "\xff"));
        await(history_add(history, long_one));
        await(history_flush(history));
        file_is("one\na\\nb\\\\n\\\\\n");
        /* Another session shares it. */
        await(history_add(history, "three"));
        await(end(history));
        file_is("one\na\\nb\\\\n\\\\\nthree\n");
        expect_int(stat(file, &status), 0);
        expect_int(status.st_mode & 0777, 0600);
        *strrchr(file, '/') = '\0';
        expect_int(stat(file, &status), 0);
        expect_int(status.st_mode & 0777, 0700);
        expect_int((long long)test_count_descriptors(), (long long)count - 1);
        begin();
        is_said("");
        return 0;
}

static async int
the_file_is_read_and_added_to(NOTHING)
{
        static const char text[] = "one\na\\nb\\\\n\\x\\\n\nlast\\";
        struct history_lines *history;

        begin();
        write_file(text, sizeof(text) - 1);
        history = history_open(true);
        lines_are(history, "one|a\nb\\n\\x\\|last\\");
        await(history_add(history, "last\\"));
        await(history_add(history, "more"));
        lines_are(history, "one|a\nb\\n\\x\\|last\\|more");
        await(end(history));
        file_is("one\na\\nb\\\\n\\x\\\n\nlast\\\nmore\n");
        is_said("");
        return 0;
}

static async int
a_file_that_others_may_read_is_theirs_no_more(NOTHING)
{
        struct history_lines *history;
        struct stat status;

        begin();
        write_file("one\n", 4);
        expect_int(chmod(file, 0664), 0);
        history = history_open(true);
        expect_int(stat(file, &status), 0);
        expect_int(status.st_mode & 0777, 0600);
        lines_are(history, "one");
        await(end(history));
        file_is("one\n");
        is_said("");
        return 0;
}

/* Numbered lines of 64 bytes; so many bytes in all. */
static void
write_large(size_t size)
{
        FILE *out = fopen(file, "w");

        for (size_t i = 0; i < size / 64; i++)
                fprintf(out, "%063zu\n", i);
        expect_int(fclose(out), 0);
}

static async int
a_file_over_4_mib_is_cut_to_the_last_one_at_a_lines_end(NOTHING)
{
        struct history_lines *history;
        struct stat status;
        char path[400];
        size_t count = test_count_descriptors();
        FILE *in;

        begin();
        write_large(4 << 20);
        history = history_open(true);
        expect_int(stat(file, &status), 0);
        expect_int(status.st_size, 4 << 20);
        await(end(history));

        write_large((4 << 20) + 64);
        history = history_open(true);
        expect_int(stat(file, &status), 0);
        /* The line that the place is in has gone: here it was a whole one. */
        expect_int(status.st_size, (1 << 20) - 64);
        expect_int(status.st_mode & 0777, 0600);
        in = fopen(file, "r");
        expect(fgets(path, sizeof(path), in) != NULL);
        fclose(in);
        expect_int(atoi(path), ((4 << 20) + 64 - (1 << 20)) / 64 + 1);
        await(history_add(history, "last"));
        await(end(history));
        expect_int(stat(file, &status), 0);
        expect_int(status.st_size, (1 << 20) - 64 + 5);
        /* Nothing is left beside it. */
        snprintf(path, sizeof(path), "%s/wsecho", folder);
        expect_int((long long)test_count_entries(path), 3);
        expect_int((long long)test_count_descriptors(), (long long)count);
        is_said("");
        return 0;
}

static async int
a_large_file_that_cannot_be_cut_is_told_and_left(NOTHING)
{
        struct history_lines *history;
        struct stat status;
        char other[200], words[300];
        size_t count = test_count_descriptors();

        begin();
        write_large((4 << 20) + 64);
        snprintf(other, sizeof(other), "%s.%d", file, (int)getpid());
        close(open(other, O_WRONLY | O_CREAT, 0600));
        history = history_open(true);
        snprintf(words, sizeof(words), "wsecho: the history '%s' cannot be kept: File exists\n",
                 file);
        is_said(words);
        expect_int(stat(file, &status), 0);
        expect_int(status.st_size, (4 << 20) + 64);
        await(history_add(history, "one"));
        lines_are(history, "one");
        await(end(history));
        expect_int(stat(file, &status), 0);
        expect_int(status.st_size, (4 << 20) + 64);
        expect_int(stat(other, &status), 0);
        expect_int(status.st_size, 0);
        unlink(other);
        no_rename = true;
        history = history_open(true);
        no_rename = false;
        snprintf(words, sizeof(words),
                 "wsecho: the history '%s' cannot be kept: Input/output error\n", file);
        is_said(words);
        await(end(history));
        expect_error(stat(other, &status), ENOENT);
        expect_int(stat(file, &status), 0);
        expect_int(status.st_size, (4 << 20) + 64);
        expect_int((long long)test_count_descriptors(), (long long)count);
        return 0;
}

static async int
its_place_is_told_by_the_environment(NOTHING)
{
        struct history_lines *history;
        char path[200];

        begin();
        setenv("XDG_STATE_HOME", "relative", 1);
        setenv("HOME", folder, 1);
        history = history_open(true);
        await(history_add(history, "one"));
        await(end(history));
        snprintf(path, sizeof(path), "%s/.local/state/wsecho/history", folder);
        expect_int(access(path, F_OK), 0);
        unlink(path);
        unsetenv("XDG_STATE_HOME");
        history = history_open(true);
        await(end(history));
        expect_int(access(path, F_OK), 0);
        expect_int(access(file, F_OK), -1);
        is_said("");
        setenv("XDG_STATE_HOME", "/dev/null", 1);
        history = history_open(true);
        is_said("wsecho: the history '/dev/null/wsecho/history' cannot be kept: Not a directory\n");
        await(history_add(history, "one"));
        lines_are(history, "one");
        await(end(history));
        is_said("");
        return 0;
}

static async int
a_file_that_is_a_folder_cannot_be_kept(NOTHING)
{
        struct history_lines *history;
        char words[300];

        begin();
        expect_int(mkdir(file, 0700), 0);
        history = history_open(true);
        snprintf(words, sizeof(words), "wsecho: the history '%s' cannot be kept: Is a directory\n",
                 file);
        is_said(words);
        await(end(history));
        expect_int(rmdir(file), 0);
        return 0;
}

/* Whatever is read from it might be waited for. */
static async int
a_file_that_is_no_regular_one_cannot_be_kept(NOTHING)
{
        struct history_lines *history;
        char words[300];

        for (int i = 0; i < 2; i++) {
                begin();
                expect_int(i == 0 ? mkfifo(file, 0600) : symlink("/dev/zero", file), 0);
                history = history_open(true);
                snprintf(words, sizeof(words),
                         "wsecho: the history '%s' cannot be kept: it is no "
                         "regular file\n",
                         file);
                is_said(words);
                await(history_add(history, "one"));
                lines_are(history, "one");
                is_said("");
                await(end(history));
                expect_int(unlink(file), 0);
        }
        return 0;
}

static async int
a_disk_that_is_full_is_told_at_the_end(NOTHING)
{
        struct history_lines *history;
        struct rlimit before, none;

        begin();
        history = history_open(true);
        /* As if the disk had no room for it. */
        getrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, SIG_IGN);
        none = (struct rlimit){0, before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &none);
        await(history_add(history, "one"));
        await(history_flush(history));
        setrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, SIG_DFL);
        history_close(history);
        is_said("wsecho: the history is not complete: File too large\n");
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(without_a_file_lines_are_kept_in_memory),
                on_loop(a_line_of_8_kib_is_kept_and_no_longer_one),
                on_loop(five_hundred_are_kept),
                on_loop(the_file_has_a_line_for_each_and_is_for_its_owner),
                on_loop(the_file_is_read_and_added_to),
                on_loop(a_file_that_others_may_read_is_theirs_no_more),
                on_loop(a_file_over_4_mib_is_cut_to_the_last_one_at_a_lines_end),
                on_loop(a_large_file_that_cannot_be_cut_is_told_and_left),
                on_loop(its_place_is_told_by_the_environment),
                on_loop(a_file_that_is_a_folder_cannot_be_kept),
                on_loop(a_file_that_is_no_regular_one_cannot_be_kept),
                on_loop(a_disk_that_is_full_is_told_at_the_end),
        };
        char command[100];
        int failed;

        balance_begin();
        if (setlocale(LC_CTYPE, "C.UTF-8") == NULL || mkdtemp(folder) == NULL)
                return 1;
        failed = run_balanced(tests, NULL);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        return system(command) != 0 || failed != 0;
}
