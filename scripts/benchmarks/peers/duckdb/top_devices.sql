WITH devices AS (SELECT metric, device_id, avg(value) AS mean, count(value) AS count FROM readings GROUP BY ALL)
SELECT metric, row_number() OVER (PARTITION BY metric ORDER BY mean DESC, device_id) AS rank, device_id, mean, count
FROM devices QUALIFY rank <= 10 ORDER BY metric, rank
