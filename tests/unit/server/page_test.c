/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: calloc open_memstream getrandom asprintf __asprintf_chk. */
/* Answers to plain requests: by what the client likes, and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "page.h"

/* Which of the functions fails. */
static const char *failing = "";

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
FILE *__real_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size);
ssize_t __real_getrandom(void *out, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags);
int __wrap_asprintf(char **out, const char *format, ...);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...);

void *
__wrap_calloc(size_t count, size_t size)
{
        return strcmp(failing, "calloc") == 0 ? NULL : __real_calloc(count, size);
}

FILE *
__wrap_open_memstream(char **text, size_t *size)
{
        return strcmp(failing, "open_memstream") == 0 ? NULL : __real_open_memstream(text, size);
}

ssize_t
__wrap_getrandom(void *out, size_t size, unsigned flags)
{
        return strcmp(failing, "getrandom") == 0 ? -1 : __real_getrandom(out, size, flags);
}

int
__wrap_asprintf(char **out, const char *format, ...)
{
        va_list arguments;
        int length = -1;

        va_start(arguments, format);
        if (strcmp(failing, "asprintf") != 0)
                length = vasprintf(out, format, arguments);
        va_end(arguments);
        return length;
}

int
__wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
        va_list arguments;
        int length = -1;

        (void)flag;
        va_start(arguments, format);
        if (strcmp(failing, "asprintf") != 0)
                length = vasprintf(out, format, arguments);
        va_end(arguments);
        return length;
}

static const struct behave_server behave = {.limits = {BEHAVE_LEVEL_SAFE, 1 << 20}};
static const struct ws_field html[] = {{"Host", "me.example:81"}, {"Accept", "text/html,*/*"}};
static const struct ws_field any[] = {{"Host", "me.example:81"}, {"Accept", "*/*"}};

/* The answer to GET path. */
static struct ws_answer
get(const char *path, const struct ws_field *fields)
{
        struct ws_request request = {.method = "GET",
                                     .target = path,
                                     .path = path,
                                     .secure = true,
                                     .fields = fields,
                                     .field_count = 2};
        struct ws_answer answer = {.status = 426};
        struct page page;

        page_open(&page, "/nowhere/there-is-no-such.pem", &behave);
        assert_null(page.authority);
        if (!page_file(&request, &answer, &page))
                page_answer(&request, &answer, &page);
        page_close(&page);
        return answer;
}

static void
done(struct ws_answer *answer)
{
        if (answer->done != NULL)
                answer->done(answer);
}

static void
assert_says(const char *path, const struct ws_field *fields, const char *says)
{
        struct ws_answer answer = get(path, fields);

        assert_int_equal(answer.status, 200);
        if (memmem(answer.body, answer.length, says, strlen(says)) == NULL)
                fail_msg("%s does not say '%s'", path, says);
        done(&answer);
}

static void
who_likes_html_gets_the_page(void **state)
{
        struct ws_answer answer = get("/", html);

        (void)state;
        assert_string_equal(answer.content_type, "text/html; charset=utf-8");
        assert_int_equal(answer.field_count, 6);
        assert_non_null(strstr(answer.fields[0], "default-src 'none'"));
        done(&answer);
        assert_says("/chat", any, "    wsecho wss://me.example:81/ \"Hello World!\"\n");
}

static void
the_page_knows_where_the_root_is(void **state)
{
        (void)state;
        assert_says("/", html, "<base href=\"./\">");
        assert_says("/chat", html, "<base href=\"./\">");
        assert_says("/a/", html, "<base href=\"./../\">");
        assert_says("/a/b/c", html, "<base href=\"./../../\">");
}

static void
without_memory_the_status_is_500(void **state)
{
        static const char *const functions[] = {"calloc", "open_memstream", "getrandom",
                                                "asprintf"};

        (void)state;
        for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
                struct ws_answer answer;

                failing = functions[i];
                answer = get("/", html);
                failing = "";
                assert_int_equal(answer.status, 500);
                assert_null(answer.body);
                done(&answer);
        }
        for (size_t i = 0; i < 2; i++) {
                struct ws_answer answer;

                failing = functions[i];
                answer = get("/", any);
                failing = "";
                assert_int_equal(answer.status, 500);
                assert_null(answer.body);
                done(&answer);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_likes_html_gets_the_page),
                cmocka_unit_test(the_page_knows_where_the_root_is),
                cmocka_unit_test(without_memory_the_status_is_500),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
