/* SPDX-License-Identifier: MIT */
/* What is decided before the connection is a WebSocket: the answer to the request. */
#ifndef BEHAVE_ANSWER_H
#define BEHAVE_ANSWER_H

#include "behave.h"

#define BEHAVE_FIELDS_MAX (BEHAVE_ITEMS_MAX + 3)

/* An answer that is being made, and all that it points to. */
struct behave_answering {
        const struct behave_plan *plan;
        const struct behave_limits *limits;
        struct ws_deflate_options deflate; /* the server's, and then the answer's */
        const struct ws_request *request;
        struct ws_answer *answer;
        const char *fields[BEHAVE_FIELDS_MAX];
        char *owned[BEHAVE_FIELDS_MAX + 2]; /* what is to be freed */
        size_t owned_count;
};

/* Functions of the table. */
bool behave_status(struct behave_answering *answering, const struct behave_value *value);
bool behave_redirect(struct behave_answering *answering, const struct behave_value *value);
bool behave_basic(struct behave_answering *answering, const struct behave_value *value);
bool behave_bearer(struct behave_answering *answering, const struct behave_value *value);
bool behave_header(struct behave_answering *answering, const struct behave_value *value);
bool behave_cookie(struct behave_answering *answering, const struct behave_value *value);
bool behave_protocol(struct behave_answering *answering, const struct behave_value *value);
bool behave_deflate(struct behave_answering *answering, const struct behave_value *value);

/* Adds a field, or settles the answer with a body of one line. */
void behave_add_field(struct behave_answering *answering, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
bool behave_settle(struct behave_answering *answering, int status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* list.c: the list of all behaviours, in the form that the client likes best; to be freed. */
char *behave_list(const struct ws_request *request, const char **content_type);

/* show.c: what the server knows of the request, as JSON; to be freed. NULL: no memory. */
char *behave_show(const struct ws_request *request, const struct behave_limits *limits,
                  const struct behave_value *what);

#endif
