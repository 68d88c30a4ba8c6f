/* SPDX-License-Identifier: MIT */
/*
 * Memory for large messages: pages of their own. They grow without being copied, which would take
 * longer than a turn should, and what a burst took is given back soon, a piece at a time; the C
 * library gives hundreds of megabytes back in one go, which takes tens of milliseconds. Whoever takes
 * more meanwhile has as much given back at once: so all of it is never more than was in use before.
 */
#ifndef AW_WS_PAGES_H
#define AW_WS_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* What is smaller is malloc()'s business. */
#define WS_PAGES_LEAST ((size_t)2 << 20)

/* All are charged (base/memory.h). NULL with errno ENOMEM. */
void *ws_pages_take(size_t bytes);

/* As realloc(). The memory, perhaps in another place; or NULL with errno ENOMEM, and it is as it was. */
void *ws_pages_resize(void *memory, size_t before, size_t bytes);

/* At once, or in the next turns if that would take too long. */
void ws_pages_give_back(void *memory, size_t bytes);

/* Whether memory has room for so many bytes more, for which as many of those that wait are given back. */
bool ws_pages_room(size_t bytes);

/* What waits to be given back is, now: the thread's loop may end. */
void ws_pages_give_back_all(void);

#endif
