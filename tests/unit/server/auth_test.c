/* SPDX-License-Identifier: MIT */
/* Wraps: calloc RAND_bytes HMAC EVP_DecodeBlock aw_thread_pool_create. */
/* Basic authentication: which fields are credentials, who is let in, and who is told to wait. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth.h"
#include "await/executor.h"
#include "unit/support.h"

static const char *failing = "";

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
        return strcmp(failing, "calloc") == 0 ? NULL : __real_calloc(count, size);
}

static int secrets; /* that were made */

int __real_RAND_bytes(unsigned char *to, int count);
int __wrap_RAND_bytes(unsigned char *to, int count);
unsigned char *__real_HMAC(const EVP_MD *kind, const void *key, int key_size,
                           const unsigned char *data, size_t size, unsigned char *out,
                           unsigned *out_size);
unsigned char *__wrap_HMAC(const EVP_MD *kind, const void *key, int key_size,
                           const unsigned char *data, size_t size, unsigned char *out,
                           unsigned *out_size);
int __real_EVP_DecodeBlock(unsigned char *to, const unsigned char *from, int count);
int __wrap_EVP_DecodeBlock(unsigned char *to, const unsigned char *from, int count);
struct aw_executor *__real_aw_thread_pool_create(const struct aw_thread_pool_options *options);
struct aw_executor *__wrap_aw_thread_pool_create(const struct aw_thread_pool_options *options);

int
__wrap_RAND_bytes(unsigned char *to, int count)
{
        secrets++;
        return strcmp(failing, "RAND_bytes") == 0 ? 0 : __real_RAND_bytes(to, count);
}

unsigned char *
__wrap_HMAC(const EVP_MD *kind, const void *key, int key_size, const unsigned char *data,
            size_t size, unsigned char *out, unsigned *out_size)
{
        return strcmp(failing, "HMAC") == 0
                       ? NULL
                       : __real_HMAC(kind, key, key_size, data, size, out, out_size);
}

int
__wrap_EVP_DecodeBlock(unsigned char *to, const unsigned char *from, int count)
{
        return strcmp(failing, "EVP_DecodeBlock") == 0 ? -1
                                                       : __real_EVP_DecodeBlock(to, from, count);
}

struct aw_executor *
__wrap_aw_thread_pool_create(const struct aw_thread_pool_options *options)
{
        return strcmp(failing, "aw_thread_pool_create") == 0
                       ? NULL
                       : __real_aw_thread_pool_create(options);
}

/* One user, "me:secret", whose hash costs next to nothing. */
static struct passwords *
read_users(const char *password)
{
        char path[] = "/tmp/auth_test.XXXXXX", sentence[PASSWORDS_SENTENCE], setting[] = "$1$salt$";
        struct crypt_data *data = __real_calloc(1, sizeof(*data));
        struct passwords *passwords;
        FILE *file = fdopen(mkstemp(path), "w");

        fprintf(file, "me:%s\n", crypt_r(password, setting, data));
        fclose(file);
        passwords = passwords_read(path, sentence);
        unlink(path);
        free(data);
        expect(passwords != NULL);
        return passwords;
}

#define RIGHT "Basic bWU6c2VjcmV0"
#define WRONG "Basic bWU6U2VjcmV0" /* me:Secret */

/* The answer to a request with this field, or without one. */
static struct ws_answer answer;

static struct ws_request
request_with(struct ws_field fields[2], const char *value)
{
        fields[0] = (struct ws_field){"authorization", value};
        return (struct ws_request){
                .peer = "me", .fields = fields, .field_count = value == NULL ? 0 : 1};
}

static enum auth_verdict
look(struct auth *auth, const char *value)
{
        struct ws_field fields[2];
        struct ws_request request = request_with(fields, value);

        answer = (struct ws_answer){.status = 101};
        return auth_look(auth, &request, &answer);
}

static async bool
decide(struct auth *auth, const char *value)
{
        struct ws_field fields[2];
        struct ws_request request = request_with(fields, value);

        answer = (struct ws_answer){.status = 101};
        return await(auth_decide(auth, &request, &answer));
}

static void
expect_login(void)
{
        expect_int(answer.status, 401);
        expect_int((long long)answer.field_count, 1);
        expect(strcmp(answer.fields[0],
                      "WWW-Authenticate: Basic realm=\"wsechod\", charset=\"UTF-8\"") == 0);
        expect(strcmp(answer.body, "401 Unauthorized: this server wants a user and a password\n") ==
               0);
}

static void
expect_busy(void)
{
        expect_int(answer.status, 503);
        expect_int((long long)answer.field_count, 1);
        expect(strcmp(answer.fields[0], "Retry-After: 2") == 0);
        expect(strcmp(answer.body,
                      "503 Service Unavailable: too many passwords wait to be looked at\n") == 0);
}

static async int
what_is_no_credentials_is_refused_at_once(NOTHING)
{
        static const char *const wrong[] = {"Basic",
                                            "Basic ",
                                            "Basi bWU6c2VjcmV0",
                                            "Bearer bWU6c2VjcmV0",
                                            "Basic bWU6c2Vj=",
                                            "Basic bWU6c2V",
                                            "Basic bWU6c2V-",
                                            "Basic bWU6====",
                                            "Basic bWU6=2V0",
                                            "Basic bWU7",
                                            "Basic bWU6AA==",
                                            "Basic bWU6c2VjcmV0 ",
                                            "BasicbWU6c2VjcmV0"};
        static const char *const right[] = {RIGHT,
                                            "bAsIc   bWU6c2VjcmV0",
                                            "Basic bWU6",
                                            "Basic bWU6cw==",
                                            "Basic bWU6c3M=",
                                            "Basic Og=="};
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret");

        expect_int(look(&auth, NULL), AUTH_IN);
        expect_int(answer.status, 101);
        auth_use(&auth, passwords);
        expect_int(look(&auth, NULL), AUTH_REFUSED);
        expect_login();
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                if (!expect(look(&auth, wrong[i]) == AUTH_REFUSED))
                        print_error("'%s'\n", wrong[i]);
                expect_login();
        }
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
                if (!expect(look(&auth, right[i]) == AUTH_LATER))
                        print_error("'%s'\n", right[i]);
        expect_int(answer.status, 101);
        auth_use(&auth, NULL);
        expect_int(look(&auth, NULL), AUTH_IN);
        auth_close(&auth);
        passwords_free(passwords);
        return 0;
}

/* 600 bytes of them, which are 800 in base64. */
static async int
credentials_have_a_longest_length(NOTHING)
{
        char field[820] = "Basic bWU6";
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret");

        auth_use(&auth, passwords);
        memset(field + 10, 'z', 796);
        expect_int(look(&auth, field), AUTH_LATER);
        strcat(field, "zzzz");
        expect_int(look(&auth, field), AUTH_REFUSED);
        auth_close(&auth);
        passwords_free(passwords);
        return 0;
}

static async int
two_fields_are_none(NOTHING)
{
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret");
        struct ws_field fields[2];
        struct ws_request request = request_with(fields, RIGHT);

        auth_use(&auth, passwords);
        fields[1] = fields[0];
        expect_int(auth_look(&auth, &request, &answer), AUTH_LATER);
        request.field_count = 2;
        expect_int(auth_look(&auth, &request, &answer), AUTH_REFUSED);
        auth_close(&auth);
        passwords_free(passwords);
        return 0;
}

static async int
who_was_right_is_remembered_until_there_are_others(NOTHING)
{
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret"), *others = read_users("other");

        auth_use(&auth, passwords);
        expect_int(await(decide(&auth, RIGHT)), true);
        expect_int(answer.status, 101);
        expect_int(auth.waiting, 0);
        expect_int(look(&auth, RIGHT), AUTH_IN);
        expect_int(look(&auth, WRONG), AUTH_LATER);
        expect_int(await(decide(&auth, WRONG)), false);
        expect_login();
        expect_log("me: wrong user or password");
        expect_int(look(&auth, WRONG), AUTH_LATER);
        /* "you:secret": nobody. */
        expect_int(await(decide(&auth, "Basic eW91OnNlY3JldA==")), false);
        expect_login();
        expect_log("me: wrong user or password");
        auth_use(&auth, others);
        expect_int(look(&auth, RIGHT), AUTH_LATER);
        expect_int(await(decide(&auth, RIGHT)), false);
        expect_log("me: wrong user or password");
        auth_close(&auth);
        passwords_free(passwords);
        passwords_free(others);
        return 0;
}

struct asking {
        struct auth auth;
        bool let_in;
};

static async int
ask(void *argument)
{
        struct asking *asking = argument;

        asking->let_in = await(decide(&asking->auth, RIGHT));
        return 0;
}

/* Who was looked at by an old file is let in, but is no proof of what the new one says. */
static async int
a_file_that_changes_meanwhile_is_asked_the_next_time(NOTHING)
{
        struct asking asking = {.let_in = false};
        struct passwords *passwords = read_users("secret"), *others = read_users("other");
        struct aw_task *task;

        auth_use(&asking.auth, passwords);
        task = aw_spawn("ask", ask, &asking);
        await(aw_sleep(0));
        expect_int(asking.auth.waiting, 1);
        auth_use(&asking.auth, others);
        expect_int(await(aw_join(task)), 0);
        expect(asking.let_in);
        expect_int(asking.auth.waiting, 0);
        expect_int(look(&asking.auth, RIGHT), AUTH_LATER);
        auth_close(&asking.auth);
        passwords_free(passwords);
        passwords_free(others);
        return 0;
}

static async int
over_the_bound_of_those_that_wait_others_are_to_come_again(NOTHING)
{
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret");

        auth_use(&auth, passwords);
        auth.waiting = AUTH_QUEUE - 1;
        expect_int(AUTH_QUEUE, 32);
        expect_int(look(&auth, RIGHT), AUTH_LATER);
        auth.waiting = AUTH_QUEUE;
        expect_int(look(&auth, RIGHT), AUTH_REFUSED);
        expect_busy();
        /* What is wrong for sure is so however many wait. */
        expect_int(look(&auth, "Basic"), AUTH_REFUSED);
        expect_login();
        auth.waiting = 0;
        auth_close(&auth);
        passwords_free(passwords);
        return 0;
}

static async int
without_memory_nobody_is_let_in(NOTHING)
{
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret");
        bool let_in;

        failing = "calloc";
        auth_use(&auth, passwords);
        expect(auth.remembered == NULL);
        let_in = await(decide(&auth, RIGHT));
        failing = "";
        expect(!let_in);
        expect_busy();
        expect_int(auth.waiting, 0);
        /* Nothing can be remembered, so it is looked at each time. */
        expect_int(await(decide(&auth, RIGHT)), true);
        expect_int(look(&auth, RIGHT), AUTH_LATER);
        auth_close(&auth);
        expect(auth.passwords == NULL);
        passwords_free(passwords);
        return 0;
}

/* Who is right is looked at each time. */
static async int
without_a_secret_or_a_digest_nobody_is_remembered(NOTHING)
{
        static const char *const names[] = {"RAND_bytes", "HMAC"};
        struct passwords *passwords = read_users("secret");

        for (size_t i = 0; i < 2; i++) {
                struct auth auth = {.waiting = 0};

                failing = names[i];
                auth_use(&auth, passwords);
                expect_int(auth.remembered != NULL, i == 1);
                expect_int(await(decide(&auth, RIGHT)), true);
                expect_int(look(&auth, RIGHT), AUTH_LATER);
                failing = "";
                expect_int(look(&auth, RIGHT), AUTH_LATER);
                auth_close(&auth);
        }
        passwords_free(passwords);
        return 0;
}

static async int
a_secret_is_made_when_somebody_has_a_password(NOTHING)
{
        static const unsigned char none[AUTH_DIGEST];
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret");

        secrets = 0;
        auth_use(&auth, NULL);
        expect(auth.remembered == NULL);
        expect_int(secrets, 0);
        auth_use(&auth, passwords);
        expect_int(secrets, 1);
        expect(auth.remembered != NULL);
        expect(memcmp(auth.secret, none, sizeof(none)) != 0);
        auth_use(&auth, NULL);
        expect(auth.remembered == NULL && auth.passwords == NULL);
        expect_int(secrets, 1);
        auth_close(&auth);
        passwords_free(passwords);
        return 0;
}

static async int
without_threads_nobody_is_let_in(NOTHING)
{
        struct auth auth = {.waiting = 0};
        struct passwords *passwords = read_users("secret");

        auth_use(&auth, passwords);
        failing = "aw_thread_pool_create";
        expect_int(await(decide(&auth, RIGHT)), false);
        expect_busy();
        expect_int(auth.waiting, 0);
        failing = "EVP_DecodeBlock";
        expect_int(look(&auth, RIGHT), AUTH_REFUSED);
        expect_login();
        failing = "";
        expect_int(await(decide(&auth, RIGHT)), true);
        auth_close(&auth);
        passwords_free(passwords);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_is_no_credentials_is_refused_at_once),
                on_loop(credentials_have_a_longest_length),
                on_loop(two_fields_are_none),
                on_loop(who_was_right_is_remembered_until_there_are_others),
                on_loop(a_file_that_changes_meanwhile_is_asked_the_next_time),
                on_loop(over_the_bound_of_those_that_wait_others_are_to_come_again),
                on_loop(without_memory_nobody_is_let_in),
                on_loop(without_a_secret_or_a_digest_nobody_is_remembered),
                on_loop(a_secret_is_made_when_somebody_has_a_password),
                on_loop(without_threads_nobody_is_let_in),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
