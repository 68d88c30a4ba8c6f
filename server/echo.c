/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "echo.h"

#include "await/ws.h"

async int
echo(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        /* Cancelled: the server is at its end and waits for no peer any more. */
        if (errno == ECANCELED)
                ws_drop(ws);
        else
                await(ws_close(ws, WS_NORMAL, NULL));
        return 0;
}
