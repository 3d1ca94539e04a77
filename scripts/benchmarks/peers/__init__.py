"""The peers: a package an engine, with a query for each question that it can answer."""
