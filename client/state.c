/* SPDX-License-Identifier: MIT */
/* What whoever has to do with a session may do to it. */
#include <stdio.h>
#include <string.h>

#include "connect.h"
#include "session.h"

void
session_fail(struct session *session, enum client_status status)
{
        if (!session->failed)
                session->status = status;
        session->failed = true;
        aw_event_set(&session->changed);
}

void
session_set_close(struct session *session, unsigned code, const char *reason)
{
        session->code = code;
        snprintf(session->reason, sizeof(session->reason), "%s", reason == NULL ? "" : reason);
}

void
session_greet(const struct session *session)
{
        char description[256];

        if (session->options->printing.quiet)
                return;
        ws_describe(session->ws, description, sizeof(description));
        client_tell("connected to %s (%.*s). Ctrl-D closes, Ctrl-C quits.",
                    connector_url(session->connector), (int)strcspn(description, ","), description);
}
