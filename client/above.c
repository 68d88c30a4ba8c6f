/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "above.h"

#include "editor.h"
#include "screen.h"

/* What is said while a message is being printed: bytes. */
#define LATER_MAX ((size_t)64 << 10)

static void
hide_line(struct above *above)
{
        if (above->editor != NULL && above->editing)
                editor_hide(above->editor);
        else if (above->prompted)
                screen_puts(above->screen, "\r  \r");
        else if (above->editor != NULL)
                screen_puts(above->screen, "\r\033[K");
        above->prompted = false;
}

static void
show_line(struct above *above)
{
        if (!above->editing)
                return;
        if (above->editor != NULL)
                editor_show(above->editor);
        else
                screen_puts(above->screen, "> ");
        above->prompted = above->editor == NULL;
}

void
above_show(struct above *above)
{
        if (!aw_lock_locked(&above->printing))
                show_line(above);
}

static void
put_lost(struct above *above)
{
        char text[80];

        if (above->lost > 0) {
                snprintf(text, sizeof(text), "%lu line%s lost: the terminal took no more\n",
                         above->lost, above->lost == 1 ? " was" : "s were");
                screen_puts(above->screen, text);
        }
        above->lost = 0;
}

/* Until the message that is being printed is done. */
static void
keep_for_later(struct above *above, const char *text)
{
        size_t length = strlen(text);
        char *larger = NULL;

        if (above->later_length + length <= LATER_MAX)
                larger = realloc(above->later, above->later_length + length);
        if (larger == NULL) {
                above->lost++;
                return;
        }
        memcpy(larger + above->later_length, text, length);
        above->later = larger;
        above->later_length += length;
}

static void
put_later(struct above *above)
{
        if (above->later_length > 0)
                screen_put(above->screen, above->later, above->later_length);
        free(above->later);
        above->later = NULL;
        above->later_length = 0;
}

void
above_tell(struct above *above, const char *text)
{
        if (aw_lock_locked(&above->printing)) {
                keep_for_later(above, text);
        } else if (screen_is_full(above->screen)) {
                above->lost++;
        } else {
                hide_line(above);
                put_lost(above);
                screen_puts(above->screen, text);
                show_line(above);
        }
}

async int
above_begin(struct above *above, bool message)
{
        if (await(aw_lock_acquire(&above->printing, AW_NEVER)) == -1)
                return -1;
        hide_line(above);
        put_lost(above);
        above->message = message;
        above->last = '\0';
        if (message)
                screen_puts(above->screen, above->color ? "\033[36m<\033[0m " : "< ");
        return 0;
}

async int
above_print(struct above *above, const char *text, size_t length)
{
        const char *end = text + length, *line_end;

        while (text < end) {
                line_end = above->message ? memchr(text, '\n', (size_t)(end - text)) : NULL;
                if (above->last == '\n' && above->message)
                        screen_puts(above->screen, "  ");
                length = (size_t)((line_end == NULL ? end : line_end + 1) - text);
                screen_put(above->screen, text, length);
                text += length;
                above->last = text[-1];
                if (await(screen_room(above->screen)) == -1)
                        return -1;
        }
        return 0;
}

void
above_end(struct above *above)
{
        if (above->last != '\n')
                screen_puts(above->screen, "\n");
        put_later(above);
        show_line(above);
        aw_lock_release(&above->printing);
}
