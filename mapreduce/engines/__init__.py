"""Do a job from start to end: each engine has a function for a JobSpec."""
