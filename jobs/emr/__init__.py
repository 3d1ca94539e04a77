"""Amazon EMR: prices, rates and how a run is sized; clients, the parameters of clusters, what an account has running."""
