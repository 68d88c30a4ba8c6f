/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "forms.h"

#include "conductor.h"
#include "report.h"

static void (*const writers[FORMS_FILES])(const struct result *result,
                                          FILE *out) = {report_csv, report_hdr, report_page};

static const char *
file_named(const struct bench_options *options, size_t index)
{
        const char *const paths[FORMS_FILES] = {options->csv, options->hdr, options->report};

        return paths[index];
}

static enum bench_status
form_failed(const char *name, int error)
{
        bench_say("%s: %s", name, strerror(error));
        return BENCH_LOCAL;
}

static FILE *
open_kept(const char *path)
{
        int fd;
        FILE *file;

        if (strcmp(path, "-") == 0)
                return stdout;
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        file = fd == -1 ? NULL : fdopen(fd, "w");
        if (file == NULL && fd != -1)
                close(fd);
        return file;
}

/* Two results in it would destroy each other. A pipe or a device is no such file. */
static bool
is_same_file(FILE *one, FILE *other)
{
        struct stat a, b;

        return fstat(fileno(one), &a) == 0 && fstat(fileno(other), &b) == 0 && S_ISREG(a.st_mode) &&
               a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Whether the last of these files is one of the others, or the one that standard output goes to. */
static bool
is_shared(FILE *const *files, size_t last)
{
        bool shared = files[last] != stdout && is_same_file(files[last], stdout);

        for (size_t i = 0; i < last && !shared; i++)
                shared = files[i] != NULL &&
                         (files[i] == files[last] || is_same_file(files[i], files[last]));
        return shared;
}

enum bench_status
forms_open(struct forms *forms, const struct bench_options *options)
{
        *forms = (struct forms){.files = {NULL}};
        for (size_t i = 0; i < FORMS_FILES; i++) {
                const char *path = file_named(options, i);

                if (path == NULL)
                        continue;
                forms->files[i] = open_kept(path);
                if (forms->files[i] == NULL)
                        return form_failed(path, errno);
                if (is_shared(forms->files, i)) {
                        bench_say("--csv, --hdr and --report cannot share a file, nor write into "
                                  "that of standard output: give each of them its own");
                        return BENCH_USAGE;
                }
        }
        return BENCH_OK;
}

/* What was there before goes. A pipe or a device has nothing to cut. */
static int
empty(FILE *file)
{
        return file == stdout || ftruncate(fileno(file), 0) == 0 || errno == EINVAL ? 0 : -1;
}

static enum bench_status
flush_form(FILE *file, const char *name)
{
        return fflush(file) != 0 || ferror(file) ? form_failed(name, errno) : BENCH_OK;
}

static enum bench_status
write_one(const struct result *result, FILE *file, const char *name,
          void (*writer)(const struct result *result, FILE *out))
{
        if (empty(file) == -1)
                return form_failed(name, errno);
        writer(result, file);
        return flush_form(file, name);
}

static enum bench_status
write_json(const struct result *result)
{
        return report_json(result, stdout) == -1 ? form_failed("--json", ENOMEM)
                                                 : flush_form(stdout, "standard output");
}

enum bench_status
forms_write(struct forms *forms, const struct result *result)
{
        const struct bench_options *options = result->options;
        enum bench_status status =
                options->json ? write_json(result)
                              : write_one(result, stdout, "standard output", report_table);

        /* One that fails does not keep the others from what they can have. */
        for (size_t i = 0; i < FORMS_FILES; i++)
                if (forms->files[i] != NULL && !ferror(forms->files[i]) &&
                    write_one(result, forms->files[i],
                              forms->files[i] == stdout ? "standard output"
                                                        : file_named(options, i),
                              writers[i]) != BENCH_OK)
                        status = BENCH_LOCAL;
        return status;
}

void
forms_close(struct forms *forms)
{
        for (size_t i = 0; i < FORMS_FILES; i++)
                if (forms->files[i] != NULL && forms->files[i] != stdout)
                        fclose(forms->files[i]);
        *forms = (struct forms){.files = {NULL}};
}
