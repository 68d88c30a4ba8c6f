/* SPDX-License-Identifier: MIT */
/*
 * Limits, of all workers together, of each address, and of each connection: their options, and who
 * is refused by them. Those of a connection are the library's, see await/ws.h.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stddef.h>

#include "await/watch.h"
#include "cli/opt.h"

struct shared;

struct limit_options {
        uint64_t max_connections, max_per_address; /* 0: any number */
        const char *rate_per_address;              /* RATE or RATE:BURST; see limit_parse_rate() */
        int64_t handshake_timeout;                 /* microseconds, as the next four */
        int64_t idle_timeout, ping_interval, ping_timeout, max_lifetime; /* 0: none */
        uint64_t max_buffer, max_memory;                                 /* bytes */
        uint64_t max_message_rate, max_control_rate;                     /* 0: any */
};

#define LIMIT_RATE_MAX UINT64_C(1000000)

/* Rows of a table of options: `at` is the offset of the structure. */
#define LIMIT_ROWS(at)                                                                             \
        {.name = "max-connections",                                                                \
         .kind = AW_OPT_NUMBER,                                                                    \
         .argument = "N",                                                                          \
         .help = "refuse more with 503, of all workers together; 0: as many as there are "         \
                 "descriptors for (0)",                                                            \
         .offset = (at) + offsetof(struct limit_options, max_connections),                         \
         .maximum = 1000000000},                                                                   \
                {.name = "max-per-address",                                                        \
                 .kind = AW_OPT_NUMBER,                                                            \
                 .argument = "N",                                                                  \
                 .help = "refuse more from one address, or IPv6 network of /64, with 429; 0: any " \
                         "number (0)",                                                             \
                 .offset = (at) + offsetof(struct limit_options, max_per_address),                 \
                 .maximum = 1000000000},                                                           \
                {.name = "rate-per-address",                                                       \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "RATE[:BURST]",                                                       \
                 .help = "refuse more handshakes in a second from one address with 429, but for "  \
                         "BURST at once, which is twice RATE if left out; 0: any number (0)",      \
                 .offset = (at) + offsetof(struct limit_options, rate_per_address)},               \
                {.name = "handshake-timeout",                                                      \
                 .kind = AW_OPT_DURATION,                                                          \
                 .argument = "TIME",                                                               \
                 .help = "for TLS and the request together; then 408 (10s)",                       \
                 .offset = (at) + offsetof(struct limit_options, handshake_timeout),               \
                 .minimum = 1000},                                                                 \
                {.name = "idle-timeout",                                                           \
                 .kind = AW_OPT_DURATION,                                                          \
                 .argument = "TIME",                                                               \
                 .help = "close with 1001 when no message has gone either way for so long; 0: "    \
                         "never (1h)",                                                             \
                 .offset = (at) + offsetof(struct limit_options, idle_timeout)},                   \
                {.name = "ping-interval",                                                          \
                 .kind = AW_OPT_DURATION,                                                          \
                 .argument = "TIME",                                                               \
                 .help = "ping a client that has been silent for so long; 0: never (20s)",         \
                 .offset = (at) + offsetof(struct limit_options, ping_interval)},                  \
                {.name = "ping-timeout",                                                           \
                 .kind = AW_OPT_DURATION,                                                          \
                 .argument = "TIME",                                                               \
                 .help = "drop it if it is silent for so long after that; 0: as --ping-interval "  \
                         "(20s)",                                                                  \
                 .offset = (at) + offsetof(struct limit_options, ping_timeout)},                   \
                {.name = "max-lifetime",                                                           \
                 .kind = AW_OPT_DURATION,                                                          \
                 .argument = "TIME",                                                               \
                 .help = "close with 1001 what has been open for so long; 0: never (0)",           \
                 .offset = (at) + offsetof(struct limit_options, max_lifetime)},                   \
                {.name = "max-message-rate",                                                       \
                 .kind = AW_OPT_NUMBER,                                                            \
                 .argument = "N",                                                                  \
                 .help = "close with 1008 at more messages in a second of one connection; 0: any " \
                         "number (0)",                                                             \
                 .offset = (at) + offsetof(struct limit_options, max_message_rate),                \
                 .maximum = 1000000000},                                                           \
                {.name = "max-control-rate",                                                       \
                 .kind = AW_OPT_NUMBER,                                                            \
                 .argument = "N",                                                                  \
                 .help = "read so many Pings, Pongs and tiny fragments in a second of one "        \
                         "connection, and no faster; 0: any number (20000)",                       \
                 .offset = (at) + offsetof(struct limit_options, max_control_rate),                \
                 .maximum = 1000000000},                                                           \
                {.name = "max-buffer",                                                             \
                 .kind = AW_OPT_SIZE,                                                              \
                 .argument = "SIZE",                                                               \
                 .help = "stop reading from a client while so much waits for it, in each "         \
                         "direction (256K)",                                                       \
                 .offset = (at) + offsetof(struct limit_options, max_buffer),                      \
                 .minimum = 4096,                                                                  \
                 .maximum = (uint64_t)1 << 30},                                                    \
        {                                                                                          \
                .name = "max-memory", .kind = AW_OPT_SIZE, .argument = "SIZE",                     \
                .help = "of all workers together: over it refuse large messages with 1013, new "   \
                        "connections with 503 (a quarter of the machine's memory, or the "         \
                        "container's)",                                                            \
                .offset = (at) + offsetof(struct limit_options, max_memory),                       \
                .minimum = (uint64_t)1 << 20, .maximum = (uint64_t)1 << 50                         \
        }

/* Of --max-control-rate. */
#define LIMIT_CONTROL_LEAST 1000U

struct limit_options limit_defaults(void);

/* 0, or -1: it is not RATE or RATE:BURST. A rate of 0 is none. */
int limit_parse_rate(const char *text, uint64_t *rate, uint64_t *burst);

/* The rest of this file is a worker's. */

/* It counts in its part of the memory, and goes by these options, which may change. */
void limit_use(struct shared *shared, unsigned worker, const struct limit_options *options);

/* What the library sees to, and limit_admit() for `admit`. */
void limit_listen(struct ws_listen_options *listening);

/*
 * A handler's part. The first is for each request, before anything that costs more: true if it is
 * refused, for its address makes too many handshakes. The second is for an answer that is settled:
 * a WebSocket that is one too many is refused instead; otherwise it is counted until it ends, or
 * comes to nothing.
 */
bool limit_rate(const struct ws_request *request, struct ws_answer *answer);
void limit_count(const struct ws_request *request, struct ws_answer *answer);

/* What happens to connections: see struct ws_watch. */
void limit_event(enum ws_event event, const struct ws *ws, const struct ws_info *info);

#endif
