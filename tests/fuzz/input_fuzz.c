/* SPDX-License-Identifier: MIT */
/*
 * What a peer sends on an open connection, to a server and to a client. However it is cut, the same
 * messages come of it and the same end; without compression these are what a reader of a few lines
 * makes of it. What is held meanwhile is bounded, and in the end nothing is held.
 *
 * The first three bytes of the input say who reads, how much a message may have, and how it is cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "await/log.h"
#include "await/loop.h"
#include "fuzz.h"
#include "ws/deflate_private.h"

/* What a buffer costs besides what is in it, and rounding. */
enum { SLACK = 300 * 1024 };

const unsigned fuzz_inputs = 3000;

/* What came of it. */
struct outcome {
        uint64_t hash; /* of the messages, in order */
        size_t messages;
        unsigned code; /* of the Close frame that is due */
        bool failed;   /* the peer broke a rule, or asked too much */
        unsigned peer_code;
        char peer_reason[WS_FRAME_CONTROL_MAX - 1]; /* with a NUL */
};

struct setting {
        bool client, compressed;
        size_t max;
        size_t piece;
};

static void
add_message(struct outcome *outcome, unsigned opcode, const uint8_t *data, size_t length)
{
        uint64_t hash = outcome->hash ^ (opcode + 31 * (uint64_t)length);

        for (size_t i = 0; i < length; i++)
                hash = (hash ^ data[i]) * 0x100000001b3;
        outcome->hash = hash * 0x100000001b3;
        outcome->messages++;
}

/* The connection's way. */

static void
nobody(struct ws *ws)
{
        (void)ws;
}

static struct ws *
open_connection(const struct setting *setting, int fd)
{
        static const struct ws_role role = {.established = nobody, .head = nobody, .lost = nobody};
        static const struct ws_deflate_agreed agreed = {
                .send_bits = 15, .receive_bits = 15, .receive_context = true};
        static const struct ws_deflate_options options = {.mode = WS_DEFLATE_CONTEXT};
        struct ws *ws = ws_connection_create(setting->client, setting->max);

        CHECK(ws != NULL && fd != -1);
        ws->role = &role;
        ws->app = true;
        ws->transport =
                aw_transport_open(fd, AW_TRANSPORT_CONNECTED, NULL, &ws_connection_callbacks, ws);
        CHECK(ws->transport != NULL);
        if (setting->compressed)
                CHECK(ws_deflate_begin(ws, &options, &agreed) == 0);
        ws->head = strdup("-");
        CHECK(ws->head != NULL);
        ws_connection_open(ws, 0);
        return ws;
}

static void
close_connection(struct ws *ws)
{
        struct aw_loop *loop = aw_loop_get();

        aw_transport_close(ws->transport);
        for (int i = 0; i < 10 && ws->transport != NULL; i++)
                aw_loop_turn(loop, false);
        CHECK(ws->transport == NULL);
        ws->app = false;
        ws_connection_release(ws);
}

/* As the task would that has the connection. */
static void
receive(struct ws *ws, struct outcome *outcome)
{
        const struct ws_buffer *message = ws->in.reader.message;
        struct ws_buffer *buffer;

        CHECK(ws->in.inbox.bytes + (message == NULL ? 0 : ws_buffer_cost(message)) <=
              WS_QUEUE_HIGH + ws->max_message + SLACK);
        while ((buffer = ws_order_next(ws)) != NULL) {
                CHECK(buffer->length <= ws->max_message);
                add_message(outcome, buffer->opcode, buffer->data, buffer->length);
                ws_buffer_unref(buffer);
        }
        ws_flow_update(ws);
}

static void
feed(struct ws *ws, const uint8_t *data, size_t length, struct outcome *outcome)
{
        struct aw_loop *loop = aw_loop_get();
        uint8_t *copy = malloc(length);

        CHECK(copy != NULL);
        memcpy(copy, data, length);
        ws_connection_callbacks.data(ws, copy, length);
        free(copy);
        receive(ws, outcome);
        /* Inflating goes on in further turns. */
        for (int i = 0; i < 100000 && ws_deflate_yields(ws); i++) {
                aw_loop_turn(loop, false);
                receive(ws, outcome);
        }
        CHECK(!ws_deflate_yields(ws));
}

static struct outcome
read_pieces(const struct setting *setting, struct fuzz_input input)
{
        struct outcome outcome = {.hash = 0};
        struct ws *ws;
        uint64_t before = ws_memory();
        int fds[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        ws = open_connection(setting, fds[0]);
        while (input.left > 0) {
                struct fuzz_input piece = fuzz_piece(&input, setting->piece);

                feed(ws, piece.data, piece.left, &outcome);
        }
        outcome.code = ws->order.code;
        outcome.failed = ws->in.error != 0 && ws->in.error != EPIPE;
        outcome.peer_code = ws->peer_close.code;
        strcpy(outcome.peer_reason, ws->peer_close.reason);
        close_connection(ws);
        close(fds[1]);
        CHECK(ws_memory() == before);
        return outcome;
}

/* The way of the few lines, which has all of it before it and nothing to be fast about. */

struct reader {
        const struct setting *setting;
        uint8_t *message;
        size_t length;
        unsigned opcode; /* of the message that has begun; 0: none has */
        struct outcome outcome;
};

static bool
fail(struct reader *reader, unsigned code)
{
        reader->outcome.code = code;
        reader->outcome.failed = true;
        return false;
}

static bool
read_control(struct reader *reader, const struct ws_frame_header *frame, const uint8_t *payload)
{
        uint8_t data[WS_FRAME_CONTROL_MAX];
        size_t length = (size_t)frame->length;

        if (frame->opcode != WS_OP_CLOSE)
                return true;
        for (size_t i = 0; i < length; i++)
                data[i] = payload[i] ^ frame->mask[i % 4];
        if (length == 0) {
                reader->outcome.peer_code = reader->outcome.code = WS_NO_STATUS;
                return false;
        }
        if (length < 2 || !ws_close_code_valid((unsigned)(data[0] << 8 | data[1])))
                return fail(reader, WS_PROTOCOL_ERROR);
        if (!aw_utf8_valid(data + 2, length - 2))
                return fail(reader, WS_INVALID_DATA);
        reader->outcome.peer_code = reader->outcome.code = (unsigned)(data[0] << 8 | data[1]);
        memcpy(reader->outcome.peer_reason, data + 2, length - 2);
        return false;
}

/* Payload of a message, perhaps not all of its frame. */
static bool
read_payload(struct reader *reader, const struct ws_frame_header *frame, const uint8_t *payload,
             size_t length)
{
        struct aw_utf8 utf8 = {0};

        for (size_t i = 0; i < length; i++)
                reader->message[reader->length++] = payload[i] ^ frame->mask[i % 4];
        if (reader->opcode == WS_OP_TEXT && !aw_utf8_feed(&utf8, reader->message, reader->length))
                return fail(reader, WS_INVALID_DATA);
        if (length < frame->length || !frame->final)
                return true;
        if (reader->opcode == WS_OP_TEXT && !aw_utf8_complete(&utf8))
                return fail(reader, WS_INVALID_DATA);
        add_message(&reader->outcome, reader->opcode, reader->message, reader->length);
        reader->opcode = 0;
        return true;
}

static bool
is_wrong(const struct reader *reader, const struct ws_frame_header *frame)
{
        if (frame->reserved != 0 || frame->masked == reader->setting->client)
                return true;
        if (frame->opcode >= WS_OP_CLOSE)
                return frame->opcode > WS_OP_PONG || !frame->final ||
                       frame->length > WS_FRAME_CONTROL_MAX;
        if (frame->opcode == WS_OP_CONTINUATION)
                return reader->opcode == 0;
        return frame->opcode > WS_OP_BINARY || reader->opcode != 0;
}

/* One frame; false: nothing more is to be read. */
static bool
read_frame(struct reader *reader, struct fuzz_input *input)
{
        struct ws_frame_header frame;
        int result = ws_frame_parse(input->data, input->left, &frame);
        struct fuzz_input payload;

        if (result == 0)
                return false;
        if (result == -1 || is_wrong(reader, &frame))
                return fail(reader, WS_PROTOCOL_ERROR);
        fuzz_piece(input, frame.size);
        if (frame.opcode >= WS_OP_CLOSE) {
                if (input->left < frame.length)
                        return false;
                payload = fuzz_piece(input, (size_t)frame.length);
                return read_control(reader, &frame, payload.data);
        }
        if (frame.opcode != WS_OP_CONTINUATION) {
                reader->opcode = frame.opcode;
                reader->length = 0;
        }
        if (frame.length > reader->setting->max - reader->length)
                return fail(reader, WS_TOO_LARGE);
        payload = fuzz_piece(input, (size_t)frame.length);
        return read_payload(reader, &frame, payload.data, payload.left) &&
               payload.left == frame.length;
}

static struct outcome
read_simply(const struct setting *setting, struct fuzz_input input)
{
        struct reader reader = {.setting = setting, .message = malloc(input.left + 1)};

        CHECK(reader.message != NULL);
        while (input.left > 0 && read_frame(&reader, &input))
                ;
        free(reader.message);
        return reader.outcome;
}

/* After a failure a Close frame may be found in what is skipped, or not: it depends on the pieces. */
static void
check_same(const struct outcome *one, const struct outcome *other, bool compressed)
{
        CHECK(one->failed == other->failed);
        CHECK(one->messages == other->messages && one->hash == other->hash);
        /* A message that is wrong in two ways may be found so in one way or in the other. */
        CHECK(compressed ? (one->code == 0) == (other->code == 0) : one->code == other->code);
        if (!one->failed) {
                CHECK(one->peer_code == other->peer_code);
                CHECK(strcmp(one->peer_reason, other->peer_reason) == 0);
        }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct aw_loop_options loop = {.backend = "poll", .slow = -1};
        struct fuzz_input input = {data, size};
        struct setting setting = {.client = false};
        struct outcome whole, pieces, simple;
        uint8_t kind = fuzz_byte(&input);

        if (aw_loop_get() == NULL)
                CHECK(aw_loop_create(&loop) != NULL);
        aw_log_set_level(AW_LOG_ERROR);
        setting.client = kind & 1;
        setting.compressed = kind & 2;
        setting.max = 1 + ((size_t)fuzz_byte(&input) << (kind & 4 ? 10 : 0));
        setting.piece = 1 + fuzz_byte(&input);
        pieces = read_pieces(&setting, input);
        setting.piece = SIZE_MAX;
        whole = read_pieces(&setting, input);
        check_same(&whole, &pieces, setting.compressed);
        if (!setting.compressed) {
                simple = read_simply(&setting, input);
                check_same(&simple, &whole, false);
        }
        return 0;
}
