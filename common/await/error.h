/* SPDX-License-Identifier: MIT */
/* Why something failed, where errno alone cannot tell it: one object for the whole library. */
#ifndef AW_ERROR_H
#define AW_ERROR_H

#include <stdbool.h>

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

/* What one could do about it, finely: what a program names the cure by. */
enum aw_error_cause {
        AW_CAUSE_NONE,         /* nothing that we know of */
        AW_CAUSE_ISSUER,       /* the peer's certificate is not trusted */
        AW_CAUSE_NAME,         /* it is for other names */
        AW_CAUSE_DATES,        /* it is not valid yet, or no more */
        AW_CAUSE_PIN,          /* it is not the one, or has not the key, that was asked for */
        AW_CAUSE_PROVE,        /* the peer wants a certificate of ours */
        AW_CAUSE_PASSPHRASE,   /* our key is encrypted */
        AW_CAUSE_POLICY,       /* no version, cipher or key exchange that both sides would take */
        AW_CAUSE_NOT_TLS,      /* the peer does not speak TLS */
        AW_CAUSE_SILENT,       /* the peer closed without a word: it may want TLS */
        AW_CAUSE_REDIRECTED,   /* the server sends us elsewhere */
        AW_CAUSE_CREDENTIALS,  /* the server wants to know who we are (401) */
        AW_CAUSE_PROXY,        /* the proxy wants to know that (407) */
        AW_CAUSE_NOT_SWITCHED, /* an HTTP server answered as one: there is no WebSocket here */
        AW_CAUSE_NO_KEY /* the file that should have our private key has none that is usable */
};

/* A plain structure of the caller's: nothing to free, and it may be copied. */
struct aw_error {
        enum aw_error_kind kind;
        int number; /* errno */
        int status; /* the HTTP status of a refused handshake, or 0 */
        enum aw_error_cause cause;
        bool of_proxy;  /* that is what TLS with a proxy failed for, not with the peer */
        char text[320]; /* one sentence, for the user or a log, escaped as in it; no full stop */
};

/*
 * Writes kind, number and sentence into *error, unless that is NULL, sets errno to the number, and
 * returns -1. A sentence that is too long is cut and ends in "...". status, cause and
 * of_proxy are 0 then.
 *
 * With kind AW_ERROR_NONE the kind follows from the number: ETIMEDOUT, ECANCELED and ENOMEM have
 * their own, all others are AW_ERROR_SYSTEM.
 */
AW_API int aw_error_set(struct aw_error *error, enum aw_error_kind kind, int number,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Nothing has failed. NULL does nothing. */
AW_API void aw_error_clear(struct aw_error *error);

/*
 * strerror(3) for what task.h lists: ESHUTDOWN of a receive is no "Cannot send after transport
 * endpoint shutdown". Good until the thread's next call of strerror(3).
 */
AW_API const char *aw_error_text(int number);

/* "connection", "TLS", "certificate" and the like, for logs. */
AW_API const char *aw_error_kind_name(enum aw_error_kind kind);

#endif
