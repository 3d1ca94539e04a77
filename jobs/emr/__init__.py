"""Amazon EMR: prices, rates and how a run is sized; clients, parameters of clusters, what an account has running."""
