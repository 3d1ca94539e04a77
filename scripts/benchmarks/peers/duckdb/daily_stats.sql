SELECT device_id, metric, timestamp::DATE AS date, count(value) AS count, avg(value) AS mean, stddev_samp(value) AS stddev,
    min(value) AS min, max(value) AS max, sum(value) AS sum,
    min(timestamp) AS first_timestamp, max(timestamp) AS last_timestamp
FROM readings GROUP BY ALL ORDER BY ALL
