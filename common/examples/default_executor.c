/* SPDX-License-Identifier: MIT */
/* The default executor is replaced by one of our own. */
#define _GNU_SOURCE 1
#include <await/executor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* The name of the thread it runs in, without the number. */
static int
where(void *argument, void **result)
{
        char name[16];

        (void)argument;
        prctl(PR_GET_NAME, name);
        *strrchr(name, '_') = '\0';
        *result = strdup(name);
        return *result == NULL ? -1 : 0;
}

static async int
default_executor(void *argument)
{
        struct aw_thread_pool_options options = {.max_workers = 1, .thread_name_prefix = "mine"};
        struct aw_job job = {.run = where, .drop = free};
        void *name;

        (void)argument;
        if (aw_set_default_executor(aw_thread_pool_create(&options)) == -1 ||
            await(aw_run_in_executor(NULL, &job, &name)) == -1)
                return -1;
        printf("ran in %s\n", (char *)name);
        free(name);
        return 0;
}

int
main(void)
{
        return aw_run(NULL, default_executor, NULL) == -1;
}
