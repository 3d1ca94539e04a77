"""The Spark twins, one module a job."""
