/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"

#include "cli/opt.h"

/* A path, or with @ in front a name that is no file's. 0 if it is none of them. */
static socklen_t
address_of(const char *path, struct sockaddr_un *address)
{
        size_t length = strlen(path);

        *address = (struct sockaddr_un){.sun_family = AF_UNIX};
        if ((path[0] != '/' && path[0] != '@') || length >= sizeof(address->sun_path))
                return 0;
        memcpy(address->sun_path, path, length);
        if (path[0] == '@')
                address->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* It is a datagram, so it arrives whole or not at all. */
static void __attribute__((format(printf, 1, 2))) notify(const char *format, ...)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address;
        socklen_t size = path == NULL ? 0 : address_of(path, &address);
        char text[512];
        va_list arguments;
        int fd;

        if (size == 0)
                return;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd == -1)
                return;
        sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&address, size);
        close(fd);
}

void
notify_ready(const char *status)
{
        notify("READY=1\nSTATUS=%s", status);
}

void
notify_status(const char *status)
{
        notify("STATUS=%s", status);
}

void
notify_reloading(void)
{
        notify("RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading", aw_loop_now());
}

void
notify_stopping(aw_time longest)
{
        notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=draining", longest);
}

void
notify_main_process(int pid)
{
        notify("MAINPID=%d\nSTATUS=draining", pid);
}

aw_time
notify_watchdog_interval(void)
{
        const char *given = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
        uint64_t number;

        if (pid != NULL && (aw_opt_number(pid, &number) == -1 || number != (uint64_t)getpid()))
                return 0;
        if (given == NULL || aw_opt_number(given, &number) == -1 || number > INT64_MAX)
                return 0;
        return (aw_time)number / 2;
}

void
notify_watchdog(void)
{
        notify("WATCHDOG=1");
}
