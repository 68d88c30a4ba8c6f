/* SPDX-License-Identifier: MIT */
/* Wraps: ws_codec_inflate ws_codec_deflate send munmap. */
/* Many large messages that are sent at once, compressed or not. */
#include "unit/ws/turn_test.h"

static async int
send_large(void *argument)
{
        struct bomber *bomber = argument;
        static uint8_t zeros[SIZE];
        struct ws_message message = message_of(WS_BINARY, zeros, SIZE);

        expect_int(await(ws_send(bomber->server, &message, AW_NEVER)), 0);
        bomber->over = true;
        return 0;
}

/* Reads what is there. */
static size_t
drain(int fd)
{
        static uint8_t data[4 * MIB];
        size_t total = 0;
        ssize_t got;

        while ((got = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
                total += (size_t)got;
        return total;
}

/* All begin in the same turn, to clients that ask for compression, or do not. */
static async void
send_at_once(struct pair *pair, struct bomber *senders, const char *request)
{
        char head[4096];

        for (int i = 0; i < BOMBS; i++) {
                senders[i] = (struct bomber){.over = false};
                senders[i].fd = await(
                        raw_client_asks(pair->listener, &senders[i].server, 0, request, head));
        }
        for (int i = 0; i < BOMBS; i++)
                senders[i].task = aw_spawn("send", send_large, &senders[i]);
        forget_work();
}

static async void
end_senders(struct bomber *senders)
{
        for (int i = 0; i < BOMBS; i++) {
                await(aw_join(senders[i].task));
                close(senders[i].fd);
                ws_drop(senders[i].server);
        }
}

static async int
many_large_messages_are_sent_a_share_at_a_time(struct pair *pair)
{
        struct bomber senders[BOMBS];
        size_t got = 0;

        await(send_at_once(pair, senders, RAW_REQUEST));
        for (int i = 0; i < 10000 && got < BOMBS * SIZE; i++) {
                await(one_turn());
                for (int j = 0; j < BOMBS; j++)
                        got += drain(senders[j].fd);
        }
        expect(got >= BOMBS * SIZE);
        expect(most.sent <= WORK + 2 * MIB);
        await(end_senders(senders));
        return 0;
}

static async int
many_large_messages_are_compressed_a_share_at_a_time(struct pair *pair)
{
        struct bomber senders[BOMBS];
        int turns = 0;

        await(send_at_once(pair, senders, OFFER));
        for (; turns < 1000 && all.deflated < BOMBS * SIZE; turns++)
                await(one_turn());
        expect_int((long long)all.deflated, BOMBS * SIZE);
        expect(most.deflated <= WORK);
        await(end_senders(senders));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on(with_shared, many_large_messages_are_sent_a_share_at_a_time),
                on(with_shared, many_large_messages_are_compressed_a_share_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
