/* SPDX-License-Identifier: MIT */
/*
 * The header of the PROXY protocol, both versions. Once settled a result stays, however much follows,
 * and no beginning has another; a header is as long as it says.
 */
#include <netinet/in.h>

#include "fuzz.h"
#include "net/proxy_header.h"

const unsigned fuzz_inputs = 20000;

/* In memory of just its size. */
static enum aw_proxy_result
parse(const uint8_t *data, size_t length, struct aw_proxy_header *header)
{
        uint8_t *copy = malloc(length + 1);
        enum aw_proxy_result result;

        CHECK(copy != NULL);
        memcpy(copy + 1, data, length);
        memset(header, 0, sizeof(*header));
        result = aw_proxy_header_parse(copy + 1, length, header);
        free(copy);
        return result;
}

static void
check_header(const struct aw_proxy_header *header, const uint8_t *data, size_t size)
{
        struct aw_proxy_header shorter;
        int family = header->source.ss_family;

        CHECK(header->length > 0 && header->length <= size);
        CHECK(header->length <= AW_PROXY_HEADER_MAX);
        CHECK(family == AF_UNSPEC || family == AF_INET || family == AF_INET6 || family == AF_UNIX);
        CHECK(parse(data, header->length, &shorter) == AW_PROXY_OK);
        CHECK(shorter.length == header->length);
        CHECK(memcmp(&shorter.source, &header->source, sizeof(header->source)) == 0);
        CHECK(parse(data, header->length - 1, &shorter) == AW_PROXY_INCOMPLETE);
}

static void
check_same(const struct aw_proxy_header *one, const struct aw_proxy_header *other)
{
        CHECK(one->length == other->length && one->wrong == other->wrong);
        CHECK(memcmp(&one->source, &other->source, sizeof(one->source)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct aw_proxy_header header, shorter;
        enum aw_proxy_result result = parse(data, size, &header), earlier;
        bool settled = false;

        if (result == AW_PROXY_OK)
                check_header(&header, data, size);
        if (result == AW_PROXY_BAD)
                CHECK(header.wrong != NULL && header.wrong[0] != '\0');
        CHECK(result != AW_PROXY_INCOMPLETE || size < AW_PROXY_HEADER_MAX);
        for (size_t i = 0; i < size; i += i < 256 ? 1 : 1 + size / 64) {
                earlier = parse(data, i, &shorter);
                CHECK(earlier == result || (earlier == AW_PROXY_INCOMPLETE && !settled));
                settled = earlier != AW_PROXY_INCOMPLETE;
                if (settled)
                        check_same(&shorter, &header);
        }
        return 0;
}
