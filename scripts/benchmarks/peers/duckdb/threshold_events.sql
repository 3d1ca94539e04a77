WITH beyond AS (
    SELECT device_id, metric, timestamp, value, lead(timestamp) OVER series AS after,
        after - timestamp <= INTERVAL 1 HOUR AS goes_on,
        lag(value) OVER series > 20 AND timestamp - lag(timestamp) OVER series <= INTERVAL 1 HOUR AS went_on
    FROM readings WINDOW series AS (PARTITION BY device_id, metric ORDER BY timestamp, value) QUALIFY value > 20),
numbered AS (
    SELECT *, count(*) FILTER (went_on IS NOT TRUE) OVER (
        PARTITION BY device_id, metric ORDER BY timestamp, value ROWS UNBOUNDED PRECEDING) AS event
    FROM beyond),
events AS (
    SELECT device_id, metric, min(timestamp) AS start, max(CASE WHEN goes_on THEN after ELSE timestamp END) AS end,
        count(*) AS readings, max(value) AS peak, avg(value) AS mean,
        coalesce(sum((value - 20) * epoch(after - timestamp)) FILTER (goes_on), 0) AS area,
        CASE WHEN max(after IS NULL) THEN 'open' WHEN min(goes_on) THEN 'return' ELSE 'gap' END AS ended_by
    FROM numbered GROUP BY device_id, metric, event)
SELECT * EXCLUDE ("end"), "end", epoch("end" - start) AS seconds FROM events ORDER BY device_id, metric, start
