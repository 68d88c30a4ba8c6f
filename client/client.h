/* SPDX-License-Identifier: MIT */
/* wsecho: from the options to the exit status. */
#ifndef CLIENT_H
#define CLIENT_H

#include "await/ws.h"
#include "options.h"

/* For the Close of a server that has been waited for long enough, or that broke the rules. */
#define CLIENT_LAST_CLOSE (200 * AW_MILLISECOND)

/* Whoever is woken so much too late did not run meanwhile: it is more than what a busy machine does. */
#define CLIENT_REST (100 * AW_MILLISECOND)

struct aw_signals;
struct connector;
struct session;
struct terminal;

enum client_status {
        CLIENT_OK = 0,
        CLIENT_LOCAL = 1, /* standard output cannot be written, no memory */
        CLIENT_USAGE = 2, /* also input that cannot be sent */
        CLIENT_CONNECTION = 3,
        CLIENT_TLS = 4,
        CLIENT_HANDSHAKE = 5,
        CLIENT_CLOSED = 6, /* before everything was replied to */
        CLIENT_TIMEOUT = 7,
        CLIENT_UNEXPECTED = 8, /* --expect, --reject */
        CLIENT_SIGNAL = 128,   /* and the signal's number: it ends by that */
};

/*
 * At the very beginning: SIGUSR1 waits until there is somebody to take it. Those that stop us do so
 * at once, as long as files are read that may keep us waiting. Also takes note of whether a broken
 * pipe is to end us.
 */
void client_mind_signals(void);

/* Before the loop: from now on these wait, too. */
void client_hold_signals(void);

/* Whether a signal is ignored, as nohup(1) does with SIGHUP: it stays so. */
bool client_ignores(int number);

/* Whether a broken pipe is to end us. */
bool client_dies_of_pipe(void);

/* Those that stop us, and SIGUSR1, but for the ignored ones; NULL with errno. */
struct aw_signals *client_open_signals(void);

/* A run of the program. */
struct client_run {
        struct client_options *options;
        struct connector *connector;
        struct terminal *terminal;  /* that somebody sits at; or NULL */
        enum client_status stopped; /* by a signal, or --max-time; or CLIENT_OK */
};

/*
 * The main task's function; the argument is a struct client_run. Its value is the exit status.
 */
async int client_main(void *run);

/*
 * Says on standard error why there is no connection, what may help, and what the server has to say of
 * it (connector: or NULL), and returns the exit status for that.
 */
enum client_status client_refused(const struct aw_error *error, const struct connector *connector);

/* Writes, in one sentence, why an await on the connection failed. */
void client_describe_end(const struct ws *ws, int error, char *out, size_t size);

/*
 * Says on standard error, in one sentence, why an await on the connection failed, and returns the
 * exit status for that.
 */
enum client_status client_failed(const struct ws *ws, int error);

/* Says why standard output cannot be written (errno), and returns the exit status for that. */
enum client_status client_output_failed(void);

/* Ends the program, by a signal if the status says so. */
void client_exit(int status) __attribute__((noreturn));

/* Prints "wsecho: sentence" on standard error, unless --quiet. The sentence is kept. */
void client_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The end of a word that so many are counted by. */
static inline const char *
client_plural(uint64_t count)
{
        return count == 1 ? "" : "s";
}

/* Prints a line there, as it is, with --verbose and the like. */
void client_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Gives both, as finished lines, to a function instead; NULL: to standard error. Control characters
 * are escaped, as in the log.
 */
void client_set_sink(void (*sink)(const char *line));

/* The last sentence; "" before there is one. */
const char *client_last_said(void);
void client_set_quiet(bool quiet);

#endif
