-- quantile_disc takes the next higher rank where ours and Polars' take the lower one
SELECT device_id, metric, isodow(timestamp) AS day_of_week, hour(timestamp) AS hour, count(value) AS count,
    avg(value) AS mean, stddev_samp(value) AS stddev, min(value) AS min, max(value) AS max,
    quantile_disc(value, 0.25) AS "uncompared_q0.25", quantile_disc(value, 0.5) AS "uncompared_q0.5", quantile_disc(value, 0.75) AS "uncompared_q0.75"
FROM readings GROUP BY ALL ORDER BY ALL
