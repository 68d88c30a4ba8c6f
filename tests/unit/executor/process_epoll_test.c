/* SPDX-License-Identifier: MIT */
/* Wraps: epoll_ctl. */
/* Process pools when the kernel watches no more descriptors (epoll(7), max_user_watches). */
#include <sys/epoll.h>

#include "unit/executor/process_support.h"

int __real_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event);

static bool refusing;

int
__wrap_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event)
{
        if (refusing && operation == EPOLL_CTL_ADD) {
                errno = ENOSPC;
                return -1;
        }
        return __real_epoll_ctl(epoll, operation, descriptor, event);
}

static async int
a_pool_that_cannot_be_watched_leaves_nothing(NOTHING)
{
        struct aw_process_pool_options options = {.functions = functions, .function_count = 1};
        size_t before = test_count_descriptors();

        refusing = true;
        expect(await(aw_process_pool_create(&options)) == NULL && errno == ENOSPC);
        refusing = false;
        expect_int(test_count_descriptors(), before);
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        await(make_pool(1));
        expect(await(ask()).pid != 0);
        return await(end_pool());
}

static async int
a_worker_that_cannot_be_watched_fails_the_job_for_now(NOTHING)
{
        struct about worker;
        size_t before;

        await(make_pool(1));
        worker = await(ask());
        before = test_count_descriptors();
        kill(worker.pid, SIGKILL);
        await(wait_logged(1));
        expect_log("was killed by signal 9");
        refusing = true;
        expect_error(await(await_block(NULL)), ENOSPC);
        expect_log("no process worker can be started: No space left on device");
        refusing = false;
        /* Its end of the socket is closed, and so it ends. */
        expect_int(test_count_descriptors(), before - 1);
        expect(await(ask()).pid != worker.pid);
        expect_int(test_count_descriptors(), before);
        return await(end_pool());
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_pool_that_cannot_be_watched_leaves_nothing),
                on_loop(a_worker_that_cannot_be_watched_fails_the_job_for_now),
        };

        return cmocka_run_group_tests(tests, share, NULL);
}
