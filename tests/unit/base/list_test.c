/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
        char name;
        struct {
                struct item *next, *previous;
        } link, other;
};

struct list {
        struct item *first, *last;
};

static struct item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}};

/* The names from first to last and back again. */
static const char *
names_of(const struct list *list)
{
        static char names[16];
        const struct item *item;
        size_t count = 0;

        memset(names, 0, sizeof(names));
        for (item = list->first; item != NULL; item = item->link.next)
                names[count++] = item->name;
        for (item = list->last; item != NULL; item = item->link.previous)
                names[count++] = item->name;
        return names;
}

static struct list
filled(void)
{
        struct list list = {NULL, NULL};
        size_t i;

        for (i = 0; i < 3; i++)
                aw_list_append(&list, &items[i], link);
        return list;
}

static void
items_stay_in_the_order_in_which_they_came(void **state)
{
        struct list list = filled();

        (void)state;
        assert_string_equal(names_of(&list), "abccba");
}

static void
any_item_can_be_taken_out(void **state)
{
        static const char *const left[] = {"bccb", "acca", "abba"};
        struct list list;
        size_t i;

        (void)state;
        for (i = 0; i < 3; i++) {
                list = filled();
                aw_list_remove(&list, &items[i], link);
                assert_string_equal(names_of(&list), left[i]);
                aw_list_append(&list, &items[i], link);
                assert_int_equal(list.last->name, items[i].name);
        }
}

static void
the_first_is_taken_until_none_is_left(void **state)
{
        struct list list = filled();

        (void)state;
        assert_ptr_equal(aw_list_take(&list, link), &items[0]);
        assert_ptr_equal(aw_list_take(&list, link), &items[1]);
        assert_string_equal(names_of(&list), "cc");
        assert_ptr_equal(aw_list_take(&list, link), &items[2]);
        assert_null(list.first);
        assert_null(list.last);
        assert_null(aw_list_take(&list, link));
        aw_list_append(&list, &items[1], link);
        assert_string_equal(names_of(&list), "bb");
}

static void
an_item_is_in_one_list_by_each_of_its_links(void **state)
{
        struct list list = filled(), others = {NULL, NULL};

        (void)state;
        aw_list_append(&others, &items[2], other);
        aw_list_append(&others, &items[0], other);
        aw_list_remove(&others, &items[2], other);
        assert_ptr_equal(others.first, &items[0]);
        assert_ptr_equal(others.last, &items[0]);
        assert_string_equal(names_of(&list), "abccba");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(items_stay_in_the_order_in_which_they_came),
                cmocka_unit_test(any_item_can_be_taken_out),
                cmocka_unit_test(the_first_is_taken_until_none_is_left),
                cmocka_unit_test(an_item_is_in_one_list_by_each_of_its_links),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
