/* SPDX-License-Identifier: MIT */
/* What the library exports is marked; everything else is hidden. */
#ifndef AW_API_H
#define AW_API_H

#ifdef __cplusplus
#define AW_API extern "C" __attribute__((visibility("default")))
#else
#define AW_API extern __attribute__((visibility("default")))
#endif

#endif
