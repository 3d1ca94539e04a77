WITH followed AS (
    SELECT device_id, metric, timestamp, lag(timestamp) OVER series AS before
    FROM readings WINDOW series AS (PARTITION BY device_id, metric ORDER BY timestamp)),
arrivals AS (SELECT * FROM followed WHERE before IS NULL OR before < timestamp),
gaps AS (
    SELECT device_id, metric, before + INTERVAL {interval} SECOND AS start, timestamp AS until, until - start AS length,
        unnest(range(start::DATE::TIMESTAMP, timestamp, INTERVAL 1 DAY))::DATE AS date
    FROM arrivals WHERE timestamp - before > INTERVAL {interval} SECOND * 1.5),
days AS (
    SELECT device_id, metric, timestamp::DATE AS date, count(*) AS received FROM arrivals GROUP BY ALL),
silent AS (
    SELECT device_id, metric, date, count(*) FILTER (date = start::DATE) AS gaps,
        sum(epoch(least(until, date + INTERVAL 1 DAY) - greatest(start, date::TIMESTAMP))) AS gap_seconds,
        epoch(max(length) FILTER (date = start::DATE)) AS longest_gap_seconds,
        avg(epoch(length)) FILTER (date = start::DATE) AS mttr_seconds
    FROM gaps GROUP BY ALL)
SELECT device_id, metric, date, coalesce(received, 0) AS received, coalesce(gaps, 0) AS gaps,
    coalesce(gap_seconds, 0) AS gap_seconds, longest_gap_seconds, mttr_seconds
FROM days FULL JOIN silent USING (device_id, metric, date) ORDER BY ALL
