WITH ranges AS MATERIALIZED (SELECT metric, min(value) AS lowest, max(value) AS highest FROM readings GROUP BY metric),
counted AS (
    SELECT device_id, metric, greatest(0, least(22, floor((value - lowest) / (highest - lowest) * 23)))::BIGINT AS bin,
        count(*) AS count
    FROM readings JOIN ranges USING (metric) GROUP BY ALL),
every AS (
    SELECT device_id, metric, bin, lowest + bin * (highest - lowest) / 23 AS low,
        lowest + (bin + 1) * (highest - lowest) / 23 AS high, coalesce(count, 0) AS count
    FROM (SELECT DISTINCT device_id, metric FROM counted) JOIN ranges USING (metric) CROSS JOIN range(23) numbers(bin)
    LEFT JOIN counted USING (device_id, metric, bin))
SELECT device_id, metric, bin, low, high, count, count / sum(count) OVER series AS share,
    sum(count) OVER (series ORDER BY bin) / sum(count) OVER series AS cumulative_share
FROM every WINDOW series AS (PARTITION BY device_id, metric) ORDER BY device_id, metric, bin
