"""Amazon EMR for rehearsals: S3 and EMR's control plane by moto, and machines that do what they are told."""
