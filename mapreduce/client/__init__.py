"""Who asks: what the commands share before and after a job runs."""
