SELECT coalesce(site, '(unmatched)') AS site, metric, timestamp::DATE AS date, count(DISTINCT device_id) AS devices,
    count(value) AS count, avg(value) AS mean, stddev_samp(value) AS stddev,
    min(value) AS min, max(value) AS max, sum(value) AS sum,
    min(timestamp) AS first_timestamp, max(timestamp) AS last_timestamp
FROM readings LEFT JOIN read_csv('{devices}', all_varchar = true) USING (device_id) GROUP BY ALL ORDER BY ALL
