"""The dialect of 2017: a Master and a Worker, which nothing else imports."""
