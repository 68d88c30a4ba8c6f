/* SPDX-License-Identifier: MIT */
/* Answers to plain HTTP requests, for people who come with a browser or curl. */
#ifndef PAGE_H
#define PAGE_H

#include "await/ws.h"

void page_answer(const struct aw_http_head *request, struct ws_answer *answer);

#endif
