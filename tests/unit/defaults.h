/* SPDX-License-Identifier: MIT */
#ifndef DEFAULTS_TEST_H
#define DEFAULTS_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The word in brackets that ends a help text, if it is one: "(10s)". */
static inline bool
take_default(const char *help, char value[100])
{
        const char *open = strrchr(help, '(');

        return open != NULL && sscanf(open, "(%99[^ ()])", value) == 1 &&
               strcmp(open + 1 + strlen(value), ")") == 0;
}

#endif
