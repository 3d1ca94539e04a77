"""Plans, tasks and runs: what stands between a job and mrjob."""
