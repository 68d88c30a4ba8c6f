/* SPDX-License-Identifier: MIT */
/*
 * URLs: what is understood prints back; nothing leaves TLS, and no secret goes to another server or
 * into a sentence. The input is lines: the first is a URL, the second another, or a reference.
 */
#include "base/text.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "net/url.h"
#include "url.h"

const unsigned fuzz_inputs = 20000;

static void
check_error(const struct aw_error *error)
{
        CHECK(error->text[0] != '\0');
        CHECK(aw_utf8_valid((const uint8_t *)error->text, strlen(error->text)));
}

static bool
is_ascii(const char *text)
{
        for (; *text != '\0'; text++)
                if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
                        return false;
        return true;
}

static void
print(const struct aw_url *url, char *out, size_t size)
{
        static const char *const schemes[] = {[AW_URL_WS] = "ws", [AW_URL_WSS] = "wss"};
        bool ipv6 = strchr(url->host, ':') != NULL;

        if (url->scheme == AW_URL_UNIX && strcmp(url->target, "/") == 0)
                snprintf(out, size, "unix:%s", url->socket);
        else if (url->scheme == AW_URL_UNIX)
                snprintf(out, size, "ws+unix:%s:%s", url->socket, url->target);
        else
                snprintf(out, size, "%s://%s%s%s%s%s:%u%s", schemes[url->scheme], ipv6 ? "[" : "",
                         url->host, url->zone[0] == '\0' ? "" : "%25", url->zone, ipv6 ? "]" : "",
                         (unsigned)url->port, url->target);
}

static void
check_url(const char *text, int (*parse)(const char *, struct aw_url *, struct aw_error *))
{
        static struct aw_url url, again;
        static char printed[2 * AW_URL_TARGET_MAX];
        struct aw_error error = {.text = ""};

        if (parse(text, &url, &error) == -1) {
                check_error(&error);
                return;
        }
        CHECK(is_ascii(url.host) && is_ascii(url.host_header) && is_ascii(url.target));
        CHECK(url.target[0] == '/' || url.target[0] == '?');
        CHECK((url.scheme == AW_URL_UNIX) == (url.socket[0] != '\0'));
        print(&url, printed, sizeof(printed));
        CHECK(parse(printed, &again, &error) == 0);
        CHECK(memcmp(&url, &again, sizeof(url)) == 0);
}

/* What is of one origin for who keeps secrets is one server for who connects. */
static void
check_origins(const char *one, const char *other)
{
        static struct aw_url first, second;
        struct aw_error error;

        CHECK(url_same_origin(one, other) == url_same_origin(other, one));
        if (!url_same_origin(one, other) || aw_url_parse(one, &first, &error) == -1 ||
            aw_url_parse(other, &second, &error) == -1)
                return;
        CHECK(first.scheme == second.scheme && first.port == second.port);
        CHECK(strcmp(first.host_header, second.host_header) == 0);
        CHECK(strcmp(first.zone, second.zone) == 0 && strcmp(first.socket, second.socket) == 0);
}

static void
check_redirect(const char *text, const char *location)
{
        static struct aw_url from, to;
        struct aw_error error = {.text = ""};
        char *target = url_follow(text, location, &error);

        if (target == NULL) {
                check_error(&error);
                return;
        }
        check_origins(text, target);
        if (aw_url_parse(text, &from, &error) == 0 && aw_url_parse(target, &to, &error) == 0)
                CHECK(from.scheme != AW_URL_WSS || to.scheme == AW_URL_WSS);
        free(target);
}

/* As somebody types it. */
static void
check_typed(const char *text, const char *location)
{
        struct aw_error error = {.text = ""};
        struct url url;

        if (url_read(&url, text, &error) == 0) {
                CHECK(url.text != NULL && (url.password == NULL || url.user != NULL));
                check_url(url.text, aw_url_parse);
                check_redirect(url.text, location);
        } else {
                check_error(&error);
        }
        url_free(&url);
}

/* A user's name and password are in no sentence. */
static void
check_secret(const char *scheme, const char *rest)
{
        char shown[100], *url = malloc(strlen(scheme) + strlen(rest) + 30);

        CHECK(url != NULL);
        if (strstr(scheme, "://") == NULL && strpbrk(scheme, "/?#") == NULL) {
                sprintf(url, "%s://user:Pa55word@%s", scheme, rest);
                aw_url_shorten(url, shown, sizeof(shown));
                CHECK(strlen(shown) < sizeof(shown));
                CHECK(strstr(shown, "Pa55") == NULL && strstr(shown, "word@") == NULL);
        }
        free(url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fuzz_input input = {data, size};
        char *first = fuzz_string(fuzz_line(&input)), *second = fuzz_string(fuzz_line(&input));

        check_url(first, aw_url_parse);
        check_url(first, aw_url_parse_listen);
        check_origins(first, second);
        check_typed(first, second);
        if (strstr(second, "Pa55") == NULL && strstr(second, "word@") == NULL &&
            strstr(first, "Pa55") == NULL && strstr(first, "word@") == NULL)
                check_secret(first, second);
        free(first);
        free(second);
        return 0;
}
