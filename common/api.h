/* SPDX-License-Identifier: MIT */
/* What the library exports is marked; everything else is hidden. */
#ifndef AW_API_H
#define AW_API_H

#define AW_API __attribute__((visibility("default")))

#endif
