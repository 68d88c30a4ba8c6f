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

struct behave_room {
        struct {
                struct behave_room *next, *previous;
        } link;
        struct {
                struct behave *first, *last;
        } members;
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

        if (room == NULL)
                return;
        behave->room = NULL;
        aw_list_remove(&room->members, behave, neighbours);
        if (--room->count > 0)
                return;
        aw_list_remove(&behave->server->rooms, room, link);
        free(room);
}

/* Nothing here waits: whoever has no room in its queue is passed over. */
async int
behave_send_to_room(struct behave *behave, const struct ws_message *message)
{
        struct behave *member;

        if (message->length > MESSAGE_MAX) {
                errno = EMSGSIZE;
                return -1;
        }
        for (member = behave->room->members.first; member != NULL; member = member->neighbours.next)
                if (ws_raw_has_room(member->ws))
                        await(ws_send(member->ws, message, AW_NEVER));
        return 0;
}
