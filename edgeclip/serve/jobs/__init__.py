"""Jobs that outlive the process: kept in a table, hinted at by a queue, run by workers."""
