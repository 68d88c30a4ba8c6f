/* SPDX-License-Identifier: MIT */
#include "loop/timers_private.h"

/* So many timers due at once are sorted by place first. */
#define MANY 256

static bool
earlier(const struct aw_handle *a, const struct aw_handle *b)
{
        return a->when < b->when || (a->when == b->when && a->order < b->order);
}

/*
 * The later of two heaps becomes the first child of the other. `link.previous` of a first child is its
 * parent.
 */
static struct aw_handle *
meld(struct aw_handle *a, struct aw_handle *b)
{
        struct aw_handle *parent, *child;

        if (a == NULL || b == NULL)
                return a == NULL ? b : a;
        parent = earlier(a, b) ? a : b;
        child = parent == a ? b : a;
        child->link.previous = parent;
        child->link.next = parent->child;
        if (child->link.next != NULL)
                child->link.next->link.previous = child;
        parent->child = child;
        return parent;
}

/*
 * Melds siblings in pairs from the left, then the pairs from the right: that is what keeps the cost
 * at log n.
 */
static struct aw_handle *
meld_children(struct aw_handle *first)
{
        struct aw_handle *pairs = NULL, *root = NULL, *a, *b, *next;

        for (a = first; a != NULL; a = next) {
                b = a->link.next;
                next = b == NULL ? NULL : b->link.next;
                a->link.next = a->link.previous = NULL;
                if (b != NULL)
                        b->link.next = b->link.previous = NULL;
                a = meld(a, b);
                a->link.next = pairs;
                pairs = a;
        }
        for (a = pairs; a != NULL; a = next) {
                next = a->link.next;
                a->link.next = NULL;
                root = meld(root, a);
        }
        return root;
}

struct aw_handle *
aw_timer_heap_insert(struct aw_handle *root, struct aw_handle *handle)
{
        handle->link.next = handle->link.previous = handle->child = NULL;
        return meld(root, handle);
}

struct aw_handle *
aw_timer_heap_remove(struct aw_handle *root, struct aw_handle *handle)
{
        struct aw_handle *orphans = meld_children(handle->child);

        if (handle == root) {
                root = orphans;
        } else {
                if (handle->link.previous->child == handle)
                        handle->link.previous->child = handle->link.next;
                else
                        handle->link.previous->link.next = handle->link.next;
                if (handle->link.next != NULL)
                        handle->link.next->link.previous = handle->link.previous;
                root = meld(root, orphans);
        }
        handle->link.next = handle->link.previous = handle->child = NULL;
        return root;
}

/*
 * Looks at a heap as far down as there is something due. What is becomes a list by link.previous, in
 * no order; the number of those is returned. What is not becomes, with all that is below it, a list
 * by link.next. One that is due waits, while what is below it is looked at, in a stack by `child`,
 * which has been read then, for its siblings are still to come.
 */
static size_t
divide(struct aw_handle *root, aw_time now, struct aw_handle **due, struct aw_handle **rest)
{
        struct aw_handle *handle = root, *stack = NULL, *next;
        size_t count = 0;

        *due = *rest = NULL;
        while (handle != NULL) {
                if (handle->when > now) {
                        next = handle->link.next;
                        handle->link.next = *rest;
                        *rest = handle;
                } else {
                        next = handle->child;
                        handle->child = stack;
                        stack = handle;
                        handle->link.previous = *due;
                        *due = handle;
                        count++;
                }
                while (next == NULL && stack != NULL) {
                        next = stack->link.next;
                        stack = stack->child;
                }
                handle = next;
        }
        return count;
}

static struct aw_handle *
merge(struct aw_handle *a, struct aw_handle *b)
{
        struct aw_handle *first = NULL, **end = &first;

        while (a != NULL && b != NULL) {
                if (earlier(a, b)) {
                        *end = a;
                        end = &a->link.previous;
                        a = *end;
                } else {
                        *end = b;
                        end = &b->link.previous;
                        b = *end;
                }
        }
        *end = a == NULL ? b : a;
        return first;
}

/* Takes so many from the head of the list, which are a list by link.previous then, in order. */
static struct aw_handle *
sort(struct aw_handle **list, size_t count)
{
        struct aw_handle *first = *list;

        if (count > 1) {
                first = sort(list, count / 2);
                return merge(first, sort(list, count - count / 2));
        }
        *list = first->link.previous;
        first->link.previous = NULL;
        return first;
}

/*
 * The same for many: they are laid into places by their time, between that of the first and now, and
 * sorted there. A place fits into the processor's nearest cache where all of them would not.
 */
static struct aw_handle *
sort_many(struct aw_handle *list, aw_time first, aw_time now)
{
        struct {
                struct aw_handle *list;
                size_t count;
        } places[512] = {0};
        const size_t many = sizeof(places) / sizeof(places[0]);
        struct aw_handle *sorted = NULL, **end = &sorted, *next;
        unsigned shift = 0;

        while (((uint64_t)now - (uint64_t)first) >> shift >= many)
                shift++;
        for (; list != NULL; list = next) {
                size_t place = ((uint64_t)list->when - (uint64_t)first) >> shift;

                next = list->link.previous;
                list->link.previous = places[place].list;
                places[place].list = list;
                places[place].count++;
        }
        for (size_t i = 0; i < many; i++) {
                if (places[i].count != 0)
                        *end = sort(&places[i].list, places[i].count);
                while (*end != NULL)
                        end = &(*end)->link.previous;
        }
        return sorted;
}

struct aw_handle *
aw_timer_heap_take_due(struct aw_handle *root, aw_time now, struct aw_handle **due)
{
        aw_time first = root == NULL ? 0 : root->when;
        struct aw_handle *rest, *found;
        size_t count = divide(root, now, &found, &rest);

        if (count > MANY)
                *due = sort_many(found, first, now);
        else
                *due = count == 0 ? NULL : sort(&found, count);
        return meld_children(rest);
}
