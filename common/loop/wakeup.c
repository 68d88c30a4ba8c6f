/* SPDX-License-Identifier: MIT */
/*
 * What lws_cancel_service() writes to. From 4.3 on libwebsockets forgets to close it when a context
 * is destroyed, and does not tell which descriptor it is. So it is looked for: the only one that
 * counts how often the service was cancelled.
 */
#include <fcntl.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/private.h"

#define FORGETS (LWS_LIBRARY_VERSION_NUMBER >= 4003000)

/* A loop is made before its connections, so the number is low. */
#define NUMBERS 1024

struct eventfd_info {
        unsigned long long count, id;
};

static bool
find_field(const char *text, const char *name, int base, unsigned long long *value)
{
        const char *at = strstr(text, name);

        if (at != NULL)
                *value = strtoull(at + strlen(name), NULL, base);
        return at != NULL;
}

/* False if it is no eventfd, or the system does not tell. Allocates nothing. */
static bool
look(int descriptor, struct eventfd_info *info)
{
        char path[40], text[400];
        ssize_t length = -1;
        int file;

        if (fcntl(descriptor, F_GETFD) == -1)
                return false;
        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", descriptor);
        file = open(path, O_RDONLY | O_CLOEXEC);
        if (file == -1)
                return false;
        length = read(file, text, sizeof(text) - 1);
        close(file);
        text[length > 0 ? length : 0] = '\0';
        return find_field(text, "eventfd-count:", 16, &info->count) &&
               find_field(text, "eventfd-id:", 10, &info->id);
}

/* Other threads have eventfds too: twice is no accident. */
static bool
counts(int descriptor, struct lws_context *context, struct eventfd_info *info)
{
        unsigned long long before;

        for (int i = 0; i < 2; i++) {
                if (!look(descriptor, info))
                        return false;
                before = info->count;
                lws_cancel_service(context);
                if (!look(descriptor, info) || info->count != before + 1)
                        return false;
        }
        return true;
}

static void
search(struct aw_wakeup *wakeup, struct lws_context *context)
{
        struct eventfd_info info;

        for (int descriptor = 0; descriptor < NUMBERS; descriptor++) {
                if (!counts(descriptor, context, &info))
                        continue;
                *wakeup = (struct aw_wakeup){.descriptor = descriptor, .id = info.id};
                return;
        }
}

void
aw_wakeup_find(struct aw_wakeup *wakeup, struct lws_context *context)
{
        *wakeup = (struct aw_wakeup){.descriptor = -1};
        if (FORGETS && context != NULL)
                search(wakeup, context);
}

void
aw_wakeup_close(const struct aw_wakeup *wakeup)
{
        struct eventfd_info info;

        if (wakeup->descriptor != -1 && look(wakeup->descriptor, &info) && info.id == wakeup->id)
                close(wakeup->descriptor);
}
