WITH counted AS (
    SELECT device_id, metric, CASE WHEN value < 0 THEN -1 WHEN value < 10 THEN 0 WHEN value < 20 THEN 1 WHEN value < 50 THEN 2
        WHEN value < 100 THEN 3 WHEN value < 200 THEN 4 WHEN value <= 500 THEN 5 ELSE 6 END AS bin, count(*) AS count
    FROM readings GROUP BY ALL),
every AS (
    SELECT device_id, metric, bin, coalesce(count, 0) AS count
    FROM (SELECT DISTINCT device_id, metric FROM counted) CROSS JOIN range(-1, 7) numbers(bin)
    LEFT JOIN counted USING (device_id, metric, bin) WHERE count IS NOT NULL OR bin BETWEEN 0 AND 5)
SELECT device_id, metric, bin, count, count / sum(count) OVER series AS share,
    sum(count) OVER (series ORDER BY bin) / sum(count) OVER series AS cumulative_share
FROM every WINDOW series AS (PARTITION BY device_id, metric) ORDER BY device_id, metric, bin
