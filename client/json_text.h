/* SPDX-License-Identifier: MIT */
/* Text in JSON, whatever its bytes are. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* A string: text of the network; bytes that are not UTF-8 are taken for ISO 8859-1. */
json_t *json_any_text(const char *text, size_t length);

#endif
