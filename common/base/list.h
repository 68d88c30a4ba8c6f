/* SPDX-License-Identifier: MIT */
/*
 * Doubly linked lists that run through their items:
 *
 *     struct handles {
 *             struct handle *first, *last;
 *     };
 *     struct handle {
 *             struct {
 *                     struct handle *next, *previous;
 *             } link;
 *     };
 *
 * A zeroed list is empty. An item is in at most one list by each of its links, and is walked over
 * with `for (item = list.first; item != NULL; item = item->link.next)`. `link` is the name of the
 * member. Nothing here allocates, each call takes the same time however long the list is.
 */
#ifndef AW_BASE_LIST_H
#define AW_BASE_LIST_H

#include <stddef.h>

/* Puts the item at the end. */
#define aw_list_append(list, item, link)                                                           \
        do {                                                                                       \
                __typeof__(list) list_ = (list);                                                   \
                __typeof__(item) item_ = (item);                                                   \
                                                                                                   \
                item_->link.next = NULL;                                                           \
                item_->link.previous = list_->last;                                                \
                if (list_->last != NULL)                                                           \
                        list_->last->link.next = item_;                                            \
                else                                                                               \
                        list_->first = item_;                                                      \
                list_->last = item_;                                                               \
        } while (0)

/* Takes the item out; it must be in the list. Its own link is left as it was. */
#define aw_list_remove(list, item, link)                                                           \
        do {                                                                                       \
                __typeof__(list) list_ = (list);                                                   \
                __typeof__(item) item_ = (item);                                                   \
                                                                                                   \
                if (item_->link.previous != NULL)                                                  \
                        item_->link.previous->link.next = item_->link.next;                        \
                else                                                                               \
                        list_->first = item_->link.next;                                           \
                if (item_->link.next != NULL)                                                      \
                        item_->link.next->link.previous = item_->link.previous;                    \
                else                                                                               \
                        list_->last = item_->link.previous;                                        \
        } while (0)

/* Takes the first item out: that item, or NULL. */
#define aw_list_take(list, link)                                                                   \
        ({                                                                                         \
                __typeof__(list) list_ = (list);                                                   \
                __typeof__(list_->first) taken_ = list_->first;                                    \
                                                                                                   \
                if (taken_ != NULL) {                                                              \
                        list_->first = taken_->link.next;                                          \
                        if (list_->first != NULL)                                                  \
                                list_->first->link.previous = NULL;                                \
                        else                                                                       \
                                list_->last = NULL;                                                \
                }                                                                                  \
                taken_;                                                                            \
        })

#endif
