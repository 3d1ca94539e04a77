WITH means AS MATERIALIZED (
    SELECT device_id, metric, date_trunc('hour', timestamp) AS window_start, avg(value) AS mean FROM readings GROUP BY ALL)
SELECT device_id, one.metric AS metric_1, other.metric AS metric_2, 0 AS lag, count(*) AS n, corr(one.mean, other.mean) AS r,
    covar_samp(one.mean, other.mean) AS covariance
FROM means one JOIN means other USING (device_id, window_start) WHERE one.metric < other.metric GROUP BY ALL ORDER BY ALL
