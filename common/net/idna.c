/* SPDX-License-Identifier: MIT */
/* International host names, by libidn2. */
#include <errno.h>
#include <idn2.h>
#include <string.h>

#include "net/url.h"

int
aw_url_to_ascii(const char *name, char out[AW_URL_HOST_MAX + 1], struct aw_error *error)
{
        uint8_t *ascii = NULL;
        int result =
                idn2_lookup_u8((const uint8_t *)name, &ascii,
                               IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES);

        if (result != IDN2_OK)
                return aw_error_set(error, AW_ERROR_USAGE, result == IDN2_MALLOC ? ENOMEM : EINVAL,
                                    "the host is no international name: %s", idn2_strerror(result));
        if (strlen((const char *)ascii) > AW_URL_HOST_MAX) {
                idn2_free(ascii);
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "the host name is longer than 253 bytes");
        }
        strcpy(out, (const char *)ascii);
        idn2_free(ascii);
        return 0;
}
