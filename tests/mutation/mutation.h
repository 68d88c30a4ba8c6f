/* SPDX-License-Identifier: MIT */
/* Included before everything else in a tree that has mutants: see mutants.py. */
#ifndef MUTATION_H
#define MUTATION_H
#ifndef __ASSEMBLER__

extern int mutation_chosen;
extern unsigned char *mutation_reached;

/* True if the environment chose this one. It is noted that the place was reached. */
#define MUTANT(number) (mutation_reached[number] = 1, mutation_chosen == (number))

#endif
#endif
