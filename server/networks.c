/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "networks.h"

#include "await/error.h"

const char networks_denied[] = "its network is denied";

/* The networks of one option. */
static int
read_list(const struct aw_opt_program *said, const struct aw_opt_config *config, const char *name,
          const struct aw_opt_strings *texts, struct networks_list *list)
{
        struct aw_error error = {.text = "out of memory"};

        list->items = calloc(texts->count + 1, sizeof(*list->items));
        while (list->items != NULL && list->count < texts->count &&
               aw_network_parse(texts->items[list->count], &list->items[list->count], &error) == 0)
                list->count++;
        if (list->items != NULL && list->count == texts->count)
                return 0;
        aw_opt_value_error(said, config, name,
                           list->items == NULL ? NULL : texts->items[list->count], "--%s: %s", name,
                           error.text);
        return -1;
}

int
networks_check(struct networks_options *options, const struct aw_opt_config *config,
               const struct aw_opt_program *said)
{
        const char *name = options->proxy_protocol ? "proxy-protocol" : "forwarded";

        if (read_list(said, config, "allow", &options->allow, &options->allowed) == -1 ||
            read_list(said, config, "deny", &options->deny, &options->denied) == -1 ||
            read_list(said, config, "trusted", &options->trusted, &options->believed) == -1)
                return -1;
        if (options->believed.count > 0 || (!options->proxy_protocol && options->forwarded == NULL))
                return 0;
        aw_opt_value_error(said, config, name, options->proxy_protocol ? NULL : options->forwarded,
                           "--%s says how load balancers tell for whom they connect: name those "
                           "that are believed with --trusted",
                           name);
        return -1;
}

void
networks_clear(struct networks_options *options)
{
        aw_opt_strings_free(&options->allow);
        aw_opt_strings_free(&options->deny);
        aw_opt_strings_free(&options->trusted);
        free(options->allowed.items);
        free(options->denied.items);
        free(options->believed.items);
        *options = (struct networks_options){.forwarded = NULL};
}

void
networks_set(const struct networks_options *options, struct ws_listen_options *listening)
{
        const char *field = options->forwarded == NULL ? "x-forwarded-for" : options->forwarded;

        listening->trust = (struct ws_trust){
                .networks = options->believed.items,
                .count = options->believed.count,
                .forwarded = strcmp(field, "off") == 0 ? NULL : field,
                .proxy_protocol = options->proxy_protocol,
        };
}

/* The narrower network says it. */
static bool
may_come(const struct networks_options *options, const struct sockaddr *address)
{
        const struct networks_list *allowed = &options->allowed, *denied = &options->denied;
        int allows = aw_network_find(allowed->items, allowed->count, address);
        int denies = aw_network_find(denied->items, denied->count, address);

        return allows == -1 && denies == -1 ? allowed->count == 0 : allows > denies;
}

bool
networks_refuse(const struct networks_options *options, const struct ws_request *request,
                struct ws_answer *answer)
{
        if (may_come(options, ws_peer_address(request->ws)))
                return false;
        *answer = (struct ws_answer){
                .status = 403,
                .why = networks_denied,
                .body = "403 Forbidden: this server does not serve your network\n"};
        return true;
}
