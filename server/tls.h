/* SPDX-License-Identifier: MIT */
/* TLS: the server's certificates, its clients', and what is spoken. */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "await/loop.h"
#include "await/tls.h"
#include "cli/opt.h"

struct server_options;

/* What the options say; all files are PEM, but for OCSP responses. */
struct tls_settings {
        struct aw_opt_strings cert, key; /* pairs; none: a certificate made at start */
        struct aw_opt_strings ocsp;
        const char *client_ca, *client_verify; /* or NULL */
        const char *min, *ciphers;             /* or NULL */
};

/* Rows of a table of options: `at` is the offset of the structure. */
#define TLS_ROWS(at)                                                                               \
        {.name = "cert",                                                                           \
         .kind = AW_OPT_STRINGS,                                                                   \
         .argument = "FILE",                                                                       \
         .help = "certificate chain, PEM; may be repeated, each with its --key: the name that a "  \
                 "client asks for chooses (a self-signed one is made at start)",                   \
         .offset = (at) + offsetof(struct tls_settings, cert)},                                    \
                {.name = "key",                                                                    \
                 .kind = AW_OPT_STRINGS,                                                           \
                 .argument = "FILE",                                                               \
                 .help = "the certificate's private key, PEM",                                     \
                 .offset = (at) + offsetof(struct tls_settings, key)},                             \
                {.name = "ocsp-file",                                                              \
                 .kind = AW_OPT_STRINGS,                                                           \
                 .argument = "FILE",                                                               \
                 .help = "an OCSP response, DER, that goes with its certificate; may be repeated", \
                 .offset = (at) + offsetof(struct tls_settings, ocsp)},                            \
                {.name = "client-ca",                                                              \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "FILE",                                                               \
                 .help = "ask clients for a certificate by one of these authorities, PEM",         \
                 .offset = (at) + offsetof(struct tls_settings, client_ca)},                       \
                {.name = "client-verify",                                                          \
                 .kind = AW_OPT_CHOICE,                                                            \
                 .argument = "require|optional",                                                   \
                 .help = "with --client-ca: whether they need one (require)",                      \
                 .offset = (at) + offsetof(struct tls_settings, client_verify)},                   \
                {.name = "tls-min",                                                                \
                 .kind = AW_OPT_CHOICE,                                                            \
                 .argument = "1.2|1.3",                                                            \
                 .help = "the oldest version of TLS that is spoken (1.2)",                         \
                 .offset = (at) + offsetof(struct tls_settings, min)},                             \
        {                                                                                          \
                .name = "tls-ciphers", .kind = AW_OPT_STRING, .argument = "LIST",                  \
                .help = "OpenSSL's names of cipher suites, separated by ':'; those that begin "    \
                        "with TLS_ are TLS 1.3's (ECDHE with AES-GCM or ChaCha20)",                \
                .offset = (at) + offsetof(struct tls_settings, ciphers)                            \
        }

/* What does not go together. */
enum aw_opt_status tls_settings_check(const struct aw_opt_program *said,
                                      const struct server_options *options);
void tls_settings_free(struct tls_settings *settings);

/* The first certificate's file, or NULL. */
const char *tls_first_cert(const struct tls_settings *settings);

/*
 * Loads or makes the certificates, if a socket speaks TLS. 0, or -1 after having logged why.
 */
int tls_load(struct server_options *options, bool needed);

/*
 * The same for a server that runs, and had `now`; a certificate that was made at its start stays. None
 * may have expired, but those that it has already: they do not keep the others from being renewed.
 */
int tls_reload(struct server_options *fresh, const struct server_options *now);

/*
 * What a server that runs, and had `now`, demands of new certificates, and --check, with NULL, of any:
 * that none has expired. 0, or -1 after having logged each that has.
 */
int tls_check(const struct server_options *options, const struct server_options *now);

/* When the first of them expires, in seconds since 1970; 0: there is none. */
int64_t tls_expiry(const struct server_options *options);

/*
 * Logs which of them expire soon: within TLS_SOON seconds, or the last fifth of their time if that is
 * less.
 */
#define TLS_SOON (14 * 24 * 60 * 60)
void tls_warn(const struct server_options *options);

/* Does so each day, from tomorrow on, until the other. */
struct tls_watch {
        struct aw_handle handle;
        const struct server_options *options;
};
void tls_watch_begin(struct tls_watch *watch, const struct server_options *options);
void tls_watch_end(struct tls_watch *watch);

#endif
