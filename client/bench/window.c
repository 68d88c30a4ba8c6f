/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "window.h"

enum flight_state { FLIGHT_NONE, FLIGHT_AWAY, FLIGHT_BACK, FLIGHT_WRONG, FLIGHT_LOST };

struct flight {
        int64_t due, sent;
        uint32_t size;
        uint8_t state;
};

int
window_init(struct window *window, uint32_t connection, uint64_t most)
{
        *window = (struct window){.connection = connection, .size = 16};
        /* Twice as many: one whose echo is late does not hold the others up at once. */
        while (window->size < 2 * most)
                window->size *= 2;
        window->ring = calloc(window->size, sizeof(*window->ring));
        return window->ring == NULL ? -1 : 0;
}

void
window_free(struct window *window)
{
        free(window->ring);
        window->ring = NULL;
}

static struct flight *
flight_of(const struct window *window, uint64_t number)
{
        return &window->ring[number & (window->size - 1)];
}

/* It is not on its way any more. */
static struct window_echo
land(struct window *window, uint64_t number, enum flight_state state)
{
        struct flight *flight = flight_of(window, number);

        flight->state = (uint8_t)state;
        window->count--;
        window->bytes -= flight->size;
        while (window->base < window->next && flight_of(window, window->base)->state != FLIGHT_AWAY)
                window->base++;
        return (struct window_echo){.due = flight->due, .number = number, .size = flight->size};
}

uint64_t
window_push(struct window *window, int64_t due, int64_t sent, uint32_t size,
            struct window_echo *lost)
{
        *lost = (struct window_echo){.due = -1};
        if (window->next - window->base == window->size)
                *lost = land(window, window->base, FLIGHT_LOST);
        if (flight_of(window, window->next)->state == FLIGHT_LOST)
                window->gone++;
        *flight_of(window, window->next) =
                (struct flight){.due = due, .sent = sent, .size = size, .state = FLIGHT_AWAY};
        window->count++;
        window->bytes += size;
        return window->next++;
}

bool
window_pull(struct window *window)
{
        struct flight *flight = flight_of(window, window->next - 1);

        if (flight->state != FLIGHT_AWAY)
                return false;
        window->next--;
        window->count--;
        window->bytes -= flight->size;
        flight->state = FLIGHT_NONE;
        return true;
}

static bool
is_echo(const struct window *window, const struct payload *payload, uint64_t number,
        const uint8_t *data, size_t length)
{
        return flight_of(window, number)->size == length &&
               payload_matches(payload, window->connection, number, data, length);
}

/* What an echo is of a message that is not on its way any more. */
static enum window_verdict
verdict_of(struct flight *flight, bool typed)
{
        if (!typed && flight->state == FLIGHT_WRONG)
                return WINDOW_DOUBLED;
        switch (flight->state) {
        case FLIGHT_LOST:
                flight->state = FLIGHT_BACK;
                return WINDOW_LATE;
        case FLIGHT_WRONG:
                flight->state = FLIGHT_BACK;
                return WINDOW_REVISED;
        default:
                return WINDOW_DOUBLED;
        }
}

/* Looks for the message among the last ones, of which all is known; then among those before. */
static enum window_verdict
judge_past(struct window *window, const struct payload *payload, const uint8_t *data, size_t length,
           bool typed, struct window_echo *echo)
{
        uint64_t first = window->next > window->size ? window->next - window->size : 0;
        uint64_t number = payload_number(data, length, first);

        for (; number < window->next; number += payload_numbers(length)) {
                struct flight *flight = flight_of(window, number);

                if (flight->state == FLIGHT_AWAY || !is_echo(window, payload, number, data, length))
                        continue;
                *echo = (struct window_echo){
                        .due = flight->due, .number = number, .size = flight->size};
                return verdict_of(flight, typed);
        }
        number = payload_number(data, length, 0);
        if (number >= first || !payload_matches(payload, window->connection, number, data, length))
                return WINDOW_WRONG;
        /* Which of those were given up is not kept, only how many. */
        if (window->gone == 0)
                return WINDOW_DOUBLED;
        window->gone--;
        return WINDOW_LATE;
}

/* It is the echo of this message, which is on its way, but for the type perhaps. */
static enum window_verdict
judge_type(struct window *window, uint64_t number, bool typed, struct window_echo *echo)
{
        *echo = land(window, number, typed ? FLIGHT_BACK : FLIGHT_WRONG);
        return typed ? WINDOW_RIGHT : WINDOW_WRONG;
}

/* The number of the message that this is the echo of, which is on its way, but not first; or `next`. */
static uint64_t
find_later(const struct window *window, const struct payload *payload, const uint8_t *data,
           size_t length)
{
        uint64_t number = payload_number(data, length, window->base);

        for (; number < window->next; number += payload_numbers(length))
                if (flight_of(window, number)->state == FLIGHT_AWAY &&
                    is_echo(window, payload, number, data, length))
                        return number;
        return window->next;
}

/* Messages that do not say which they are: one too many is taken for a second echo. */
static enum window_verdict
judge_surplus(const struct window *window, const struct payload *payload, const uint8_t *data,
              size_t length)
{
        return window->next > 0 && payload_matches(payload, window->connection, 0, data, length)
                       ? WINDOW_DOUBLED
                       : WINDOW_UNASKED;
}

enum window_verdict
window_judge(struct window *window, const struct payload *payload, const uint8_t *data,
             size_t length, bool typed, struct window_echo *echo)
{
        enum window_verdict verdict = WINDOW_WRONG;
        uint64_t number;

        *echo = (struct window_echo){.due = -1};
        if (window->count > 0 && is_echo(window, payload, window->base, data, length))
                return judge_type(window, window->base, typed, echo);
        if (!payload->numbered && window->count == 0)
                return judge_surplus(window, payload, data, length);
        if (payload->numbered) {
                number = find_later(window, payload, data, length);
                if (number < window->next)
                        return judge_type(window, number, typed, echo);
                verdict = judge_past(window, payload, data, length, typed, echo);
        }
        if (verdict == WINDOW_WRONG && window->count == 0)
                return WINDOW_UNASKED;
        if (verdict == WINDOW_WRONG)
                *echo = land(window, window->base, FLIGHT_WRONG);
        return verdict;
}

bool
window_expire(struct window *window, int64_t before, struct window_echo *lost)
{
        if (window->count == 0 || flight_of(window, window->base)->sent >= before)
                return false;
        *lost = land(window, window->base, FLIGHT_LOST);
        return true;
}
