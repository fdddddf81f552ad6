"""Which clock the package reads."""
import re

from tests.support.files import ROOT


# These show times on pages, and decide only what needs attention.
FOR_PEOPLE = {
    "app.py", "observer.py", "report.py", "spark.py", "spark_stage.py"}
# These compare it with times of files, which are by the same clock.
FOR_FILES = {"identities.py", "map_cache.py"}


def test_only_signatures_read_the_wall_clock():
    """So that a jump of it changes nothing else."""
    assert [path for path in (ROOT / "mapreduce").rglob("*.py")
            if re.search(r"\btime\.time\b|\bdatetime\b", path.read_text())
            and path.name not in FOR_PEOPLE | FOR_FILES
            and not path.match("mapreduce/display/html/*.py")
            ] == [ROOT / "mapreduce/utils/door.py"]
