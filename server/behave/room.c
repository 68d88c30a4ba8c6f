/* SPDX-License-Identifier: MIT */
/*
 * room=NAME: every message goes to all who are in the room. Whoever does not keep up misses messages
 * rather than hold up the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "session.h"

#define MEMBERS_MAX 100
#define MESSAGE_MAX ((size_t)64 << 10)

/* Sending to all who are in the room. It may wait, and meanwhile others leave, and come. */
struct walk {
        struct {
                struct walk *next, *previous;
        } link;
        struct behave *member; /* the next one, or NULL */
};

struct behave_room {
        struct {
                struct behave_room *next, *previous;
        } link;
        struct {
                struct behave *first, *last;
        } members;
        struct {
                struct walk *first, *last;
        } walks;
        size_t count;
        char name[];
};

static struct behave_room *
find_room(const struct behave_server *server, const char *name)
{
        struct behave_room *room = server->rooms.first;

        while (room != NULL && strcmp(room->name, name) != 0)
                room = room->link.next;
        return room;
}

static struct behave_room *
open_room(struct behave_server *server, const char *name)
{
        struct behave_room *room = calloc(1, sizeof(*room) + strlen(name) + 1);

        if (room == NULL)
                return NULL;
        memcpy(room->name, name, strlen(name) + 1);
        aw_list_append(&server->rooms, room, link);
        return room;
}

async int
behave_enter_room(struct behave *behave, const struct behave_value *value)
{
        struct behave_room *room = find_room(behave->server, value->text);

        if (room == NULL)
                room = open_room(behave->server, value->text);
        if (room == NULL)
                return -1;
        if (room->count == MEMBERS_MAX) {
                errno = EUSERS;
                return -1;
        }
        room->count++;
        aw_list_append(&room->members, behave, neighbours);
        behave->room = room;
        return 0;
}

void
behave_leave_room(struct behave *behave)
{
        struct behave_room *room = behave->room;
        struct walk *walk;

        if (room == NULL)
                return;
        behave->room = NULL;
        for (walk = room->walks.first; walk != NULL; walk = walk->link.next)
                if (walk->member == behave)
                        walk->member = behave->neighbours.next;
        aw_list_remove(&room->members, behave, neighbours);
        if (--room->count > 0)
                return;
        aw_list_remove(&behave->server->rooms, room, link);
        free(room);
}

/* 0, or -1 if the sender was cancelled. What becomes of the members is their own business. */
static async int
send_to_members(struct walk *walk, const struct ws_message *message)
{
        struct ws *ws;

        while (walk->member != NULL) {
                ws = walk->member->ws;
                walk->member = walk->member->neighbours.next;
                if (ws_raw_has_room(ws) && await(ws_send(ws, message, AW_NEVER)) == -1 &&
                    errno == ECANCELED)
                        return -1;
        }
        return 0;
}

/*
 * Nobody is waited for: whoever has no room in its queue is passed over. Where messages are compressed
 * that takes its time.
 */
async int
behave_send_to_room(struct behave *behave, const struct ws_message *message)
{
        struct behave_room *room = behave->room;
        struct walk walk = {.member = room->members.first};
        int result, error;

        if (message->length > MESSAGE_MAX) {
                errno = EMSGSIZE;
                return -1;
        }
        aw_list_append(&room->walks, &walk, link);
        result = await(send_to_members(&walk, message));
        error = errno;
        aw_list_remove(&room->walks, &walk, link);
        errno = error;
        return result;
}
