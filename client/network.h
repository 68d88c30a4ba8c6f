/* SPDX-License-Identifier: MIT */
/* How a server is reached, and whom we trust there: the same for wsecho and wsbench. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "await/connect.h"
#include "await/error.h"
#include "await/ws.h"
#include "cli/opt.h"

struct aw_tls_context;

/* The way to the server. */
struct network_options {
        bool ipv4, ipv6; /* only */
        const char *interface, *unix_socket;
        struct aw_opt_strings resolve, connect_to;
        const char *proxy, *noproxy; /* or what the environment says */
};

/* Whom we trust, and as whom we come. */
struct tls_options {
        const char *cacert, *capath;
        bool insecure;
        const char *fingerprint, *pinned_key;
        const char *cert, *key, *pass_file;
        const char *server_name;
        const char *min, *max, *ciphers;
};

/*
 * Rows of a table of options: `at` is the offset of the structure; `letters` is false where they mean
 * other things.
 */
#define NETWORK_ROWS(at, letters)                                                                  \
        {.name = "ipv4",                                                                           \
         .letter = '4',                                                                            \
         .kind = AW_OPT_FLAG,                                                                      \
         .help = "connect to IPv4 addresses only",                                                 \
         .offset = (at) + offsetof(struct network_options, ipv4),                                  \
         .seldom = true},                                                                          \
                {.name = "ipv6",                                                                   \
                 .letter = '6',                                                                    \
                 .kind = AW_OPT_FLAG,                                                              \
                 .help = "connect to IPv6 addresses only",                                         \
                 .offset = (at) + offsetof(struct network_options, ipv6),                          \
                 .seldom = true},                                                                  \
                {.name = "interface",                                                              \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "NAME",                                                               \
                 .help = "come from this device, or this address of ours",                         \
                 .offset = (at) + offsetof(struct network_options, interface),                     \
                 .seldom = true},                                                                  \
                {.name = "unix-socket",                                                            \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "PATH",                                                               \
                 .help = "connect to this Unix socket, or @NAME, whatever the URL says",           \
                 .offset = (at) + offsetof(struct network_options, unix_socket),                   \
                 .seldom = true},                                                                  \
                {.name = "resolve",                                                                \
                 .kind = AW_OPT_STRINGS,                                                           \
                 .argument = "HOST:PORT:ADDRESS",                                                  \
                 .help = "the address of HOST, for PORT; repeatable",                              \
                 .offset = (at) + offsetof(struct network_options, resolve),                       \
                 .seldom = true},                                                                  \
                {.name = "connect-to",                                                             \
                 .kind = AW_OPT_STRINGS,                                                           \
                 .argument = "HOST1:PORT1:HOST2:PORT2",                                            \
                 .help = "connect to HOST2:PORT2 instead; repeatable",                             \
                 .offset = (at) + offsetof(struct network_options, connect_to),                    \
                 .seldom = true},                                                                  \
                {.name = "proxy",                                                                  \
                 .letter = (letters) ? 'x' : 0,                                                    \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "URL",                                                                \
                 .help = "through http://, https://, socks5:// or socks5h://[USER:PASSWORD@]HOST"  \
                         "[:PORT]",                                                                \
                 .offset = (at) + offsetof(struct network_options, proxy),                         \
                 .seldom = true},                                                                  \
        {                                                                                          \
                .name = "noproxy", .kind = AW_OPT_STRING, .argument = "HOSTS",                     \
                .help = "straight to these hosts and their domains, 'a,b'; '*' is all",            \
                .offset = (at) + offsetof(struct network_options, noproxy), .seldom = true         \
        }

#define TLS_ROWS(heading, at, letters)                                                             \
        {.topic = (heading),                                                                       \
         .name = "cacert",                                                                         \
         .kind = AW_OPT_STRING,                                                                    \
         .argument = "FILE",                                                                       \
         .help = "trust the certificates in FILE, PEM (the system's)",                             \
         .offset = (at) + offsetof(struct tls_options, cacert)},                                   \
                {.name = "capath",                                                                 \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "DIR",                                                                \
                 .help = "trust those in a directory that 'openssl rehash' made",                  \
                 .offset = (at) + offsetof(struct tls_options, capath),                            \
                 .seldom = true},                                                                  \
                {.name = "insecure",                                                               \
                 .letter = 'k',                                                                    \
                 .kind = AW_OPT_FLAG,                                                              \
                 .help = "do not verify the server's certificate",                                 \
                 .offset = (at) + offsetof(struct tls_options, insecure)},                         \
                {.name = "fingerprint",                                                            \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "SHA256",                                                             \
                 .help = "trust the certificate with this fingerprint, no other",                  \
                 .offset = (at) + offsetof(struct tls_options, fingerprint),                       \
                 .seldom = true},                                                                  \
                {.name = "pinnedpubkey",                                                           \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "sha256//BASE64",                                                     \
                 .help = "the server must have this key as well",                                  \
                 .offset = (at) + offsetof(struct tls_options, pinned_key),                        \
                 .seldom = true},                                                                  \
                {.name = "cert",                                                                   \
                 .letter = (letters) ? 'E' : 0,                                                    \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "FILE",                                                               \
                 .help = "show this certificate of ours, PEM, with its key or --key",              \
                 .offset = (at) + offsetof(struct tls_options, cert),                              \
                 .seldom = true},                                                                  \
                {.name = "key",                                                                    \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "FILE",                                                               \
                 .help = "the key of --cert, PEM",                                                 \
                 .offset = (at) + offsetof(struct tls_options, key),                               \
                 .seldom = true},                                                                  \
                {.name = "pass-file",                                                              \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "FILE",                                                               \
                 .help = "its first line is the passphrase of the key",                            \
                 .offset = (at) + offsetof(struct tls_options, pass_file),                         \
                 .seldom = true},                                                                  \
                {.name = "servername",                                                             \
                 .kind = AW_OPT_STRING,                                                            \
                 .argument = "NAME",                                                               \
                 .help = "ask for this name, and verify it (the URL's)",                           \
                 .offset = (at) + offsetof(struct tls_options, server_name),                       \
                 .seldom = true},                                                                  \
                {.name = "tls-min",                                                                \
                 .kind = AW_OPT_CHOICE,                                                            \
                 .argument = "1.2|1.3",                                                            \
                 .help = "the lowest version of TLS (1.2)",                                        \
                 .offset = (at) + offsetof(struct tls_options, min),                               \
                 .seldom = true},                                                                  \
                {.name = "tls-max",                                                                \
                 .kind = AW_OPT_CHOICE,                                                            \
                 .argument = "1.2|1.3",                                                            \
                 .help = "the highest version of TLS (1.3)",                                       \
                 .offset = (at) + offsetof(struct tls_options, max),                               \
                 .seldom = true},                                                                  \
        {                                                                                          \
                .name = "ciphers", .kind = AW_OPT_STRING, .argument = "LIST",                      \
                .help = "ciphers by OpenSSL's names, those of TLS 1.3 too",                        \
                .offset = (at) + offsetof(struct tls_options, ciphers), .seldom = true             \
        }

/* A file of the user's cannot be read. -1. */
int network_fail_read(const char *path, const char *why, struct aw_error *error);

/*
 * The first line of a file, without its end: a password or the like. For free(); NULL with *error.
 */
char *network_read_line(const char *path, struct aw_error *error);

/*
 * The next line, without its end, in `line`; of no more than NETWORK_LINE bytes, and without NUL: else
 * it is no text, and may have no end. 1, 0: there is none, or -1 with *error.
 */
#define NETWORK_LINE 65536
int network_next_line(FILE *file, const char *path, char line[NETWORK_LINE + 1],
                      struct aw_error *error);

/* --compress and --compress-mode, which is a word or NULL. 0, or -1: there is no such mode. */
int network_deflate(bool compress, const char *mode, struct ws_deflate_options *deflate);

/*
 * A client's context as the options say; `own`: with a certificate of ours, if one is given. Before the loop:
 * it reads files, and perhaps asks for a passphrase. NULL with *error.
 */
struct aw_tls_context *network_tls(const struct tls_options *options, bool own,
                                   struct aw_error *error);

/*
 * What the library is to be told, for this URL. It borrows from the options and the environment:
 * https_proxy for wss, http_proxy (lower case only, as a server's environment may have the other one from
 * a header field) for ws, then all_proxy; no_proxy. 0, or -1 with *error: the options contradict each
 * other.
 */
int network_connect_options(const struct network_options *options, const char *url,
                            struct aw_connect_options *connect, struct aw_error *error);

/*
 * The context for an https proxy: in *context, NULL if there is none on the way to this URL, or without
 * a URL on the way to any. 0, or -1 with *error. A proxy is another host: a certificate of ours is not for it.
 */
int network_proxy_tls(const struct network_options *options, const struct tls_options *tls,
                      const char *url, struct aw_tls_context **context, struct aw_error *error);

/*
 * What may be done about it, to be put behind the sentence; "" if we know nothing. It names options of
 * wsecho; where wsbench has none of that name it says something else (bench_cure()).
 */
const char *network_cure(const struct aw_error *error);

#endif
