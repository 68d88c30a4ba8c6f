/* SPDX-License-Identifier: MIT */
/* Once: no loop. */
/* Wraps: malloc calloc. */
/* Compressors and decompressors: bytes in, bytes out, and what they take in memory. */
#include <errno.h>

#include "await/ws.h"
#include "unit/support.h"
#include "ws/buffer_private.h"
#include "ws/codec_private.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static size_t until_none = SIZE_MAX; /* requests that are still met */

static bool
there_is_memory(void)
{
        if (until_none == SIZE_MAX || until_none-- > 0)
                return true;
        until_none = 0;
        errno = ENOMEM;
        return false;
}

void *
__wrap_malloc(size_t size)
{
        return there_is_memory() ? __real_malloc(size) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return there_is_memory() ? __real_calloc(count, size) : NULL;
}

enum { MOST = 200000 };
static uint8_t plain[MOST], packed[2 * MOST], back[MOST];

/* Words that come again, among bytes that do not. */
static void
make_plain(void)
{
        uint32_t state = 1;

        for (size_t i = 0; i < MOST; i++) {
                state = state * 1664525 + 1013904223;
                plain[i] = i % 64 < 40 ? (uint8_t)('a' + i % 7) : (uint8_t)(state >> 24);
        }
}

/* The whole in one go; without the tail. */
static size_t
pack(struct ws_codec *codec, const uint8_t *data, size_t length)
{
        struct ws_codec_bytes bytes = {data, length, packed, sizeof(packed)};

        assert_true(ws_codec_deflate(codec, &bytes, true));
        assert_memory_equal(bytes.out - 4, "\0\0\xff\xff", 4);
        return sizeof(packed) - bytes.out_left - WS_CODEC_TAIL;
}

/* Into room of `room` bytes at a time; how many came out. */
static size_t
unpack(struct ws_codec *codec, const uint8_t *data, size_t length, size_t room)
{
        struct ws_codec_bytes bytes = {data, length, back, 0};
        enum ws_codec_result result;

        do {
                bytes.out_left = room < (size_t)(back + MOST - bytes.out)
                                         ? room
                                         : (size_t)(back + MOST - bytes.out) + 1;
                result = ws_codec_inflate(codec, &bytes);
        } while (result == WS_CODEC_MORE);
        assert_int_equal(result, WS_CODEC_DONE);
        assert_int_equal(bytes.in_left, 0);
        return (size_t)(bytes.out - back);
}

static void
what_goes_in_comes_out(void **state)
{
        static const size_t rooms[] = {1, 7, 1000, MOST}, lengths[] = {1, 100, 70000, MOST};

        (void)state;
        for (unsigned bits = 8; bits <= WS_CODEC_BITS_MAX; bits++) {
                struct ws_codec *deflater = ws_codec_deflater(bits, 1 + (int)bits % 9);
                struct ws_codec *inflater = ws_codec_inflater(bits);

                assert_true(deflater != NULL && inflater != NULL);
                for (size_t i = 0; i < 4; i++) {
                        size_t length = pack(deflater, plain, lengths[i]);

                        assert_int_equal(unpack(inflater, packed, length, rooms[i]), lengths[i]);
                        assert_true(ws_codec_inflate_end(inflater));
                        assert_memory_equal(back, plain, lengths[i]);
                }
                ws_codec_release(deflater);
                ws_codec_release(inflater);
        }
        ws_codec_forget_spare();
}

/* zlib says no to a window of 256 bytes, and looks back 250 bytes with one of 512. */
static void
a_window_of_8_bits_is_kept_to(void **state)
{
        struct ws_codec *deflater = ws_codec_deflater(8, 9), *inflater = ws_codec_inflater(9);
        uint8_t data[1024];
        size_t near, far;

        (void)state;
        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = plain[i % 64 < 40 ? MOST - 1 - i : i];
        memcpy(data + 512, data + 512 - 250, 100);
        near = pack(deflater, data, 612);
        ws_codec_reset(deflater);
        memcpy(data + 512, data + 512 - 251, 100);
        far = pack(deflater, data, 612);
        assert_true(near + 20 < far);
        ws_codec_release(deflater);
        ws_codec_release(inflater);
        ws_codec_forget_spare();
}

static void
messages_refer_to_those_before_until_that_is_forgotten(void **state)
{
        struct ws_codec *deflater = ws_codec_deflater(15, 6), *inflater = ws_codec_inflater(15);
        size_t first = pack(deflater, plain, 1000), second;

        (void)state;
        assert_int_equal(unpack(inflater, packed, first, MOST), 1000);
        assert_true(ws_codec_inflate_end(inflater));
        second = pack(deflater, plain, 1000);
        assert_true(second < first / 10);
        assert_int_equal(unpack(inflater, packed, second, MOST), 1000);
        assert_true(ws_codec_inflate_end(inflater));
        assert_memory_equal(back, plain, 1000);
        ws_codec_reset(deflater);
        assert_int_equal(pack(deflater, plain, 1000), first);
        ws_codec_release(deflater);
        ws_codec_release(inflater);
        ws_codec_forget_spare();
}

/* RFC 7692 section 7.2.3. */
static void
blocks_of_all_kinds_are_understood(void **state)
{
        static const struct {
                const char *data;
                size_t length;
                const char *text;
        } cases[] = {
                {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"},
                {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello"},
                {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"},
                /* A final block without a byte behind it. */
                {"\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"},
                {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello"},
                {"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", 14, "HelloHello"},
                {"\x00", 1, ""},
                {"\x02\x00", 2, ""},
                {"\x03\x00\x03\x00", 4, ""},
        };
        struct ws_codec *inflater = ws_codec_inflater(15);

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t length =
                        unpack(inflater, (const uint8_t *)cases[i].data, cases[i].length, 3);

                assert_int_equal(length, strlen(cases[i].text));
                assert_memory_equal(back, cases[i].text, length);
                assert_true(ws_codec_inflate_end(inflater));
        }
        ws_codec_release(inflater);
        ws_codec_forget_spare();
}

/* Behind a final block there may be references to what was before it. */
static void
a_final_block_does_not_end_the_window(void **state)
{
        struct ws_codec *inflater = ws_codec_inflater(15);

        (void)state;
        assert_int_equal(
                unpack(inflater, (const uint8_t *)"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, MOST), 5);
        assert_true(ws_codec_inflate_end(inflater));
        assert_int_equal(unpack(inflater, (const uint8_t *)"\xf2\x00\x11\x00\x00", 5, MOST), 5);
        assert_true(ws_codec_inflate_end(inflater));
        assert_memory_equal(back, "Hello", 5);
        ws_codec_release(inflater);
        ws_codec_forget_spare();
}

static void
what_is_no_such_data_is_refused(void **state)
{
        static const struct {
                const char *data;
                size_t length;
        } bad[] = {{"\x07\x00", 2},
                   {"\x00\x05\x00\x00\x00Hello", 10},
                   {"\x02\x02", 2},
                   {"\xff\xff\xff\xff", 4}},
          unfinished[] = {{"\xf2\x48\xcd\xc9", 4},
                          {"\x00\x05\x00\xfa\xffHel", 8},
                          {"\xf2", 1},
                          {"\x04", 1},
                          {"\x00\x00", 2}};

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct ws_codec *inflater = ws_codec_inflater(15);
                struct ws_codec_bytes bytes = {(const uint8_t *)bad[i].data, bad[i].length, back,
                                               MOST};

                assert_int_equal(ws_codec_inflate(inflater, &bytes), WS_CODEC_BAD);
                ws_codec_release(inflater);
        }
        for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
                struct ws_codec *inflater = ws_codec_inflater(15);

                unpack(inflater, (const uint8_t *)unfinished[i].data, unfinished[i].length, MOST);
                assert_false(ws_codec_inflate_end(inflater));
                ws_codec_release(inflater);
        }
        ws_codec_forget_spare();
}

/* Memory. */

static void
memory_is_what_the_header_says_and_is_counted(void **state)
{
        (void)state;
        for (unsigned bits = 9; bits <= WS_CODEC_BITS_MAX; bits++) {
                uint64_t before = ws_memory();
                struct ws_codec *deflater = ws_codec_deflater(bits, 6);
                struct ws_codec *inflater = ws_codec_inflater(bits);
                size_t cost;

                unpack(inflater, packed, pack(deflater, plain, MOST), MOST);
                cost = ws_codec_cost(deflater) + ws_codec_cost(inflater);
                assert_true(cost <= WS_DEFLATE_COST(bits));
                assert_true(cost > WS_DEFLATE_COST(bits) * 3 / 4);
                assert_true(ws_memory() - before <= cost && ws_memory() - before > cost - 1000);
                ws_codec_release(deflater);
                ws_codec_release(inflater);
                ws_codec_forget_spare();
                assert_int_equal(ws_memory(), before);
        }
}

static void
one_of_a_kind_waits_for_the_next_message(void **state)
{
        struct ws_codec *first = ws_codec_deflater(15, 6), *second = ws_codec_deflater(15, 6);
        uint64_t with_both = ws_memory();
        size_t length = pack(first, plain, 1000);

        (void)state;
        ws_codec_release(first);
        assert_int_equal(ws_memory(), with_both);
        ws_codec_release(second);
        assert_true(ws_memory() < with_both);
        assert_ptr_equal(ws_codec_deflater(15, 1), first);
        /* It has forgotten the message, and learned the level. */
        assert_true(pack(first, plain, 1000) > length);
        ws_codec_release(first);
        ws_codec_release(NULL);
        ws_codec_forget_spare();
}

static void
without_memory_there_is_none(void **state)
{
        struct ws_codec *codec = NULL;
        size_t requests;

        (void)state;
        for (requests = 0; codec == NULL && requests < 20; requests++) {
                until_none = requests;
                errno = 0;
                codec = ws_codec_deflater(15, 6);
                until_none = SIZE_MAX;
                assert_true(codec != NULL || errno == ENOMEM);
        }
        assert_true(requests > 4);
        pack(codec, plain, 1000);
        ws_codec_release(codec);
        until_none = 1;
        assert_null(ws_codec_inflater(15));
        until_none = SIZE_MAX;
        codec = ws_codec_inflater(15);
        /* zlib asks for the window when it is needed. */
        {
                struct ws_codec_bytes bytes = {packed, 100, back, 50};

                until_none = 0;
                assert_int_equal(ws_codec_inflate(codec, &bytes), WS_CODEC_NO_MEMORY);
                until_none = SIZE_MAX;
        }
        ws_codec_release(codec);
        ws_codec_forget_spare();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_goes_in_comes_out),
                cmocka_unit_test(a_window_of_8_bits_is_kept_to),
                cmocka_unit_test(messages_refer_to_those_before_until_that_is_forgotten),
                cmocka_unit_test(blocks_of_all_kinds_are_understood),
                cmocka_unit_test(a_final_block_does_not_end_the_window),
                cmocka_unit_test(what_is_no_such_data_is_refused),
                cmocka_unit_test(memory_is_what_the_header_says_and_is_counted),
                cmocka_unit_test(one_of_a_kind_waits_for_the_next_message),
                cmocka_unit_test(without_memory_there_is_none),
        };

        make_plain();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
