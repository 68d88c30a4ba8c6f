/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ws/codec_private.h"
#include "ws/deflate_offer_private.h"

#define NAME  "permessage-deflate"
#define FIELD "Sec-WebSocket-Extensions"

#define BITS_DEFAULT WS_CODEC_BITS_MAX
#define ANY_BITS     (-1) /* client_max_window_bits without a value: the server may choose */

/* The parameters of an offer or an answer, in the order of the table. */
enum { SERVER_FORGETS, CLIENT_FORGETS, SERVER_BITS, CLIENT_BITS, PARAMETERS };
static const struct {
        const char *name;
        bool bits; /* the value is a number of bits; else there is none */
} table[PARAMETERS] = {
        {"server_no_context_takeover", false},
        {"client_no_context_takeover", false},
        {"server_max_window_bits", true},
        {"client_max_window_bits", true},
};

struct parameters {
        int values[PARAMETERS]; /* 0: it is not there; 1 for those without bits */
};

/* What is wrong with an element of the list, by the rules for offers and answers alike. */
enum fault { RIGHT, OTHER_EXTENSION, MALFORMED, UNKNOWN, TWICE, BAD_VALUE };

/* Reading. The grammar is in RFC 6455 section 9.1. */

struct reader {
        const char *at, *end;
};

static void
skip_space(struct reader *reader)
{
        while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
                reader->at++;
}

/* Takes the character, with what space is around it. */
static bool
take_character(struct reader *reader, char c)
{
        skip_space(reader);
        if (reader->at == reader->end || *reader->at != c)
                return false;
        reader->at++;
        skip_space(reader);
        return true;
}

/* A token; of length 0 if there is none. */
static struct aw_http_text
take_token(struct reader *reader)
{
        struct aw_http_text token = {.data = reader->at};

        while (reader->at < reader->end && aw_http_is_token(reader->at, 1))
                reader->at++;
        token.length = (size_t)(reader->at - token.data);
        return token;
}

/* A value: a token, or one in quotes. Escapes are not worth a copy: no value of ours has any. */
static struct aw_http_text
take_value(struct reader *reader)
{
        const char *start = reader->at;
        struct aw_http_text value;

        if (reader->at == reader->end || *reader->at != '"')
                return take_token(reader);
        reader->at++;
        value = take_token(reader);
        if (reader->at < reader->end && *reader->at == '"') {
                reader->at++;
                return value;
        }
        reader->at = start;
        return (struct aw_http_text){.data = NULL};
}

/* To the comma behind the element, which may have quoted ones. */
static void
skip_element(struct reader *reader)
{
        bool quoted = false;

        for (; reader->at < reader->end && (quoted || *reader->at != ','); reader->at++)
                if (*reader->at == '"')
                        quoted = !quoted;
                else if (quoted && *reader->at == '\\' && reader->at + 1 < reader->end)
                        reader->at++;
}

/* From 8 to 15, without a zero in front; 0: it is something else. */
static int
read_bits(const struct aw_http_text *value)
{
        static const char *const numbers[] = {"8", "9", "10", "11", "12", "13", "14", "15"};

        for (int i = 0; i < 8; i++)
                if (aw_http_text_is(value, numbers[i]))
                        return 8 + i;
        return 0;
}

static enum fault
read_parameter(struct reader *reader, struct parameters *parameters)
{
        struct aw_http_text name = take_token(reader), value = {.data = NULL};
        bool has_value = name.length > 0 && take_character(reader, '=');
        int which = 0;

        if (has_value)
                value = take_value(reader);
        if (name.length == 0 || (has_value && value.length == 0))
                return MALFORMED;
        while (which < PARAMETERS && !aw_http_text_is(&name, table[which].name))
                which++;
        if (which == PARAMETERS)
                return UNKNOWN;
        if (parameters->values[which] != 0)
                return TWICE;
        if (!table[which].bits)
                parameters->values[which] = has_value ? 0 : 1;
        else if (has_value)
                parameters->values[which] = read_bits(&value);
        else
                parameters->values[which] = which == CLIENT_BITS ? ANY_BITS : 0;
        return parameters->values[which] == 0 ? BAD_VALUE : RIGHT;
}

/* The next element, and the comma behind it. */
static enum fault
read_element(struct reader *reader, struct parameters *parameters)
{
        struct aw_http_text name = take_token(reader);
        enum fault fault = name.length == 0               ? MALFORMED
                           : aw_http_text_is(&name, NAME) ? RIGHT
                                                          : OTHER_EXTENSION;

        *parameters = (struct parameters){.values = {0}};
        while (fault == RIGHT && take_character(reader, ';'))
                fault = read_parameter(reader, parameters);
        skip_space(reader);
        if (fault == RIGHT && reader->at < reader->end && *reader->at != ',')
                fault = MALFORMED;
        skip_element(reader);
        take_character(reader, ',');
        return fault;
}

/* Empty elements of a list are none (RFC 9110 section 5.6.1). */
static bool
has_element(struct reader *reader)
{
        skip_space(reader);
        while (take_character(reader, ','))
                continue;
        return reader->at < reader->end;
}

/* Writing. */

static void
write_parameters(char text[WS_DEFLATE_TEXT_MAX], const struct parameters *parameters)
{
        size_t used = (size_t)snprintf(text, WS_DEFLATE_TEXT_MAX, "%s", NAME);

        for (int i = 0; i < PARAMETERS; i++) {
                if (parameters->values[i] == 0)
                        continue;
                used += (size_t)snprintf(text + used, WS_DEFLATE_TEXT_MAX - used, "; %s",
                                         table[i].name);
                if (table[i].bits && parameters->values[i] != ANY_BITS)
                        used += (size_t)snprintf(text + used, WS_DEFLATE_TEXT_MAX - used, "=%d",
                                                 parameters->values[i]);
        }
}

/* Both sides. */

const char ws_deflate_options_wrong[] =
        "compression has windows of 9 to 15 bits and levels from 1 to 9";

bool
ws_deflate_options_valid(const struct ws_deflate_options *options)
{
        return (unsigned)options->mode <= WS_DEFLATE_CONTEXT &&
               (options->bits == 0 || (options->bits >= 9 && options->bits <= BITS_DEFAULT)) &&
               options->level >= 0 && options->level <= 9;
}

int
ws_deflate_parse(const char *text, struct ws_deflate_options *options)
{
        static const char *const modes[] = {"off", "shared", "context"};
        size_t length = strcspn(text, ":");
        unsigned mode = 0, bits = 0;
        struct aw_http_text digits;

        while (mode < 3 &&
               (strlen(modes[mode]) != length || memcmp(modes[mode], text, length) != 0))
                mode++;
        if (mode == WS_DEFLATE_CONTEXT && text[length] == ':') {
                digits = (struct aw_http_text){text + length + 1, strlen(text + length + 1)};
                bits = (unsigned)read_bits(&digits);
        }
        /* What zlib makes for a window of 8 bits is not worth it. */
        if (mode == 3 || (text[length] == ':' && bits < 9)) {
                errno = EINVAL;
                return -1;
        }
        options->mode = (enum ws_deflate_mode)mode;
        options->bits = bits;
        return 0;
}

static int
bits_wanted(const struct ws_deflate_options *options)
{
        return options->bits == 0 ? BITS_DEFAULT : (int)options->bits;
}

/* A window that was not agreed on has the largest size. */
static int
bits_given(int value)
{
        return value > 0 ? value : BITS_DEFAULT;
}

static int
least(int one, int other)
{
        return one < other ? one : other;
}

/* The client. */

static struct parameters
offered(const struct ws_deflate_options *options)
{
        bool forgets = options->mode == WS_DEFLATE_SHARED;
        int bits = bits_wanted(options);
        bool small = bits < BITS_DEFAULT;

        return (struct parameters){.values = {
                                           [SERVER_FORGETS] = forgets,
                                           [CLIENT_FORGETS] = forgets,
                                           [SERVER_BITS] = small ? bits : 0,
                                           [CLIENT_BITS] = small ? bits : ANY_BITS,
                                   }};
}

void
ws_deflate_offer(const struct ws_deflate_options *options, char text[WS_DEFLATE_TEXT_MAX])
{
        struct parameters offer = offered(options);

        write_parameters(text, &offer);
}

/* Where the answer goes beyond the offer (section 7.1), or NULL. */
static const char *
answer_fault(const struct parameters *answer, const struct parameters *offer)
{
        const int *given = answer->values, *asked = offer->values;

        if (given[CLIENT_BITS] == ANY_BITS)
                return "the server's client_max_window_bits has no value";
        if (asked[SERVER_FORGETS] != 0 && given[SERVER_FORGETS] == 0)
                return "the server does not agree to server_no_context_takeover";
        if (asked[SERVER_BITS] != 0 && bits_given(given[SERVER_BITS]) > asked[SERVER_BITS])
                return "the server does not agree to server_max_window_bits";
        if (given[CLIENT_BITS] > bits_given(asked[CLIENT_BITS]))
                return "the server's client_max_window_bits is larger than what was offered";
        return NULL;
}

static const char *
read_answer(const struct aw_http_text *field, struct parameters *answer)
{
        static const char *const sentences[] = {
                [OTHER_EXTENSION] = "the server chose an extension that was not offered",
                [MALFORMED] = "the server's Sec-WebSocket-Extensions is not a list of extensions",
                [UNKNOWN] = "the server's permessage-deflate has a parameter that does not exist",
                [TWICE] = "the server's permessage-deflate has a parameter twice",
                [BAD_VALUE] = "the server's permessage-deflate has a parameter with a bad value",
        };
        struct reader reader = {field->data, field->data + field->length};
        enum fault fault = has_element(&reader) ? read_element(&reader, answer) : MALFORMED;

        if (fault == RIGHT && has_element(&reader))
                fault = OTHER_EXTENSION;
        return fault == RIGHT ? NULL : sentences[fault];
}

const char *
ws_deflate_check(const struct aw_http_head *response, const struct ws_deflate_options *options,
                 struct ws_deflate_agreed *agreed)
{
        const struct aw_http_text *field = aw_http_field(response, FIELD);
        struct parameters answer, offer = offered(options);
        const char *fault;

        agreed->text[0] = '\0';
        if (field == NULL)
                return NULL;
        if (options->mode == WS_DEFLATE_OFF || aw_http_field_count(response, FIELD) > 1)
                return "the server chose an extension that was not offered";
        fault = read_answer(field, &answer);
        if (fault == NULL)
                fault = answer_fault(&answer, &offer);
        if (fault != NULL)
                return fault;
        write_parameters(agreed->text, &answer);
        agreed->receive_bits = (unsigned)bits_given(answer.values[SERVER_BITS]);
        agreed->receive_context = answer.values[SERVER_FORGETS] == 0;
        agreed->send_bits =
                (unsigned)least(bits_given(answer.values[CLIENT_BITS]), bits_wanted(options));
        agreed->send_context =
                options->mode == WS_DEFLATE_CONTEXT && answer.values[CLIENT_FORGETS] == 0;
        return NULL;
}

/* The server. */

/*
 * In the shared mode no window outlives a message, so the size of the client's does not matter; in
 * the other one it is what the connection holds.
 */
static void
answer_offer(const struct parameters *offer, const struct ws_deflate_options *options,
             struct ws_deflate_agreed *agreed)
{
        bool shared = options->mode == WS_DEFLATE_SHARED;
        int most = bits_wanted(options);
        struct parameters answer = {.values = {0}};

        answer.values[SERVER_FORGETS] = shared || offer->values[SERVER_FORGETS] != 0;
        answer.values[CLIENT_FORGETS] = shared || offer->values[CLIENT_FORGETS] != 0;
        if (offer->values[SERVER_BITS] != 0)
                answer.values[SERVER_BITS] = least(offer->values[SERVER_BITS], most);
        if (!shared && offer->values[CLIENT_BITS] != 0)
                answer.values[CLIENT_BITS] = least(bits_given(offer->values[CLIENT_BITS]), most);
        write_parameters(agreed->text, &answer);
        agreed->send_bits = (unsigned)least(bits_given(answer.values[SERVER_BITS]), most);
        agreed->send_context = answer.values[SERVER_FORGETS] == 0;
        agreed->receive_bits = (unsigned)bits_given(answer.values[CLIENT_BITS]);
        agreed->receive_context = answer.values[CLIENT_FORGETS] == 0;
}

bool
ws_deflate_accept(const struct ws_request *request, const struct ws_deflate_options *options,
                  struct ws_deflate_agreed *agreed)
{
        struct parameters offer;
        const char *field;
        size_t index;

        for (index = 0; (field = ws_request_field(request, FIELD, index)) != NULL; index++) {
                struct reader reader = {field, field + strlen(field)};

                while (has_element(&reader)) {
                        if (read_element(&reader, &offer) != RIGHT)
                                continue;
                        answer_offer(&offer, options, agreed);
                        return true;
                }
        }
        return false;
}
