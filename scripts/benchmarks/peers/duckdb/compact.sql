COPY (SELECT *, timestamp::DATE AS dt FROM readings ORDER BY dt, device_id, metric, timestamp, value)
TO '{output}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt), OVERWRITE)
