WITH present AS (SELECT DISTINCT metric, device_id, timestamp::DATE AS date FROM readings),
around AS (
    SELECT *, lag(date) OVER device AS before, lead(date) OVER device AS after, max(date) OVER (PARTITION BY metric) AS last
    FROM present WINDOW device AS (PARTITION BY metric, device_id ORDER BY date)),
changes AS (
    SELECT metric, date, count(*) AS devices, count(*) FILTER (before IS NULL) AS new,
        count(*) FILTER (before < date - 1) AS "returning", 0 AS lost
    FROM around GROUP BY metric, date
    UNION ALL
    SELECT metric, date + 1, 0, 0, 0, count(*) FROM around
    WHERE date < last AND (after IS NULL OR after > date + 1) GROUP BY metric, date)
SELECT metric, date, sum(devices)::BIGINT AS devices, sum(new)::BIGINT AS new, sum("returning")::BIGINT AS "returning",
    sum(lost)::BIGINT AS lost
FROM changes GROUP BY metric, date ORDER BY metric, date
