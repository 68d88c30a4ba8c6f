/* SPDX-License-Identifier: MIT */
/* Why something failed, where errno alone cannot tell it: one object for the whole library. */
#ifndef AW_ERROR_H
#define AW_ERROR_H

#include "api.h"

/* What failed, coarsely: what a program decides by, its exit status for example. */
enum aw_error_kind {
        AW_ERROR_NONE,        /* nothing */
        AW_ERROR_USAGE,       /* the caller asked for what cannot be: a URL, an option */
        AW_ERROR_RESOLVE,     /* no such name, or no answer about it */
        AW_ERROR_CONNECTION,  /* refused, unreachable, lost before it was open */
        AW_ERROR_LISTEN,      /* an address to listen on that cannot be had */
        AW_ERROR_TLS,         /* refused by one side, or the peer does not speak it */
        AW_ERROR_CERTIFICATE, /* the peer's, or a file with one of ours */
        AW_ERROR_HANDSHAKE,   /* the server did not switch to WebSocket */
        AW_ERROR_PROTOCOL,    /* the peer broke the protocol later on */
        AW_ERROR_PROCESS,     /* a program that cannot be run */
        AW_ERROR_TIMEOUT,
        AW_ERROR_CANCELLED,
        AW_ERROR_MEMORY,
        AW_ERROR_SYSTEM, /* the system refused: too many descriptors, for example */
};

/* A plain structure of the caller's: nothing to free, and it may be copied. */
struct aw_error {
        enum aw_error_kind kind;
        int number;     /* errno */
        int status;     /* the HTTP status of a refused handshake, or 0 */
        char text[320]; /* one sentence, for the user or a log; without a full stop */
};

/*
 * Writes kind, number and sentence into *error, unless that is NULL, sets errno to the number, and
 * returns -1. A sentence that is too long is cut and ends in "...".
 *
 * With kind AW_ERROR_NONE the kind follows from the number: ETIMEDOUT, ECANCELED and ENOMEM have
 * their own, all others are AW_ERROR_SYSTEM.
 */
AW_API int aw_error_set(struct aw_error *error, enum aw_error_kind kind, int number,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Nothing has failed. NULL does nothing. */
AW_API void aw_error_clear(struct aw_error *error);

/* "connection", "TLS", "certificate" and the like, for logs. */
AW_API const char *aw_error_kind_name(enum aw_error_kind kind);

#endif
