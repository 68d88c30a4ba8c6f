/* SPDX-License-Identifier: MIT */
/* Basic authentication (RFC 7617) in a worker: passwords are looked at in threads. */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>

#include "await/request.h"
#include "passwords.h"

struct aw_executor;

#define AUTH_THREADS    2
#define AUTH_QUEUE      32   /* passwords that wait or are looked at; over it 503 */
#define AUTH_REMEMBERED 1024 /* right ones that are not looked at again */
#define AUTH_DIGEST     32

/* Zeroed, everybody may come in. */
struct auth {
        const struct passwords *passwords; /* or NULL */
        struct aw_executor *pool;          /* made when it is needed */
        unsigned waiting;
        unsigned char secret[AUTH_DIGEST]; /* that header fields are hashed with */
        unsigned char (*remembered)[AUTH_DIGEST];
};

/*
 * From now on these passwords are asked for, or with NULL none; all that was remembered is
 * forgotten.
 */
void auth_use(struct auth *auth, const struct passwords *passwords);
void auth_close(struct auth *auth);

enum auth_verdict {
        AUTH_IN,      /* let in */
        AUTH_REFUSED, /* *answer says how */
        AUTH_LATER,   /* auth_decide() has to look at the password */
};
enum auth_verdict auth_look(struct auth *auth, const struct ws_request *request,
                            struct ws_answer *answer);

/* For ws_answer.later: whether to let in; or else *answer says how not. */
async bool auth_decide(struct auth *auth, const struct ws_request *request,
                       struct ws_answer *answer);

#endif
