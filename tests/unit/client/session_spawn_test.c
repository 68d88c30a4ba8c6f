/* SPDX-License-Identifier: MIT */
/* Wraps: print_finish print_has_reader print_is_blocked print_taken reconnect_after reconnect_first reconnect_is_early report_close report_message terminal_begin terminal_closed ws_close ws_drop ws_receive ws_shutdown ws_traffic ws_info ws_peer ws_peer_close ws_problem. */
/* Wraps: aw_spawn. */
/* A session whose tasks there is no memory for. */
#include "unit/client/fake_session.h"

static const char *failing; /* the name of the task */

struct aw_task *__real_aw_spawn(const char *name, aw_task_function *function, void *argument);
struct aw_task *__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument);

struct aw_task *
__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument)
{
        if (failing == NULL || strcmp(failing, name) != 0)
                return __real_aw_spawn(name, function, argument);
        errno = ENOMEM;
        return NULL;
}

/* It says so, and goodbye. */
static async int
a_session_without_its_tasks_fails(NOTHING)
{
        static const char *const names[] = {"send", "print what comes"};
        struct aw_task *task;

        for (size_t i = 0; i < 2; i++) {
                begin(send_one);
                failing = names[i];
                task = await(begin_session());
                failing = NULL;
                await(has_status(task, CLIENT_LOCAL, "wsecho: out of memory\n",
                                 "connect shutdown-1000 told close-1000"));
        }
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_session_without_its_tasks_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
