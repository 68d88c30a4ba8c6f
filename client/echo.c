/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "echo.h"

#include "connect.h"

async enum client_status
echo_run(struct connector *connector)
{
        const struct ending_options *ending = &connector->options->ending;
        enum client_status status = CLIENT_OK;
        struct ws_message message;
        struct aw_error error;
        struct ws *ws = await(connector_connect(connector, &error));

        if (ws == NULL)
                return client_refused(&error, connector);
        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        if (errno != ECANCELED && (errno != EPIPE || ws_peer_close(ws)->code == WS_ABNORMAL))
                status = client_failed(ws, errno);
        await(ws_close(ws, ending->code, ending->reason));
        return status;
}
