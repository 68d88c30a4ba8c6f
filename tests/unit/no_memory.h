/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out: in each run the next request for it fails, until a run has needed no more;
 * what was given and not taken back is counted. The test says what is wrapped:
 *
 * Wraps: malloc calloc realloc free strdup strndup getline __getdelim open_memstream
 * vasprintf __vasprintf_chk asprintf __asprintf_chk.
 */
#ifndef NO_MEMORY_TEST_H
#define NO_MEMORY_TEST_H

#include "unit/support.h"

/* Of all threads. */
static struct {
        atomic_bool active;
        int failing;         /* which request does */
        atomic_int requests; /* so far */
        atomic_int live;     /* what was given and not taken back */
        FILE *stream;        /* the last one in memory */
} memory;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __real_free(void *old);
void __wrap_free(void *old);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
char *__wrap_strndup(const char *text, size_t length);
ssize_t __wrap___getdelim(char **line, size_t *size, int end, FILE *in);
ssize_t __wrap_getline(char **line, size_t *size, FILE *in);
FILE *__real_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size);
int __real_vasprintf(char **out, const char *format, va_list arguments);
int __wrap_vasprintf(char **out, const char *format, va_list arguments);
int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list arguments);
int __wrap_asprintf(char **out, const char *format, ...);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...);

static bool
is_refused(void)
{
        if (!memory.active || ++memory.requests != memory.failing)
                return false;
        errno = ENOMEM;
        return true;
}

static void *
given(void *made)
{
        memory.live += memory.active && made != NULL;
        return made;
}

void *
__wrap_malloc(size_t size)
{
        return is_refused() ? NULL : given(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return is_refused() ? NULL : given(__real_calloc(count, size));
}

void *
__wrap_realloc(void *old, size_t size)
{
        if (is_refused())
                return NULL;
        return old == NULL ? given(__real_realloc(old, size)) : __real_realloc(old, size);
}

void
__wrap_free(void *old)
{
        memory.live -= memory.active && old != NULL;
        __real_free(old);
}

char *
__wrap_strdup(const char *text)
{
        return is_refused() ? NULL : given(__real_strdup(text));
}

char *
__wrap_strndup(const char *text, size_t length)
{
        return is_refused() ? NULL : given(__real_strndup(text, length));
}

ssize_t
__wrap___getdelim(char **line, size_t *size, int end, FILE *in)
{
        bool first = *line == NULL;
        ssize_t length = is_refused() ? -1 : getdelim(line, size, end, in);

        if (first)
                given(*line);
        return length;
}

/* With optimisation the C library's header makes the above of it. */
ssize_t
__wrap_getline(char **line, size_t *size, FILE *in)
{
        return __wrap___getdelim(line, size, '\n', in);
}

FILE *
__wrap_open_memstream(char **text, size_t *size)
{
        return memory.stream = is_refused() ? NULL : given(__real_open_memstream(text, size));
}

int
__wrap_vasprintf(char **out, const char *format, va_list arguments)
{
        int length = is_refused() ? -1 : __real_vasprintf(out, format, arguments);

        memory.live += memory.active && length != -1;
        return length;
}

int
__wrap___vasprintf_chk(char **out, int flag, const char *format, va_list arguments)
{
        (void)flag;
        return __wrap_vasprintf(out, format, arguments);
}

int
__wrap_asprintf(char **out, const char *format, ...)
{
        va_list arguments;
        int length;

        va_start(arguments, format);
        length = __wrap_vasprintf(out, format, arguments);
        va_end(arguments);
        return length;
}

int
__wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
        va_list arguments;
        int length;

        (void)flag;
        va_start(arguments, format);
        length = __wrap_vasprintf(out, format, arguments);
        va_end(arguments);
        return length;
}

/* Before the first run. */
static inline void
no_memory_begin(void)
{
        memory.failing = 0;
}

static inline void
no_memory_run(void)
{
        memory.live = memory.requests = 0;
        memory.failing++;
        memory.active = true;
}

/* Ends the run. Whether a request has failed, so that there is another run; nothing was left. */
static inline bool
no_memory_again(void)
{
        memory.active = false;
        expect_int(memory.live, 0);
        return memory.requests >= memory.failing && test_failures == 0;
}

#endif
