"""Our jobs beside other engines: whole processes, the same files, answers checked."""
