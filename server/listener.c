/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

#include "admin.h"
#include "adopt.h"
#include "await/log.h"
#include "base/say.h"

static int
no_memory(void)
{
        aw_log(AW_LOG_ERROR, "%s", strerror(ENOMEM));
        return 1;
}

/* What struct ws_listen_options calls it. */
static const char *
subprotocol_of(const struct server_options *options)
{
        if (strcmp(options->subprotocol, "first") == 0)
                return NULL;
        return strcmp(options->subprotocol, "none") == 0 ? "" : options->subprotocol;
}

static struct ws_deflate_options
deflate_of(const struct server_options *options)
{
        struct ws_deflate_options deflate = {.level = (int)options->compress_level,
                                             .threshold = (size_t)options->compress_min};

        ws_deflate_parse(options->compress, &deflate);
        return deflate;
}

struct ws_listen_options
listener_options(const struct server_options *options)
{
        struct ws_listen_options listening = {
                .tls = options->tls,
                .max_message = options->max_message,
                .subprotocol = subprotocol_of(options),
                .deflate = deflate_of(options),
                .origins = options->access.origins.items,
                .origin_count = options->access.origins.count,
                .socket_group = options->socket_group == NULL
                                        ? 0
                                        : options_socket_group(options->socket_group),
                .socket_mode = options->socket_mode == NULL
                                       ? 0
                                       : options_socket_mode(options->socket_mode),
                .drain_time = options->drain_timeout / 2,
        };

        networks_set(&options->networks, &listening);
        return listening;
}

/* The file of a Unix socket; NULL: there is none. */
static const char *
file_of(const struct listener *listener)
{
        return listener->addresses[0] == NULL ? NULL : socket_file_path(listener->addresses[0]);
}

/* With a file or without: all workers share it. */
static bool
is_unix(const struct listener *listener)
{
        const char *address = listener->addresses[0];

        return address != NULL && strncmp(address, "unix:", 5) == 0;
}

/* How a listener came to nothing, as an exit status. */
static int
failed(enum socket_kind kind, const char *url, const struct server_options *options,
       const struct aw_error *error)
{
        bool admin = kind == SOCKET_ADMIN;

        /* The option's own text knows where it was said. */
        for (size_t i = 0; i < options->listen.count; i++)
                if (strcmp(options->listen.items[i], url) == 0)
                        url = options->listen.items[i];
        if (error->kind != AW_ERROR_CANCELLED)
                options_refuse_value(options, admin ? "admin" : "listen", url, "%s%s",
                                     admin ? "--admin: " : "", error->text);
        return error->kind == AW_ERROR_USAGE ? 2 : 1;
}

/* Made if it is not there yet; NULL: no memory. */
static struct listener_slot *
slot_at(struct listener *listener, unsigned index)
{
        unsigned count = listener->slot_count, wanted = index + 1;
        struct listener_slot *slots = listener->slots;

        if (index >= count) {
                slots = realloc(slots, wanted * sizeof(*slots));
                if (slots == NULL)
                        return NULL;
                memset(slots + count, 0, (wanted - count) * sizeof(*slots));
                listener->slots = slots;
                listener->slot_count = wanted;
        }
        return &slots[index];
}

/* Keeps the addresses and the sockets of what was opened, or of what listened before. */
static int
keep_opened(struct listener *listener, struct listener_slot *slot, struct ws_listener *opened)
{
        const char *url;
        size_t i;
        int count;

        for (i = 0; (url = ws_listener_url(opened, i)) != NULL; i++) {
                listener->addresses[i] = strdup(url);
                if (listener->addresses[i] == NULL)
                        break;
        }
        count = slot->count == 0 ? ws_listener_release(opened, slot->fds) : -1;
        if (count != -1)
                slot->count = count;
        else
                ws_listener_close(opened);
        if (slot->count == 0 || url != NULL)
                return no_memory();
        listener->shared = listener->kind != SOCKET_OWN || is_unix(listener);
        if (file_of(listener) != NULL && listener->kind != SOCKET_LENT)
                listener->file = socket_file_note(file_of(listener));
        return 0;
}

/* What it has, and this server has no use for, it keeps until this one serves. */
static async void
blame_predecessor(const char *url, const struct inherited *inherited, struct aw_error *error)
{
        const char *obstacle = await(adopt_find_obstacle(inherited, url));
        size_t length = strlen(error->text);

        if (obstacle != NULL)
                snprintf(error->text + length, sizeof(error->text) - length,
                         "; the server before this one listens there, as '%s': that takes a "
                         "restart",
                         obstacle);
}

/* The first slot, whose sockets may be there already. */
static async int
open_first(struct listener *listener, const struct server_options *options,
           const struct inherited *inherited)
{
        struct ws_listen_options wanted = listener_options(options);
        struct listener_slot *slot = slot_at(listener, 0);
        struct ws_listener *opened;
        struct aw_error error;

        if (slot == NULL)
                return no_memory();
        wanted.url = listener->url;
        wanted.sharing = listener->kind == SOCKET_ADMIN ? WS_SHARING_NONE : WS_SHARING_FIRST;
        if (listener->kind == SOCKET_ADMIN) {
                wanted.socket_mode = 0;
                wanted.socket_group = 0;
        }
        wanted.descriptors = slot->fds;
        wanted.descriptor_count = (size_t)slot->count;
        opened = await(ws_listen(&wanted, &error));
        if (opened != NULL)
                return keep_opened(listener, slot, opened);
        if (error.number == EADDRINUSE)
                await(blame_predecessor(listener->url, inherited, &error));
        return failed(listener->kind, listener->url, options, &error);
}

/* Another worker's sockets, with the same ports. */
static async int
open_next(struct listener *listener, const struct server_options *options)
{
        struct ws_listen_options wanted = listener_options(options);
        struct listener_slot *slot = slot_at(listener, listener->slot_count);
        struct ws_listener *opened;
        struct aw_error error;

        wanted.sharing = WS_SHARING_JOIN;
        for (size_t i = 0; slot != NULL && listener->addresses[i] != NULL; i++) {
                wanted.url = listener->addresses[i];
                opened = await(ws_listen(&wanted, &error));
                if (opened == NULL)
                        return failed(listener->kind, listener->url, options, &error);
                if (ws_listener_release(opened, slot->fds + slot->count) != 1) {
                        ws_listener_close(opened);
                        return no_memory();
                }
                slot->count++;
        }
        return slot == NULL ? no_memory() : 0;
}

/* What was inherited for a URL. */
static int
take_inherited(struct listener *listener, struct inherited *inherited, const char *url)
{
        for (size_t i = 0; i < inherited->count; i++) {
                struct inherited_socket *socket = &inherited->sockets[i];
                struct listener_slot *slot;

                if (socket->fd == -1 || socket->kind != listener->kind ||
                    strcmp(socket->url, url) != 0)
                        continue;
                slot = slot_at(listener, socket->slot);
                if (slot == NULL)
                        return no_memory();
                if (slot->count == WS_ADDRESSES_MAX)
                        continue;
                /* The slot now owns it. */
                slot->fds[slot->count++] = socket->fd;
                socket->fd = -1;
        }
        return 0;
}

static async int
open_url(struct listeners *listeners, const char *url, enum socket_kind kind,
         const struct server_options *options, struct inherited *inherited, unsigned workers)
{
        struct listener *items = realloc(listeners->items, (listeners->count + 1) * sizeof(*items)),
                        *listener;
        const char *found;
        int status = 0;

        if (items == NULL)
                return no_memory();
        listeners->items = items;
        listener = &items[listeners->count++];
        *listener = (struct listener){.url = strdup(url), .kind = kind};
        if (listener->url == NULL)
                return no_memory();
        found = await(adopt_find(inherited, url, kind));
        if (found != NULL)
                status = take_inherited(listener, inherited, found);
        if (status == 0)
                status = await(open_first(listener, options, inherited));
        while (status == 0 && !listener->shared && listener->slot_count < workers)
                status = await(open_next(listener, options));
        return status;
}

/* The service manager's, each once. */
static async int
open_lent(struct listeners *listeners, const struct server_options *options,
          struct inherited *inherited)
{
        int status = 0;

        for (size_t i = 0; i < inherited->count && status == 0; i++)
                if (inherited->sockets[i].fd != -1 && inherited->sockets[i].kind == SOCKET_LENT)
                        status = await(open_url(listeners, inherited->sockets[i].url, SOCKET_LENT,
                                                options, inherited, 1));
        return status;
}

static async int
open_admin(struct listeners *listeners, const struct server_options *options,
           struct inherited *inherited)
{
        char *url = admin_listen_url(options->admin);
        int status = url == NULL
                             ? no_memory()
                             : await(open_url(listeners, url, SOCKET_ADMIN, options, inherited, 1));

        free(url);
        return status;
}

async int
listeners_open(struct listeners *listeners, const struct server_options *options,
               struct inherited *inherited, unsigned workers)
{
        int status = await(open_lent(listeners, options, inherited));
        size_t i;

        if (status == 0 && listeners->count == 0 && options->listen.count == 0)
                status = await(
                        open_url(listeners, SERVER_URL, SOCKET_OWN, options, inherited, workers));
        for (i = 0; i < options->listen.count && status == 0; i++)
                status = await(open_url(listeners, options->listen.items[i], SOCKET_OWN, options,
                                        inherited, workers));
        if (status == 0 && options->admin != NULL)
                status = await(open_admin(listeners, options, inherited));
        return status;
}

void
listeners_settle_files(const struct listeners *listeners, const struct server_options *options)
{
        struct ws_listen_options wanted = listener_options(options);

        for (size_t i = 0; i < listeners->count; i++) {
                const struct listener *listener = &listeners->items[i];
                const char *path = file_of(listener);

                if (path != NULL && listener->kind == SOCKET_OWN)
                        socket_file_settle(path, &listener->file, wanted.socket_mode,
                                           wanted.socket_group);
        }
}

static async int
check_admin(const struct server_options *options)
{
        struct ws_listen_options wanted = {.url = NULL};
        char *url = admin_listen_url(options->admin);
        struct aw_error error;
        int status = 0;

        if (url == NULL)
                return no_memory();
        wanted.url = url;
        if (await(ws_listen_check(&wanted, &error)) == -1)
                status = failed(SOCKET_ADMIN, url, options, &error);
        free(url);
        return status;
}

async int
listeners_check(const struct server_options *options)
{
        struct ws_listen_options wanted = listener_options(options);
        struct aw_error error;

        for (size_t i = 0; i < options->listen.count; i++) {
                wanted.url = options->listen.items[i];
                if (await(ws_listen_check(&wanted, &error)) == -1)
                        return failed(SOCKET_OWN, wanted.url, options, &error);
        }
        return options->admin == NULL ? 0 : await(check_admin(options));
}

bool
listener_is_for(const struct listener *listener, unsigned slot, unsigned worker, unsigned workers)
{
        return listener->shared || slot % workers == worker;
}

/* With port 0 there is no other way to learn the port. */
static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        aw_log_say(format, arguments);
        va_end(arguments);
}

void
listeners_tell(const struct listeners *listeners)
{
        for (size_t i = 0; i < listeners->count; i++)
                for (char *const *at = listeners->items[i].addresses;
                     *at != NULL && listeners->items[i].kind != SOCKET_ADMIN; at++)
                        tell("listening on %s", *at);
}

void
listeners_remove_files(struct listeners *listeners)
{
        for (size_t i = 0; i < listeners->count; i++) {
                struct listener *listener = &listeners->items[i];
                const char *path = file_of(listener);

                if (path != NULL)
                        socket_file_remove(path, &listener->file);
        }
}

void
listeners_shut(struct listeners *listeners)
{
        listeners_remove_files(listeners);
        for (size_t i = 0; i < listeners->count; i++) {
                const struct listener *listener = &listeners->items[i];

                for (unsigned s = 0; s < listener->slot_count && listener->kind == SOCKET_OWN; s++)
                        for (int n = 0; n < listener->slots[s].count; n++)
                                shutdown(listener->slots[s].fds[n], SHUT_RDWR);
        }
}

void
listeners_close(struct listeners *listeners)
{
        for (size_t i = 0; i < listeners->count; i++) {
                struct listener *listener = &listeners->items[i];

                for (unsigned s = 0; s < listener->slot_count; s++)
                        while (listener->slots[s].count > 0)
                                close(listener->slots[s].fds[--listener->slots[s].count]);
        }
}

static void
free_listener(struct listener *listener)
{
        for (char **at = listener->addresses; *at != NULL; at++)
                free(*at);
        free(listener->slots);
        free(listener->url);
}

void
listeners_free(struct listeners *listeners)
{
        listeners_close(listeners);
        for (size_t i = 0; i < listeners->count; i++)
                free_listener(&listeners->items[i]);
        free(listeners->items);
        *listeners = (struct listeners){.items = NULL};
}
