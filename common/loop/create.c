/* SPDX-License-Identifier: MIT */
/* Making a loop: which back end, and the libwebsockets context on it. */
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "await/log.h"
#include "loop/library.h"
#include "loop/private.h"
#include "loop/socket.h"

#define SLOW_DEFAULT (100 * AW_MILLISECOND)
#define DESCRIPTORS  20000

static const struct aw_loop_backend *const backends[] = {&aw_loop_ev, &aw_loop_uv, &aw_loop_poll};
#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

static _Atomic(const char *) policy = "auto";

/*
 * libwebsockets sizes its tables by the limit of open files, and is slow if told of any other
 * number. At each close it looks through all of them: so the limit is no higher than needed.
 */
static void
limit_descriptors(unsigned wanted)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return;
        if (wanted == 0)
                wanted = DESCRIPTORS;
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
                aw_log(AW_LOG_DEBUG, "setrlimit: %s", strerror(errno));
}

/*
 * libwebsockets reports every refused connection as an error: of interest when looking for one, not
 * otherwise.
 */
static void
log_line(int level, const char *line)
{
        size_t length = strcspn(line, "\n");

        (void)level;
        aw_log(AW_LOG_DEBUG, "libwebsockets: %.*s", (int)length, line);
}

static void
close_backend(struct aw_loop *loop)
{
        struct aw_wakeup wakeup;

        aw_wakeup_find(&wakeup, loop->context);
        loop->backend->close(loop);
        aw_wakeup_close(&wakeup);
}

/* The system has not enough of something: the other back ends do not get any either. */
static bool
is_shortage(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/*
 * libwebsockets says no more than that it could not. If the system had no descriptor or no memory left,
 * errno still tells that; else a plug-in that is not there is the likely cause, and poll needs none.
 */
static int
why_no_context(const struct aw_loop *loop, int error)
{
        if (is_shortage(error))
                return error;
        return loop->backend == &aw_loop_poll ? ENOMEM : ENOENT;
}

static int
create_context(struct aw_loop *loop)
{
        struct lws_context_creation_info info = {
                .port = CONTEXT_PORT_NO_LISTEN_SERVER,
                .protocols = aw_socket_protocols,
                .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
                .gid = (gid_t)-1,
                .uid = (uid_t)-1,
        };
        int error;

        /* Without it libwebsockets frees what it has not set, and the process dies of that. */
        if (access("/dev/urandom", R_OK) == -1) {
                aw_log(AW_LOG_ERROR, "/dev/urandom: %s; libwebsockets needs it", strerror(errno));
                return -1;
        }
        if (loop->backend->open(loop, &info, &loop->foreign) == -1)
                return -1;
        errno = 0;
        loop->context = lws_create_context(&info);
        if (loop->context != NULL)
                loop->vhost = lws_create_vhost(loop->context, &info);
        if (loop->vhost != NULL && aw_socket_open_set(loop) == 0)
                return 0;
        error = why_no_context(loop, errno);
        close_backend(loop);
        errno = error;
        return -1;
}

static bool
is_auto(const char *name)
{
        return strcmp(name, "auto") == 0;
}

static const struct aw_loop_backend *
find_backend(const char *name)
{
        for (size_t i = 0; i < BACKENDS; i++)
                if (strcmp(backends[i]->name, name) == 0)
                        return backends[i];
        errno = EINVAL;
        return NULL;
}

int
aw_loop_set_policy(const char *backend)
{
        if (backend == NULL)
                backend = "auto";
        if (!is_auto(backend) && find_backend(backend) == NULL)
                return -1;
        policy = backend;
        return 0;
}

/* The back end that was asked for, or the first that can be had. */
static int
choose_backend(struct aw_loop *loop, const char *name)
{
        if (!is_auto(name)) {
                loop->backend = find_backend(name);
                return loop->backend == NULL ? -1 : create_context(loop);
        }
        for (size_t i = 0; i < BACKENDS; i++) {
                loop->backend = backends[i];
                if (create_context(loop) == 0)
                        return 0;
                if (is_shortage(errno))
                        return -1;
                aw_log(AW_LOG_DEBUG, "no back end %s: %s", backends[i]->name, strerror(errno));
        }
        return -1;
}

static const struct aw_loop_options defaults;

static struct aw_loop *
create_loop(const struct aw_loop_options *options, const char *backend)
{
        struct aw_loop *loop;
        int error;

        if (aw_loop_current != NULL) {
                errno = EBUSY;
                return NULL;
        }
        loop = calloc(1, sizeof(*loop));
        if (loop == NULL)
                return NULL;
        loop->process = getpid();
        loop->slow = options->slow == 0 ? SLOW_DEFAULT : options->slow;
        loop->watch = loop->slow > 2 * AW_LOOP_TICK ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC;
        pthread_mutex_init(&loop->remote_lock, NULL);
        limit_descriptors(options->descriptors);
        lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
        if (choose_backend(loop, backend) == -1) {
                error = errno;
                pthread_mutex_destroy(&loop->remote_lock);
                free(loop);
                errno = error;
                return NULL;
        }
        loop->checked = aw_loop_clock(loop->watch);
        aw_loop_current = loop;
        return loop;
}

struct aw_loop *
aw_loop_create(const struct aw_loop_options *options)
{
        if (options == NULL)
                options = &defaults;
        return create_loop(options, options->backend == NULL ? policy : options->backend);
}

void
aw_loop_destroy(struct aw_loop *loop)
{
        if (loop == NULL)
                return;
        if (loop != aw_loop_current)
                aw_log_abort("aw_loop_destroy(): the loop of another thread");
        if (loop->turning)
                aw_log_abort("aw_loop_destroy(): this event loop is running");
        aw_socket_close_all();
        close_backend(loop);
        pthread_mutex_destroy(&loop->remote_lock);
        free(loop);
        aw_loop_current = NULL;
}

const char *
aw_loop_library(void)
{
        return lws_get_library_version();
}

/* Whether a plug-in can be had is known when it was tried. */
void
aw_loop_list_backends(FILE *out)
{
        for (size_t i = 0; i < BACKENDS; i++) {
                struct aw_loop *loop = create_loop(&defaults, backends[i]->name);

                if (loop == NULL)
                        continue;
                aw_loop_destroy(loop);
                fprintf(out, " %s", backends[i]->name);
                if (backends[i]->library != NULL)
                        backends[i]->library(out);
        }
}
