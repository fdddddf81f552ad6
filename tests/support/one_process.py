"""Which files of tests one process of pytest-xdist runs, one after another."""
from xdist.scheduler import LoadFileScheduling

# Their tests hold commands.no_other_cluster, so they would only wait for each
# other, and other tests would wait behind them.
FILES = ("tests/bin/test_clusters.py", "tests/bin/test_init_script.py",
         "tests/pages/test_command_lines.py")


class Scheduling(LoadFileScheduling):
    """One process runs the tests of a file, and those of FILES."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        return FILES[0] if file in FILES else file
