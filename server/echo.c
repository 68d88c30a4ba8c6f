/* SPDX-License-Identifier: MIT */
#include "echo.h"

#include "ws.h"

async int
echo(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        await(ws_close(ws, WS_NORMAL, NULL));
        return 0;
}
