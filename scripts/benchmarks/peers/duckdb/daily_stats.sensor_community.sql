WITH wide AS MATERIALIZED (
    SELECT sensor_id, timestamp::DATE AS date,
        count(P1) AS P1_count, avg(P1) AS P1_mean, stddev_samp(P1) AS P1_stddev, min(P1) AS P1_min, max(P1) AS P1_max,
        sum(P1) AS P1_sum, min(timestamp) FILTER (P1 IS NOT NULL) AS P1_first,
        max(timestamp) FILTER (P1 IS NOT NULL) AS P1_last,
        count(P2) AS P2_count, avg(P2) AS P2_mean, stddev_samp(P2) AS P2_stddev, min(P2) AS P2_min, max(P2) AS P2_max,
        sum(P2) AS P2_sum, min(timestamp) FILTER (P2 IS NOT NULL) AS P2_first,
        max(timestamp) FILTER (P2 IS NOT NULL) AS P2_last
    FROM readings GROUP BY ALL)
SELECT sensor_id AS device_id, 'P1' AS metric, date, P1_count AS count, P1_mean AS mean, P1_stddev AS stddev,
    P1_min AS min, P1_max AS max, P1_sum AS sum, P1_first AS first_timestamp, P1_last AS last_timestamp
FROM wide WHERE P1_count > 0
UNION ALL
SELECT sensor_id, 'P2', date, P2_count, P2_mean, P2_stddev, P2_min, P2_max, P2_sum, P2_first, P2_last
FROM wide WHERE P2_count > 0
ORDER BY ALL
