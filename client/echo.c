/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "echo.h"

#include "connect.h"
#include "report.h"
#include "session.h"

/* Who was stopped has no time for a server that does not answer. */
static async void
end_echo(struct ws *ws, const struct ending_options *ending, bool stopped)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout, stopped ? aw_loop_now() + CLIENT_LAST_CLOSE : AW_NEVER);
        aw_timeout_exit(&timeout, await(ws_close(ws, ending->code, ending->reason)));
}

async enum client_status
echo_run(struct connector *connector, struct report *report, struct printer *printer)
{
        const struct ending_options *ending = &connector->options->ending;
        enum client_status status = CLIENT_OK;
        struct ws_message message;
        struct aw_error why;
        int error;
        struct ws *ws = await(connector_connect(connector, &why));

        if (ws == NULL)
                return client_refused(&why, connector);
        await(report_open(report, printer, ws, connector_url(connector)));
        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        error = errno;
        if (error != ECANCELED && (error != EPIPE || !judge_code(ending, ws_peer_close(ws)->code)))
                status = client_failed(ws, error);
        await(report_close(report, printer, ws));
        await(end_echo(ws, ending, error == ECANCELED));
        return status;
}
