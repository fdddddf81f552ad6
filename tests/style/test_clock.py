"""Which clock the package reads."""
import re

from tests.support.files import ROOT


def test_only_signatures_read_the_wall_clock():
    """So that a jump of it changes nothing else."""
    assert [path for path in (ROOT / "mapreduce").rglob("*.py")
            if re.search(r"\btime\.time\b|\bdatetime\b", path.read_text())
            ] == [ROOT / "mapreduce/utils/door.py"]
