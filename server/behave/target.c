/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "target.h"

#include "plan.h"

/* No row's name is longer. */
#define NAME_SIZE 32

struct behave_piece
behave_piece_next(const char **rest, const char *stops)
{
        struct behave_piece piece = {*rest, strcspn(*rest, stops)};

        *rest += piece.length;
        if (**rest != '\0')
                ++*rest;
        return piece;
}

int
behave_hex_digit(char c)
{
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *found = c == '\0' ? NULL : strchr(digits, c);

        return found == NULL ? -1 : (int)((found - digits) % 16);
}

/* What %XX stands for, or -1. */
static int
encoded_byte(const char *text, size_t length)
{
        int high = length > 2 ? behave_hex_digit(text[1]) : -1;
        int low = high >= 0 ? behave_hex_digit(text[2]) : -1;

        return low < 0 ? -1 : high * 16 + low;
}

/* Undoes %XX. The length, or 0: that is no name of a row. */
static size_t
decode_name(const char *name, size_t length, char out[NAME_SIZE])
{
        size_t used = 0;

        for (size_t i = 0; i < length; i++) {
                int byte = (unsigned char)name[i];

                if (byte == '%') {
                        byte = encoded_byte(name + i, length - i);
                        i += 2;
                }
                if (byte < 0 || used == NAME_SIZE)
                        return 0;
                out[used++] = (char)byte;
        }
        return used;
}

int
behave_row_named(const char *name, size_t length)
{
        char plain[NAME_SIZE];
        size_t used = decode_name(name, length, plain);

        for (int i = 0; i < BEHAVE_ROWS && used > 0; i++)
                if (strlen(behave_table[i].name) == used &&
                    memcmp(behave_table[i].name, plain, used) == 0)
                        return i;
        return -1;
}

/* A target may be a whole URL (RFC 9112 section 3.2.2). */
struct behave_walk
behave_walk_begin(const char *target)
{
        const char *authority = target[0] == '/' ? NULL : strstr(target, "://");
        const char *path =
                authority == NULL ? target : authority + 3 + strcspn(authority + 3, "/?");
        bool chain = strncmp(path, BEHAVE_CHAIN, strlen(BEHAVE_CHAIN)) == 0;
        struct behave_walk walk = {
                .rest = path + (chain ? strlen(BEHAVE_CHAIN) : strcspn(path, "?")), .chain = chain};

        walk.rest += !chain && *walk.rest == '?';
        return walk;
}

/* In a chain: where the next piece ends that is no name, or the query begins. */
static struct behave_piece
next_segment(struct behave_walk *walk)
{
        struct behave_piece segment = {walk->rest, strcspn(walk->rest, "/?")};

        walk->rest += segment.length;
        walk->chain = *walk->rest == '/';
        walk->rest += *walk->rest != '\0';
        return segment;
}

bool
behave_walk_next(struct behave_walk *walk, int *id, struct behave_piece *value)
{
        struct behave_piece piece;
        size_t name;

        while (*walk->rest != '\0') {
                if (walk->chain) {
                        piece = next_segment(walk);
                        *id = behave_row_named(piece.data, piece.length);
                        if (*id < 0 || !walk->chain)
                                continue;
                        *value = next_segment(walk);
                        return true;
                }
                piece = behave_piece_next(&walk->rest, "&");
                name = strcspn(piece.data, "=&");
                *id = behave_row_named(piece.data, name);
                name += name < piece.length;
                *value = (struct behave_piece){piece.data + name, piece.length - name};
                if (*id >= 0)
                        return true;
        }
        return false;
}

bool
behave_is_secret(int id)
{
        return id == BEHAVE_BASIC || id == BEHAVE_BEARER;
}

char *
behave_target_public(const char *target)
{
        struct behave_walk walk = behave_walk_begin(target);
        struct behave_piece value;
        /* A name has five bytes at least, and three dots come to it. */
        char *out = malloc(2 * strlen(target) + 1), *to = out;
        int id;

        if (out == NULL)
                return NULL;
        while (behave_walk_next(&walk, &id, &value)) {
                if (!behave_is_secret(id))
                        continue;
                to = mempcpy(to, target, (size_t)(value.data - target));
                to = stpcpy(to, "...");
                target = value.data + value.length;
        }
        strcpy(to, target);
        return out;
}
