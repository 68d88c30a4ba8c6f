/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "plot.h"

/* Of the drawing, in its own units, which the page scales. */
enum { WIDTH = 720, HEIGHT = 300, LEFT = 70, RIGHT = 20, TOP = 44, BOTTOM = 46, TICKS = 5 };

struct frame {
        double x_most, y_most;
        FILE *out;
};

void
plot_add(struct plot *plot, size_t line, double x, double y)
{
        struct plot_line *to = &plot->lines[line];

        if (to->count == to->capacity) {
                size_t capacity = to->capacity == 0 ? 64 : 2 * to->capacity;
                struct plot_point *points = realloc(to->points, capacity * sizeof(*points));

                if (points == NULL)
                        return;
                to->points = points;
                to->capacity = capacity;
        }
        to->points[to->count++] = (struct plot_point){x, y};
}

void
plot_free(struct plot *plot)
{
        for (size_t i = 0; i < PLOT_LINES_MAX; i++) {
                free(plot->lines[i].points);
                plot->lines[i].points = NULL;
        }
}

/* The next of 1, 2 and 5 times a power of ten. */
static double
round_number(double value)
{
        double power = value > 0 ? pow(10, floor(log10(value))) : 1;
        double digit = value / power;

        return (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10) * power;
}

static double
x_at(const struct frame *frame, double x)
{
        return LEFT + x / frame->x_most * (WIDTH - LEFT - RIGHT);
}

static double
y_at(const struct frame *frame, double y)
{
        return HEIGHT - BOTTOM - y / frame->y_most * (HEIGHT - TOP - BOTTOM);
}

static struct frame
frame_of(const struct plot *plot, FILE *out)
{
        struct frame frame = {.y_most = plot->y_least, .out = out};

        for (size_t i = 0; i < plot->count; i++)
                for (size_t k = 0; k < plot->lines[i].count; k++) {
                        frame.x_most = fmax(frame.x_most, plot->lines[i].points[k].x);
                        frame.y_most = fmax(frame.y_most, plot->lines[i].points[k].y);
                }
        if (!(frame.x_most > 0))
                frame.x_most = 1;
        if (!(frame.y_most > 0))
                frame.y_most = 1;
        return frame;
}

static void
draw_y_axis(struct frame *frame)
{
        double step = round_number(frame->y_most / TICKS);

        frame->y_most = step * ceil(frame->y_most / step - 1e-9);
        for (int i = 0; i * step <= frame->y_most + step / 2; i++) {
                double y = y_at(frame, i * step);

                fprintf(frame->out,
                        "<line class='grid' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>"
                        "<text class='tick' x='%d' y='%.1f' text-anchor='end'>%.7g</text>\n",
                        LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, i * step);
        }
}

static void
draw_x_axis(const struct plot *plot, const struct frame *frame)
{
        double step = plot->x_step > 0 ? plot->x_step : round_number(frame->x_most / TICKS);
        char label[32];

        for (int i = 0; i * step <= frame->x_most * (1 + 1e-9); i++) {
                if (plot->x_label != NULL)
                        plot->x_label(i * step, label, sizeof(label));
                else
                        snprintf(label, sizeof(label), "%.7g", i * step);
                fprintf(frame->out,
                        "<text class='tick' x='%.1f' y='%d' text-anchor='middle'>%s</text>\n",
                        x_at(frame, i * step), HEIGHT - BOTTOM + 18, label);
        }
        fprintf(frame->out, "<text class='tick' x='%d' y='%d' text-anchor='end'>%s</text>\n",
                WIDTH - RIGHT, HEIGHT - 8, plot->x_name);
}

static void
draw_line(const struct plot *plot, const struct frame *frame, size_t index)
{
        const struct plot_line *line = &plot->lines[index];

        fprintf(frame->out, "<polyline class='line line%zu' points='", index);
        for (size_t i = 0; i < line->count; i++)
                fprintf(frame->out, "%.1f,%.1f ", x_at(frame, line->points[i].x),
                        y_at(frame, line->points[i].y));
        fputs("'/>\n", frame->out);
        /* A line needs two points to be seen. */
        if (line->count == 1)
                fprintf(frame->out, "<circle class='line%zu' r='4' cx='%.1f' cy='%.1f'/>\n", index,
                        x_at(frame, line->points[0].x), y_at(frame, line->points[0].y));
}

static void
draw_legend(const struct plot *plot, const struct frame *frame)
{
        int x = WIDTH - RIGHT - 90 * (int)plot->count;

        if (plot->count < 2)
                return;
        for (size_t i = 0; i < plot->count; i++, x += 90)
                fprintf(frame->out,
                        "<line class='line line%zu' x1='%d' x2='%d' y1='18' y2='18'/>"
                        "<text class='tick' x='%d' y='22'>%s</text>\n",
                        i, x, x + 26, x + 32, plot->lines[i].name);
}

void
plot_draw(const struct plot *plot, FILE *out)
{
        struct frame frame = frame_of(plot, out);

        fprintf(out,
                "<figure><svg viewBox='0 0 %d %d' role='img' aria-label='%s'>\n"
                "<text class='title' x='8' y='20'>%s, %s</text>\n",
                WIDTH, HEIGHT, plot->title, plot->title, plot->y_name);
        draw_y_axis(&frame);
        draw_x_axis(plot, &frame);
        for (size_t i = 0; i < plot->count; i++)
                draw_line(plot, &frame, i);
        draw_legend(plot, &frame);
        fputs("</svg></figure>\n", out);
}
