/* SPDX-License-Identifier: MIT */
/*
 * Who is refused when is known with the head of the request: then an answer can be sent, and behind
 * a proxy the real address is known. What comes before is bounded by the time for a handshake and by
 * a reserve of connections over --max-connections; who is over that as well is turned away with what
 * can be said at once, and costs nothing.
 *
 * A handshake is counted first, and then compared, so that two workers never let one too many in.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "limit.h"

#include "await/log.h"
#include "metrics.h"
#include "shared.h"

/* Connections over --max-connections that may be there to be told so. */
#define RESERVE_LEAST 16
#define RESERVE_MOST  1024

/* One that has been counted. */
struct pending {
        struct pending *next;
        const struct ws *ws;
        bool addressed;
        uint64_t key; /* its address */
};

static struct {
        struct shared *shared;
        struct worker_block *block;
        unsigned worker;
        const struct limit_options *options;
        struct pending *pending; /* the handshakes that were let in, and are not open yet */
} mine;

/* Options. */

/* Of the machine, or of what a container may have. */
static uint64_t
quarter_of_memory(void)
{
        uint64_t all = uv_get_total_memory(), granted = uv_get_constrained_memory();

        return (granted > 0 && granted < all ? granted : all) / 4;
}

struct limit_options
limit_defaults(void)
{
        return (struct limit_options){
                .rate_per_address = "0",
                .handshake_timeout = 10 * AW_SECOND,
                .idle_timeout = 3600 * AW_SECOND,
                .ping_interval = 20 * AW_SECOND,
                .ping_timeout = 20 * AW_SECOND,
                .max_control_rate = 20000,
                .max_buffer = WS_BUFFER_MAX,
                .max_memory = quarter_of_memory(),
        };
}

int
limit_parse_rate(const char *text, uint64_t *rate, uint64_t *burst)
{
        char first[24];
        size_t length = strcspn(text, ":");

        if (length >= sizeof(first))
                return -1;
        memcpy(first, text, length);
        first[length] = '\0';
        if (aw_opt_number(first, rate) == -1 || *rate > LIMIT_RATE_MAX)
                return -1;
        *burst = 2 * *rate;
        if (text[length] == ':' && (aw_opt_number(text + length + 1, burst) == -1 || *burst == 0))
                return -1;
        return *burst > 2 * LIMIT_RATE_MAX ? -1 : 0;
}

void
limit_use(struct shared *shared, unsigned worker, const struct limit_options *options)
{
        mine.shared = shared;
        mine.block = &shared->workers[worker];
        mine.worker = worker;
        mine.options = options;
        ws_share_memory(shared->memory, shared->count, worker);
}

/* Counting. */

/* All workers' connections: those that are WebSockets, or all that were accepted. */
static uint64_t
sum_connections(bool open)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < mine.shared->count; i++)
                sum += open ? atomic_load(&mine.shared->workers[i].open)
                            : atomic_load(&mine.shared->workers[i].accepted);
        return sum;
}

static void
count(const struct pending *one)
{
        atomic_fetch_add(&mine.block->open, 1);
        if (one->addressed)
                addresses_add(mine.shared->addresses, mine.worker, one->key);
}

static void
uncount(const struct pending *one)
{
        atomic_fetch_sub(&mine.block->open, 1);
        if (one->addressed)
                addresses_remove(mine.shared->addresses, mine.worker, one->key);
}

/* What it is counted under. */
static void
find_address(struct pending *one, const char *peer)
{
        one->addressed = addresses_key(mine.shared->addresses, peer, &one->key);
}

/* Of the few that are between their answer and its being sent; or NULL. The caller's. */
static struct pending *
take_pending(const struct ws *ws)
{
        struct pending **at = &mine.pending, *found;

        while (*at != NULL && (*at)->ws != ws)
                at = &(*at)->next;
        found = *at;
        if (found != NULL)
                *at = found->next;
        return found;
}

/* It was open, or something else was answered than 101, or it was lost before that. */
static void
count_ended(const struct ws *ws, const struct ws_info *info)
{
        struct pending open, *pending = take_pending(ws);

        atomic_fetch_sub(&mine.block->accepted, 1);
        if (info->opened != 0) {
                find_address(&open, info->peer);
                uncount(&open);
        } else if (pending != NULL) {
                uncount(pending);
        }
        free(pending);
}

void
limit_event(enum ws_event event, const struct ws *ws, const struct ws_info *info)
{
        if (mine.shared == NULL)
                return;
        if (event == WS_EVENT_ACCEPTED)
                atomic_fetch_add(&mine.block->accepted, 1);
        else if (event == WS_EVENT_OPENED)
                free(take_pending(ws));
        else if (event == WS_EVENT_ENDED)
                count_ended(ws, info);
}

/* Refusing. */

static uint64_t
reserve(uint64_t max)
{
        uint64_t part = max / 8;

        return part < RESERVE_LEAST ? RESERVE_LEAST : part > RESERVE_MOST ? RESERVE_MOST : part;
}

static bool
limit_admit(void *argument)
{
        uint64_t max = mine.options->max_connections;

        (void)argument;
        if (max == 0 || sum_connections(false) < max + reserve(max))
                return true;
        aw_log_limited(AW_LOG_INFO,
                       "a connection was turned away: there are --max-connections, and "
                       "those that are told so");
        metrics_turned_away();
        return false;
}

void
limit_listen(struct ws_listen_options *listening)
{
        const struct limit_options *options = mine.options;

        listening->admit = limit_admit;
        listening->handshake_timeout = options->handshake_timeout;
        listening->idle_timeout = options->idle_timeout;
        listening->ping_interval = options->ping_interval;
        listening->ping_timeout = options->ping_timeout;
        listening->max_lifetime = options->max_lifetime;
        listening->max_message_rate = options->max_message_rate;
        listening->max_control_rate = options->max_control_rate;
        listening->max_buffer = options->max_buffer;
}

/* What each is told. A token of the slowest rate comes within a second. */
static const char *const in_a_second[] = {"Retry-After: 1"};
static const char *const in_a_while[] = {"Retry-After: 5"};

static const struct {
        enum metrics_limit limit;
        int status;
        const char *const *retry;
        const char *why, *body;
} refusals[] = {
        {METRICS_RATE_PER_ADDRESS, 429, in_a_second,
         "more handshakes from its address than --rate-per-address",
         "429 Too Many Requests: too many connections a second from this address\n"},
        {METRICS_MAX_PER_ADDRESS, 429, in_a_while,
         "more connections from its address than --max-per-address",
         "429 Too Many Requests: too many connections from this address: close some\n"},
        {METRICS_MAX_CONNECTIONS, 503, in_a_while, "more connections than --max-connections",
         "503 Service Unavailable: the server has no room for another connection: try again "
         "later\n"},
};

static void
refuse_handshake(enum metrics_limit limit, struct ws_answer *answer)
{
        size_t i = 0;

        while (refusals[i].limit != limit)
                i++;
        metrics_limit(limit);
        if (answer->done != NULL)
                answer->done(answer);
        *answer = (struct ws_answer){.status = refusals[i].status,
                                     .fields = refusals[i].retry,
                                     .field_count = 1,
                                     .why = refusals[i].why,
                                     .body = refusals[i].body};
}

bool
limit_rate(const struct ws_request *request, struct ws_answer *answer)
{
        uint64_t key, rate, burst;

        if (!request->upgrade ||
            limit_parse_rate(mine.options->rate_per_address, &rate, &burst) == -1 || rate == 0 ||
            !addresses_key(mine.shared->addresses, request->peer, &key) ||
            addresses_allow(mine.shared->addresses, key, rate, burst, aw_loop_now()))
                return false;
        refuse_handshake(METRICS_RATE_PER_ADDRESS, answer);
        return true;
}

static bool
is_too_many_of_address(const struct pending *one)
{
        uint64_t max = mine.options->max_per_address;

        return max > 0 && one->addressed && addresses_count(mine.shared->addresses, one->key) > max;
}

static bool
is_too_many(void)
{
        uint64_t max = mine.options->max_connections;

        return max > 0 && sum_connections(true) > max;
}

void
limit_count(const struct ws_request *request, struct ws_answer *answer)
{
        struct pending *one;
        struct ws_info info;
        bool crowded;

        ws_info(request->ws, &info);
        /* It may have been lost while a task decided. */
        if (!request->upgrade || answer->status != 101 || info.ended != 0)
                return;
        one = malloc(sizeof(*one));
        if (one == NULL) {
                refuse_handshake(METRICS_MAX_CONNECTIONS, answer);
                return;
        }
        *one = (struct pending){.next = mine.pending, .ws = request->ws};
        find_address(one, request->peer);
        count(one);
        crowded = is_too_many_of_address(one);
        if (!crowded && !is_too_many()) {
                mine.pending = one;
                return;
        }
        uncount(one);
        free(one);
        refuse_handshake(crowded ? METRICS_MAX_PER_ADDRESS : METRICS_MAX_CONNECTIONS, answer);
}
