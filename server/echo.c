/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "echo.h"

#include "await/ws.h"

struct echo_counts echo_counts;

async int
echo(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;

        echo_counts.open++;
        while (await(ws_receive(ws, &message, AW_NEVER)) == 0) {
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
                echo_counts.messages++;
        }
        echo_counts.open--;
        /* Cancelled: the server is at its end and waits for no peer any more. */
        if (errno == ECANCELED)
                ws_drop(ws);
        else
                await(ws_close(ws, WS_NORMAL, NULL));
        return 0;
}
