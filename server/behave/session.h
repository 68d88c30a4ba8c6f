/* SPDX-License-Identifier: MIT */
/* A connection with behaviours, for the coroutines of the table. */
#ifndef BEHAVE_SESSION_H
#define BEHAVE_SESSION_H

#include <time.h>

#include "await/task_wait.h"
#include "behave.h"
#include "ws/raw.h"

/* A reply that waits for its time: see delay.c. */
struct behave_delayed;

struct behave {
        struct behave_server *server;
        struct ws *ws; /* NULL once it is closed */
        struct behave_plan *plan;
        struct aw_group tasks; /* the echo, and what runs beside it */

        aw_time opened;            /* when */
        uint64_t replies;          /* messages that were dealt with */
        bool ending;               /* no message comes any more */
        bool sent_all;             /* what send= says */
        struct aw_waiters replied; /* for one of these to change */
        struct timespec received;  /* when the present message came */
        unsigned random;           /* state of jitter's generator */
        char text[80];             /* a short reply */

        struct {
                struct behave_delayed *first, *last;
        } delayed;
        size_t delayed_bytes;
        struct ws_message kept; /* the present one, if it was among these */
        int delayed_error;      /* why no more come */
        struct aw_waiters delayed_changed;

        struct behave_room *room;
        struct {
                struct behave *next, *previous;
        } neighbours;
};

/* The text of a frame, and sending it. first: FIN, reserved bits and opcode. */
#define BEHAVE_HEADER_MAX 10
size_t behave_build_header(uint8_t out[BEHAVE_HEADER_MAX], uint8_t first, uint64_t length);
async int behave_send_frame(struct behave *behave, uint8_t first, const void *data, size_t length);

/* Sleeps for so long, or until there is no more reason to: as ws_raw_sleep(). */
async int behave_sleep(struct behave *behave, aw_time duration);

/*
 * session.c: memory for what is to be sent, charged as that of messages is. NULL with errno: ENOMEM, or
 * ENOBUFS if it is more than 64 KiB and the connections have as much as they may.
 */
void *behave_take(size_t bytes);
void behave_give_back(void *memory, size_t bytes);

/* session.c: the next message to reply to. */
async int behave_receive(struct behave *behave, struct ws_message *message);

/* handshake.c: sends the 101, or what it is made into. 0 or -1. */
async int behave_shake_hands(struct behave *behave);

/* delay.c */
async int behave_receive_delayed(struct behave *behave, struct ws_message *message);
void behave_forget_delayed(struct behave *behave);

/* fragment.c, room.c: in place of ws_send(). */
async int behave_send_fragments(struct behave *behave, const struct ws_message *message);
async int behave_send_to_room(struct behave *behave, const struct ws_message *message);
void behave_leave_room(struct behave *behave);

/* Functions of the table. */
async int behave_show_request(struct behave *behave, const struct behave_value *value);
async int behave_greet(struct behave *behave, const struct behave_value *value);
async int behave_stall(struct behave *behave, const struct behave_value *value);
async int behave_enter_room(struct behave *behave, const struct behave_value *value);

async int behave_send_messages(void *behave);
async int behave_read_delayed(void *behave);
async int behave_pace_output(void *behave);
async int behave_slice_output(void *behave);
async int behave_pace_input(void *behave);
async int behave_send_pings(void *behave);
async int behave_answer_pings(void *behave);

async int behave_limit(struct behave *behave, struct ws_message *message);
async int behave_transform(struct behave *behave, struct ws_message *message);
async int behave_time(struct behave *behave, struct ws_message *message);

async int behave_close(struct behave *behave, const struct behave_value *value);
void behave_stop_pongs(struct behave *behave);
async int behave_drop(struct behave *behave, const struct behave_value *value);
async int behave_fault(struct behave *behave, const struct behave_value *value);

/*
 * end.c: closes as the peer did, with close-reply and linger; with the code if the peer did not.
 */
async void behave_farewell(struct behave *behave, unsigned code);

#endif
