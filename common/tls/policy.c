/* SPDX-License-Identifier: MIT */
/* What a context speaks: versions and cipher suites, for those who want others than our policy. */
#include <errno.h>
#include <string.h>

#include "tls/private.h"

/* A version's number, 0 for no bound, or -1. */
static int
version_of(const char *text)
{
        if (text == NULL)
                return 0;
        if (strcmp(text, "1.2") == 0)
                return TLS1_2_VERSION;
        return strcmp(text, "1.3") == 0 ? TLS1_3_VERSION : -1;
}

int
aw_tls_policy_versions(SSL_CTX *ssl, const char *least, const char *most, struct aw_error *error)
{
        int low = version_of(least), high = version_of(most);

        if (low == -1 || high == -1)
                return aw_tls_error_set(error, EINVAL, "'%.20s' is no version of TLS: 1.2 or 1.3",
                                        low == -1 ? least : most);
        if (high != 0 && low > high)
                return aw_tls_error_set(error, EINVAL, "no version of TLS is from %s to %s", least,
                                        most);
        if ((low != 0 && SSL_CTX_set_min_proto_version(ssl, low) != 1) ||
            SSL_CTX_set_max_proto_version(ssl, high) != 1)
                return aw_tls_error_set(error, EINVAL, "OpenSSL: %s", aw_tls_error_reason());
        return 0;
}

/* Appends a name, of so many bytes, to the list of those of its kind. */
static void
add_cipher(char *list, const char *name, size_t length)
{
        size_t end = strlen(list);

        if (end > 0)
                list[end++] = ':';
        memcpy(list + end, name, length);
        list[end + length] = '\0';
}

/* OpenSSL keeps two lists, of which each has names that the other does not know. */
int
aw_tls_policy_ciphers(SSL_CTX *ssl, const char *names, struct aw_error *error)
{
        char suites[1024] = "", ciphers[1024] = "";
        size_t length;

        if (names == NULL)
                return 0;
        if (strlen(names) >= sizeof(suites))
                return aw_tls_error_set(error, EINVAL, "the list of ciphers is too long");
        for (const char *at = names; *at != '\0'; at += length + (at[length] != '\0')) {
                length = strcspn(at, ":");
                if (length > 0)
                        add_cipher(strncmp(at, "TLS_", 4) == 0 ? suites : ciphers, at, length);
        }
        if ((suites[0] == '\0' && ciphers[0] == '\0') ||
            (suites[0] != '\0' && SSL_CTX_set_ciphersuites(ssl, suites) != 1) ||
            (ciphers[0] != '\0' && SSL_CTX_set_cipher_list(ssl, ciphers) != 1))
                return aw_tls_error_set(error, EINVAL,
                                        "'%.100s' has a cipher that OpenSSL does not know: see "
                                        "`openssl ciphers -s`",
                                        names);
        return 0;
}
