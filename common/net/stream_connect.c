/* SPDX-License-Identifier: MIT */
/* From an address to a connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dial.h"
#include "net/resolve.h"
#include "net/stream_private.h"
#include "net/transport.h"
#include "net/url.h"
#include "tls/session.h"

/* Addresses are URLs without a scheme, and with a port. */
static int
parse_address(const char *address, bool passive, struct aw_url *url, struct aw_error *error)
{
        const char *colon = address == NULL ? NULL : strrchr(address, ':');
        char text[AW_URL_HOST_MAX + AW_URL_SOCKET_MAX + 32];
        struct aw_error why = {.text = "it has no port"};
        bool is_path = address != NULL && strncmp(address, "unix:", 5) == 0;
        int length;

        if (address == NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "no address is given");
        length = snprintf(text, sizeof(text), "%s%s", is_path ? "" : "ws://", address);
        if (length >= (int)sizeof(text))
                snprintf(why.text, sizeof(why.text), "it is too long");
        else if (!is_path &&
                 (colon == NULL || strpbrk(address, "/?#@") != NULL ||
                  colon[1 + strspn(colon + 1, "0123456789")] != '\0' || colon[1] == '\0'))
                ;
        else if ((passive ? aw_url_parse_listen(text, url, &why) : aw_url_parse(text, url, &why)) ==
                 0)
                return 0;
        return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "'%.150s%s': %s", address,
                            strlen(address) > 150 ? "..." : "", why.text);
}

static const char *
doing(int number)
{
        return number == ETIMEDOUT ? "time-out" : "cancelled";
}

async int
aw_stream_resolve(const char *address, bool passive, struct aw_url *url,
                  struct aw_addresses *addresses, struct aw_error *error, aw_time deadline)
{
        struct aw_timeout timeout;
        const char *reason;
        int result;

        if (parse_address(address, passive, url, error) == -1)
                return -1;
        aw_timeout_enter(&timeout, deadline);
        result = aw_timeout_exit(&timeout, await(aw_resolve(url, passive, addresses, &reason)));
        if (result == 0)
                return 0;
        if (errno == ETIMEDOUT || errno == ECANCELED)
                return aw_error_set(error, AW_ERROR_NONE, errno,
                                    "%s while resolving the name of %s", doing(errno), address);
        return aw_error_set(error, errno == ENOMEM ? AW_ERROR_MEMORY : AW_ERROR_RESOLVE, errno,
                            "cannot resolve %s: %s", url->host, reason);
}

/* The session of a client; *tls is NULL without an error if there is to be none. */
static int
create_session(const struct aw_stream_connect_options *options, const struct aw_url *url,
               struct aw_tls **tls, struct aw_error *error)
{
        const char *name = options->server_name;

        *tls = NULL;
        if (options->tls == NULL)
                return 0;
        if (name == NULL)
                name = url->scheme == AW_URL_UNIX ? "localhost" : url->host;
        *tls = aw_tls_create(options->tls, name);
        return *tls != NULL ? 0
                            : aw_error_set(error, errno == EINVAL ? AW_ERROR_USAGE : AW_ERROR_NONE,
                                           errno, "no TLS session for '%.100s': %s", name,
                                           strerror(errno));
}

/* The transport and the session become the stream's. */
static async struct aw_stream *
establish(const struct aw_stream_connect_options *options, struct aw_transport *transport,
          struct aw_tls *tls, struct aw_error *error, aw_time deadline)
{
        struct aw_stream *stream = aw_stream_of_transport(transport, tls, &options->bounds);
        int number;

        if (stream == NULL) {
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        snprintf(stream->peer, sizeof(stream->peer), "%.63s", options->address);
        if (await(aw_stream_wait_established(stream, error, deadline)) == 0)
                return stream;
        number = errno;
        aw_stream_drop(stream);
        errno = number;
        return NULL;
}

static async struct aw_stream *
open_connection(const struct aw_stream_connect_options *options, struct aw_url *url,
                struct aw_dial *dial, struct aw_error *error, aw_time deadline)
{
        struct aw_transport *transport;
        struct aw_tls *tls;
        int number;

        if (parse_address(options->address, false, url, error) == -1 ||
            await(aw_dial_resolve(dial, url, options->network, error, deadline)) == -1 ||
            create_session(options, url, &tls, error) == -1)
                return NULL;
        transport = await(aw_dial_connect(dial, error, deadline));
        if (transport != NULL)
                return await(establish(options, transport, tls, error, deadline));
        number = errno;
        aw_tls_free(tls);
        errno = number;
        return NULL;
}

async struct aw_stream *
aw_stream_connect(const struct aw_stream_connect_options *options, struct aw_error *error,
                  aw_time deadline)
{
        struct aw_url *url = calloc(1, sizeof(*url));
        struct aw_dial *dial = calloc(1, sizeof(*dial));
        struct aw_stream *stream = NULL;
        struct aw_error own;
        int number;

        if (error == NULL)
                error = &own;
        if (url == NULL || dial == NULL)
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        else
                stream = await(open_connection(options, url, dial, error, deadline));
        number = errno;
        if (dial != NULL)
                aw_dial_free(dial);
        free(dial);
        free(url);
        errno = number;
        return stream;
}
