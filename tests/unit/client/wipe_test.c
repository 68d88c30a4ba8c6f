/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: aw_tls_context_client_with explicit_bzero __explicit_bzero_chk. */
/* What is secret is overwritten before its memory is freed. */
#include "await/tls.h"
#include "identity.h"
#include "network.h"
#include "unit/support.h"
#include "url.h"

static char wiped[400]; /* texts, each with '|' */

struct aw_tls_context *__wrap_aw_tls_context_client_with(const struct aw_tls_client_options *tls,
                                                         struct aw_error *error);
void __wrap_explicit_bzero(void *data, size_t length);
void __wrap___explicit_bzero_chk(void *data, size_t length, size_t size);

struct aw_tls_context *
__wrap_aw_tls_context_client_with(const struct aw_tls_client_options *tls, struct aw_error *error)
{
        assert_string_equal(tls->passphrase, "secret");
        aw_error_set(error, AW_ERROR_CERTIFICATE, EINVAL, "no context");
        return NULL;
}

void
__wrap_explicit_bzero(void *data, size_t length)
{
        strncat(wiped, data, length);
        strcat(wiped, "|");
        memset(data, 0, length);
}

/* With optimisation the C library's header makes the above of it. */
void
__wrap___explicit_bzero_chk(void *data, size_t length, size_t size)
{
        assert_true(length <= size);
        __wrap_explicit_bzero(data, length);
}

static void
has_wiped(const char *texts)
{
        assert_string_equal(wiped, texts);
        wiped[0] = '\0';
}

static struct client_options options;
static struct aw_error error;

static void
make_identity(const char *user, const char *password, const char *field, const char *before)
{
        struct identity identity;

        assert_int_equal(identity_make(&identity, &options, user, password, &error), 0);
        has_wiped(before);
        identity_free(&identity);
        has_wiped(field);
}

static void
a_password_of_a_url(void **state)
{
        struct url url;

        (void)state;
        assert_int_equal(url_read(&url, "ws://joe:secret@host/", &error), 0);
        has_wiped("");
        url_free(&url);
        has_wiped("secret|");
        options_init(&options);
        make_identity("joe", "secret", "Authorization: Basic am9lOnNlY3JldA==|", "joe:secret|");
}

static void
a_password_of_an_option(void **state)
{
        (void)state;
        options_init(&options);
        options.handshake.user = "joe:secret";
        make_identity(NULL, NULL, "Authorization: Basic am9lOnNlY3JldA==|", "joe:secret|secret|");
        options_init(&options);
        options.copies = calloc(1, sizeof(*options.copies));
        options.copies[options.copy_count++] = strdup("joe:secret");
        options_free(&options);
        has_wiped("joe:secret|");
}

static void
a_token_and_a_passphrase_of_a_file(void **state)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX";
        int fd = mkstemp(path);

        (void)state;
        assert_int_equal(write(fd, "secret\n", 7), 7);
        close(fd);
        options_init(&options);
        options.handshake.bearer_file = path;
        make_identity(NULL, NULL, "Authorization: Bearer secret|", "secret|");
        options.tls.pass_file = path;
        assert_null(network_tls(&options.tls, true, &error));
        assert_string_equal(error.text, "no context");
        has_wiped("secret|");
        unlink(path);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_password_of_a_url),
                cmocka_unit_test(a_password_of_an_option),
                cmocka_unit_test(a_token_and_a_passphrase_of_a_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
