"""The pages of the documentation: complete, linked, and about this version."""
import json
import re

import click
import pytest

from mapreduce import cache, cancel, run, status, streaming, submit
from mapreduce.dashboard.__main__ import main as dashboard
from mapreduce.manager.__main__ import main as manager
from mapreduce.protocol import codec
from mapreduce.protocol import status as records
from mapreduce.worker.__main__ import main as worker
from tests.support import pages
from tests.support.files import ROOT

PAGES = pages.pages()
DOCS = "mapreduce/docs"
MAX_README = 200  # lines: what is more belongs into a page of its own

LINK = re.compile(r"\[[^]]*\]\(([^)]+)\)")
MODULE = re.compile(r"`([\w/]+(?:\.py|(?<!log)/))`")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

COMMANDS = {
    "run": run.main, "submit": submit.main, "status": status.main,
    "cache": cache.main, "cancel": cancel.main, "dashboard": dashboard,
    "streaming": streaming.main, "manager": manager, "worker": worker}
OPTIONS = sorted(
    (name, max(option.opts, key=len)) for name, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option) and not option.hidden)

RECORDS = [
    records.WorkerStatus, records.JobStatus, records.TaskStatus,
    records.AttemptStatus, records.JobOption, records.Counter,
    records.ManagerStatus, records.ClusterStatus, records.JobDetails]


def text_of(page):
    """Return the text of a page."""
    return (ROOT / page).read_text()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_line_has_a_prompt(page):
    """Without one, it would not be run by the test above."""
    assert [line for block in pages.blocks_of(text_of(page))
            if not block.is_session for line in block.lines
            if pages.COMMAND.match(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_message_can_be_sent(page):
    """It is one of the protocol, with its fields in their order."""
    for block in pages.blocks_of(text_of(page)):
        if block.words[:1] == ["json"]:
            document = json.loads("\n".join(block.lines))
            message = codec.from_document(document)
            assert list(codec.to_document(message).items()) == list(
                document.items())


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    """To a file of the project, and to a heading in it."""
    for link in LINK.findall(text_of(page)):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else (
            ROOT / page)
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


def anchors(text):
    """Return the names that the headings of a page have in links."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_module_that_is_named_exists(page):
    """From the folder of the page, of the package, or of the project."""
    if page.name == "CHANGELOG.md":
        pytest.skip("it names modules of the past")
    places = [(ROOT / page).parent, ROOT / "mapreduce", ROOT]
    assert [name for name in MODULE.findall(text_of(page))
            if not any((place / name).exists() for place in places)] == []


def test_every_room_is_described():
    """In a line of the table of rooms."""
    text = text_of("mapreduce/README.md")
    assert [path.parent for path in (ROOT / "mapreduce").rglob("__init__.py")
            if path.parent.name != "mapreduce" and (
                f"| `{path.parent.relative_to(ROOT / 'mapreduce')}/` |"
            ) not in text] == []


def test_readme_is_short():
    """It is read to its end; the rest stands in other pages."""
    assert len(text_of("README.md").splitlines()) <= MAX_README


@pytest.mark.parametrize("page", PAGES[1:], ids=str)
def test_readme_leads_to_every_page(page):
    """So that a reader finds it."""
    assert f"({page})" in text_of("README.md")


@pytest.mark.parametrize("command, option", OPTIONS)
def test_every_option_is_documented(command, option):
    """In the page of all options, or in that of Hadoop's."""
    page = {"streaming": "hadoop", "dashboard": "dashboard"}.get(
        command, "options")
    text = text_of(f"{DOCS}/{page}.md") + text_of(f"{DOCS}/options.md")
    assert re.search(rf"`[^`]*(?<![\w-]){option}\b[^`]*`", text)


@pytest.mark.parametrize("page", ["README.md", f"{DOCS}/hadoop.md"])
def test_pages_tell_what_differs_from_hadoop(page):
    for word in ("CR LF", "byte order mark", "TAB", "header", "`mapper_raw`",
                 "`-i -`", "/dev/stdin`"):
        assert word in text_of(page)


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_of_json_is_documented(record):
    """By its name in JSON."""
    text = text_of(f"{DOCS}/status.md")
    fields = [field.metadata.get("json", field.name)
              for field in record.__dataclass_fields__.values()]
    assert [field for field in fields if f"`{field}`" not in text] == []
