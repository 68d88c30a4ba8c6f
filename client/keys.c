/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "keys.h"

/* What a terminal puts around a paste, if it is asked to. */
#define PASTE_BEGIN L"\\e[200~"
#define PASTE_END   L"\033[201~"
#define END_LENGTH  ((size_t)6)

#define CONTROL(letter) ((letter)&0x1f)

static struct keys *
keys_of(EditLine *el)
{
        void *data = NULL;

        el_wget(el, EL_CLIENTDATA, &data);
        return data;
}

static size_t
line_length(EditLine *el)
{
        const LineInfoW *line = el_wline(el);

        return (size_t)(line->lastchar - line->buffer);
}

struct paste {
        wchar_t *text;
        size_t length, size, max;
        bool too_long; /* only the end of it is here */
        bool failed;   /* no memory */
};

static bool
paste_grow(struct paste *paste)
{
        size_t size = paste->size == 0 ? 1024 : 2 * paste->size;
        wchar_t *larger = realloc(paste->text, size * sizeof(*larger));

        if (larger == NULL)
                return false;
        paste->text = larger;
        paste->size = size;
        return true;
}

static void
paste_add(struct paste *paste, wchar_t c)
{
        if (paste->length + 1 >= paste->size && !paste_grow(paste)) {
                paste->failed = true;
                return;
        }
        if (paste->length >= paste->max + END_LENGTH) {
                paste->too_long = true;
                paste->length = END_LENGTH - 1;
                wmemmove(paste->text, paste->text + paste->max + 1, paste->length);
        }
        paste->text[paste->length++] = c;
}

static bool
paste_has_ended(const struct paste *paste)
{
        return paste->length >= END_LENGTH && memcmp(paste->text + paste->length - END_LENGTH,
                                                     PASTE_END, END_LENGTH * sizeof(wchar_t)) == 0;
}

/* Line ends are LF, but for the last ones, which nobody meant; NUL cannot be in a line. */
static void
paste_tidy(struct paste *paste)
{
        wchar_t *out = paste->text;

        paste->length -= END_LENGTH;
        for (size_t i = 0; i < paste->length; i++) {
                if (paste->text[i] == L'\r' && i + 1 < paste->length && paste->text[i + 1] == L'\n')
                        continue;
                if (paste->text[i] != L'\0')
                        *out++ = paste->text[i] == L'\r' ? L'\n' : paste->text[i];
        }
        while (out > paste->text && out[-1] == L'\n')
                out--;
        *out = L'\0';
}

/* All of it becomes part of the line, and nothing in it is a key. */
static unsigned char
take_paste(EditLine *el, wint_t key)
{
        struct keys *keys = keys_of(el);
        size_t length = line_length(el);
        struct paste paste = {.max = length < keys->max ? keys->max - length : 0};
        wchar_t c;
        bool ended = false;

        (void)key;
        while (!ended && !paste.failed && el_wgetc(el, &c) == 1) {
                paste_add(&paste, c);
                ended = paste_has_ended(&paste);
        }
        if (paste.too_long) {
                keys->complaint = "what was pasted is too long for a line: send it with /file";
        } else if (ended) {
                paste_tidy(&paste);
                el_winsertstr(el, paste.text);
        }
        free(paste.text);
        return ended ? CC_REFRESH : CC_ERROR;
}

/* The next character is taken as it is. */
static unsigned char
take_quoted(EditLine *el, wint_t key)
{
        wchar_t text[2] = {L'\0', L'\0'};

        (void)key;
        if (el_wgetc(el, text) != 1 || text[0] == L'\0')
                return CC_ERROR;
        el_winsertstr(el, text);
        return CC_REFRESH;
}

/* The end of the input, or, in a line, the character at the cursor goes. */
static unsigned char
end_or_delete(EditLine *el, wint_t key)
{
        const LineInfoW *line = el_wline(el);

        (void)key;
        if (line->lastchar == line->buffer)
                return CC_EOF;
        if (line->cursor == line->lastchar)
                return CC_ERROR;
        el_cursor(el, 1);
        el_wdeletestr(el, 1);
        return CC_REFRESH;
}

static unsigned char
complete(EditLine *el, wint_t key)
{
        const LineInfoW *line = el_wline(el);
        struct keys *keys = keys_of(el);
        const wchar_t *rest =
                keys->complete(line->buffer, (size_t)(line->cursor - line->buffer), keys->choices);

        (void)key;
        if (rest == NULL)
                return keys->choices[0] == '\0' ? CC_ERROR : CC_NORM;
        el_winsertstr(el, rest);
        return CC_REFRESH;
}

static const struct {
        const wchar_t *name;
        unsigned char (*function)(EditLine *el, wint_t key);
} functions[] = {
        {L"take-paste", take_paste},
        {L"take-quoted", take_quoted},
        {L"end-or-delete", end_or_delete},
        {L"complete", complete},
};

static const struct {
        const wchar_t *key, *name;
} bindings[] = {
        {PASTE_BEGIN, L"take-paste"},
        {L"^V", L"take-quoted"},
        {L"^I", L"complete"},
        {L"^J", L"ed-newline"},
        {L"^M", L"ed-newline"},
        {L"\\e[1~", L"ed-move-to-beg"},
        {L"\\e[7~", L"ed-move-to-beg"},
        {L"\\e[4~", L"ed-move-to-end"},
        {L"\\e[8~", L"ed-move-to-end"},
        {L"\\e[3~", L"ed-delete-next-char"},
        {L"\\e[1;5C", L"em-next-word"},
        {L"\\e[1;3C", L"em-next-word"},
        {L"\\e[1;5D", L"ed-prev-word"},
        {L"\\e[1;3D", L"ed-prev-word"},
        /* libedit's own command line, which is no use here, reads what is not there if it is left. */
        {L"\\ex", L"ed-unassigned"},
        {L"\\eX", L"ed-unassigned"},
};

/* Where ESC is a key by itself, no sequence can begin with it. */
static bool
has_sequences(EditLine *el)
{
        const wchar_t *name = NULL;

        return el_wget(el, EL_EDITOR, &name) == -1 || name == NULL || wcscmp(name, L"vi") != 0;
}

bool
keys_bind(EditLine *el, struct keys *keys)
{
        wchar_t end_of_file[] = {keys->end_of_file, L'\0'};
        bool sequences = has_sequences(el);

        el_wset(el, EL_CLIENTDATA, keys);
        for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
                el_wset(el, EL_ADDFN, functions[i].name, L"", functions[i].function);
        for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++)
                if (sequences || bindings[i].key[0] != L'\\')
                        el_wset(el, EL_BIND, bindings[i].key, bindings[i].name, NULL);
        if (end_of_file[0] != L'\0')
                el_wset(el, EL_BIND, end_of_file, L"end-or-delete", NULL);
        return sequences;
}

bool
keys_fit(EditLine *el, wchar_t key)
{
        /* What takes text from elsewhere: quoted, completed, or deleted before. */
        static const wchar_t adding[] = {CONTROL('V'), CONTROL('I'), CONTROL('Y'), L'\0'};

        if (line_length(el) < keys_of(el)->max)
                return true;
        return (key < L' ' || key == 0x7f) && wcschr(adding, key) == NULL;
}
