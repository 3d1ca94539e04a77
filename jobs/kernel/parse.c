/* Blocks of lines to columns of readings. A record is taken whole or not at all: whatever is not certain makes it an
 * exception, of which the place is told. */
#include "parser.h"

EXPORT void parser_free(parser *parser)
{
    if (!parser) return;
    series_memory *memories[] = {&parser->by_metric, &parser->by_metric_and_unit};
    for (int i = 0; i < 2; i++) {
        key_table_free(&memories[i]->table);
        free(memories[i]->codes);
    }
    free(parser->line.fields);
    free(parser->line.stops);
    free(parser->line.spare);
    free(parser->time_texts);
    free(parser->decoder.buffer);
    for (int i = 0; i < 2; i++) free(parser->scratch[i]);
    free(parser);
}

/* A parser for objects of one layout; the spec must outlive it. NULL without memory. */
EXPORT parser *parser_new(const parse_spec *spec, key_store *keys)
{
    parser *parser = calloc(1, sizeof *parser);
    if (!parser) return NULL;
    parser->spec = spec;
    parser->keys = keys;
    parser->decoder.utf8 = spec->utf8;
    memcpy(&parser->time.head, "1970-01-01T00:00", 16);
    parser->line.fields = calloc((size_t)spec->layout.fields + 1, sizeof(span));
    parser->line.stops = calloc((size_t)spec->layout.separators + 74, sizeof(uint32_t));
    parser->time_texts = calloc((size_t)spec->time.columns + 1, sizeof(span));
    bool made = key_table_init(&parser->by_metric.table) && key_table_init(&parser->by_metric_and_unit.table);
    if (made && parser->line.fields && parser->line.stops && parser->time_texts) return parser;
    parser_free(parser);
    return NULL;
}

static inline void add_exception(parse_batch *out, int64_t begin, int64_t stop, int64_t line_number)
{
    int64_t *exception = out->exceptions + 3 * out->exception_count++;
    exception[0] = begin;
    exception[1] = stop;
    exception[2] = line_number;
}

/* The readings of the records in data[begin..end), of which the last may lack its newline; data[0] has the offset `base`
 * in its object. The batch is emptied, then filled. FULL and LOST say that there is more from out->position on: for the
 * next call, or for the reference path as it is not certain where the record ends. */
EXPORT int32_t parser_run(parser *parser, const uint8_t *data, int64_t begin, int64_t end, int64_t base,
                          parse_batch *out)
{
    const parse_spec *spec = parser->spec;
    const uint8_t *at = data + begin, *limit = data + end;
    line *line = &parser->line;
    parse_status status = PARSE_FULL;
    while (limit > at && limit[-1] != '\n') limit--;
    out->rows = out->exception_count = out->lines = out->missing = out->excluded = 0;
    line->newlines = 0;
    parser->no_memory = false;
    bool simple = is_simple(spec);
    int64_t first_line = out->line_number;
    while (out->rows + spec->value_count <= out->row_room && out->exception_count < out->exception_room) {
        if (UNLIKELY(at >= limit)) {
            status = PARSE_DONE;
            if (limit < data + end) {
                if (spec->layout.newline_in_quotes) {
                    status = PARSE_LOST;
                } else {
                    add_exception(out, at - data, end, first_line + line->newlines);
                    at = data + end;
                }
            }
            break;
        }
        if (UNLIKELY(*at == '\n' || (*at == '\r' && at[1] == '\n'))) {
            at += 1 + (*at == '\r');
            line->newlines++;
            continue;
        }
        if (simple) {
            const uint8_t *stopped = take_simple_lines(parser, data, at, limit, base, out);
            if (LIKELY(stopped > at)) {
                at = stopped;
                continue;
            }
        }
        int64_t line_number = first_line + line->newlines;
        cut found = cut_line(&spec->layout, at, limit, line);
        if (UNLIKELY(found == CUT_LOST)) {
            status = PARSE_LOST;
            break;
        }
        int64_t offset = base + (at - data);
        if (found == CUT_EXCEPTION || (found == CUT_FIELDS && !take_record(parser, line->fields, offset, out)))
            add_exception(out, at - data, line->next - 1 - data, line_number);
        if (UNLIKELY(parser->no_memory)) {
            status = PARSE_NO_MEMORY;
            break;
        }
        at = line->next;
    }
    out->position = at - data;
    out->line_number = first_line + line->newlines;
    return status;
}

/* Sizes of the shared structures, to be compared with those of their twins. */
EXPORT void parser_sizes(int64_t sizes[8])
{
    const size_t all[8] = {sizeof(span),       sizeof(json_segment), sizeof(json_template), sizeof(layout_spec),
                           sizeof(time_spec), sizeof(value_role),   sizeof(metric_text),   sizeof(parse_spec)};
    for (int i = 0; i < 8; i++) sizes[i] = (int64_t)all[i];
}
