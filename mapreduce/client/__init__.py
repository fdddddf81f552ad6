"""Let commands describe a job, submit it, follow it, and report errors."""
