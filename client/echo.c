/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "echo.h"

#include "connect.h"
#include "report.h"
#include "session.h"

/* Whether messages have come further since the last look. */
static bool
moves_on(const struct ws *ws, struct ws_traffic *seen)
{
        struct ws_traffic before = *seen;

        ws_traffic(ws, seen);
        return seen->sent != before.sent || seen->received != before.received;
}

/* ETIMEDOUT: nothing has moved for as long as the time-out says, in time in which we ran. */
static async int
send_back(struct ws *ws, const struct ws_message *message, int64_t timeout)
{
        struct ws_traffic seen;
        aw_time now, end;
        int result;

        ws_traffic(ws, &seen);
        do {
                now = aw_loop_now();
                end = timeout > 0 && timeout < AW_NEVER - now ? now + timeout : AW_NEVER;
                result = await(ws_send(ws, message, end));
        } while (result == -1 && errno == ETIMEDOUT &&
                 (moves_on(ws, &seen) || aw_loop_now() - end > CLIENT_REST));
        return result;
}

/* Whoever was stopped, or has waited for too long, has no time for a server that does not answer. */
static async void
end_echo(struct ws *ws, const struct ending_options *ending, bool hurry)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout, hurry ? aw_loop_now() + CLIENT_LAST_CLOSE : AW_NEVER);
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
                if (await(send_back(ws, &message, connector->options->connection.timeout)) == -1)
                        break;
        error = errno;
        if (error != ECANCELED && (error != EPIPE || !judge_code(ending, ws_peer_close(ws)->code)))
                status = client_failed(ws, error);
        await(report_close(report, printer, ws));
        await(end_echo(ws, ending, error == ECANCELED || error == ETIMEDOUT));
        return status;
}
