SELECT device_id, metric, date_trunc('hour', timestamp) AS window_start, window_start + INTERVAL 1 HOUR AS window_end,
    count(value) AS count, avg(value) AS mean, stddev_samp(value) AS stddev,
    min(value) AS min, max(value) AS max, sum(value) AS sum,
    min(timestamp) AS first_timestamp, max(timestamp) AS last_timestamp
FROM readings GROUP BY ALL ORDER BY ALL
