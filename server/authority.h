/* SPDX-License-Identifier: MIT */
/* The authority that clients have to trust for the server's certificate. */
#ifndef AUTHORITY_H
#define AUTHORITY_H

/*
 * The last certificate of the file, in PEM and to be freed, if it is an authority's that signed
 * itself, as one for development does. NULL if it is not, if the file cannot be read, or if there
 * is no memory: then there is nothing to offer.
 */
char *authority_read(const char *file);

#endif
