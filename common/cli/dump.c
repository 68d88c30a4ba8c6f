/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/dump.h"

#include "await/log.h"
#include "await/stream.h"

static bool writing;

char *
aw_dump_text(void)
{
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);

        if (out == NULL)
                return NULL;
        aw_task_dump(out);
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}

/* A descriptor that takes nothing any more is the reader's affair. */
static async int
write_tree(void *argument)
{
        char *text = argument;
        struct aw_stream *stream = aw_stream_open(STDERR_FILENO, NULL);

        if (stream != NULL && await(aw_stream_write(stream, text, strlen(text), AW_NEVER)) == 0)
                await(aw_stream_close(stream, AW_NEVER));
        else
                aw_stream_drop(stream);
        free(text);
        writing = false;
        return 0;
}

void
aw_dump_print(void)
{
        char *text;
        struct aw_task *task = NULL;

        if (writing)
                return;
        text = aw_dump_text();
        if (text != NULL)
                task = aw_spawn("dump", write_tree, text);
        if (task == NULL) {
                aw_log(AW_LOG_WARNING, "the tasks cannot be shown: %s", strerror(errno));
                free(text);
                return;
        }
        writing = true;
        aw_task_detach(task);
}

/*
 * The process is lost, so what may not be done in a handler is tried nevertheless. If that hangs as
 * well, whoever sent the signal has another one.
 */
static void
abort_with_dump(int number)
{
        if (aw_loop_get() != NULL)
                aw_task_dump(stderr);
        raise(number);
}

void
aw_dump_at_abort(void)
{
        struct sigaction action = {.sa_handler = abort_with_dump,
                                   .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

        sigaction(SIGABRT, &action, NULL);
}
