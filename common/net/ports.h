/* SPDX-License-Identifier: MIT */
/* Listening sockets: bound to all addresses of a URL, and accepted from. */
#ifndef AW_NET_PORTS_H
#define AW_NET_PORTS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "await/error.h"
#include "await/loop.h"
#include "net/url.h"

#define AW_PORTS_MAX 16 /* addresses that one name may stand for */

struct aw_addresses;
struct aw_ports;

/* One listening socket. */
struct aw_port {
        struct aw_ports *ports;
        int fd;
        struct aw_watch *watch;
        struct aw_handle resume;
        bool out_of_descriptors; /* that was logged */
        aw_time since, failed;   /* since when somebody waits for one, and was seen to last */
        bool lent;               /* it is somebody else's: the end leaves it listening */
        bool early;              /* who waits may have come before it had its options */
        dev_t device;            /* of a Unix socket's file, which is removed at the end */
        ino_t inode;
        char url[AW_URL_HOST_MAX + 32]; /* with its real port */
};

/* How a TCP port is shared with other sockets of this user (SO_REUSEPORT). */
enum aw_sharing {
        AW_SHARING_NONE,
        AW_SHARING_FIRST, /* nobody may have it yet, and others may join */
        AW_SHARING_JOIN,  /* with those that have it */
};

/* The caller's; zeroed but for the last seven it is closed. */
struct aw_ports {
        struct aw_port items[AW_PORTS_MAX];
        size_t count;
        bool paused;
        int spare;                          /* a descriptor for when there are no others; 0: none */
        char socket[AW_URL_SOCKET_MAX + 1]; /* of unix: */

        bool bare;            /* `url` is to have no scheme: "127.0.0.1:7681" */
        unsigned socket_mode; /* of a Unix socket's file; 0: as the umask says */
        gid_t socket_group;   /* likewise; 0: the process's */
        enum aw_sharing sharing;

        /* What a connection is told that has to be turned away; NULL: nothing. */
        const char *busy;
        size_t busy_size;

        /*
         * A connection was accepted; the descriptor, which does not block, is the owner's now. -1
         * with errno: there is no room for it, and it was closed; accepting rests for a while.
         */
        int (*accepted)(void *owner, int fd, const struct sockaddr_storage *address);
        /* One was turned away. NULL: nobody wants to know. */
        void (*turned_away)(void *owner);
        void *owner;
};

/*
 * Binds all of the addresses, or none, and begins to accept. An address of a family that the
 * machine lacks is left out, as long as another one works. 0, or -1 with errno and *error.
 */
int aw_ports_open(struct aw_ports *ports, const struct aw_url *url, struct aw_addresses *addresses,
                  struct aw_error *error);

/*
 * Whether the file of a Unix socket may be made, as far as that can be seen without doing it: a socket
 * that is there may be this server's. 0, or -1 with errno and *error.
 */
int aw_ports_check(const struct aw_url *url, struct aw_error *error);

/*
 * Begins to accept from duplicates of sockets that listen already. Their end leaves the originals,
 * and a Unix socket's file, as they are. 0, or -1 with errno and *error.
 */
int aw_ports_adopt(struct aw_ports *ports, const struct aw_url *url, const int *descriptors,
                   size_t count, struct aw_error *error);

/*
 * Closes the ports, but leaves their sockets listening: duplicates, for the caller, are put into
 * `descriptors`. Their count, which is ports->count, or -1 with errno EMFILE: nothing has changed.
 */
int aw_ports_release(struct aw_ports *ports, int descriptors[AW_PORTS_MAX]);

/* Stops listening: the addresses are free when it returns. */
void aw_ports_close(struct aw_ports *ports);

/* accept.c */

/* Ends a connection that was accepted, and tells it `busy` as far as that can be sent at once. */
void aw_ports_turn_away(const struct aw_ports *ports, int fd);

/* Stops and resumes accepting; connections wait in the kernel meanwhile. */
void aw_ports_pause(struct aw_ports *ports, bool pause);

#endif
