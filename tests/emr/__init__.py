"""Amazon EMR, without Amazon: moto as control plane and S3, and a real Hadoop cluster that executes the steps."""
