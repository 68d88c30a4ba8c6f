/* SPDX-License-Identifier: MIT */
/* What there is of JSON's memory: a line leaves none behind. */
#ifndef PIECES_TEST_H
#define PIECES_TEST_H

#include <stdatomic.h>

#include "access_log.h" /* it has JSON */
#include "unit/support.h"

static atomic_int pieces;

static void *
count_piece(size_t size)
{
        pieces++;
        return malloc(size);
}

static void
forget_piece(void *piece)
{
        pieces -= piece != NULL;
        free(piece);
}

/* The last of the tests. */
static void
nothing_is_left_of_any_line(void **state)
{
        (void)state;
        assert_int_equal(pieces, 0);
}

#endif
