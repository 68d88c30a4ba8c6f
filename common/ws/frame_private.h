/* SPDX-License-Identifier: MIT */
/*
 * WebSocket frames (RFC 6455 section 5): parsing, building, masking. Pure functions on bytes: no
 * connection, no input or output, no allocation.
 */
#ifndef AW_WS_FRAME_PRIVATE_H
#define AW_WS_FRAME_PRIVATE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum ws_opcode {
        WS_OP_CONTINUATION = 0x0,
        WS_OP_TEXT = 0x1,
        WS_OP_BINARY = 0x2,
        WS_OP_RAW = 0x7, /* no frame's: bytes that the program has written as they are */
        WS_OP_CLOSE = 0x8,
        WS_OP_PING = 0x9,
        WS_OP_PONG = 0xa,
};

#define WS_FRAME_HEADER_MAX  14  /* bytes: 2, 8 for the length, 4 for the mask */
#define WS_FRAME_CONTROL_MAX 125 /* bytes of payload in a control frame (section 5.5) */

struct ws_frame_header {
        uint64_t length;  /* bytes of payload */
        uint8_t size;     /* bytes of the header itself: 2 to 14 */
        uint8_t opcode;   /* as received: may be one that does not exist */
        uint8_t reserved; /* RSV1 to RSV3 as bits 0x4, 0x2, 0x1 */
        bool final;
        bool masked;
        uint8_t mask[4]; /* zeros if not masked */
};

/*
 * Reads a header from the first `available` bytes. 1: complete, and *header is written. 0: more
 * bytes are needed. -1: it cannot be a header: the length is not in its shortest form or its
 * highest bit is set (section 5.2), which is known once the whole length has come. Nothing else is
 * judged here.
 */
int ws_frame_parse(const uint8_t *data, size_t available, struct ws_frame_header *header);

/* Bytes of the header of a frame with so much payload: 2 to 14. */
static inline size_t
ws_frame_header_size(uint64_t length, bool masked)
{
        return (length < 126 ? 2U : length <= UINT16_MAX ? 4U : 10U) + (masked ? 4 : 0);
}

/*
 * Writes a header (final, unreserved; masked if mask is not NULL) and returns its size in bytes.
 * The length is below 2^63.
 */
static inline size_t
ws_frame_build(uint8_t *out, enum ws_opcode opcode, uint64_t length, const uint8_t *mask)
{
        size_t size = ws_frame_header_size(length, false);
        uint16_t medium = htobe16((uint16_t)length);
        uint64_t large = htobe64(length);

        out[0] = (uint8_t)(0x80 | opcode);
        out[1] = (uint8_t)(size == 2 ? length : size == 4 ? 126 : 127);
        if (size == 4)
                memcpy(out + 2, &medium, sizeof(medium));
        else if (size == 10)
                memcpy(out + 2, &large, sizeof(large));
        if (mask == NULL)
                return size;
        out[1] |= 0x80;
        memcpy(out + size, mask, 4);
        return size + 4;
}

/*
 * XORs `length` bytes with the mask (section 5.3), copying from `from` to `to` (equal, or not
 * overlapping). `phase` is the position of the first byte in the payload modulo 4; the phase for
 * what follows is returned. Eight bytes or more at a time.
 */
unsigned ws_frame_mask(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4],
                       unsigned phase);

/*
 * True if a Close frame may carry this code on the wire (section 7.4 and IANA's registry:
 * 1000-1003, 1007-1014, 3000-4999).
 */
bool ws_close_code_valid(unsigned code);

#endif
