/* SPDX-License-Identifier: MIT */
#include "loop/share.h"

#include "base/list.h"
#include "loop/private.h"

/* Nothing of the last turn counts in this one. */
static void
begin_turn(struct aw_shares *shares, uint64_t turn)
{
        if (shares->turn == turn)
                return;
        shares->turn = turn;
        shares->spent_new = shares->spent_line = 0;
}

bool
aw_share_begin(struct aw_share *share)
{
        struct aw_loop *loop = aw_loop_need();
        struct aw_shares *shares = &loop->shares;

        begin_turn(shares, loop->looks);
        if (share->turn != loop->looks) {
                share->turn = loop->looks;
                share->spent = 0;
        }
        if (!shares->serving &&
            (share->spent >= AW_SHARE_OWN || shares->spent_new >= AW_SHARE_BUDGET))
                return false;
        shares->since = aw_loop_now();
        return true;
}

bool
aw_share_use(struct aw_share *share, size_t bytes)
{
        struct aw_shares *shares = &aw_loop_need()->shares;
        aw_time *spent = shares->serving ? &shares->spent_line : &shares->spent_new;
        aw_time now = aw_loop_now(), cost = now - shares->since;

        shares->since = now;
        if (cost < (aw_time)(bytes >> 10))
                cost = (aw_time)(bytes >> 10);
        share->spent += cost;
        *spent += cost;
        /* Who has begun has all of its share, so that the last one of a turn has no less. */
        return share->spent >= AW_SHARE_OWN;
}

/* Serves those who wait now, not those who wait anew: a marker stands between the two. */
static void
serve_line(void *argument)
{
        struct aw_loop *loop = argument;
        struct aw_shares *shares = &loop->shares;
        struct aw_share *share;

        begin_turn(shares, loop->looks);
        shares->serving = true;
        aw_list_append(&shares->line, &shares->end, link);
        while ((share = aw_list_take(&shares->line, link)) != &shares->end) {
                share->waiting = false;
                share->turn = loop->looks;
                share->spent = 0;
                share->serve(share->argument);
                if (shares->spent_line >= AW_SHARE_BUDGET) {
                        aw_list_remove(&shares->line, &shares->end, link);
                        break;
                }
        }
        shares->serving = false;
        if (shares->line.first != NULL)
                aw_call_soon(&shares->handle, serve_line, loop);
}

void
aw_share_wait(struct aw_share *share, void (*serve)(void *argument), void *argument)
{
        struct aw_loop *loop = aw_loop_need();
        struct aw_shares *shares = &loop->shares;

        if (share->waiting)
                return;
        share->serve = serve;
        share->argument = argument;
        share->waiting = true;
        if (shares->line.first == NULL && !shares->serving)
                aw_call_soon(&shares->handle, serve_line, loop);
        aw_list_append(&shares->line, share, link);
}

void
aw_share_cancel(struct aw_share *share)
{
        if (!share->waiting)
                return;
        share->waiting = false;
        aw_list_remove(&aw_loop_need()->shares.line, share, link);
}
