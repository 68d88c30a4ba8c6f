/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The list of behaviours, as text, HTML and JSON: each row of the table in each form. */
#include "behave/answer.h"
#include "observe.h" /* it has JSON */
#include "unit/support.h"

static char *
list_for(const char *accept, const char *type)
{
        struct ws_field field = {"Accept", accept};
        struct ws_request request = {.fields = &field, .field_count = accept == NULL ? 0 : 1};
        const char *content_type = NULL;
        char *text = behave_list(&request, &content_type);

        assert_non_null(text);
        if (type == NULL)
                assert_null(content_type);
        else
                assert_string_equal(content_type, type);
        return text;
}

static void
assert_has(const char *text, const char *part)
{
        if (strstr(text, part) == NULL)
                fail_msg("'%s' is not in '%s'", part, text);
}

/* It is written into HTML and JSON as it is. */
static void
the_table_is_plain_text(void **state)
{
        (void)state;
        for (int i = 0; i < BEHAVE_ROWS; i++) {
                const struct behave_row *row = &behave_table[i];
                const char *const texts[] = {row->heading, row->name, row->argument,
                                             row->example, row->help, row->words};

                for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
                        assert_null(texts[j] == NULL ? NULL : strpbrk(texts[j], "<>&\"\\"));
        }
}

static void
the_form_is_what_is_liked_best(void **state)
{
        (void)state;
        free(list_for(NULL, NULL));
        free(list_for("*/*", NULL));
        free(list_for("text/html,*/*", "text/html; charset=utf-8"));
        free(list_for("application/json", "application/json"));
        free(list_for("text/html, application/json", "application/json"));
}

static void
a_text_has_sentences_by_topic(void **state)
{
        char *text = list_for("*/*", NULL);

        (void)state;
        assert_has(text,
                   "Test behaviours: as parameters of any path, /chat?delay=1s&close=4000, or "
                   "the same\nas a path, ");
        assert_has(text,
                   "/-/status.json.\n\nInstead of a WebSocket\n\n  status=CODE\n        Refuses "
                   "the request with HTTP status CODE. Takes CODE from 300 to 599.\n");
        assert_has(text, "\n    retry-after=TIME\n        With status: adds the field Retry-After. "
                         "Takes TIME up to 60s.\n");
        assert_has(text,
                   "\n    after=COUNT|TIME\n        With close, drop or fault: acts after COUNT "
                   "messages, or TIME after the handshake (0). Takes COUNT from 0 to 1000000 or "
                   "TIME up to 60s.\n");
        assert_has(text, "\n  basic=USER:PASSWORD\n        Answers with 401 until the client sends "
                         "these credentials.\n  bearer=");
        assert_has(text, "\n\nHow it ends\n\n  fault=WORD\n        Sends what breaks");
        assert_has(text,
                   "half-frame, rsv1-continuation or bad-deflate. Needs --test all.\n  close=");
        free(text);
}

static void
html_has_rows_and_marks_options(void **state)
{
        char *text = list_for("text/html", "text/html; charset=utf-8");
        const char *at = text;
        int rows = 0;

        (void)state;
        assert_has(text,
                   "\n<tr><th colspan=2 scope=colgroup>Instead of a WebSocket\n<tr><td><code>"
                   "status=CODE</code><td>Refuses the request with HTTP status CODE. Takes CODE "
                   "from 300 to 599.\n<tr class=detail><td><code>retry-after=TIME</code><td>With "
                   "status: adds");
        assert_has(text, "Needs <span class=option>--test</span> all.\n");
        assert_has(text, "from 0 to <span class=option>--max-message</span>.\n");
        assert_has(text, "made of the numbers of xorshift64");
        while ((at = strstr(at, "<td><code>")) != NULL) {
                rows++;
                at++;
        }
        assert_int_equal(rows, BEHAVE_ROWS);
        assert_string_equal(text + strlen(text) - strlen("</table></main>\n"), "</table></main>\n");
        free(text);
}

static const char *
member(json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name));
}

static void
assert_member(json_t *object, const char *name, const char *wanted)
{
        const char *found = member(object, name);

        if (wanted == NULL ? found != NULL : found == NULL || strcmp(found, wanted) != 0)
                fail_msg("%s of %s is '%s', not '%s'", name, member(object, "name"), found, wanted);
}

static void
json_has_all_of_each_row(void **state)
{
        char *text = list_for("application/json", "application/json");
        json_t *list = json_loads(text, 0, NULL);

        (void)state;
        assert_int_equal(json_array_size(list), BEHAVE_ROWS);
        for (size_t i = 0; i < BEHAVE_ROWS; i++) {
                const struct behave_row *row = &behave_table[i];
                json_t *object = json_array_get(list, i);

                assert_member(object, "name", row->name);
                assert_member(object, "argument", row->argument);
                assert_member(object, "example", row->example);
                assert_member(object, "help", row->help);
                assert_member(object, "heading", row->heading);
                assert_member(object, "words", row->words);
                assert_member(object, "of", row->of);
                assert_member(object, "level", row->all ? "all" : "safe");
                assert_int_equal(json_is_true(json_object_get(object, "repeats")), row->repeats);
                assert_int_equal(json_is_true(json_object_get(object, "only_words")),
                                 row->kinds == BEHAVE_WORD);
                assert_int_equal(json_object_get(object, "only_words") != NULL, row->words != NULL);
        }
        /* What is taken is told where the argument does not. */
        assert_member(json_array_get(list, BEHAVE_STATUS), "takes", "CODE from 300 to 599");
        assert_member(json_array_get(list, BEHAVE_SEND), "takes", "BYTES from 0 to --max-message");
        assert_member(json_array_get(list, BEHAVE_DELAY), "takes", "TIME up to 60s");
        assert_member(json_array_get(list, BEHAVE_DEFLATE), "takes", "off, shared or context");
        assert_member(json_array_get(list, BEHAVE_DROP), "takes", "");
        assert_member(json_array_get(list, BEHAVE_GREET), "takes", "");
        json_decref(list);
        free(text);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_is_plain_text),
                cmocka_unit_test(the_form_is_what_is_liked_best),
                cmocka_unit_test(a_text_has_sentences_by_topic),
                cmocka_unit_test(html_has_rows_and_marks_options),
                cmocka_unit_test(json_has_all_of_each_row),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
