/* SPDX-License-Identifier: MIT */
/* The objects of --json, one in a line. Field names never change; new ones may come. */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_message;

/* {"event": name, "time": now} */
json_t *json_event(const char *name);

/* Adds what a message or the payload of a control frame is: "data", or "base64". */
void json_add_data(json_t *event, const uint8_t *data, size_t length, bool text);

/* Adds "status" and "headers" of a response's head. */
void json_add_head(json_t *event, const char *head);

/* Adds "tls": of the text of WS_STEP_SECURE, or NULL. */
void json_add_tls(json_t *event, const char *secure);

/*
 * The line, with its end; frees the event. What a terminal would obey is written as \uXXXX. For free();
 * NULL: no memory.
 */
char *json_line(json_t *event);

#endif
