/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "screen.h"

#include "await/stream.h"
#include "await/sync.h"

/* Bytes that wait to be written before others have to wait; one that is drawing goes on. */
#define FULL ((size_t)64 << 10)

struct screen {
        FILE *file;
        char *data; /* not given to the stream yet */
        size_t length, size;
        bool writing; /* the task has taken some, which is not written yet */
        bool gone;    /* the terminal is */
        struct aw_stream *stream;
        struct aw_task *writer;
        struct aw_event more, written;
};

void
screen_put(struct screen *screen, const char *text, size_t length)
{
        size_t size = screen->size == 0 ? 4096 : screen->size;
        char *larger;

        if (screen->gone)
                return;
        while (size < screen->length + length)
                size *= 2;
        if (size > screen->size) {
                larger = realloc(screen->data, size);
                if (larger == NULL)
                        return;
                screen->data = larger;
                screen->size = size;
        }
        memcpy(screen->data + screen->length, text, length);
        screen->length += length;
        aw_event_set(&screen->more);
}

void
screen_puts(struct screen *screen, const char *text)
{
        screen_put(screen, text, strlen(text));
}

static ssize_t
put_cookie(void *cookie, const char *text, size_t length)
{
        screen_put(cookie, text, length);
        return (ssize_t)length;
}

struct screen *
screen_create(void)
{
        const cookie_io_functions_t functions = {.write = put_cookie};
        struct screen *screen = calloc(1, sizeof(*screen));

        if (screen == NULL)
                return NULL;
        screen->file = fopencookie(screen, "w", functions);
        if (screen->file == NULL) {
                free(screen);
                return NULL;
        }
        /* What is printed into it, and what is put, keep their order. */
        setvbuf(screen->file, NULL, _IONBF, 0);
        return screen;
}

void
screen_free(struct screen *screen)
{
        if (screen == NULL)
                return;
        fclose(screen->file);
        free(screen->data);
        free(screen);
}

FILE *
screen_file(struct screen *screen)
{
        return screen->file;
}

bool
screen_is_full(const struct screen *screen)
{
        return screen->length >= FULL;
}

void
screen_discard(struct screen *screen)
{
        screen->length = 0;
}

/* Takes what there is, and leaves an empty place for what comes. */
static async int
write_taken(struct screen *screen)
{
        char *taken = screen->data;
        size_t length = screen->length;
        int result;

        screen->data = NULL;
        screen->length = screen->size = 0;
        screen->writing = true;
        result = await(aw_stream_write(screen->stream, taken, length, AW_NEVER));
        if (result == 0)
                result = await(aw_stream_flush(screen->stream, AW_NEVER));
        free(taken);
        screen->writing = false;
        return result;
}

static async int
write_screen(void *argument)
{
        struct screen *screen = argument;

        while (await(aw_event_wait(&screen->more, AW_NEVER)) == 0) {
                aw_event_clear(&screen->more);
                if (screen->length > 0 && await(write_taken(screen)) == -1)
                        break;
                aw_event_set(&screen->written);
        }
        screen->gone = aw_cancelled() == 0;
        aw_event_set(&screen->written);
        return 0;
}

int
screen_begin(struct screen *screen)
{
        screen->stream = aw_stream_open(STDERR_FILENO, NULL);
        if (screen->stream != NULL)
                screen->writer = aw_spawn("screen", write_screen, screen);
        return screen->writer == NULL ? -1 : 0;
}

async int
screen_room(struct screen *screen)
{
        while (!screen->gone && screen_is_full(screen)) {
                aw_event_clear(&screen->written);
                if (await(aw_event_wait(&screen->written, AW_NEVER)) == -1)
                        return -1;
        }
        errno = EIO;
        return screen->gone ? -1 : 0;
}

async int
screen_flush(struct screen *screen, aw_time deadline)
{
        while (!screen->gone && (screen->length > 0 || screen->writing)) {
                aw_event_clear(&screen->written);
                if (await(aw_event_wait(&screen->written, deadline)) == -1)
                        return -1;
        }
        errno = EIO;
        return screen->gone ? -1 : 0;
}

async void
screen_end(struct screen *screen)
{
        if (screen->writer != NULL) {
                aw_cancel(screen->writer);
                await(aw_join(screen->writer));
        }
        screen->writer = NULL;
        aw_stream_drop(screen->stream);
        screen->stream = NULL;
}
