/* SPDX-License-Identifier: MIT */
/* Who may come in, but for what TLS and limits say: pages, and those who know a password. */
#ifndef ACCESS_H
#define ACCESS_H

#include <stddef.h>

#include "cli/opt.h"

struct passwords;
struct server_options;

struct access_settings {
        struct aw_opt_strings origins; /* none: all pages may connect */
        const char *basic_auth;        /* file, or NULL: everybody may come in */
        struct passwords *passwords;   /* what is in it: access_load() */
};

/* Rows of a table of options: `at` is the offset of the structure. */
#define ACCESS_ROWS(at)                                                                            \
        {.name = "origin",                                                                         \
         .kind = AW_OPT_STRINGS,                                                                   \
         .argument = "ORIGIN",                                                                     \
         .help = "let pages from here alone connect: https://HOST[:PORT], self or null; may be "   \
                 "repeated (all)",                                                                 \
         .offset = (at) + offsetof(struct access_settings, origins)},                              \
        {                                                                                          \
                .name = "basic-auth", .kind = AW_OPT_STRING, .argument = "FILE",                   \
                .help = "let in who knows a password of this file: USER:HASH on each line, as "    \
                        "htpasswd -B makes them",                                                  \
                .offset = (at) + offsetof(struct access_settings, basic_auth)                      \
        }

enum aw_opt_status access_settings_check(const struct aw_opt_program *said,
                                         const struct server_options *options);
void access_settings_free(struct access_settings *settings);

/* Reads the file of passwords, if there is one. 0, or -1 after having logged why. */
int access_load(struct server_options *options);

#endif
