/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

#include "await/log.h"
#include "await/stream.h"

struct output {
        struct aw_stream *stream;
        bool terminal;
};

enum client_status
output_failed(void)
{
        if (errno == ETIMEDOUT) {
                client_say("time-out: nobody reads standard output");
                return CLIENT_TIMEOUT;
        }
        client_say("standard output: %s", strerror(errno));
        return CLIENT_LOCAL;
}

struct output *
output_open(void)
{
        struct output *output = calloc(1, sizeof(*output));

        if (output != NULL)
                output->stream = aw_stream_open(STDOUT_FILENO, NULL);
        if (output == NULL || output->stream == NULL) {
                output_failed();
                free(output);
                return NULL;
        }
        output->terminal = isatty(STDOUT_FILENO) == 1;
        return output;
}

/* A hostile server's escape sequences are shown, not obeyed. */
static async int
print_escaped(struct output *output, const uint8_t *data, size_t length, aw_time deadline)
{
        char shown[4096];
        size_t used;

        for (; length > 0; data += used, length -= used)
                if (await(aw_stream_write(
                            output->stream, shown,
                            aw_log_escape(data, length, "\n\t", shown, sizeof(shown), &used),
                            deadline)) == -1)
                        return -1;
        return 0;
}

async int
output_print(struct output *output, const struct ws_message *message, aw_time deadline)
{
        int result;

        if (output->terminal)
                result = await(print_escaped(output, message->data, message->length, deadline));
        else
                result = await(
                        aw_stream_write(output->stream, message->data, message->length, deadline));
        return result == -1 ? -1 : await(aw_stream_write(output->stream, "\n", 1, deadline));
}

async int
output_finish(struct output *output, aw_time deadline)
{
        return await(aw_stream_flush(output->stream, deadline));
}

void
output_free(struct output *output)
{
        if (output == NULL)
                return;
        aw_stream_drop(output->stream);
        free(output);
}
