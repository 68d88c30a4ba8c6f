/* SPDX-License-Identifier: MIT */
/* A plot of lines as SVG, within a page that has the classes and colours which it names. */
#ifndef PLOT_H
#define PLOT_H

#include <stddef.h>
#include <stdio.h>

#define PLOT_LINES_MAX 3

struct plot_point {
        double x, y;
};

struct plot {
        const char *title, *x_name, *y_name;
        struct plot_line {
                const char *name;
                struct plot_point *points; /* malloc'ed, the plot's */
                size_t count, capacity;
        } lines[PLOT_LINES_MAX];
        size_t count;
        double y_least; /* the axis goes up to this at least */
        /* What a place on the x axis is called, and how far apart such places are; 0: round. */
        void (*x_label)(double x, char *out, size_t size);
        double x_step;
};

/* Adds a point to a line. Without memory the line ends before it. */
void plot_add(struct plot *plot, size_t line, double x, double y);
void plot_draw(const struct plot *plot, FILE *out);
void plot_free(struct plot *plot);

#endif
