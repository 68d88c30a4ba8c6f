/* SPDX-License-Identifier: MIT */
/*
 * Small texts that programs read: a table of their parsers, a row each. The first byte of the input
 * says which row; the rest is the text.
 */
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "admin.h"
#include "await/deflate.h"
#include "base/text.h"
#include "bench/sizes.h"
#include "cli/opt.h"
#include "codec.h"
#include "fuzz.h"
#include "listener.h"
#include "passwords.h"

const unsigned fuzz_inputs = 100000;

static void
check_size(const char *text)
{
        char printed[30];
        uint64_t bytes, again;

        if (aw_opt_size(text, &bytes) == -1)
                return;
        snprintf(printed, sizeof(printed), "%" PRIu64, bytes);
        CHECK(aw_opt_size(printed, &again) == 0 && again == bytes);
}

static void
check_duration(const char *text)
{
        char printed[30];
        int64_t time, again;

        if (aw_opt_duration(text, &time) == -1)
                return;
        CHECK(time >= 0 && INT64_MAX - time > time);
        snprintf(printed, sizeof(printed), "%" PRId64 "us", time);
        CHECK(aw_opt_duration(printed, &again) == 0 && again == time);
}

static void
check_number(const char *text)
{
        char printed[30];
        uint64_t number, again;

        if (aw_opt_number(text, &number) == -1)
                return;
        CHECK(text[strspn(text, "0123456789")] == '\0');
        snprintf(printed, sizeof(printed), "%" PRIu64, number);
        CHECK(aw_opt_number(printed, &again) == 0 && again == number);
}

static void
check_hex(const char *text)
{
        size_t length = strlen(text);
        uint8_t *bytes = malloc(length + 1), *again = malloc(length + 1);
        ssize_t count = codec_from_hex(text, length, bytes);
        char *printed = malloc(CODEC_HEX_SIZE(length));

        CHECK(bytes != NULL && again != NULL && printed != NULL);
        CHECK(count <= (ssize_t)length / 2);
        if (count >= 0) {
                CHECK(codec_to_hex(bytes, (size_t)count, printed) == 2 * (size_t)count);
                CHECK(codec_from_hex(printed, strlen(printed), again) == count);
                CHECK(memcmp(bytes, again, (size_t)count) == 0);
        }
        free(bytes);
        free(again);
        free(printed);
}

static void
check_base64(const char *text)
{
        size_t length = strlen(text);
        uint8_t *bytes = malloc(length + 1), *again = malloc(length + 1);
        ssize_t count = codec_from_base64(text, length, bytes);
        char *printed = malloc(AW_BASE64_SIZE(length));

        CHECK(bytes != NULL && again != NULL && printed != NULL);
        CHECK(count <= (ssize_t)length);
        if (count >= 0) {
                aw_base64_encode(bytes, (size_t)count, printed);
                CHECK(codec_from_base64(printed, strlen(printed), again) == count);
                CHECK(memcmp(bytes, again, (size_t)count) == 0);
        }
        free(bytes);
        free(again);
        free(printed);
}

static void
check_percent(const char *text)
{
        char *decoded = strdup(text);
        size_t escapes = 0;

        CHECK(decoded != NULL);
        for (const char *at = text; *at != '\0'; at++)
                escapes += *at == '%';
        if (aw_percent_decode(decoded) == 0)
                CHECK(strlen(decoded) == strlen(text) - 2 * escapes);
        free(decoded);
}

static void
check_deflate(const char *text)
{
        struct ws_deflate_options options = {.level = 3};

        if (ws_deflate_parse(text, &options) == 0)
                CHECK(options.bits == 0 || (options.bits >= 9 && options.bits <= 15));
        CHECK(options.level == 3);
}

static void
check_mode(const char *text)
{
        char printed[20];
        unsigned mode = options_socket_mode(text);

        CHECK(mode <= 0777);
        snprintf(printed, sizeof(printed), "%o", mode);
        CHECK(options_socket_mode(printed) == mode);
}

static void
check_workers(const char *text)
{
        char printed[20];
        unsigned workers = options_workers(text);

        snprintf(printed, sizeof(printed), "%u", workers);
        CHECK(workers == 0 || options_workers(printed) == workers);
}

static void
check_admin(const char *text)
{
        if (admin_is_url(text))
                CHECK(strncmp(text, "http://", 7) == 0 || strncmp(text, "unix:", 5) == 0);
}

static void
check_sizes(const char *text)
{
        struct sizes sizes;
        const char *problem = NULL;

        if (sizes_parse(text, &sizes, &problem) == -1) {
                CHECK(problem != NULL);
                return;
        }
        CHECK(sizes.max <= SIZES_MAX && sizes.mean <= sizes.max);
        for (unsigned i = 0; i < 64; i++)
                CHECK(sizes_pick(&sizes, 0x0408102040810204u * i) <= sizes.max);
        CHECK(sizes_pick(&sizes, UINT64_MAX) <= sizes.max);
}

/* A file of users and hashes. */
static void
check_passwords(const char *text)
{
        char path[40], sentence[PASSWORDS_SENTENCE] = "", hash[PASSWORDS_HASH] = "";
        int fd = memfd_create("passwords", MFD_CLOEXEC);
        struct passwords *passwords;

        CHECK(fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        passwords = passwords_read(path, sentence);
        close(fd);
        CHECK((passwords == NULL) == (sentence[0] != '\0'));
        if (passwords == NULL)
                return;
        /* Nobody has no name; what is copied is somebody's hash. */
        CHECK(!passwords_find(passwords, "", hash));
        CHECK(hash[0] == '$' && strstr(text, hash) != NULL);
        passwords_free(passwords);
}

static void (*const rows[])(const char *text) = {
        check_size,    check_duration, check_number,  check_hex,   check_base64, check_percent,
        check_deflate, check_mode,     check_workers, check_admin, check_sizes,  check_passwords,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fuzz_input input = {data, size};
        uint8_t row = fuzz_byte(&input);
        char *text = fuzz_string(input);

        rows[row % (sizeof(rows) / sizeof(rows[0]))](text);
        free(text);
        return 0;
}
