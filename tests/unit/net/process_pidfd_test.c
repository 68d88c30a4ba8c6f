/* SPDX-License-Identifier: MIT */
/* Wraps: syscall pthread_create. */
/* Children that a thread watches, where there is no pidfd_open(2): what differs. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "await/process.h"
#include "unit/net/no_pidfd.h"
#include "unit/support.h"

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);

static void *(*watch)(void *);
static sigset_t mask;
static int detached, create_error;

/* Looks at the thread's signals, from inside. */
static void *
watched(void *argument)
{
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        return watch(argument);
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                      void *(*function)(void *), void *argument)
{
        if (create_error != 0)
                return create_error;
        watch = function;
        pthread_attr_getdetachstate(attributes, &detached);
        return __real_pthread_create(thread, attributes, watched, argument);
}

static struct aw_process *
start(const char *const *words, struct aw_error *error)
{
        struct aw_process_options options = {.argv = words, .output = {.kind = AW_STDIO_PIPE}};

        return aw_process_start(&options, error);
}

static async int
the_thread_is_nobodys_and_takes_no_signals(NOTHING)
{
        static const char *const words[] = {"true", NULL};
        struct aw_process *process = start(words, NULL);
        struct aw_process_status status;

        expect_int(await(aw_process_wait(process, &status, AW_NEVER)), 0);
        expect_int(status.code, 0);
        aw_process_free(process);
        expect_int(detached, PTHREAD_CREATE_DETACHED);
        expect(sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGCHLD) == 1);
        return 0;
}

static async int
without_a_thread_no_child_is_left(NOTHING)
{
        static const char *const words[] = {"sleep", "1000", NULL};
        struct aw_error error;
        size_t before = test_count_descriptors();

        create_error = EAGAIN;
        expect(start(words, &error) == NULL && errno == EAGAIN);
        create_error = 0;
        expect_int(error.kind, AW_ERROR_PROCESS);
        expect_int(error.number, EAGAIN);
        expect(strcmp(error.text, "cannot run 'sleep': Resource temporarily unavailable") == 0);
        expect_no_more_descriptors(before);
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return 0;
}

/* It is the thread that ends the wait: nothing is lost when the child is gone long before. */
static async int
a_child_that_ended_before_anybody_waits_is_told(NOTHING)
{
        static const char *const words[] = {"sh", "-c", "exit 3", NULL};
        struct aw_process *process = start(words, NULL);
        struct aw_process_status status;

        expect_int(waitid(P_PID, (id_t)aw_process_pid(process), &(siginfo_t){0}, WEXITED | WNOWAIT),
                   0);
        expect_int(await(aw_process_wait(process, &status, AW_NEVER)), 0);
        expect_int(status.code, 3);
        expect_error(aw_process_signal(process, SIGTERM), ESRCH);
        aw_process_free(process);
        return 0;
}

/* As many as there were, once the threads of those that were killed have ended. */
static async int
threads_and_descriptors_end_with_their_children(NOTHING)
{
        static const char *const words[] = {"sleep", "1000", NULL};
        struct aw_process *process = start(words, NULL);
        size_t before;

        /* Back ends open some of theirs for the first wait. */
        expect_error(await(aw_process_wait(process, NULL, aw_loop_now() + 500)), ETIMEDOUT);
        before = test_count_descriptors();
        for (size_t i = 0; i < 5; i++)
                aw_process_free(start(words, NULL));
        aw_process_free(process);
        /* The two of this one and its stream's are gone, too. */
        expect(await(descriptors_fall_to(before - 3)));
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return 0;
}

/* Any other failure is one. */
static async int
only_the_lack_of_the_call_is_made_up_for(NOTHING)
{
        static const char *const words[] = {"sleep", "1000", NULL};
        struct aw_error error;

        pidfd_error = ENOMEM;
        expect(start(words, &error) == NULL && errno == ENOMEM);
        pidfd_error = ENOSYS;
        expect(strcmp(error.text, "cannot run 'sleep': Cannot allocate memory") == 0);
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(the_thread_is_nobodys_and_takes_no_signals),
                on_loop(without_a_thread_no_child_is_left),
                on_loop(a_child_that_ended_before_anybody_waits_is_told),
                on_loop(threads_and_descriptors_end_with_their_children),
                on_loop(only_the_lack_of_the_call_is_made_up_for),
        };

        pidfd_error = ENOSYS;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
