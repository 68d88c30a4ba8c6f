/* SPDX-License-Identifier: MIT */
/*
 * What the connections of this process take together, and what they, or those of several processes,
 * may take. Each thread counts for itself and adds to the sum from time to time, so a charge costs no
 * lock.
 */
#ifndef AW_BASE_MEMORY_H
#define AW_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void aw_memory_charge(ptrdiff_t bytes); /* below zero: given back */
void aw_memory_report(void);            /* all that this thread has counted is in the sum now */
uint64_t aw_memory_used(void);
void aw_memory_set_max(uint64_t bytes); /* 0: as much as there is */
bool aw_memory_full(void);

/* As ws_share_memory(). */
void aw_memory_share(uint64_t *parts, size_t count, size_t own);

#endif
