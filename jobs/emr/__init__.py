"""Amazon EMR: clients, the parameters of clusters, and what the account has running."""
