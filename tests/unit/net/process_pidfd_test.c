/* SPDX-License-Identifier: MIT */
/* Wraps: syscall. */
/* A system without pidfd_open(2), or a Valgrind that does not know it. */
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "await/process.h"
#include "unit/support.h"

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long
__wrap_syscall(long number, ...)
{
        long words[6];
        va_list arguments;

        if (number == SYS_pidfd_open) {
                errno = ENOSYS;
                return -1;
        }
        va_start(arguments, number);
        for (size_t i = 0; i < 6; i++)
                words[i] = va_arg(arguments, long);
        va_end(arguments);
        return __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

static async int
no_child_is_started_and_the_sentence_says_why(NOTHING)
{
        const char *const words[] = {"true", NULL};
        struct aw_process_options options = {.argv = words, .output = {.kind = AW_STDIO_PIPE}};
        struct aw_error error;
        int before = (int)test_count_descriptors();

        expect(aw_process_start(&options, &error) == NULL && errno == ENOSYS);
        expect_int(error.kind, AW_ERROR_PROCESS);
        expect_int(error.number, ENOSYS);
        expect(strcmp(error.text,
                      "cannot run 'true': there is no pidfd_open(2): Linux before 5.4, or "
                      "a Valgrind that does not know it") == 0);
        expect_int(test_count_descriptors(), before);
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(no_child_is_started_and_the_sentence_says_why),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
