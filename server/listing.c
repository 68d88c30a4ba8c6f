/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "listing.h"

#include "await/watch.h"
#include "observe.h"
#include "shared.h"

#define LOOK_TIME (AW_SECOND / 10)
#define WAIT_TIME (AW_SECOND / 50) /* between two looks for answers */
#define BETWEEN   ",\n"

size_t
listing_board_size(size_t workers)
{
        return sizeof(struct listing_board) + workers * sizeof(struct listing_page);
}

/* A worker's own. */

static const char *
connection_state(const struct ws_info *info)
{
        if (info->opened == 0)
                return "handshake";
        return info->ended_by == WS_SIDE_NONE ? "open" : "closing";
}

/* NULL: no memory; what is set there is forgotten. */
static json_t *
describe(const struct ws *ws, unsigned worker)
{
        struct ws_info info;
        json_t *object;

        ws_info(ws, &info);
        object = observe_describe(&info);
        json_object_set_new(object, "worker", json_integer((json_int_t)worker));
        observe_set_text(object, "state", connection_state(&info), 16);
        json_object_set_new(object, "unread", json_integer((json_int_t)info.unread));
        json_object_set_new(object, "queued", json_integer((json_int_t)info.queued));
        observe_set_text(object, "awaits", info.awaits, 200);
        return object;
}

/* What is being written. */
struct writing {
        struct listing_page *page;
        unsigned worker;
        size_t count;
};

static bool
write_connection(const struct ws *ws, void *argument)
{
        struct writing *writing = argument;
        struct listing_page *page = writing->page;
        size_t room = LISTING_SIZE - page->length - strlen(BETWEEN), length = 0;
        json_t *object = writing->count < LISTING_MAX ? describe(ws, writing->worker) : NULL;

        if (object != NULL)
                length = json_dumpb(object, page->text + page->length, room,
                                    JSON_COMPACT | JSON_REAL_PRECISION(9));
        json_decref(object);
        if (length == 0 || length > room || room > LISTING_SIZE) {
                page->left_out++;
                return true;
        }
        memcpy(page->text + page->length + length, BETWEEN, strlen(BETWEEN));
        page->length += length + strlen(BETWEEN);
        writing->count++;
        return true;
}

static void
list_own(const struct listing *listing, uint64_t question)
{
        struct listing_page *page = &listing->shared->board->pages[listing->worker];
        struct writing writing = {.page = page, .worker = listing->worker};

        atomic_store(&page->question, 0);
        page->length = 0;
        page->left_out = 0;
        for (size_t i = 0; i < *listing->count; i++)
                ws_listener_each(listing->listeners[i], write_connection, &writing);
        atomic_store(&page->question, question);
}

static void
look_for_question(void *argument)
{
        struct listing *listing = argument;
        const struct listing_board *board = listing->shared->board;
        uint64_t asked = atomic_load(&board->asked);

        if (asked != atomic_load(&board->pages[listing->worker].question))
                list_own(listing, asked);
        aw_call_later(&listing->look, LOOK_TIME, look_for_question, listing);
}

void
listing_open(struct listing *listing)
{
        if (listing->shared->count > 1)
                look_for_question(listing);
}

void
listing_close(struct listing *listing)
{
        aw_handle_cancel(&listing->look);
}

/* All of them. */

/* What was read of a worker's page. */
struct part {
        bool read;
        char *text;
        size_t length;
        uint64_t left_out;
};

struct parts {
        const struct shared *shared;
        uint64_t question;
        struct part *parts; /* one for each worker */
};

static bool
serves(const struct shared *shared, size_t worker)
{
        int state = atomic_load(&shared->workers[worker].state);

        return state == WORKER_SERVING || state == WORKER_DRAINING;
}

/*
 * Copies a page, unless it is not there, or is written anew meanwhile: for somebody who asked later,
 * so there will be a better one. -1 with errno: no memory.
 */
static int
read_page(struct parts *parts, size_t worker)
{
        struct listing_page *page = &parts->shared->board->pages[worker];
        struct part *part = &parts->parts[worker];
        uint64_t found = atomic_load(&page->question);

        if (found < parts->question)
                return 0;
        part->left_out = page->left_out;
        part->length = page->length < LISTING_SIZE ? page->length : LISTING_SIZE;
        free(part->text);
        part->text = malloc(part->length + 1);
        if (part->text == NULL)
                return -1;
        memcpy(part->text, page->text, part->length);
        /* It adds nothing, but nothing that stands before it can come after it. */
        part->read = atomic_fetch_add(&page->question, 0) == found;
        return 0;
}

/* How many that serve have not answered; -1 with errno. */
static int
read_pages(struct parts *parts)
{
        int missing = 0;

        for (size_t i = 0; i < parts->shared->count; i++) {
                if (!parts->parts[i].read && serves(parts->shared, i) && read_page(parts, i) == -1)
                        return -1;
                missing += !parts->parts[i].read && serves(parts->shared, i);
        }
        return missing;
}

static async int
collect(struct parts *parts)
{
        aw_time until = aw_loop_now() + LISTING_TIME;
        int missing;

        while ((missing = read_pages(parts)) > 0 && aw_loop_now() < until)
                if (await(aw_sleep(WAIT_TIME)) == -1)
                        return -1;
        return missing == -1 ? -1 : 0;
}

static void
write_silent(FILE *out, const struct parts *parts)
{
        const char *between = "";

        for (size_t i = 0; i < parts->shared->count; i++) {
                if (parts->parts[i].read || !serves(parts->shared, i))
                        continue;
                fprintf(out, "%s%zu", between, i);
                between = ", ";
        }
}

static void
write_parts(FILE *out, const struct parts *parts)
{
        uint64_t left_out = 0;
        const char *between = "";

        fprintf(out, "{\"workers\": %zu, \"connections\": [", parts->shared->count);
        for (size_t i = 0; i < parts->shared->count; i++) {
                const struct part *part = &parts->parts[i];

                if (!part->read)
                        continue;
                left_out += part->left_out;
                if (part->length == 0)
                        continue;
                fprintf(out, "%s\n%.*s", between, (int)(part->length - strlen(BETWEEN)),
                        part->text);
                between = ",";
        }
        fprintf(out, "],\n\"left_out\": %" PRIu64 ", \"silent\": [", left_out);
        write_silent(out, parts);
        fputs("]}\n", out);
}

async int
listing_write(struct listing *listing, FILE *out)
{
        struct shared *shared = listing->shared;
        struct parts parts = {.shared = shared,
                              .question = atomic_fetch_add(&shared->board->asked, 1) + 1,
                              .parts = calloc(shared->count, sizeof(*parts.parts))};
        int result = parts.parts == NULL ? -1 : 0, error;

        if (result == 0) {
                list_own(listing, parts.question);
                result = await(collect(&parts));
        }
        if (result == 0)
                write_parts(out, &parts);
        error = errno;
        for (size_t i = 0; parts.parts != NULL && i < shared->count; i++)
                free(parts.parts[i].text);
        free(parts.parts);
        errno = error;
        return result;
}
