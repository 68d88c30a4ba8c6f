/* SPDX-License-Identifier: MIT */
/* How fast bytes go out and come in: rate, slice, read-rate and stall. */
#include <errno.h>

#include "session.h"

#define GAP_LEAST AW_MILLISECOND        /* or a long message would keep the loop busy */
#define QUANTUM   (20 * AW_MILLISECOND) /* how often a rate is served */

/* Pieces of so many bytes, with a gap behind each, as long as the echo runs. */
static async int
send_pieces(struct behave *behave, size_t piece, aw_time gap)
{
        ws_raw_allow(behave->ws, 0);
        while (await(ws_raw_wait_output(behave->ws, AW_NEVER)) == 0) {
                ws_raw_allow(behave->ws, piece);
                /* A server that stops does so at full speed. */
                if (await(behave_sleep(behave, gap)) == -1)
                        break;
        }
        ws_raw_allow(behave->ws, WS_RAW_NO_LIMIT);
        return 0;
}

/* The time that so many bytes take. */
static aw_time
time_of(int64_t bytes, int64_t rate)
{
        return bytes * AW_SECOND / rate;
}

async int
behave_pace_output(void *argument)
{
        struct behave *behave = argument;
        int64_t rate = behave_number(behave->plan, BEHAVE_RATE, 1);
        int64_t piece = rate * QUANTUM / AW_SECOND;

        /* With slice its pieces are sent, at this rate. */
        if (behave_find(behave->plan, BEHAVE_SLICE) != NULL)
                return 0;
        if (piece == 0)
                piece = 1;
        return await(send_pieces(behave, (size_t)piece, time_of(piece, rate)));
}

async int
behave_slice_output(void *argument)
{
        struct behave *behave = argument;
        int64_t piece = behave_number(behave->plan, BEHAVE_SLICE, 1);
        int64_t rate = behave_number(behave->plan, BEHAVE_RATE, INT64_MAX);
        aw_time gap = behave_number(behave->plan, BEHAVE_GAP, GAP_LEAST);

        if (gap < GAP_LEAST)
                gap = GAP_LEAST;
        if (time_of(piece, rate) > gap)
                gap = time_of(piece, rate);
        return await(send_pieces(behave, (size_t)piece, gap));
}

/* What has come is paid for with time before more is read. */
async int
behave_pace_input(void *argument)
{
        struct behave *behave = argument;
        int64_t rate = behave_number(behave->plan, BEHAVE_READ_RATE, 1), came;

        while ((came = await(ws_raw_wait_input(behave->ws, AW_NEVER))) > 0) {
                ws_raw_stall(behave->ws, true);
                if (await(behave_sleep(behave, time_of(came, rate))) == -1)
                        break;
                ws_raw_stall(behave->ws, false);
        }
        ws_raw_stall(behave->ws, false);
        return 0;
}

async int
behave_stall(struct behave *behave, const struct behave_value *value)
{
        int result;

        ws_raw_stall(behave->ws, true);
        result = await(behave_sleep(behave, value->number));
        ws_raw_stall(behave->ws, false);
        return result;
}
