/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth.h"

#include "await/executor.h"
#include "await/log.h"

#define CREDENTIALS_MAX 600 /* bytes of USER:PASSWORD: crypt(3) takes 512 of a password */
#define ENCODED_MAX     ((CREDENTIALS_MAX + 2) / 3 * 4)

/* Answers. */

static enum auth_verdict
refuse_login(struct ws_answer *answer)
{
        static const char *const fields[] = {
                "WWW-Authenticate: Basic realm=\"wsechod\", charset=\"UTF-8\""};

        *answer = (struct ws_answer){
                .status = 401,
                .fields = fields,
                .field_count = 1,
                .body = "401 Unauthorized: this server wants a user and a password\n"};
        return AUTH_REFUSED;
}

static enum auth_verdict
refuse_busy(struct ws_answer *answer)
{
        static const char *const fields[] = {"Retry-After: 2"};

        *answer = (struct ws_answer){
                .status = 503,
                .fields = fields,
                .field_count = 1,
                .body = "503 Service Unavailable: too many passwords wait to be looked at\n"};
        return AUTH_REFUSED;
}

/* What was right before. */

void
auth_use(struct auth *auth, const struct passwords *passwords)
{
        auth->passwords = passwords;
        free(auth->remembered);
        auth->remembered = NULL;
        /* Without it each password is looked at each time. */
        if (passwords != NULL && RAND_bytes(auth->secret, sizeof(auth->secret)) == 1)
                auth->remembered = calloc(AUTH_REMEMBERED, AUTH_DIGEST);
        ERR_clear_error();
}

void
auth_close(struct auth *auth)
{
        aw_executor_release(auth->pool);
        free(auth->remembered);
        OPENSSL_cleanse(auth, sizeof(*auth));
}

/* The place where the field is kept, and its digest; NULL: that cannot be found out. */
static unsigned char *
remembered_place(const struct auth *auth, const char *field, unsigned char digest[AUTH_DIGEST])
{
        unsigned length = 0;

        if (auth->remembered == NULL)
                return NULL;
        if (HMAC(EVP_sha256(), auth->secret, sizeof(auth->secret), (const unsigned char *)field,
                 strlen(field), digest, &length) == NULL) {
                ERR_clear_error();
                return NULL;
        }
        return auth->remembered[(digest[0] << 8 | digest[1]) % AUTH_REMEMBERED];
}

static bool
is_remembered(const struct auth *auth, const char *field)
{
        unsigned char digest[AUTH_DIGEST];
        const unsigned char *place = remembered_place(auth, field, digest);

        return place != NULL && CRYPTO_memcmp(place, digest, AUTH_DIGEST) == 0;
}

static void
remember(const struct auth *auth, const char *field)
{
        unsigned char digest[AUTH_DIGEST], *place = remembered_place(auth, field, digest);

        if (place != NULL)
                memcpy(place, digest, AUTH_DIGEST);
}

/* The field. */

static const char *
field_of(const struct ws_request *request)
{
        const char *field = ws_request_field(request, "Authorization", 0);

        return field != NULL && ws_request_field(request, "Authorization", 1) == NULL &&
                               strncasecmp(field, "Basic ", 6) == 0
                       ? field
                       : NULL;
}

/* Takes "Basic BASE64" apart into user and password, which lie in `out`; NULL: it is none. */
static char *
decode_credentials(const char *field, char out[CREDENTIALS_MAX + 3])
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *text = field + 6 + strspn(field + 6, " ");
        size_t length = strlen(text), body = strspn(text, digits), padding = length - body;
        char *colon;
        int size;

        if (length == 0 || length > ENCODED_MAX || length % 4 != 0 || padding > 2 ||
            strspn(text + body, "=") != padding)
                return NULL;
        size = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)length);
        if (size < 0)
                return NULL;
        size -= (int)padding;
        out[size] = '\0';
        colon = strchr(out, ':');
        if (colon == NULL || strlen(out) != (size_t)size)
                return NULL;
        *colon = '\0';
        return colon + 1;
}

enum auth_verdict
auth_look(struct auth *auth, const struct ws_request *request, struct ws_answer *answer)
{
        const char *field = field_of(request);
        char credentials[CREDENTIALS_MAX + 3];
        bool right;

        if (auth->passwords == NULL)
                return AUTH_IN;
        right = field != NULL && decode_credentials(field, credentials) != NULL;
        OPENSSL_cleanse(credentials, sizeof(credentials));
        if (!right)
                return refuse_login(answer);
        if (is_remembered(auth, field))
                return AUTH_IN;
        return auth->waiting >= AUTH_QUEUE ? refuse_busy(answer) : AUTH_LATER;
}

/* In a thread. */

struct check {
        char credentials[CREDENTIALS_MAX + 3];
        const char *password; /* in there */
        char hash[PASSWORDS_HASH];
        bool known; /* the user is */
};

static void
forget_check(void *argument)
{
        OPENSSL_cleanse(argument, sizeof(struct check));
        free(argument);
}

static int
check_password(void *argument, void **result)
{
        struct check *check = argument;
        bool right = passwords_match(check->password, check->hash) && check->known;

        (void)result;
        forget_check(check);
        return right ? 1 : 0;
}

/* NULL: no memory. */
static struct check *
prepare(const struct auth *auth, const char *field)
{
        struct check *check = calloc(1, sizeof(*check));

        if (check == NULL)
                return NULL;
        check->password = decode_credentials(field, check->credentials);
        if (auth->passwords != NULL && check->password != NULL)
                check->known = passwords_find(auth->passwords, check->credentials, check->hash);
        return check;
}

static struct aw_executor *
pool_of(struct auth *auth)
{
        struct aw_thread_pool_options options = {.max_workers = AUTH_THREADS,
                                                 .thread_name_prefix = "passwords"};

        if (auth->pool == NULL)
                auth->pool = aw_thread_pool_create(&options);
        return auth->pool;
}

async bool
auth_decide(struct auth *auth, const struct ws_request *request, struct ws_answer *answer)
{
        const struct passwords *passwords = auth->passwords;
        const char *field = field_of(request);
        struct aw_job job = {
                .run = check_password, .argument = prepare(auth, field), .discard = forget_check};
        struct aw_executor *pool = pool_of(auth);
        int result = -1;

        auth->waiting++;
        if (job.argument != NULL && pool != NULL)
                result = await(aw_run_in_executor(pool, &job, NULL));
        else if (job.argument != NULL)
                forget_check(job.argument);
        auth->waiting--;
        if (result == 1) {
                /* Unless there is another file by now. */
                if (auth->passwords == passwords)
                        remember(auth, field);
                return true;
        }
        if (result == 0) {
                aw_log_limited(AW_LOG_INFO, "%s: wrong user or password", request->peer);
                refuse_login(answer);
        } else {
                refuse_busy(answer);
        }
        return false;
}
