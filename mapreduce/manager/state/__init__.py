"""Keep what a Manager needs after an interruption: facts and files."""
