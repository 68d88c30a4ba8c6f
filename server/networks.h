/* SPDX-License-Identifier: MIT */
/* Who may come, and whom the server believes for whom they come. */
#ifndef NETWORKS_H
#define NETWORKS_H

#include <stdbool.h>
#include <stddef.h>

#include "await/network.h"
#include "await/ws.h"
#include "cli/opt.h"

struct networks_list {
        struct aw_network *items;
        size_t count;
};

struct networks_options {
        struct aw_opt_strings allow, deny, trusted;
        const char *forwarded; /* x-forwarded-for, forwarded or off; NULL: was not said */
        bool proxy_protocol;
        struct networks_list allowed, denied, believed; /* what networks_check() made of them */
};

/* Rows of a table of options: `at` is the offset of the structure. */
#define NETWORKS_ROWS(at)                                                                          \
        {.name = "allow",                                                                          \
         .kind = AW_OPT_STRINGS,                                                                   \
         .argument = "NETWORK",                                                                    \
         .help = "serve these addresses, others get 403: 192.0.2.0/24, 2001:db8::/32, one "        \
                 "address, or unix; repeatable",                                                   \
         .offset = (at) + offsetof(struct networks_options, allow)},                               \
                {.name = "deny",                                                                   \
                 .kind = AW_OPT_STRINGS,                                                           \
                 .argument = "NETWORK",                                                            \
                 .help = "do not serve these; the narrower one of --allow and --deny counts; "     \
                         "repeatable",                                                             \
                 .offset = (at) + offsetof(struct networks_options, deny)},                        \
                {.name = "trusted",                                                                \
                 .kind = AW_OPT_STRINGS,                                                           \
                 .argument = "NETWORK",                                                            \
                 .help = "load balancers, whose word for their clients' addresses is taken; "      \
                         "repeatable",                                                             \
                 .offset = (at) + offsetof(struct networks_options, trusted)},                     \
                {.name = "proxy-protocol",                                                         \
                 .kind = AW_OPT_FLAG,                                                              \
                 .help = "they send it in a header of the PROXY protocol, 1 or 2; nobody else "    \
                         "may connect",                                                            \
                 .offset = (at) + offsetof(struct networks_options, proxy_protocol)},              \
        {                                                                                          \
                .name = "forwarded", .kind = AW_OPT_CHOICE,                                        \
                .argument = "x-forwarded-for|forwarded|off",                                       \
                .help = "they write it into this field of requests (x-forwarded-for)",             \
                .offset = (at) + offsetof(struct networks_options, forwarded)                      \
        }

/*
 * Reads the networks, and looks whether the options go together. 0, or -1 after having told that to
 * the program; to be freed in any case.
 */
int networks_check(struct networks_options *options, const struct aw_opt_config *config,
                   const struct aw_opt_program *said);
void networks_clear(struct networks_options *options);

/* What of struct ws_listen_options they settle; borrowed from the options. */
void networks_set(const struct networks_options *options, struct ws_listen_options *listening);

/* Why ws_info() says that one was refused who may not come. */
extern const char networks_denied[];

/* Refuses a request that comes from where none may. True: *answer is settled. */
bool networks_refuse(const struct networks_options *options, const struct ws_request *request,
                     struct ws_answer *answer);

#endif
