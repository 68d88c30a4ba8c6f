/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ws/http_private.h"

/* What a byte may be part of. */
enum {
        TOKEN = 1,  /* methods and field names */
        TARGET = 2, /* request targets: visible ASCII */
        TEXT = 4,   /* field values and reasons */
        VISIBLE = TARGET | TEXT,
        LETTER = TOKEN | VISIBLE,
};

/* A table, because isalnum() and the like depend on the locale. */
static const unsigned char classes[256] = {
        ['\t'] = TEXT,           [' '] = TEXT,
        ['!'] = LETTER,          ['"'] = VISIBLE,
        ['#' ... '\''] = LETTER, ['(' ... ')'] = VISIBLE,
        ['*' ... '+'] = LETTER,  [','] = VISIBLE,
        ['-' ... '.'] = LETTER,  ['/'] = VISIBLE,
        ['0' ... '9'] = LETTER,  [':' ... '@'] = VISIBLE,
        ['A' ... 'Z'] = LETTER,  ['[' ... ']'] = VISIBLE,
        ['^' ... 'z'] = LETTER,  ['{'] = VISIBLE,
        ['|'] = LETTER,          ['}'] = VISIBLE,
        ['~'] = LETTER,          [0x80 ... 0xff] = TEXT,
};

/* Where the parser is. Once the result is not AW_HTTP_OK, every step does nothing. */
struct cursor {
        const char *at, *end;
        enum aw_http_result result;
        const char *line; /* where the one that is read begins */
        size_t number;    /* of that line */
};

static bool
is_class(char byte, unsigned char class)
{
        return (classes[(unsigned char)byte] & class) != 0;
}

static bool
is_all_class(const char *data, size_t length, unsigned char class)
{
        for (size_t i = 0; i < length; i++)
                if (!is_class(data[i], class))
                        return false;
        return true;
}

bool
aw_http_is_token(const char *data, size_t length)
{
        return length > 0 && is_all_class(data, length, TOKEN);
}

bool
aw_http_is_value(const char *data, size_t length)
{
        return is_all_class(data, length, TEXT);
}

/* The next byte, or -1 if there is none or the parse has failed. */
static int
peek(struct cursor *cursor)
{
        if (cursor->result == AW_HTTP_OK && cursor->at == cursor->end)
                cursor->result = AW_HTTP_INCOMPLETE;
        return cursor->result == AW_HTTP_OK ? (unsigned char)*cursor->at : -1;
}

static void
expect(struct cursor *cursor, const char *literal)
{
        for (; *literal != '\0' && peek(cursor) != -1; literal++)
                if (*cursor->at == *literal)
                        cursor->at++;
                else
                        cursor->result = AW_HTTP_BAD;
}

/* A digit of a number that begins with a digit from `low` to `high`. */
static int
take_digit(struct cursor *cursor, char low, char high)
{
        int byte = peek(cursor);

        if (byte == -1)
                return 0;
        if (byte < low || byte > high)
                cursor->result = AW_HTTP_BAD;
        else
                cursor->at++;
        return byte - '0';
}

/* The longest run of that class, which may be empty; complete only if another byte follows. */
static struct aw_http_text
take(struct cursor *cursor, unsigned char class)
{
        struct aw_http_text text = {.data = cursor->at};

        while (peek(cursor) != -1 && is_class(*cursor->at, class))
                cursor->at++;
        text.length = (size_t)(cursor->at - text.data);
        return text;
}

static struct aw_http_text
take_word(struct cursor *cursor, unsigned char class)
{
        struct aw_http_text text = take(cursor, class);

        if (cursor->result == AW_HTTP_OK && text.length == 0)
                cursor->result = AW_HTTP_BAD;
        return text;
}

static void
take_line_end(struct cursor *cursor)
{
        if (peek(cursor) == '\r')
                cursor->at++;
        expect(cursor, "\n");
        if (cursor->result == AW_HTTP_OK) {
                cursor->line = cursor->at;
                cursor->number++;
        }
}

static bool
at_line_end(struct cursor *cursor)
{
        int byte = peek(cursor);

        return byte == '\r' || byte == '\n';
}

static void
take_version(struct cursor *cursor, struct aw_http_head *head)
{
        int major;

        expect(cursor, "HTTP/");
        major = take_digit(cursor, '0', '9');
        expect(cursor, ".");
        head->minor_version = take_digit(cursor, '0', '9');
        if (cursor->result == AW_HTTP_OK && major != 1)
                cursor->result = AW_HTTP_BAD_VERSION;
        /* What the future has in store is compatible with 1.1 (RFC 9110 section 2.5). */
        if (head->minor_version > 1)
                head->minor_version = 1;
}

static void
take_request_line(struct cursor *cursor, struct aw_http_head *head)
{
        if (at_line_end(cursor))
                take_line_end(cursor);
        cursor->number = 1;
        head->method = take_word(cursor, TOKEN);
        expect(cursor, " ");
        head->target = take_word(cursor, TARGET);
        expect(cursor, " ");
        take_version(cursor, head);
        take_line_end(cursor);
}

static void
take_status_line(struct cursor *cursor, struct aw_http_head *head)
{
        take_version(cursor, head);
        expect(cursor, " ");
        head->status = take_digit(cursor, '1', '5') * 100;
        head->status += take_digit(cursor, '0', '9') * 10;
        head->status += take_digit(cursor, '0', '9');
        if (!at_line_end(cursor)) {
                expect(cursor, " ");
                head->reason = take(cursor, TEXT);
        }
        take_line_end(cursor);
}

static bool
is_blank(char byte)
{
        return byte == ' ' || byte == '\t';
}

static struct aw_http_text
trim(struct aw_http_text text)
{
        while (text.length > 0 && is_blank(text.data[0])) {
                text.data++;
                text.length--;
        }
        while (text.length > 0 && is_blank(text.data[text.length - 1]))
                text.length--;
        return text;
}

static void
take_field(struct cursor *cursor, struct aw_http_head *head)
{
        struct aw_http_field *field = &head->fields[head->field_count];

        if (head->field_count == AW_HTTP_FIELDS_MAX) {
                cursor->result = AW_HTTP_TOO_LARGE;
                return;
        }
        field->name = take_word(cursor, TOKEN);
        expect(cursor, ":");
        field->value = trim(take(cursor, TEXT));
        take_line_end(cursor);
        head->field_count++;
}

typedef void start_line(struct cursor *cursor, struct aw_http_head *head);

/* Reads all of the head, or up to what is wrong with it. */
static void
take_head(struct cursor *cursor, start_line *take_start_line, const char *data, size_t length,
          struct aw_http_head *head)
{
        size_t used = length < AW_HTTP_HEAD_MAX ? length : AW_HTTP_HEAD_MAX;

        *cursor = (struct cursor){
                .at = data, .end = data + used, .result = AW_HTTP_OK, .line = data, .number = 1};
        memset(head, 0, offsetof(struct aw_http_head, fields));
        head->method.data = head->target.data = head->reason.data = "";
        take_start_line(cursor, head);
        while (!at_line_end(cursor) && cursor->result == AW_HTTP_OK)
                take_field(cursor, head);
        take_line_end(cursor);
        if (cursor->result == AW_HTTP_INCOMPLETE && used == AW_HTTP_HEAD_MAX)
                cursor->result = AW_HTTP_TOO_LARGE;
}

static enum aw_http_result
parse(start_line *take_start_line, const char *data, size_t length, struct aw_http_head *head)
{
        struct cursor cursor;
        struct aw_http_head parsed; /* its array of fields need not be cleared */

        if (length == 0)
                return AW_HTTP_INCOMPLETE;
        take_head(&cursor, take_start_line, data, length, &parsed);
        if (cursor.result != AW_HTTP_OK)
                return cursor.result;
        parsed.length = (size_t)(cursor.at - data);
        memcpy(head, &parsed,
               offsetof(struct aw_http_head, fields) +
                       parsed.field_count * sizeof parsed.fields[0]);
        return AW_HTTP_OK;
}

enum aw_http_result
aw_http_parse_request(const char *data, size_t length, struct aw_http_head *head)
{
        return parse(take_request_line, data, length, head);
}

enum aw_http_result
aw_http_parse_response(const char *data, size_t length, struct aw_http_head *head)
{
        return parse(take_status_line, data, length, head);
}

static void
find_fault(start_line *take_start_line, const char *data, size_t length,
           struct aw_http_fault *fault)
{
        const char *newline;
        struct aw_http_head head;
        struct cursor cursor;

        take_head(&cursor, take_start_line, data, length, &head);
        newline = memchr(cursor.line, '\n', (size_t)(data + length - cursor.line));
        fault->number = cursor.number;
        fault->line.data = cursor.line;
        fault->line.length = (size_t)((newline == NULL ? data + length : newline) - cursor.line);
        if (fault->line.length > 0 && cursor.line[fault->line.length - 1] == '\r')
                fault->line.length--;
        /* A CR is taken before it is seen that it ends no line. */
        fault->at = cursor.at > cursor.line && cursor.at[-1] == '\r' ? cursor.at - 1 : cursor.at;
}

void
aw_http_request_fault(const char *data, size_t length, struct aw_http_fault *fault)
{
        find_fault(take_request_line, data, length, fault);
}

void
aw_http_response_fault(const char *data, size_t length, struct aw_http_fault *fault)
{
        find_fault(take_status_line, data, length, fault);
}

static char
lower(char byte)
{
        return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

bool
aw_http_text_is(const struct aw_http_text *text, const char *string)
{
        size_t length = strlen(string);

        return text->length == length && memcmp(text->data, string, length) == 0;
}

bool
aw_http_text_is_nocase(const struct aw_http_text *text, const char *string)
{
        if (text->length != strlen(string))
                return false;
        for (size_t i = 0; i < text->length; i++)
                if (lower(text->data[i]) != lower(string[i]))
                        return false;
        return true;
}

const struct aw_http_text *
aw_http_field(const struct aw_http_head *head, const char *name)
{
        for (size_t i = 0; i < head->field_count; i++)
                if (aw_http_text_is_nocase(&head->fields[i].name, name))
                        return &head->fields[i].value;
        return NULL;
}

size_t
aw_http_field_count(const struct aw_http_head *head, const char *name)
{
        size_t count = 0;

        for (size_t i = 0; i < head->field_count; i++)
                count += aw_http_text_is_nocase(&head->fields[i].name, name);
        return count;
}

static bool
list_has_token(struct aw_http_text list, const char *token)
{
        while (list.length > 0) {
                const char *comma = memchr(list.data, ',', list.length);
                size_t length = comma == NULL ? list.length : (size_t)(comma - list.data);
                struct aw_http_text item = trim((struct aw_http_text){list.data, length});

                if (item.length > 0 && aw_http_text_is_nocase(&item, token))
                        return true;
                if (comma != NULL)
                        length++;
                list.data += length;
                list.length -= length;
        }
        return false;
}

bool
aw_http_field_has_token(const struct aw_http_head *head, const char *name, const char *token)
{
        for (size_t i = 0; i < head->field_count; i++)
                if (aw_http_text_is_nocase(&head->fields[i].name, name) &&
                    list_has_token(head->fields[i].value, token))
                        return true;
        return false;
}

static const struct {
        int status;
        const char *reason;
} reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {511, "Network Authentication Required"},
};

const char *
aw_http_reason(int status)
{
        for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
                if (reasons[i].status == status)
                        return reasons[i].reason;
        return "Unknown";
}
