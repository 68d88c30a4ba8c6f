/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/dial.h"

#include "net/connect_private.h"
#include "net/override_private.h"
#include "net/proxy_private.h"
#include "net/transport.h"

/* What an await that did not succeed says about the whole. */
static int
fail_dialing(struct aw_error *error, const char *doing, const char *host)
{
        if (errno == ETIMEDOUT || errno == ECANCELED)
                return aw_error_set(error, AW_ERROR_NONE, errno, "%s while %s %s",
                                    errno == ETIMEDOUT ? "time-out" : "cancelled", doing, host);
        return aw_error_set(error, AW_ERROR_MEMORY, errno, "%s %s: %s", doing, host,
                            strerror(errno));
}

/* Keeps the addresses of the family that is wanted. */
static int
keep_family(const char *what, const struct aw_url *url, int family, struct aw_addresses *addresses,
            struct aw_error *error)
{
        size_t kept = 0;

        if (family == AF_UNSPEC)
                return 0;
        for (size_t i = 0; i < addresses->count; i++)
                if (addresses->items[i].storage.ss_family == family ||
                    addresses->items[i].storage.ss_family == AF_UNIX)
                        addresses->items[kept++] = addresses->items[i];
        addresses->count = kept;
        if (kept > 0)
                return 0;
        return aw_error_set(error, AW_ERROR_RESOLVE, EADDRNOTAVAIL, "%s%s has no IPv%d address",
                            what, url->host, family == AF_INET ? 4 : 6);
}

/* `what` the URL is, for a sentence: "the proxy ", or "". */
static async int
find_addresses(const char *what, const struct aw_url *url, const struct aw_connect_options *options,
               struct aw_addresses *addresses, struct aw_error *error, aw_time deadline)
{
        struct aw_timeout timeout;
        const char *reason;
        int result = await(aw_override_resolve(options, url, addresses, error));

        if (result == -1)
                return -1;
        if (result == 0) {
                aw_timeout_enter(&timeout, deadline);
                result = aw_timeout_exit(&timeout,
                                         await(aw_resolve(url, false, addresses, &reason)));
                if (result == -1 && (errno == ETIMEDOUT || errno == ECANCELED))
                        return fail_dialing(error, "resolving the name of", url->host_header);
                if (result == -1)
                        return aw_error_set(error,
                                            errno == ENOMEM ? AW_ERROR_MEMORY : AW_ERROR_RESOLVE,
                                            errno, "cannot resolve %s%s%s%s: %s", what, url->host,
                                            url->zone[0] == '\0' ? "" : "%", url->zone, reason);
        }
        return keep_family(what, url, options->family, addresses, error);
}

/* Decides where to go. */
static int
choose_way(struct aw_dial *dial, struct aw_error *error)
{
        const struct aw_connect_options *options = dial->options;

        if (options->unix_socket != NULL) {
                dial->via.scheme = AW_URL_UNIX;
                if (options->unix_socket[0] == '\0')
                        return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                            "the path of the Unix socket is empty");
                if (strlen(options->unix_socket) > AW_URL_SOCKET_MAX)
                        return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                            "the path of the Unix socket is longer than 107 bytes");
                strcpy(dial->via.socket, options->unix_socket);
                return 0;
        }
        if (dial->target.scheme == AW_URL_UNIX) {
                dial->via = dial->target;
                return 0;
        }
        if (aw_override_target(options, &dial->target, error) == -1)
                return -1;
        if (options->proxy == NULL) {
                dial->via = dial->target;
                return 0;
        }
        dial->proxy = aw_proxy_parse(options, error);
        if (dial->proxy == NULL)
                return -1;
        dial->via = dial->proxy->url;
        return 0;
}

/* Whether we resolve the server's name for the proxy. */
static bool
resolves_for_proxy(const struct aw_dial *dial)
{
        if (dial->proxy == NULL)
                return false;
        return dial->proxy->kind == AW_PROXY_SOCKS5 ||
               (dial->proxy->kind == AW_PROXY_SOCKS5H && aw_is_number(dial->target.host));
}

async int
aw_dial_resolve(struct aw_dial *dial, const struct aw_url *url,
                const struct aw_connect_options *options, struct aw_error *error, aw_time deadline)
{
        static const struct aw_connect_options straight;

        memset(dial, 0, sizeof(*dial));
        dial->options = options == NULL ? &straight : options;
        dial->target = *url;
        if (choose_way(dial, error) == -1 ||
            await(find_addresses(dial->proxy == NULL ? "" : "the proxy ", &dial->via, dial->options,
                                 &dial->addresses, error, deadline)) == -1)
                return -1;
        return !resolves_for_proxy(dial) ? 0
                                         : await(find_addresses("", &dial->target, dial->options,
                                                                &dial->behind, error, deadline));
}

/* No address has led to a connection. */
static void
fail_connecting(const struct aw_dial *dial, const char *host, struct aw_error *error)
{
        const char *what = dial->proxy == NULL ? "" : "the proxy ";
        const char *interface = dial->options->interface;

        if (errno == ETIMEDOUT || errno == ECANCELED || errno == ENOMEM)
                fail_dialing(error, "connecting to", host);
        else if (errno == ECONNRESET || errno == EPIPE)
                /* It was connected, or it would be ECONNREFUSED, and no more when we looked. */
                aw_error_set(error, AW_ERROR_CONNECTION, EPIPE, "%s%.200s closed the connection",
                             what, host);
        else
                aw_error_set(error, AW_ERROR_CONNECTION, errno,
                             "cannot connect to %s%.200s%s%.40s: %s", what, host,
                             interface == NULL ? "" : " from ", interface == NULL ? "" : interface,
                             strerror(errno));
}

async struct aw_transport *
aw_dial_connect(struct aw_dial *dial, struct aw_error *error, aw_time deadline)
{
        const char *host =
                dial->via.scheme == AW_URL_UNIX ? dial->via.socket : dial->via.host_header;
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof(address);
        struct aw_transport *transport =
                await(aw_connect(&dial->addresses, dial->options->interface, deadline));

        if (transport == NULL) {
                fail_connecting(dial, host, error);
                return NULL;
        }
        getpeername(aw_transport_fd(transport), (struct sockaddr *)&address, &length);
        aw_address_format(&address, dial->peer, sizeof(dial->peer));
        return dial->proxy == NULL
                       ? transport
                       : await(aw_proxy_tunnel(dial->proxy, transport, &dial->target,
                                               dial->behind.count > 0 ? &dial->behind : NULL, error,
                                               deadline));
}

void
aw_dial_free(struct aw_dial *dial)
{
        int number = errno;

        aw_addresses_free(&dial->addresses);
        aw_addresses_free(&dial->behind);
        aw_proxy_free(dial->proxy);
        dial->proxy = NULL;
        errno = number;
}
