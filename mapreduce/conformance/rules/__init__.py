"""The rules: one module for each part of what a daemon must do."""
