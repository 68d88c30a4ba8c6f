/* SPDX-License-Identifier: MIT */
/* A server's context: its certificates, of which the client's name (SNI) chooses, and its clients'. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

static const unsigned char alpn_protocols[] = "\x08http/1.1";
#define ALPN_LENGTH ((unsigned)sizeof(alpn_protocols) - 1)

static int
select_protocol(SSL *ssl, const unsigned char **out, unsigned char *length,
                const unsigned char *offered, unsigned int offered_length, void *argument)
{
        unsigned char *chosen;

        (void)ssl;
        (void)argument;
        if (SSL_select_next_proto(&chosen, length, alpn_protocols, ALPN_LENGTH, offered,
                                  offered_length) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        *out = chosen;
        return SSL_TLSEXT_ERR_OK;
}

/* Certificates. */

struct aw_tls_identity *
aw_tls_identity_last(const struct aw_tls_context *context)
{
        return &context->identities[context->identity_count - 1];
}

/* Room for one more, which has no certificate yet. 0, or -1 and *error. */
static int
add_identity(struct aw_tls_context *context, SSL_CTX *ssl, struct aw_error *error)
{
        struct aw_tls_identity *identities =
                ssl == NULL ? NULL
                            : realloc(context->identities,
                                      (context->identity_count + 1) * sizeof(*identities));

        if (identities == NULL) {
                SSL_CTX_free(ssl);
                return aw_tls_error_set(error, ENOMEM, "out of memory");
        }
        context->identities = identities;
        identities[context->identity_count++] = (struct aw_tls_identity){.ssl = ssl};
        return 0;
}

void
aw_tls_identities_free(struct aw_tls_context *context)
{
        while (context->identity_count > 0) {
                struct aw_tls_identity *last = aw_tls_identity_last(context);

                SSL_CTX_free(last->ssl);
                free(last->staple);
                context->identity_count--;
        }
        free(context->identities);
}

/* A context whose first certificate is still to come. */
static struct aw_tls_context *
create_server(struct aw_error *error)
{
        struct aw_tls_context *context = aw_tls_context_create(TLS_server_method(), true, error);

        if (context == NULL)
                return NULL;
        SSL_CTX_set_alpn_select_cb(context->ssl, select_protocol, NULL);
        SSL_CTX_set_num_tickets(context->ssl, 1);
        SSL_CTX_up_ref(context->ssl);
        if (add_identity(context, context->ssl, error) == 0)
                return context;
        aw_tls_context_unref(context);
        return NULL;
}

struct aw_tls_context *
aw_tls_context_server(const char *cert_file, const char *key_file, struct aw_error *error)
{
        struct aw_tls_context *context = create_server(error);
        bool none = cert_file == NULL && key_file == NULL;

        if (context != NULL &&
            (none ? aw_tls_certificate_make(context->ssl, error)
                  : aw_tls_certificate_load(context->ssl, cert_file, key_file, error)) == -1) {
                aw_tls_context_unref(context);
                return NULL;
        }
        ERR_clear_error();
        return context;
}

struct aw_tls_context *
aw_tls_context_again(const struct aw_tls_context *context, struct aw_error *error)
{
        STACK_OF(X509) *chain = NULL;
        struct aw_tls_context *again = create_server(error);

        if (again == NULL)
                return NULL;
        SSL_CTX_get0_chain_certs(context->ssl, &chain);
        if (SSL_CTX_use_cert_and_key(again->ssl, SSL_CTX_get0_certificate(context->ssl),
                                     SSL_CTX_get0_privatekey(context->ssl), chain, 1) == 1)
                return again;
        aw_tls_context_unref(again);
        aw_tls_error_set(error, EINVAL, "OpenSSL: %s", aw_tls_error_reason());
        return NULL;
}

/* Whether a client that asks for the name takes the certificate. */
static bool
is_for(const struct aw_tls_identity *identity, const char *name)
{
        return X509_check_host(SSL_CTX_get0_certificate(identity->ssl), name, 0,
                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static bool
show_identity(SSL *ssl, const struct aw_tls_identity *identity)
{
        STACK_OF(X509) *chain = NULL;

        return SSL_CTX_get0_chain_certs(identity->ssl, &chain) == 1 &&
               SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(identity->ssl),
                                    SSL_CTX_get0_privatekey(identity->ssl), chain, 1) == 1;
}

/*
 * All that are for the name: with keys of different kinds, OpenSSL takes the one that the client can
 * use. Of the same kind the first one wins, so it is the last to be put there.
 */
static int
choose_identity(SSL *ssl, void *argument)
{
        const struct aw_tls_context *context = argument;
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        bool chosen = false;

        for (size_t i = context->identity_count; i-- > 0 && name != NULL;) {
                if (!is_for(&context->identities[i], name))
                        continue;
                if (!chosen)
                        SSL_certs_clear(ssl);
                chosen = true;
                if (!show_identity(ssl, &context->identities[i]))
                        return 0;
        }
        return 1;
}

int
aw_tls_context_add(struct aw_tls_context *context, const char *cert_file, const char *key_file,
                   struct aw_error *error)
{
        if (!context->server)
                return aw_tls_error_set(error, EINVAL, "a client has one certificate");
        if (add_identity(context, SSL_CTX_new(TLS_server_method()), error) == -1 ||
            aw_tls_certificate_load(aw_tls_identity_last(context)->ssl, cert_file, key_file,
                                    error) == -1)
                return -1;
        SSL_CTX_set_cert_cb(context->ssl, choose_identity, context);
        ERR_clear_error();
        return 0;
}

int
aw_tls_context_restrict(struct aw_tls_context *context, const char *min_version,
                        const char *ciphers, struct aw_error *error)
{
        if (aw_tls_policy_versions(context->ssl, min_version, NULL, error) == -1 ||
            aw_tls_policy_ciphers(context->ssl, ciphers, error) == -1)
                return -1;
        ERR_clear_error();
        return 0;
}

/* Clients' certificates. */

/* Called with the client's chain: 1 takes it. */
static int
judge_client(X509_STORE_CTX *store, void *unused)
{
        const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

        (void)unused;
        if (X509_verify_cert(store) == 1)
                return 1;
        aw_tls_refusal_explain(SSL_get_app_data(ssl), store);
        return 0;
}

/* A session that goes on is the client's of its certificate, for as long as that is valid. */
static SSL_TICKET_RETURN
judge_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length,
             SSL_TICKET_STATUS status, void *unused)
{
        const X509 *client = session == NULL ? NULL : SSL_SESSION_get0_peer(session);

        (void)ssl;
        (void)name;
        (void)length;
        (void)unused;
        if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
                return SSL_TICKET_RETURN_IGNORE_RENEW;
        if (client != NULL && X509_cmp_current_time(X509_get0_notAfter(client)) < 0)
                return SSL_TICKET_RETURN_IGNORE_RENEW;
        return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/*
 * Sessions go on only where the same authorities are trusted, and as much is demanded: their tickets
 * say for which that was.
 */
static int
set_session_context(SSL_CTX *ssl, bool required)
{
        const STACK_OF(X509_OBJECT) *trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ssl));
        unsigned char digest[EVP_MAX_MD_SIZE], one[EVP_MAX_MD_SIZE];
        EVP_MD_CTX *hash = EVP_MD_CTX_new();
        unsigned length = 0;
        bool good = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                    EVP_DigestUpdate(hash, required ? "1" : "0", 1) == 1;

        for (int i = 0; i < sk_X509_OBJECT_num(trusted) && good; i++) {
                const X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i));

                good = authority == NULL ||
                       (X509_digest(authority, EVP_sha256(), one, &length) == 1 &&
                        EVP_DigestUpdate(hash, one, length) == 1);
        }
        good = good && EVP_DigestFinal_ex(hash, digest, &length) == 1 &&
               SSL_CTX_set_session_id_context(ssl, digest, length) == 1;
        EVP_MD_CTX_free(hash);
        return good ? 0 : -1;
}

int
aw_tls_context_ask_clients(struct aw_tls_context *context, const char *ca_file, bool required,
                           struct aw_error *error)
{
        SSL_CTX *ssl = context->ssl;
        STACK_OF(X509_NAME) * names;

        if (!context->server)
                return aw_tls_error_set(error, EINVAL, "a client does not ask for certificates");
        if (aw_tls_certificate_trust(ssl, ca_file, error) == -1)
                return -1;
        names = SSL_load_client_CA_file(ca_file);
        if (names == NULL || set_session_context(ssl, required) == -1 ||
            SSL_CTX_set_session_ticket_cb(ssl, NULL, judge_ticket, NULL) != 1) {
                sk_X509_NAME_pop_free(names, X509_NAME_free);
                return aw_tls_error_set(error, ENOMEM, "OpenSSL: %s", aw_tls_error_reason());
        }
        /* The context now owns the names. */
        SSL_CTX_set_client_CA_list(ssl, names);
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           NULL);
        SSL_CTX_set_cert_verify_callback(ssl, judge_client, NULL);
        ERR_clear_error();
        return 0;
}
