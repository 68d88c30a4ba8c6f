/* SPDX-License-Identifier: MIT */
/* Wraps: ws_codec_inflate ws_codec_deflate send munmap. */
/* Many bombs at once: how much is done in a turn, and that others have theirs. */
#include "unit/ws/turn_test.h"

static size_t
inflated(const struct bomber *bomber)
{
        const struct ws_buffer *half =
                bomber->server == NULL ? NULL : half_a_message(bomber->server);

        return half == NULL ? 0 : half->length;
}

/* Each as far as the others, give or take its share of a round, and that of when it came. */
static void
expect_even_progress(const struct bomber *bombers)
{
        size_t least = SIZE, furthest = 0, now;

        for (int i = 0; i < BOMBS; i++) {
                now = inflated(&bombers[i]);
                least = now < least ? now : least;
                raise_to(&furthest, now);
        }
        expect(furthest - least <= 2 * MIB + STEP);
}

static async int
many_bombs_share_a_turn(struct pair *pair)
{
        struct bomber bombers[BOMBS];
        size_t turns;

        await(send_bombs(pair, bombers));
        for (turns = 0; !all_over(bombers) && turns < 10000 && test_failures == 0; turns++) {
                await(one_turn());
                if (all.inflated < BOMBS * SIZE / 2)
                        expect_even_progress(bombers);
        }
        expect(all_over(bombers));
        expect_int((long long)all.inflated, BOMBS * SIZE);
        expect_int((long long)all.deflated, BOMBS * SIZE);
        expect(most.inflated <= WORK && most.deflated <= WORK);
        /* Not less than need be either. */
        expect(most.inflated > 2 * MIB && turns < 80);
        await(end_bombs(bombers));
        return 0;
}

/* Both budgets are for inflating and compressing together. */
static async int
what_is_inflated_and_compressed_is_one_budget(struct pair *pair)
{
        struct bomber bombers[BOMBS];
        size_t together = 0;

        await(send_bombs(pair, bombers));
        for (int i = 0; i < BOMBS / 2; i++)
                raw_send(bombers[i].fd, bomb, bomb_length);
        for (int i = 0; i < 10000 && all.deflated < BOMBS * SIZE * 3 / 2; i++) {
                size_t before = all.inflated + all.deflated;

                await(one_turn());
                raise_to(&together, all.inflated + all.deflated - before);
        }
        expect_int((long long)all.deflated, BOMBS * SIZE * 3 / 2);
        expect(together <= WORK);
        await(end_bombs(bombers));
        return 0;
}

/* Compressed or not, what others send does not keep a small message waiting. */
static async int
a_small_echo_has_its_turn(struct pair *pair)
{
        struct aw_task *task = aw_spawn("small", echo_in_task, pair->server);
        struct bomber bombers[BOMBS];
        unsigned turns;

        await(send_bombs(pair, bombers));
        for (int i = 0; i < BOMBS; i++)
                raw_send(bombers[i].fd, bomb, bomb_length);
        for (int round = 0; round < 6; round++) {
                pair->client->deflate->threshold = pair->server->deflate->threshold =
                        round % 2 == 0 ? 1 : 1000;
                expect_int(await(ws_send_text(pair->client, "a small message, small", SOON)), 0);
                for (turns = 0; !has_inbox(pair->client) && turns < 100; turns++)
                        await(one_turn());
                expect(turns <= 8);
                expect_received(pair->client, "a small message, small");
        }
        /* There was work for the others all the time. */
        expect(all.deflated < 2 * BOMBS * SIZE);
        await(end_bombs(bombers));
        ws_drop(pair->client);
        pair->client = NULL;
        await(aw_join(task));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on(with_shared, many_bombs_share_a_turn),
                on(with_shared, what_is_inflated_and_compressed_is_one_budget),
                on(with_shared, a_small_echo_has_its_turn),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
