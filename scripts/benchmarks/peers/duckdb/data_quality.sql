WITH followed AS MATERIALIZED (
    SELECT device_id, metric, timestamp, lag(timestamp) OVER series AS before, lag(value) OVER series = value AS equal,
        row_number() OVER series AS number
    FROM readings WINDOW series AS (PARTITION BY device_id, metric ORDER BY timestamp, value)),
chained AS (
    SELECT *, before = timestamp AS repeated, number - row_number() OVER (PARTITION BY device_id, metric ORDER BY number) AS chain
    FROM followed WHERE equal),
placed AS (
    SELECT *, 1 + count(*) FILTER (NOT repeated) OVER (run ORDER BY number ROWS UNBOUNDED PRECEDING) AS position,
        1 + count(*) FILTER (NOT repeated) OVER run AS length
    FROM chained WINDOW run AS (PARTITION BY device_id, metric, chain)),
runs AS (
    SELECT device_id, metric, timestamp::DATE AS date, length >= 10 AND NOT repeated AS is_stuck, position FROM placed
    UNION ALL
    SELECT device_id, metric, before::DATE, true, 1 FROM placed WHERE length >= 10 AND position = 2 AND NOT repeated),
stuck AS (
    SELECT device_id, metric, date, count(*) FILTER (is_stuck) AS stuck, max(position) AS longest FROM runs GROUP BY ALL),
days AS (
    SELECT device_id, metric, timestamp::DATE AS date, count(*) AS readings,
        count(*) FILTER (before = timestamp AND equal) AS duplicates,
        count(*) FILTER (before = timestamp AND NOT equal) AS conflicts,
        count(*) FILTER (timestamp > now()::TIMESTAMP) AS future
    FROM followed GROUP BY ALL)
SELECT device_id, metric, date, readings, duplicates, conflicts, future, coalesce(stuck, 0) AS stuck,
    coalesce(longest, 1) AS longest_run
FROM days LEFT JOIN stuck USING (device_id, metric, date) ORDER BY ALL
