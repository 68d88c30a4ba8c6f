/* SPDX-License-Identifier: MIT */
/*
 * Test behaviours: the table of them, and what a request asks for. A request asks by parameters of
 * its query, or by segments of its path under /-/, which mean the same:
 *
 *     /chat?delay=1s&close=4000&reason=bye
 *     /-/delay/1s/close/4000/bye
 */
#ifndef BEHAVE_PLAN_H
#define BEHAVE_PLAN_H

#include <stdio.h>

#include "await/ws.h"

struct behave;
struct behave_answering;

#define BEHAVE_TIME_MAX (60 * AW_SECOND)
#define BEHAVE_CHAIN    "/-/"

/* The rows of the table. */
enum behave_id {
        BEHAVE_STATUS,
        BEHAVE_RETRY_AFTER,
        BEHAVE_REDIRECT,
        BEHAVE_TO,
        BEHAVE_BASIC,
        BEHAVE_BEARER,
        BEHAVE_HEADER,
        BEHAVE_COOKIE,
        BEHAVE_PROTOCOL,
        BEHAVE_DEFLATE,
        BEHAVE_BITS,
        BEHAVE_HANDSHAKE,
        BEHAVE_HANDSHAKE_DELAY,
        BEHAVE_HANDSHAKE_DRIP,
        BEHAVE_SHOW,
        BEHAVE_GREET,
        BEHAVE_SEND,
        BEHAVE_TYPE,
        BEHAVE_COUNT,
        BEHAVE_EVERY,
        BEHAVE_SEED,
        BEHAVE_MAX_MESSAGE,
        BEHAVE_ECHO,
        BEHAVE_TIME,
        BEHAVE_DELAY,
        BEHAVE_JITTER,
        BEHAVE_FRAGMENT,
        BEHAVE_PING_BETWEEN,
        BEHAVE_ROOM,
        BEHAVE_RATE,
        BEHAVE_SLICE,
        BEHAVE_GAP,
        BEHAVE_READ_RATE,
        BEHAVE_STALL,
        BEHAVE_PING,
        BEHAVE_PAYLOAD,
        BEHAVE_PONG,
        BEHAVE_FAULT,
        BEHAVE_CLOSE,
        BEHAVE_REASON,
        BEHAVE_DROP,
        BEHAVE_AFTER,
        BEHAVE_CLOSE_REPLY,
        BEHAVE_LINGER,
        BEHAVE_ROWS
};

/* What a value may be. A row that allows several takes the first that fits, in this order. */
enum behave_kind {
        BEHAVE_WORD = 1,     /* one of the row's words */
        BEHAVE_NUMBER = 2,   /* between the row's bounds */
        BEHAVE_SIZE = 4,     /* likewise, in bytes: 4096, 64K, 1M */
        BEHAVE_DURATION = 8, /* 250ms, 2s, 1m; to BEHAVE_TIME_MAX */
        BEHAVE_TEXT = 16,    /* UTF-8, decoded; what the row's check() says */
};

/* Microseconds, bytes, a count, or the index of a word. */
struct behave_value {
        enum behave_kind kind;
        int64_t number;
        const char *text; /* as it was written: decoded, but nothing else */
};

/*
 * A behaviour, or a detail of one. Exactly one of the functions is given for a behaviour, and tells
 * when it has its say; none for a detail, which the behaviour looks up.
 */
struct behave_row {
        const char *name;
        const char *argument; /* for the help: "TIME" */
        const char *example;  /* a value that makes sense */
        const char *heading;  /* of the group that begins with this row, or NULL */
        unsigned kinds;
        const char *words;                           /* separated by '|' */
        int64_t minimum, maximum;                    /* of a number or size; 0: --max-message */
        int64_t shortest;                            /* of a time, in microseconds */
        bool code;                                   /* a number is the code of a Close frame */
        const char *(*check)(const char *text);      /* what is wrong with a text, or NULL */
        const char *(*check_safe)(const char *text); /* likewise, but for --test all */
        const char *of;   /* a detail: of these behaviours, separated by '|' */
        bool repeats;     /* may be given several times */
        bool all;         /* only with --test all */
        const char *help; /* what it does, begun with a verb */

        /* Decides on the request, or adds to the answer; true: that settles it. */
        bool (*answer)(struct behave_answering *answering, const struct behave_value *value);
        /* Coroutines. When the connection opens, one after the other, before anything is echoed. */
        async int (*on_begin)(struct behave *behave, const struct behave_value *value);
        /* A task's function, with the struct behave, for as long as messages are echoed. */
        aw_task_function *beside;
        /*
         * Changes a reply, which may take its time, or takes it: 0 goes on to the next behaviour,
         * 1 does not, -1 ends the echo.
         */
        async int (*on_reply)(struct behave *behave, struct ws_message *message);
        /* Sends the reply, in place of ws_send(): 0 or -1. */
        async int (*on_deliver)(struct behave *behave, const struct ws_message *message);
        /* Ends the connection, or leaves it to the next one: 1, or 0. */
        async int (*on_end)(struct behave *behave, const struct behave_value *value);
};
extern const struct behave_row behave_table[BEHAVE_ROWS];

/* How far the server goes. */
enum behave_level { BEHAVE_LEVEL_OFF, BEHAVE_LEVEL_SAFE, BEHAVE_LEVEL_ALL };

struct behave_limits {
        enum behave_level level;
        uint64_t max_message;
        bool passwords; /* the server asks for them itself, so nobody is shown one */
};

/* What a request asks for, in its order. */
struct behave_item {
        enum behave_id id;
        struct behave_value value;
};
#define BEHAVE_ITEMS_MAX   32
#define BEHAVE_CONFIRM_MAX 400
struct behave_plan {
        size_t count;
        struct behave_item items[BEHAVE_ITEMS_MAX];
        char confirm[BEHAVE_CONFIRM_MAX]; /* "delay=1s close=4000", as it was written */
        char *next;                       /* in texts */
        char texts[];
};

/* Why a request is refused, in one sentence without a full stop. */
struct behave_refusal {
        int status;
        char text[300];
};

/*
 * 0, and *plan, which is to be freed by free(), or NULL if the request asks for nothing; or -1 and
 * *refusal.
 */
int behave_parse(const struct ws_request *request, const struct behave_limits *limits,
                 struct behave_plan **plan, struct behave_refusal *refusal);

/* Whether the request may ask for something: for a first look. */
bool behave_is_asked(const struct ws_request *request);

/* The value that was given for the row, or NULL. */
const struct behave_value *behave_find(const struct behave_plan *plan, enum behave_id id);

/* The number that was given, or another one. */
int64_t behave_number(const struct behave_plan *plan, enum behave_id id, int64_t otherwise);

/* Whether a word of the row was given, and this one. */
bool behave_is(const struct behave_plan *plan, enum behave_id id, const char *word);

/* value.c */

/* Whether value->text is a value of the row's, and which; but for its check. */
bool behave_value_read(const struct behave_row *row, const struct behave_limits *limits,
                       struct behave_value *value);
bool behave_value_is(const struct behave_value *value, const char *word);

/*
 * What the row takes, in words: "none, echo, CODE from 1000 to 4999 or TIME up to 60s". Without
 * limits the largest message is called --max-message.
 */
#define BEHAVE_TAKES_MAX 200
void behave_value_describe(const struct behave_row *row, const struct behave_limits *limits,
                           char out[BEHAVE_TAKES_MAX]);

/* Words separated by '|': which of them the text is, or -1; and all of them as "a, b or c". */
int behave_words_index(const char *words, const char *text, size_t length);
void behave_words_list(const char *words, char *out, size_t size);

/* check.c: what may stand in texts of the table. */
const char *behave_check_reason(const char *text);
const char *behave_check_field(const char *text);
const char *behave_check_own_field(const char *text);
const char *behave_check_cookie(const char *text);
const char *behave_check_credentials(const char *text);
const char *behave_check_token(const char *text);
const char *behave_check_url(const char *text);
const char *behave_check_payload(const char *text);

#endif
