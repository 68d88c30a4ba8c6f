/* SPDX-License-Identifier: MIT */
/* Two tasks side by side: together [SCALE [ev|uv|poll]] takes 15 s times SCALE, not 30. */
#include <await/task_wait.h>
#include <stdio.h>
#include <stdlib.h>

static double scale = 1.0;

struct cor {
        const char *name;
        int times;
        double seconds;
};

static async int
cor(void *argument)
{
        const struct cor *self = argument;
        int i;

        printf("%s start\n", self->name);
        for (i = 0; i < self->times; i++) {
                if (await(aw_sleep((aw_time)(self->seconds * scale * AW_SECOND))) == -1)
                        return -1;
                printf("%s %d\n", self->name, i);
        }
        return 0;
}

static async int
together(void *argument)
{
        struct cor cors[] = {{"cor1", 10, 1.5}, {"cor2", 15, 0.97}};
        struct aw_task *tasks[] = {aw_spawn("cor1", cor, &cors[0]),
                                   aw_spawn("cor2", cor, &cors[1])};

        (void)argument;
        if (tasks[0] == NULL || tasks[1] == NULL || await(aw_gather(tasks, 2, NULL)) == -1)
                return -1;
        puts("both done");
        return 0;
}

int
main(int argc, char **argv)
{
        setvbuf(stdout, NULL, _IOLBF, 0); /* also into a pipe: line by line, as it goes */
        if (argc > 1)
                scale = strtod(argv[1], NULL);
        /* The loop's back end: what asyncio.set_event_loop_policy and uvloop.install choose. */
        if (argc > 2 && aw_loop_set_policy(argv[2]) == -1) {
                perror(argv[2]);
                return 2;
        }
        return aw_run(NULL, together, NULL) == -1;
}
