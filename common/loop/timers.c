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

/* Adds a heap to the counter, whose digits from this one on it carries over. */
static void
plant(struct aw_timers *timers, struct aw_handle *heap, unsigned digit)
{
        for (; (timers->used >> digit & 1) != 0; digit++) {
                timers->used &= ~((uint64_t)1 << digit);
                heap = meld(timers->heaps[digit], heap);
        }
        timers->used |= (uint64_t)1 << digit;
        timers->heaps[digit] = heap;
}

/* The heap of which it is the root. */
static unsigned
digit_of(const struct aw_timers *timers, const struct aw_handle *root)
{
        unsigned digit = 0;

        while (timers->heaps[digit] != root || (timers->used >> digit & 1) == 0)
                digit++;
        return digit;
}

static void
find_first(struct aw_timers *timers)
{
        timers->first = NULL;
        for (uint64_t left = timers->used; left != 0; left &= left - 1) {
                struct aw_handle *root = timers->heaps[__builtin_ctzll(left)];

                if (timers->first == NULL || earlier(root, timers->first))
                        timers->first = root;
        }
}

void
aw_timers_insert(struct aw_timers *timers, struct aw_handle *handle)
{
        handle->link.next = handle->link.previous = handle->child = NULL;
        if (timers->first == NULL || earlier(handle, timers->first))
                timers->first = handle;
        plant(timers, handle, 0);
}

/* What is below a root is a heap. */
static void
remove_root(struct aw_timers *timers, struct aw_handle *root)
{
        unsigned digit = digit_of(timers, root);
        struct aw_handle *orphans = meld_children(root->child);

        timers->used &= ~((uint64_t)1 << digit);
        if (orphans != NULL)
                plant(timers, orphans, digit);
}

/* What is below any other takes its place: it is later than the parent. */
static void
remove_child(struct aw_handle *handle)
{
        struct aw_handle *previous = handle->link.previous, *next = handle->link.next;
        struct aw_handle *orphans = meld_children(handle->child);
        struct aw_handle *instead = orphans == NULL ? next : orphans;

        if (orphans != NULL) {
                orphans->link.previous = previous;
                orphans->link.next = next;
        }
        if (next != NULL)
                next->link.previous = orphans == NULL ? previous : orphans;
        if (previous->child == handle)
                previous->child = instead;
        else
                previous->link.next = instead;
}

void
aw_timers_remove(struct aw_timers *timers, struct aw_handle *handle)
{
        if (handle->link.previous == NULL)
                remove_root(timers, handle);
        else
                remove_child(handle);
        if (handle == timers->first)
                find_first(timers);
        handle->link.next = handle->link.previous = handle->child = NULL;
}

/*
 * Looks at heaps as far down as there is something due. What is becomes a list by link.previous, in
 * no order; the number of those is returned. What is not becomes, with all that is below it, a list
 * by link.next. One that is due waits, while what is below it is looked at, in a stack by `child`,
 * which has been read then, for its siblings are still to come.
 */
static size_t
divide(struct aw_handle *roots, aw_time now, struct aw_handle **due, struct aw_handle **rest)
{
        struct aw_handle *handle = roots, *stack = NULL, *next;
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

/* As siblings are: the heaps are taken out. */
static struct aw_handle *
take_roots(struct aw_timers *timers)
{
        struct aw_handle *roots = NULL;

        for (; timers->used != 0; timers->used &= timers->used - 1) {
                struct aw_handle *root = timers->heaps[__builtin_ctzll(timers->used)];

                root->link.next = roots;
                roots = root;
        }
        return roots;
}

struct aw_handle *
aw_timers_take_due(struct aw_timers *timers, aw_time now)
{
        aw_time first = timers->first == NULL ? 0 : timers->first->when;
        struct aw_handle *rest, *next, *found;
        size_t count = divide(take_roots(timers), now, &found, &rest);

        for (; rest != NULL; rest = next) {
                next = rest->link.next;
                rest->link.next = rest->link.previous = NULL;
                plant(timers, rest, 0);
        }
        find_first(timers);
        if (count > MANY)
                return sort_many(found, first, now);
        return count == 0 ? NULL : sort(&found, count);
}
