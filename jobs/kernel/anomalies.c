/* How unusual each reading of a series is after those before it: jobs/partials/unusual.py defines it in plain Python, and
   both take the same steps in the same order, so that they give the same bits. */
#include "kernel.h"

enum { DAY_CELLS = 24, WEEK_CELLS = 168, CELLS = DAY_CELLS + WEEK_CELLS, ENOUGH = 3, FILLED = 200, VIEWS = 2 };

/* What a figure has reached of late: its extremes, which slowly draw in to the centre. */
typedef struct {
    double low, high, centre;
} reach_t;

/* The state of one series; all zero before its first reading. cell: the usual value of an hour of the day, and of the
   week; filled: from how many readings, at most FILLED; periods: of how many days or weeks, at most ENOUGH; last: the
   latest of them. strain: how much each detector has raised of late. */
typedef struct {
    int64_t count;
    double overall, spread, strain[VIEWS];
    reach_t level, residual;
    double cell[CELLS];
    int32_t last[CELLS];
    uint8_t filled[CELLS], periods[CELLS];
} series_t;

/* jobs/partials/unusual.py: Parameters, in the same order. */
typedef struct {
    double limit, warm, clip_after, clip, spread_rate, cell_rate, decay, outer, haste, centre_rate, floor, level_margin,
        residual_margin, relief, strain;
} parameters_t;

static inline double larger(double a, double b) { return a > b ? a : b; }

static inline double clipped(double x, double limit) { return x > limit ? limit : x < -limit ? -limit : x; }

static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* The distance of an extreme to the centre after one more reading: the farther out, the faster it draws in. */
static inline double drawn_in(double distance, double spread, const parameters_t *p) {
    double out = distance / (p->outer * spread + 1e-300);
    return p->decay * (out > p->haste ? p->haste : larger(1.0, out)) * distance;
}

static double beyond(reach_t *r, double x, int64_t count, double spread, const parameters_t *p) {
    if (count == 1) {
        r->low = r->high = r->centre = x;
        return 0;
    }
    double width = r->high - r->low, over = larger(x - r->high, r->low - x);
    double share = over > 0 ? over / (width + p->floor * spread + 1e-300) : 0;
    r->centre += larger(1.0 / (double)count, p->centre_rate) * (x - r->centre);
    r->high -= drawn_in(r->high - r->centre, spread, p);
    r->low += drawn_in(r->centre - r->low, spread, p);
    if (x > r->high) r->high = x;
    if (x < r->low) r->low = x;
    return share > 1e6 ? 1e6 : share;
}

static double eased(double surprise, double *strain, const parameters_t *p) {
    *strain -= p->relief * *strain;
    double left = surprise / (1 + p->strain * *strain);
    *strain += surprise / (1 + surprise);
    return left / (1 + left);
}

static inline void visit(series_t *s, int cell, int64_t period) {
    if (s->periods[cell] && s->last[cell] == (int32_t)period) return;
    s->periods[cell] += s->periods[cell] < ENOUGH;
    s->last[cell] = (int32_t)period;
}

static inline void fill(series_t *s, int cell, double value, double rate, double limit) {
    if (!s->filled[cell])
        s->cell[cell] = value;
    else
        s->cell[cell] += larger(1.0 / (s->filled[cell] + 1), rate) * clipped(value - s->cell[cell], limit);
    s->filled[cell] += s->filled[cell] < FILLED;
}

EXPORT int64_t anomalies_state_bytes(void) { return (int64_t)sizeof(series_t); }

/* Judges n readings, each series' in the order of time. sequence: whose of `states` a reading is; hour: local hours since
   1970. Writes for each reading the scores of both detectors, seasonal and novelty, n of each; what was expected; the
   spread; and marks (unusual.py: Judged). */
EXPORT void anomalies_judge(const parameters_t *p, series_t *states, int64_t n, const int64_t *sequence,
                            const int64_t *hour, const double *value, double *scores, double *expected, double *spread,
                            uint8_t *marks) {
    for (int64_t i = 0; i < n; i++) {
        series_t *s = &states[sequence[i]];
        double x = clipped(value[i], p->limit);
        int64_t count = ++s->count;
        int day = (int)(hour[i] - floor_div(hour[i], 24) * 24);
        int week = DAY_CELLS + (int)(hour[i] - floor_div(hour[i], 168) * 168);
        visit(s, day, floor_div(hour[i], 24));
        visit(s, week, floor_div(hour[i], 168));
        if (count == 1) s->overall = x;
        int basis = s->periods[week] == ENOUGH ? 2 : s->periods[day] == ENOUGH ? 1 : 0;
        double usual = basis == 2 ? s->cell[week] : basis == 1 ? s->cell[day] : s->overall;
        double limit = (double)count > p->clip_after ? p->clip * s->spread : 4 * p->limit;
        double residual = x - usual;
        bool is_high = x > s->level.centre;
        double by_level = beyond(&s->level, x, count, s->spread, p) / p->level_margin;
        double by_residual = beyond(&s->residual, residual, count, s->spread, p) / p->residual_margin;
        expected[i] = usual;
        spread[i] = s->spread;
        bool is_level = by_level > by_residual, warm = (double)count <= p->warm;
        marks[i] = (uint8_t)(basis | (is_level ? 4 : 0) | ((is_level ? is_high : residual > 0) ? 8 : 0));
        scores[i] = eased(warm ? 0 : by_residual, &s->strain[0], p);
        scores[n + i] = eased(warm ? 0 : larger(by_level, by_residual), &s->strain[1], p);
        double off = clipped(residual, limit), rate = larger(1.0 / (double)count, p->spread_rate);
        s->spread += rate * ((off < 0 ? -off : off) - s->spread);
        s->overall += rate * clipped(x - s->overall, limit);
        fill(s, day, x, p->cell_rate, limit);
        fill(s, week, s->filled[week] ? x : usual + off, 2 * p->cell_rate, limit);
    }
}
