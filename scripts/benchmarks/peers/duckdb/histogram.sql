WITH scaled AS (
    SELECT device_id, metric, value, floor(log2(abs(nullif(value, 0)))) AS octave, abs(value) / pow(2, octave) - 1 AS s
    FROM readings),
bins AS (
    SELECT device_id, metric, coalesce(sign(value) * (1 + 7 * (octave + 1074)
        + least(6, floor((((6 / 35 * s - 3 / 5) * s + 10 / 7) * s) * 7))), 0)::BIGINT AS bin, count(*) AS count
    FROM scaled GROUP BY ALL)
SELECT device_id, metric, bin, count, count / sum(count) OVER series AS share,
    sum(count) OVER (series ORDER BY bin) / sum(count) OVER series AS cumulative_share
FROM bins WINDOW series AS (PARTITION BY device_id, metric) ORDER BY device_id, metric, bin
