"""Who does the job: each engine takes a JobSpec and returns at its end."""
