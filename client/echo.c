/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "echo.h"

async enum client_status
echo_run(const struct ws_connect_options *to, const struct client_options *options)
{
        enum client_status status = CLIENT_OK;
        struct ws_message message;
        struct aw_error error;
        struct ws *ws = await(ws_connect(to, &error, client_deadline(options)));

        if (ws == NULL)
                return client_refused(&error);
        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        if (errno != ECANCELED && (errno != EPIPE || ws_peer_close(ws)->code == WS_ABNORMAL))
                status = client_failed(ws, errno);
        await(ws_close(ws, options->ending.code, options->ending.reason));
        return status;
}
