"""Do a job from start to end by an engine; also try, verify, repeat one."""
