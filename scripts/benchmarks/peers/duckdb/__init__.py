"""What DuckDB is asked, a file a question: SQL over the view `readings`, whose timestamps are in UTC."""
