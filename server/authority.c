/* SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "authority.h"

/* The last certificate, or NULL. */
static X509 *
read_last(FILE *in)
{
        X509 *last = NULL, *next;

        while ((next = PEM_read_X509(in, NULL, NULL, NULL)) != NULL) {
                X509_free(last);
                last = next;
        }
        return last;
}

static char *
write_pem(X509 *certificate)
{
        BIO *out = BIO_new(BIO_s_mem());
        const char *data;
        char *text = NULL;
        long length;

        if (out != NULL && PEM_write_bio_X509(out, certificate) == 1) {
                length = BIO_get_mem_data(out, &data);
                text = strndup(data, (size_t)length);
        }
        BIO_free(out);
        return text;
}

char *
authority_read(const char *file)
{
        FILE *in = fopen(file, "re");
        X509 *last = in == NULL ? NULL : read_last(in);
        char *text = NULL;

        if (last != NULL && X509_check_ca(last) == 1 && X509_self_signed(last, 1) == 1)
                text = write_pem(last);
        X509_free(last);
        if (in != NULL)
                fclose(in);
        ERR_clear_error();
        return text;
}
