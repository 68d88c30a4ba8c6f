/* SPDX-License-Identifier: MIT */
/* A session to judge, at a time that the test chooses. */
#ifndef JUDGED_TEST_H
#define JUDGED_TEST_H

#include "session.h"
#include "unit/client/balance.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/support.h"

static aw_time now;
aw_time __wrap_aw_loop_now(void);

aw_time
__wrap_aw_loop_now(void)
{
        return now;
}

static struct client_options options;
static struct session session;

/* A session that has sent `sent` messages, which was all, and got `received`; it waits for replies. */
static void
begin(uint64_t sent, uint64_t received)
{
        options_free(&options);
        options_init(&options);
        options.ending.wait_time = -1;
        session = (struct session){.options = &options,
                                   .ws = peer_ws(),
                                   .sent = sent,
                                   .received = received,
                                   .all_sent = true,
                                   .code = WS_NORMAL};
        peer_info = (struct ws_info){.sent.messages = {sent, 0}};
        peer_close = (struct ws_peer_close){.code = 0};
        peer_problem = NULL;
        now = 1000;
        said_begin();
}

static void
compile_pattern(regex_t *compiled, bool *has, const char *pattern)
{
        assert_int_equal(regcomp(compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
        *has = true;
}

static void
begin_expecting(uint64_t sent, uint64_t received)
{
        begin(sent, received);
        options.ending.expect = "^yes$";
        compile_pattern(&options.ending.expected, &options.ending.has_expected, "^yes$");
}

static int
end(void **state)
{
        said_end(state);
        options_free(&options);
        options_init(&options);
        return 0;
}

#endif
