"""Which clock the package reads."""
import re

from tests.support.files import ROOT


# These show times on pages, and decide only what needs attention.
FOR_PEOPLE = {
    "app.py", "observer.py", "report.py", "spark.py", "spark_stage.py"}


def test_only_signatures_read_the_wall_clock():
    """So that a jump of it changes nothing else."""
    assert [path for path in (ROOT / "mapreduce").rglob("*.py")
            if re.search(r"\btime\.time\b|\bdatetime\b", path.read_text())
            and path.name not in FOR_PEOPLE
            and not path.match("mapreduce/display/html/*.py")
            ] == [ROOT / "mapreduce/utils/door.py"]
