WITH followed AS (
    SELECT device_id, metric, epoch_us(timestamp) AS time, value, lag(time) OVER series AS since, lag(value) OVER series AS before
    FROM readings WHERE metric LIKE '%power%'
    WINDOW series AS (PARTITION BY device_id, metric ORDER BY timestamp, value)),
spans AS (
    SELECT device_id, metric, since, before, time, value, time // 900000000 * 900000000 AS edge,
        before + (value - before) * ((edge - since) / (time - since)) AS at_edge
    FROM followed WHERE time > since AND time - since <= 900000000),
pieces AS (  -- no span is longer than a demand window, so that it lies in two of them at most
    SELECT device_id, metric, since AS begin, time - since AS length, (before + value) / 2 * length AS area
    FROM spans WHERE edge <= since
    UNION ALL
    SELECT device_id, metric, since, edge - since, (before + at_edge) / 2 * (edge - since) FROM spans WHERE edge > since
    UNION ALL
    SELECT device_id, metric, edge, time - edge, (at_edge + value) / 2 * (time - edge) FROM spans WHERE edge > since),
windows AS (
    SELECT device_id, metric, begin // 900000000 AS number, sum(length)::BIGINT AS covered, sum(area) AS area
    FROM pieces GROUP BY ALL HAVING covered > 0),
days AS (
    SELECT device_id, metric, make_date((number // 96)::INTEGER) AS date, sum(area) AS area, sum(covered) AS covered, max(area) AS highest,
        arg_max(number, area) AS best
    FROM windows GROUP BY ALL),
counted AS (SELECT device_id, metric, make_date((time // 86400000000)::INTEGER) AS date, count(*) AS readings FROM followed GROUP BY ALL)
SELECT device_id, metric, date, area / 3.6e12 AS energy, 'kWh' AS energy_unit, area / covered AS mean_power,
    highest / 900000000 AS peak_demand, make_timestamp(best * 900000000) AS peak_start, covered / 3.6e9 AS covered_hours,
    coalesce(readings, 0) AS readings
FROM counted LEFT JOIN days USING (device_id, metric, date) ORDER BY ALL
