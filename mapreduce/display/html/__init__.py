"""Show a cluster or a job as a page of HTML; needs the package jinja2."""
