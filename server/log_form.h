/* SPDX-License-Identifier: MIT */
/* The form of the log's lines on standard error. */
#ifndef LOG_FORM_H
#define LOG_FORM_H

#include <stdbool.h>

/* "json": an object each. Else text, with the time where nobody else adds it. */
void log_form_set(const char *form);

/*
 * Whether standard error is a socket of systemd's journal, which has times of its own: as
 * systemd.exec(5) says of JOURNAL_STREAM, "DEVICE:INODE" of it, both decimal.
 */
bool log_form_is_journal(const char *journal_stream);

#endif
