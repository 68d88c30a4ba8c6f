/* SPDX-License-Identifier: MIT */
/* Wraps: calloc malloc. */
/* What all workers together list, if some of them answer, or none, or there is no memory. */
#include "listing.h"
#include "shared.h"
#include "unit/clock.h"
#include "unit/support.h"

#define WORKERS 3

static const char *failing = "";

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static void *
no_memory(void)
{
        errno = ENOMEM;
        return NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return strcmp(failing, "calloc") == 0 ? no_memory() : __real_calloc(count, size);
}

void *
__wrap_malloc(size_t size)
{
        return strcmp(failing, "malloc") == 0 ? no_memory() : __real_malloc(size);
}

/* The first worker is asked; it has no connections. */
struct asking {
        struct shared *shared;
        struct listing listing;
        size_t count;
        FILE *out;
        char *text;
        size_t length;
};

static void
begin(struct asking *asking)
{
        *asking = (struct asking){.shared = shared_create(WORKERS)};
        if (!expect(asking->shared != NULL))
                abort();
        for (size_t i = 0; i < WORKERS; i++)
                atomic_store(&asking->shared->workers[i].state, WORKER_SERVING);
        asking->listing = (struct listing){.shared = asking->shared, .count = &asking->count};
        asking->out = open_memstream(&asking->text, &asking->length);
}

static void
end(struct asking *asking)
{
        fclose(asking->out);
        free(asking->text);
        shared_free(asking->shared);
}

/* As another worker does. */
static void
answer(struct asking *asking, size_t worker, const char *text, uint64_t left_out, uint64_t question)
{
        struct listing_page *page = &asking->shared->board->pages[worker];

        page->length = strlen(text);
        page->left_out = left_out;
        memcpy(page->text, text, page->length);
        atomic_store(&page->question, question);
}

static void
expect_text(struct asking *asking, const char *wanted)
{
        fflush(asking->out);
        test_expect(strcmp(asking->text, wanted) == 0, __FILE__, __LINE__, "%s is %s", asking->text,
                    wanted);
}

static async int
ask(void *argument)
{
        struct asking *asking = argument;

        return await(listing_write(&asking->listing, asking->out));
}

static async int
answers_are_put_together(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        task = aw_spawn("ask", ask, &asking);
        await(aw_sleep(0));
        expect_int(atomic_load(&asking.shared->board->asked), 1);
        answer(&asking, 2, "{\"a\":1},\n{\"a\":2},\n", 5, 1);
        /* One that is for a later question is as good. */
        answer(&asking, 1, "{\"a\":3},\n", 2, 7);
        expect_int(await(aw_join(task)), 0);
        expect_text(&asking,
                    "{\"workers\": 3, \"connections\": [\n{\"a\":3},\n{\"a\":1},\n{\"a\":2}],\n"
                    "\"left_out\": 7, \"silent\": []}\n");
        end(&asking);
        return 0;
}

static async int
who_does_not_answer_in_time_is_named_unless_it_is_not_there(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        atomic_store(&asking.shared->workers[2].state, WORKER_STARTING);
        /* What was for an earlier question, or is being written, is no answer. */
        asking.shared->board->asked = 4;
        answer(&asking, 1, "{\"a\":3},\n", 0, 4);
        answer(&asking, 2, "{\"a\":3},\n", 0, 0);
        clock_stop();
        task = aw_spawn("ask", ask, &asking);
        await(aw_sleep(0));
        await(clock_advance(LISTING_TIME));
        clock_go_on();
        expect_int(await(aw_join(task)), 0);
        expect_text(&asking,
                    "{\"workers\": 3, \"connections\": [],\n\"left_out\": 0, \"silent\": [1]}\n");
        end(&asking);
        return 0;
}

static async int
who_does_not_answer_keeps_nobody_from_being_listed(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        clock_stop();
        task = aw_spawn("ask", ask, &asking);
        await(aw_sleep(0));
        answer(&asking, 2, "{\"a\":3},\n", 1, 1);
        await(clock_advance(LISTING_TIME));
        clock_go_on();
        expect_int(await(aw_join(task)), 0);
        expect_text(&asking, "{\"workers\": 3, \"connections\": [\n{\"a\":3}],\n\"left_out\": 1, "
                             "\"silent\": [1]}\n");
        end(&asking);
        return 0;
}

static async int
who_is_asked_may_be_cancelled(NOTHING)
{
        struct asking asking;
        struct aw_task *task;

        begin(&asking);
        task = aw_spawn("ask", ask, &asking);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_text(&asking, "");
        end(&asking);
        return 0;
}

static async int
without_memory_it_fails(NOTHING)
{
        static const char *const functions[] = {"calloc", "malloc"};

        for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
                struct asking asking;
                int result;

                begin(&asking);
                failing = functions[i];
                result = await(listing_write(&asking.listing, asking.out));
                failing = "";
                expect_error(result, ENOMEM);
                expect_text(&asking, "");
                end(&asking);
        }
        return 0;
}

static async int
others_are_answered_until_it_is_closed(NOTHING)
{
        struct asking asking;
        struct listing_page *page;

        begin(&asking);
        page = &asking.shared->board->pages[0];
        clock_stop();
        listing_open(&asking.listing);
        expect_int(atomic_load(&page->question), 0);
        atomic_store(&asking.shared->board->asked, 3);
        await(clock_advance(AW_SECOND / 10));
        expect_int(atomic_load(&page->question), 3);
        listing_close(&asking.listing);
        atomic_store(&asking.shared->board->asked, 4);
        await(clock_advance(AW_SECOND));
        clock_go_on();
        expect_int(atomic_load(&page->question), 3);
        end(&asking);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(answers_are_put_together),
                on_loop(who_does_not_answer_in_time_is_named_unless_it_is_not_there),
                on_loop(who_does_not_answer_keeps_nobody_from_being_listed),
                on_loop(who_is_asked_may_be_cancelled),
                on_loop(without_memory_it_fails),
                on_loop(others_are_answered_until_it_is_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
