/* SPDX-License-Identifier: MIT */
/* Answers to plain HTTP requests, for people who come with a browser or curl. */
#ifndef PAGE_H
#define PAGE_H

#include "await/ws.h"

/* What the page has to know about the server. */
struct page {
        bool self_signed; /* the certificate was made at start */
};

/* A handler for struct ws_listen_options; its argument is a struct page. Handshakes are accepted. */
void page_answer(const struct ws_request *request, struct ws_answer *answer, void *page);

#endif
