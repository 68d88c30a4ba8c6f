/* SPDX-License-Identifier: MIT */
/*
 * A connection in use: one task sends, in one of several ways; another one prints what comes; the
 * main task waits for the end of it, and says goodbye.
 */
#ifndef SESSION_H
#define SESSION_H

#include "await/sync.h"
#include "client.h"

struct ping;
struct printer;
struct report;
struct terminal;

struct session {
        const struct client_options *options;
        struct connector *connector;
        async int (*way)(void *session); /* of sending: one of those below */
        struct ws *ws;                   /* NULL: there was none yet, and `reconnecting` is true */
        struct printer *printer;
        struct report *report;
        struct terminal *terminal; /* or NULL */
        struct ping *ping;         /* at a terminal */

        uint64_t sent, received; /* messages */
        uint64_t bytes_sent, bytes_received;
        bool all_sent;
        bool unsent;     /* what we had for the server did not go: it closed, or the session ends */
        bool from_input; /* what is sent comes from standard input, or nothing is: no hurry */
        bool sending;    /* waits for the server to take it */
        bool printing;   /* waits for those who read our output, */
        aw_time printing_since;
        int64_t reader_time;    /* and has done so for so long, in pauses that are noticed */
        bool matched;           /* a message was --expect'ed */
        bool stopped;           /* by a signal, or --max-time */
        bool late;              /* the time-out is over */
        bool leaving;           /* somebody at the terminal wants to */
        bool closing;           /* we say goodbye */
        int64_t unanswered_for; /* so long the server did not answer our Close; or 0 */
        unsigned code;          /* of our Close */
        char reason[124];
        bool ended;  /* the server's direction has */
        int error;   /* how: errno */
        bool failed; /* `status` is that of a failure, which was said */
        enum client_status status;

        bool in_parts;        /* a message has begun, and is not complete */
        bool reported;        /* the end of this connection was, when it was lost */
        bool reconnecting;    /* there is no connection, but there will be another one */
        uint64_t greeted;     /* messages of this connection that are greetings, see --skip */
        uint64_t greetings;   /* of all connections */
        uint64_t sent_before; /* messages, through those before this one */
        uint64_t unanswered;  /* messages whose replies were lost with their connection */
        int64_t pause;        /* before the next attempt, at most */
        aw_time opened;
        struct aw_event reopened; /* for senders: there is a new connection, or will be none */

        struct ws_traffic traffic; /* when we looked last */
        uint64_t taken;            /* of our output, by then */
        aw_time active;            /* when something moved last */
        aw_time all_sent_at;
        struct aw_event changed;      /* for the main task */
        struct aw_event received_one; /* for a sender that waits for the reply */
};

/* A way of sending: a task's function. Its argument is the session. */
async int messages_send(void *session); /* messages.c: operands, -d and -f */
async int input_send(void *session);    /* input.c: standard input */
async int nothing_send(void *session);  /* we only listen */

/*
 * A line that was typed, without its end; it is used up. One that cannot be sent is told. 0, or -1
 * if nothing more can be sent.
 */
async int input_send_typed(struct session *session, char *line);

/*
 * A file to be sent; a FIFO, once somebody has opened it to write to. -1 with errno, ECANCELED among
 * others.
 */
async int messages_open_file(const char *name);

/* A file as one message. The descriptor stays the caller's. 0, or -1 if nothing more can be sent. */
async int messages_send_file(struct session *session, int fd, const char *name, enum ws_type type);

/*
 * Connects, sends, prints what comes, and closes. The exit status; why it is not 0 was said.
 */
async enum client_status session_run(struct session *session);

/* send.c, for those ways. */

/*
 * Sends a message, or a part of one. 0, or -1 if nothing more can be sent: why is said by the
 * session. `name` is what it is called: "line 3 of the input".
 */
async int session_send(struct session *session, const struct ws_message *message, const char *name);
async int session_send_part(struct session *session, const struct ws_message *part, bool final,
                            const char *name);

/* Of a sender: waits until all that was sent so far was replied to. 0, or -1: it will not be. */
async int session_wait_for_reply(struct session *session);

/* Before a message that is not the first. 0, or -1: it is not to be sent any more. */
async int session_pause(struct session *session);

/* Something moved: the time-out begins anew. */
void session_moved(struct session *session);

/*
 * Time for what still has to be done at the end: whoever was stopped, or has waited for too long,
 * has 0.2 s, others have as much as they want.
 */
aw_time session_last_deadline(const struct session *session);

/* state.c. */

/* The session cannot go on, as was said; the status for that. */
void session_fail(struct session *session, enum client_status status);

/* What our Close is to say; the reason is at most 123 bytes, or NULL. */
void session_set_close(struct session *session, unsigned code, const char *reason);

/* Tells whoever sits at the terminal where it is connected, and how. */
void session_greet(const struct session *session);

/* judge.c: when it is over, and what it was. */
bool judge_over(const struct session *session);
bool judge_seen_enough(const struct session *session);    /* later messages are nobody's business */
uint64_t judge_replies(const struct session *session);    /* messages that are no greetings */
uint64_t judge_unanswered(const struct session *session); /* messages, so far */
/* Whether a server that is done may close with it. */
bool judge_code(const struct ending_options *ending, unsigned code);
bool judge_waits(const struct session *session); /* for the server: the time-out runs */
void judge_message(struct session *session, const struct ws_message *message);
enum client_status judge_end(struct session *session);

#endif
