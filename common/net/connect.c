/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/connect_private.h"
#include "net/resolve.h"
#include "net/transport.h"
#include "task/suspend.h"

/* Before the next address is tried as well (RFC 8305 section 5: the Connection Attempt Delay). */
#define ATTEMPT_DELAY (250 * AW_MILLISECOND)

/* Before a Unix socket is tried again that many wait for. */
#define CROWDED_DELAY (10 * AW_MILLISECOND)

struct attempt {
        struct race *race;
        struct aw_transport *transport;
};

struct race {
        struct attempt *attempts; /* one for each address */
        struct aw_addresses *addresses;
        const char *interface;
        size_t started, failed;
        bool crowded; /* the next one is, for now */
        struct attempt *winner;
        int error; /* of the last that failed */
        struct aw_waiters waiters;
};

static void
attempt_connected(void *owner)
{
        struct attempt *attempt = owner;

        /* What comes meanwhile is for the next owner. */
        aw_transport_pause(attempt->transport, true);
        if (attempt->race->winner == NULL)
                attempt->race->winner = attempt;
        aw_wake_all(&attempt->race->waiters);
}

static void
attempt_closed(void *owner, int error, const char *text)
{
        struct attempt *attempt = owner;

        (void)text;
        attempt->transport = NULL;
        attempt->race->failed++;
        attempt->race->error = error == 0 ? ECONNABORTED : error;
        if (attempt->race->winner == attempt)
                attempt->race->winner = NULL;
        aw_wake_all(&attempt->race->waiters);
}

static void
attempt_nothing(void *owner)
{
        (void)owner;
}

static void
attempt_data(void *owner, const uint8_t *data, size_t length)
{
        (void)owner;
        (void)data;
        (void)length;
}

static void
attempt_ended(void *owner, bool truncated)
{
        (void)owner;
        (void)truncated;
}

static const struct aw_transport_callbacks attempt_callbacks = {
        .established = attempt_connected,
        .data = attempt_data,
        .ended = attempt_ended,
        .writable = attempt_nothing,
        .closed = attempt_closed,
};

/* The socket will come from that device, or that address. 0, or -1 with errno. */
static int
come_from(int fd, const char *interface, int family)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

        if (interface == NULL || family == AF_UNIX)
                return 0;
        if (inet_pton(AF_INET, interface, &v4.sin_addr) == 1 && family == AF_INET)
                return bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
        if (inet_pton(AF_INET6, interface, &v6.sin6_addr) == 1 && family == AF_INET6)
                return bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
        if (aw_is_number(interface)) {
                errno = EAFNOSUPPORT;
                return -1;
        }
        return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface));
}

/* A connection on its way to the address, or NULL with errno. */
static struct aw_transport *
attempt_start(const struct aw_address *address, struct attempt *attempt)
{
        int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int error;

        if (fd == -1)
                return NULL;
        if (come_from(fd, attempt->race->interface, address->storage.ss_family) == 0 &&
            (connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0 ||
             errno == EINPROGRESS))
                return aw_transport_open(fd, AW_TRANSPORT_CONNECTING, NULL, &attempt_callbacks,
                                         attempt);
        error = errno;
        close(fd);
        errno = error;
        return NULL;
}

static void
race_start_next(struct race *race)
{
        struct attempt *attempt = &race->attempts[race->started];

        attempt->race = race;
        attempt->transport = attempt_start(&race->addresses->items[race->started], attempt);
        /* More wait at a Unix socket than its backlog: there is no event for when it has room. */
        race->crowded = attempt->transport == NULL && errno == EAGAIN;
        if (race->crowded)
                return;
        race->started++;
        if (attempt->transport == NULL) {
                race->failed++;
                race->error = errno;
        }
}

/*
 * Waits for an event of the race, or until it is time for the next address. False if the caller
 * should stop.
 */
static async bool
race_wait(struct race *race, aw_time deadline)
{
        aw_time delay = race->crowded ? CROWDED_DELAY : ATTEMPT_DELAY;
        aw_time next = race->started < race->addresses->count ? aw_loop_now() + delay : AW_NEVER;

        return aw_wait_in(&race->waiters, next < deadline ? next : deadline, NULL) == 0 ||
               (errno == ETIMEDOUT && next < deadline);
}

/* The losers are dropped; they call back once more, so the race has to wait for that. */
static async void
race_end(struct race *race)
{
        for (size_t i = 0; i < race->started; i++)
                if (race->attempts[i].transport != NULL && &race->attempts[i] != race->winner)
                        aw_transport_close(race->attempts[i].transport);
        while (race->failed + (race->winner != NULL) < race->started)
                aw_suspend_in(&race->waiters, AW_NEVER);
}

static async struct aw_transport *
race_run(struct race *race, aw_time deadline)
{
        bool go_on = true;
        int error;

        while (go_on && race->winner == NULL && race->failed < race->addresses->count) {
                if (race->started < race->addresses->count)
                        race_start_next(race);
                if (race->crowded || race->failed < race->started)
                        go_on = await(race_wait(race, deadline));
        }
        error = go_on ? 0 : errno;
        /* A winner that comes together with a cancellation comes too late. */
        if (!go_on)
                race->winner = NULL;
        await(race_end(race));
        errno = error == 0 ? race->error : error;
        return race->winner == NULL ? NULL : race->winner->transport;
}

/* Families take turns, in the order that the resolver prefers (RFC 8305 section 4). */
static void
interleave(struct aw_addresses *addresses)
{
        struct aw_address *items = addresses->items, moved;
        size_t j;

        for (size_t i = 1; i < addresses->count; i++) {
                for (j = i; j < addresses->count; j++)
                        if (items[j].storage.ss_family != items[i - 1].storage.ss_family)
                                break;
                if (j == addresses->count)
                        return;
                moved = items[j];
                memmove(&items[i + 1], &items[i], (j - i) * sizeof(*items));
                items[i] = moved;
        }
}

async struct aw_transport *
aw_connect(struct aw_addresses *addresses, const char *interface, aw_time deadline)
{
        struct race race = {.addresses = addresses, .interface = interface};
        struct aw_transport *transport;
        int error;

        interleave(addresses);
        race.attempts = calloc(addresses->count, sizeof(*race.attempts));
        if (race.attempts == NULL)
                return NULL;
        transport = await(race_run(&race, deadline));
        error = errno;
        if (transport != NULL)
                aw_transport_disown(transport);
        free(race.attempts);
        errno = error;
        return transport;
}
