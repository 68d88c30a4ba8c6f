/* SPDX-License-Identifier: MIT */
/*
 * Who the peer of a server's connection is: whoever connected, or, if that is a load balancer that
 * is trusted, for whom it did, as it says before everything else (the PROXY protocol) or in the
 * request.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "net/proxy_header.h"
#include "net/resolve.h"
#include "ws/forwarded_private.h"
#include "ws/listener_private.h"

#define HOPS_MAX 32 /* entries of a list that are looked at */

/* A header that has come in part. */
struct ws_preface {
        size_t length;
        uint8_t data[AW_PROXY_HEADER_MAX];
};

/* An IPv4 address that is mapped into IPv6 is that IPv4 address. */
static void
copy_address(union ws_address *own, const struct sockaddr_storage *address)
{
        const struct sockaddr_in6 *v6 = (const void *)address;

        memset(own, 0, sizeof(*own));
        if (address->ss_family == AF_INET)
                memcpy(&own->v4, address, sizeof(own->v4));
        else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
                own->v4.sin_family = AF_INET;
                own->v4.sin_port = v6->sin6_port;
                memcpy(&own->v4.sin_addr, v6->sin6_addr.s6_addr + 12, sizeof(own->v4.sin_addr));
        } else if (address->ss_family == AF_INET6)
                memcpy(&own->v6, address, sizeof(own->v6));
        else
                own->any.sa_family = AF_UNIX;
}

void
ws_peer_set(struct ws *ws, const struct sockaddr_storage *address)
{
        struct sockaddr_storage whole = {.ss_family = AF_UNSPEC};
        const void *binary = &ws->address.v4.sin_addr;

        copy_address(&ws->address, address);
        memcpy(&whole, &ws->address, sizeof(ws->address));
        if (ws->address.any.sa_family == AF_INET6)
                binary = &ws->address.v6.sin6_addr;
        if (ws->address.any.sa_family == AF_UNIX || aw_address_port(&whole) != 0)
                aw_address_format(&whole, ws->peer, sizeof(ws->peer));
        else
                inet_ntop(ws->address.any.sa_family, binary, ws->peer, sizeof(ws->peer));
}

const struct sockaddr *
ws_peer_address(const struct ws *ws)
{
        return ws->client ? NULL : &ws->address.any;
}

static bool
is_trusted(const struct ws *ws)
{
        const struct ws_trust *trust = &ws->listener->trust;

        return aw_network_find(trust->networks, trust->count, &ws->address.any) != -1;
}

/* The PROXY protocol. */

static void
refuse_peer(struct ws *ws, enum ws_proxy_fault fault, const char *why)
{
        ws->seen.proxy_fault = fault;
        ws_watch_end(ws, fault == WS_PROXY_UNTRUSTED ? WS_SIDE_SERVER : WS_SIDE_CLIENT, why);
        aw_log_limited(AW_LOG_INFO, "%s: refused: %s", ws->peer, why);
        if (ws->transport != NULL)
                aw_transport_close(ws->transport);
}

/* The header is complete; what was kept of it goes. */
static ssize_t
end_preface(struct ws *ws, const struct aw_proxy_header *header, size_t before)
{
        sa_family_t family = header->source.ss_family;

        if (family != AF_UNSPEC)
                ws_peer_set(ws, &header->source);
        ws->names_nobody = family != AF_INET && family != AF_INET6;
        ws->awaits_header = false;
        ws_peer_forget(ws);
        return (ssize_t)(header->length - before);
}

/* Keeps what came until there is more. How much was there before; or -1: there is no memory. */
static ssize_t
keep_header(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_preface *preface = ws->preface;
        size_t before = preface == NULL ? 0 : preface->length;

        if (preface == NULL)
                preface = ws->preface = calloc(1, sizeof(*preface));
        if (preface == NULL)
                return -1;
        if (length > sizeof(preface->data) - before)
                length = sizeof(preface->data) - before;
        memcpy(preface->data + before, data, length);
        preface->length += length;
        return (ssize_t)before;
}

/* See aw_transport_preface. */
static ssize_t
take_header(void *owner, const uint8_t *data, size_t length)
{
        struct ws *ws = owner;
        struct aw_proxy_header header;
        enum aw_proxy_result result = AW_PROXY_INCOMPLETE;
        ssize_t before = 0;

        if (ws->preface == NULL)
                result = aw_proxy_header_parse(data, length, &header);
        if (result == AW_PROXY_INCOMPLETE) {
                before = keep_header(ws, data, length);
                if (before == -1) {
                        aw_transport_close(ws->transport);
                        return -1;
                }
                result = aw_proxy_header_parse(ws->preface->data, ws->preface->length, &header);
        }
        if (result == AW_PROXY_OK)
                return end_preface(ws, &header, (size_t)before);
        if (result == AW_PROXY_BAD) {
                ws->awaits_header = false;
                refuse_peer(ws, WS_PROXY_WRONG, header.wrong);
        }
        return -1;
}

void
ws_peer_begin(struct ws *ws)
{
        if (!ws->listener->trust.proxy_protocol)
                return;
        if (!is_trusted(ws)) {
                refuse_peer(ws, WS_PROXY_UNTRUSTED,
                            "it is not among those who are trusted to say for whom they connect");
                return;
        }
        ws->awaits_header = true;
        aw_transport_set_preface(ws->transport, take_header);
}

void
ws_peer_lost(struct ws *ws)
{
        if (!ws->awaits_header || ws->seen.ended_by == WS_SIDE_SERVER)
                return;
        ws->awaits_header = false;
        ws->seen.proxy_fault = WS_PROXY_WRONG;
        aw_log_limited(AW_LOG_INFO, "%s: refused: it ended before its PROXY header did", ws->peer);
}

void
ws_peer_forget(struct ws *ws)
{
        free(ws->preface);
        ws->preface = NULL;
}

/*
 * Fields of the request. Behind a header they are the words of whom it names, and have to be trusted as
 * his, not as the balancer's, which passes on what comes.
 */

void
ws_peer_forwarded(struct ws *ws)
{
        const char *name = ws->listener->trust.forwarded;
        struct ws_forwarded forwarded;
        struct sockaddr_storage address;
        int hops = 0;

        if (name == NULL || ws->names_nobody || !is_trusted(ws))
                return;
        ws_forwarded_begin(&forwarded, ws->request, name);
        do {
                if (ws_forwarded_previous(&forwarded, &address) != 1)
                        return;
                ws_peer_set(ws, &address);
        } while (is_trusted(ws) && ++hops < HOPS_MAX);
}
