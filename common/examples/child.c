/* SPDX-License-Identifier: MIT */
/* A child process, its input and its output: create_subprocess_exec. */
#include <await/process.h>
#include <errno.h>
#include <stdio.h>

static async int
child(void *unused)
{
        const char *const words[] = {"sh", "-c",
                                     "while read word; do echo \"got $word\"; done; exit 3", NULL};
        const char *const nonesuch[] = {"nonesuch", NULL};
        struct aw_process_options options = {
                .argv = words, .input = {.kind = AW_STDIO_PIPE}, .output = {.kind = AW_STDIO_PIPE}};
        struct aw_process *process = aw_process_start(&options, NULL);
        struct aw_process_status status;
        char *line;

        (void)unused;
        if (process == NULL)
                return -1;
        await(aw_stream_write(aw_process_input(process), "one\ntwo\n", 8, AW_NEVER));
        aw_stream_shutdown(aw_process_input(process));
        while (await(aw_stream_read_line(aw_process_output(process), &line, AW_NEVER)) > 0)
                fputs(line, stdout);
        if (await(aw_process_wait(process, &status, AW_NEVER)) == 0)
                printf("exit status %d\n", status.code);
        aw_process_free(process);
        options = (struct aw_process_options){.argv = nonesuch};
        if (aw_process_start(&options, NULL) == NULL && errno == ENOENT)
                puts("no such program");
        return 0;
}

int
main(void)
{
        return aw_run(NULL, child, NULL) == -1;
}
