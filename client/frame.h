/* SPDX-License-Identifier: MIT */
/* Frames in words. */
#ifndef FRAME_H
#define FRAME_H

struct ws_frame;

/* "text", "ping" and the like. */
const char *frame_name(unsigned opcode);

/* A line that tells of the frame, with a control frame's payload, escaped; for free(). NULL: no memory. */
char *frame_describe(const struct ws_frame *frame);

#endif
