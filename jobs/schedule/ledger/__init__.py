"""The ledger: what the schedule knows of runs, attempts, published partitions and objects, in a relational database."""
