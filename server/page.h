/* SPDX-License-Identifier: MIT */
/*
 * Answers to plain HTTP requests, for people who come with a browser or curl: a page for those who
 * like HTML, a short text for others, and the files that belong to the page.
 */
#ifndef PAGE_H
#define PAGE_H

#include "await/task.h"
#include "await/ws.h"
#include "behave/behave.h"

struct metrics;

/* What the page has to know about the server. */
struct page {
        bool self_signed; /* the certificate was made at start */
        char *authority;  /* whom clients have to trust, in PEM; or NULL */
        aw_time started;
        const struct behave_server *behave;
        struct ws_listener *const *listeners; /* see page_watch() */
        size_t count;
        const struct metrics *blocks; /* of all workers, one behind the other */
        size_t workers;
        uint64_t messages; /* received, when they were last added up */
        aw_time counted;
};

/*
 * Fills in what is not 0 above; `certificate` is the file, or NULL if it was made at start.
 * page_close() frees what the page holds.
 */
void page_open(struct page *page, const char *certificate, const struct behave_server *behave);
void page_close(struct page *page);

/*
 * Counts the messages of these listeners from now on, which stay until they are NULL, and what the
 * other workers have in their blocks.
 */
void page_watch(struct page *page, struct ws_listener *const *listeners, size_t count,
                const struct metrics *blocks, size_t workers);

/*
 * Handlers for struct ws_listen_options; the argument is a struct page. page_file() answers for the
 * page's files under /-/: true if the answer is settled. page_answer() answers for any other path.
 * Handshakes are accepted.
 */
bool page_file(const struct ws_request *request, struct ws_answer *answer, struct page *page);
void page_answer(const struct ws_request *request, struct ws_answer *answer,
                 const struct page *page);

#endif
