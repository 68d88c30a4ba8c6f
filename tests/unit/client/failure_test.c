/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: client_dies_of_pipe ws_info ws_peer ws_peer_close ws_problem. */
/* What is said when something went wrong, and which exit status that is. */
#include "connect.h"
#include "unit/client/balance.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/support.h"

static bool dies;
bool __wrap_client_dies_of_pipe(void);

bool
__wrap_client_dies_of_pipe(void)
{
        return dies;
}

static int
begin(void **state)
{
        (void)state;
        peer_close = (struct ws_peer_close){.code = 0};
        peer_problem = NULL;
        dies = true;
        said_begin();
        return 0;
}

static void
fails(int error, enum client_status status, const char *words)
{
        said_begin();
        assert_int_equal(client_failed(peer_ws(), error), status);
        assert_string_equal(said, words);
}

static void
a_connection_ends_with_a_reason(void **state)
{
        (void)state;
        fails(EMSGSIZE, CLIENT_CLOSED,
              "wsecho: closed: a message from 192.0.2.1:7681 is over the limit: raise it with "
              "--max-message\n");
        fails(EPROTO, CLIENT_CLOSED,
              "wsecho: closed: 192.0.2.1:7681 broke the WebSocket protocol: TLS\n");
        peer_problem = "a masked frame";
        fails(EPROTO, CLIENT_CLOSED,
              "wsecho: closed: 192.0.2.1:7681 broke the WebSocket protocol: a masked frame\n");
        fails(ENOMEM, CLIENT_LOCAL, "wsecho: Cannot allocate memory\n");
        fails(ETIMEDOUT, CLIENT_TIMEOUT,
              "wsecho: time-out: 192.0.2.1:7681 does not take what is sent\n");
        fails(EPIPE, CLIENT_CLOSED, "wsecho: the connection to 192.0.2.1:7681 was lost (1006)\n");
        peer_close.code = 1006;
        fails(EPIPE, CLIENT_CLOSED, "wsecho: the connection to 192.0.2.1:7681 was lost (1006)\n");
        peer_close.cut_off = true;
        fails(EPIPE, CLIENT_CLOSED,
              "wsecho: the connection to 192.0.2.1:7681 was lost (1006), in the middle of a "
              "message\n");
        peer_info.limit = WS_LIMIT_PING_TIMEOUT;
        fails(EPIPE, CLIENT_CLOSED,
              "wsecho: the connection to 192.0.2.1:7681 was lost (1006), for it did not answer "
              "pings, in the middle of a message\n");
        peer_close.cut_off = false;
        fails(EPIPE, CLIENT_CLOSED,
              "wsecho: the connection to 192.0.2.1:7681 was lost (1006), for it did not answer "
              "pings\n");
        peer_info.limit = WS_LIMIT_NONE;
        peer_close = (struct ws_peer_close){.code = 1000};
        fails(EPIPE, CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 1000\n");
        peer_close = (struct ws_peer_close){.code = 4000, .reason = "bye"};
        fails(EPIPE, CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 4000: bye\n");
}

static void
each_kind_of_refusal_has_its_status(void **state)
{
        static const struct {
                enum aw_error_kind kind;
                enum client_status status;
        } kinds[] = {
                {AW_ERROR_USAGE, CLIENT_USAGE},         {AW_ERROR_RESOLVE, CLIENT_CONNECTION},
                {AW_ERROR_CERTIFICATE, CLIENT_TLS},     {AW_ERROR_CONNECTION, CLIENT_CONNECTION},
                {AW_ERROR_SYSTEM, CLIENT_LOCAL},        {AW_ERROR_TLS, CLIENT_TLS},
                {AW_ERROR_HANDSHAKE, CLIENT_HANDSHAKE}, {AW_ERROR_TIMEOUT, CLIENT_TIMEOUT},
                {AW_ERROR_MEMORY, CLIENT_LOCAL},        {AW_ERROR_CANCELLED, CLIENT_LOCAL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                struct aw_error error = {.kind = kinds[i].kind, .text = "no"};

                said_begin();
                assert_int_equal(client_refused(&error, NULL), kinds[i].status);
                assert_string_equal(said,
                                    kinds[i].kind == AW_ERROR_CANCELLED ? "" : "wsecho: no\n");
        }
}

static struct client_options options;
static struct connector connector;

/* A refusal with this status and body says so much behind its sentence. */
static void
says(int status, const char *body, const char *more)
{
        struct aw_error error = {.kind = AW_ERROR_HANDSHAKE, .status = status, .text = "no"};
        char words[200];

        connector = (struct connector){.options = &options,
                                       .asked = (char *)(uintptr_t) "",
                                       .body = (char *)(uintptr_t)body};
        connector.url.text = connector.asked;
        said_begin();
        assert_int_equal(client_refused(&error, &connector), CLIENT_HANDSHAKE);
        snprintf(words, sizeof(words), "wsecho: no%s\n", more);
        assert_string_equal(said, words);
}

static void
a_body_is_said_in_one_line(void **state)
{
        (void)state;
        says(400, "why", "; it says \"why\"");
        says(400, "\r\n  why\t \n not  \n\t\r ", "; it says \"why not\"");
        says(400, "", "");
        says(400, " \r\n\t", "");
        says(400, "a", "; it says \"a\"");
        says(400, NULL, "");
        says(399, "why", "");
        says(200, "why", "");
}

/* What is said behind the sentence, as far as the options and the fields of the head are these. */
static void
cures(struct aw_error error, const char *cure)
{
        char words[200];

        error.kind = AW_ERROR_TLS;
        strcpy(error.text, "no");
        said_begin();
        client_refused(&error, &connector);
        snprintf(words, sizeof(words), "wsecho: no%s\n", cure);
        assert_string_equal(said, words);
}

static void
the_cure_is_one_that_was_not_tried(void **state)
{
        static char *fields[] = {(char *)(uintptr_t) "authorization: Basic x"};
        static char url[] = "ws://a", other[] = "ws://b";

        (void)state;
        options = (struct client_options){.url = "a"};
        connector = (struct connector){.options = &options, .asked = url, .url = {.text = url}};
        cures((struct aw_error){.cause = AW_CAUSE_NONE}, "");
        cures((struct aw_error){.cause = AW_CAUSE_REDIRECTED},
              ", without a Location: it does not say where to go");
        connector.location = url;
        cures((struct aw_error){.cause = AW_CAUSE_REDIRECTED}, ": use -L");
        cures((struct aw_error){.cause = AW_CAUSE_CREDENTIALS},
              ": --user NAME, or --bearer-file FILE");
        connector.identity = (struct identity){.fields = fields, .count = 1, .own = 1};
        cures((struct aw_error){.cause = AW_CAUSE_CREDENTIALS},
              ": the credentials that were given are refused");
        cures((struct aw_error){.cause = AW_CAUSE_ISSUER},
              ": --cacert FILE, or --insecure to take any");
        connector.url.text = other;
        cures((struct aw_error){.cause = AW_CAUSE_CREDENTIALS},
              ": --user NAME, or --bearer-file FILE");
        connector.url.text = url;
        connector.identity.own = 0;
        cures((struct aw_error){.cause = AW_CAUSE_CREDENTIALS},
              ": --user NAME, or --bearer-file FILE");
        cures((struct aw_error){.cause = AW_CAUSE_NAME}, ": use --servername or --resolve");
        options.network.resolve.count = 1;
        cures((struct aw_error){.cause = AW_CAUSE_NAME}, ": use --servername");
        cures((struct aw_error){.cause = AW_CAUSE_NAME, .of_proxy = true},
              ": give --proxy a name that it is for");
        options.tls.server_name = "a";
        cures((struct aw_error){.cause = AW_CAUSE_NAME},
              ": give --servername a name that it is for");
}

static void
a_broken_pipe_ends_it_without_a_word_unless_that_is_ignored(void **state)
{
        (void)state;
        errno = EPIPE;
        assert_int_equal(client_output_failed(), CLIENT_SIGNAL + SIGPIPE);
        assert_string_equal(said, "");
        dies = false;
        errno = EPIPE;
        assert_int_equal(client_output_failed(), CLIENT_LOCAL);
        assert_string_equal(said, "wsecho: standard output: Broken pipe\n");
        dies = true;
        said_begin();
        errno = ENOSPC;
        assert_int_equal(client_output_failed(), CLIENT_LOCAL);
        assert_string_equal(said, "wsecho: standard output: No space left on device\n");
}

#define with_words(test) cmocka_unit_test_setup_teardown(test, begin, said_end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_words(a_connection_ends_with_a_reason),
                with_words(each_kind_of_refusal_has_its_status),
                with_words(a_body_is_said_in_one_line),
                with_words(the_cure_is_one_that_was_not_tried),
                with_words(a_broken_pipe_ends_it_without_a_word_unless_that_is_ignored),
        };

        return run_balanced(tests, NULL);
}
