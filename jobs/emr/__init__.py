"""Amazon EMR: what a run would need, how long it would take and what it would cost."""
