"""mapreduce-run --report: the page of a job at its end."""
import pytest

from tests.support.page_records import Page


@pytest.mark.parametrize("options, code, state", [
    ([], 0, "done"), (["--max-attempts", "1", "--reducer", "false"], 1,
                      "failed")])
def test_page_is_written_at_the_end(run, tmp_path, options, code, state):
    """Whether the job is done or has failed."""
    path = tmp_path / "job.html"
    outcome = run("--quiet", "--report", str(path), "--cmdenv",
                  "PASSWORD=sesame", "--workers", "1", "--nmappers", "2",
                  "--nreducers", "2", *options)
    assert outcome[0] == code, outcome
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.title == f"job 0 {state} · mapreduce"
    bars = [its for its in page.all("rect") if str(its.get("x")).endswith("%")
            and its["class"].startswith("map ")]
    assert len(bars) == 2
    assert "mapreduce-run -i" in page.words()
    assert "sesame" not in text


def test_page_that_can_not_be_written_ends_the_run_before_it_begins(
        run, tmp_path):
    """Before any work is done for it."""
    path = tmp_path / "none" / "job.html"
    assert run("--report", str(path)) == (1, (
        f"Error: cannot write the page {str(path)!r}; name a file in a "
        "directory that exists\n"))
    assert not run.output.exists()
