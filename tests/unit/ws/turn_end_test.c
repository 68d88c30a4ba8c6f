/* SPDX-License-Identifier: MIT */
/* Wraps: ws_codec_inflate ws_codec_deflate send munmap. */
/* Connections that end while they wait for their turn. */
#include "unit/ws/turn_test.h"

static int
count_over(const struct bomber *bombers)
{
        int count = 0;

        for (int i = 0; i < BOMBS; i++)
                count += bombers[i].over;
        return count;
}

/* Dropped here, or gone there, while they wait; the others go on. */
static async int
who_ends_while_it_waits_leaves_the_others_alone(struct pair *pair)
{
        struct bomber bombers[BOMBS];

        await(send_bombs(pair, bombers));
        for (int i = 0; i < BOMBS; i += 3) {
                aw_cancel(bombers[i].task);
                raw_reset(bombers[i + 1].fd);
                bombers[i + 1].fd = -1;
        }
        for (int i = 0; i < 10000 && !all_over(bombers); i++)
                await(one_turn());
        expect_int(count_over(bombers), BOMBS);
        for (int i = 2; i < BOMBS; i += 3)
                expect(bombers[i].server != NULL);
        expect(all.deflated >= BOMBS / 3 * SIZE && all.deflated < BOMBS * SIZE);
        await(end_bombs(bombers));
        return 0;
}

/* While it compresses, likewise. */
static async int
who_ends_while_it_compresses_leaves_the_others_alone(struct pair *pair)
{
        struct bomber bombers[BOMBS];
        int compressing = 0;

        await(send_bombs(pair, bombers));
        for (int i = 0; i < 10000 && compressing < BOMBS; i++) {
                await(one_turn());
                compressing = 0;
                for (int j = 0; j < BOMBS; j++)
                        compressing += is_compressing(bombers[j].server);
        }
        expect_int(compressing, BOMBS);
        for (int i = 0; i < BOMBS; i += 3) {
                expect(bombers[i].server->deflate->sending.waiting);
                aw_cancel(bombers[i].task);
                raw_reset(bombers[i + 1].fd);
                bombers[i + 1].fd = -1;
        }
        for (int i = 0; i < 10000 && !all_over(bombers); i++)
                await(one_turn());
        expect_int(count_over(bombers), BOMBS);
        await(end_bombs(bombers));
        return 0;
}

static struct bomber left_behind[BOMBS];

/* The loop's end cancels the tasks. */
static async int
the_loop_ends_while_they_wait(struct pair *pair)
{
        await(send_bombs(pair, left_behind));
        for (int i = 0; i < BOMBS; i++) {
                close(left_behind[i].fd);
                aw_task_detach(left_behind[i].task);
        }
        return 0;
}

static void
nothing_is_left_at_the_loops_end(void **state)
{
        uint64_t before = ws_memory();

        (void)state;
        test_on_pair((struct pair){.test = the_loop_ends_while_they_wait,
                                   .url = ANY_PORT,
                                   .deflate = {.mode = WS_DEFLATE_SHARED, .threshold = 1}});
        assert_int_equal(ws_memory(), before);
}

/* Their pages are given back a share at a time, too. */
static async int
many_that_end_at_once_give_back_a_share_at_a_time(struct pair *pair)
{
        struct bomber bombers[BOMBS];

        await(send_bombs(pair, bombers));
        for (int i = 0; i < 1000 && all.inflated < BOMBS * (SIZE - MIB); i++)
                await(one_turn());
        for (int i = 0; i < BOMBS; i++)
                aw_cancel(bombers[i].task);
        forget_work();
        for (int i = 0; i < 1000 && !all_over(bombers); i++)
                await(one_turn());
        for (int i = 0; i < 100; i++)
                await(one_turn());
        expect(all.given_back >= BOMBS / 2 * SIZE);
        expect(most.given_back <= 4 * SIZE);
        await(end_bombs(bombers));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on(with_shared, who_ends_while_it_waits_leaves_the_others_alone),
                on(with_shared, who_ends_while_it_compresses_leaves_the_others_alone),
                cmocka_unit_test(nothing_is_left_at_the_loops_end),
                on(with_shared, many_that_end_at_once_give_back_a_share_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
