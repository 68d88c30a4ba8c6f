/* SPDX-License-Identifier: MIT */
/* Which version this is, and what it runs with: the libraries that were loaded, not those it was built with. */
#include <idn2.h>
#include <openssl/crypto.h>
#include <string.h>
#include <zlib.h>

#include "cli/private.h"
#include "loop/library.h"

/* The Makefile says which version this is. */
#ifndef AW_VERSION
#define AW_VERSION "unknown"
#endif

/* libwebsockets' begins with its number; behind a '-' is what it was built from. */
void
aw_opt_version(const struct aw_opt_program *program, FILE *out)
{
        const char *loop = aw_loop_library();

        fprintf(out, "%s %s\n", program->name, AW_VERSION);
        fprintf(out, "libwebsockets/%.*s OpenSSL/%s zlib/%s libidn2/%s\n", (int)strcspn(loop, "-"),
                loop, OpenSSL_version(OPENSSL_VERSION_STRING), zlibVersion(),
                idn2_check_version(NULL));
        fputs("loops:", out);
        aw_loop_list_backends(out);
        putc('\n', out);
}
