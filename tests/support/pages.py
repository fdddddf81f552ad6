"""Read the pages of the documentation.

A page is one session, from its first command to its last. Commands stand in
indented or fenced blocks:

    $ command --option \
          continued, or after the prompt "> "
    what it prints

- An output that is shown must be printed. A line … stands for any lines, and
  … in a line for any text. Times, wide gaps, and lines on the progress of a
  job may differ.
- The exit code must be 0, or another one where a line `Error: …` is shown.
- At the prompt host1$, a daemon runs in the background, as it would in a
  terminal of its own.
- A fenced block with a name after its language, such as ```python mapper, is
  saved under that name.

How the commands are run: see sandbox.py.
"""
import dataclasses
import re

from tests.support.files import ROOT

PROMPT = re.compile(r"(?:(host\d))?\$ (.*)")
PROGRESS = re.compile(r"job \d+(?: \(.*\))?: (?:queued|map|reduce)\b.*")
DATE = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d{4}\b")
TIME = re.compile(r"\b(?:\d+ h |\d+ min )*\d+(?:\.\d+)? (?:s|min)\b")
# What is a command line, wherever it stands.
COMMAND = re.compile(r"(?:\./)?bin/\w|env/bin/|mapreduce-[a-z]+(?: -|$)")


@dataclasses.dataclass
class Command:
    """A command line of a page, and the output that is shown below it."""

    line: int  # its number on the page
    host: str | None
    text: str
    shown: list[str]

    @property
    def fails(self):
        """Whether the page shows that it fails."""
        return any(line.startswith("Error: ") for line in self.shown)


@dataclasses.dataclass
class File:
    """A file that the page has its reader save."""

    name: str
    text: str


@dataclasses.dataclass
class Block:
    """A block of code, and the number of its first line."""

    line: int
    words: list[str]  # after the fence: a language, and a name of a file
    lines: list[str]

    @property
    def is_session(self):
        """Whether it has a prompt."""
        return any(map(PROMPT.match, self.lines))


def pages():
    """Return the paths of all pages, relative to the project."""
    return [path.relative_to(ROOT) for path in (
        ROOT / "README.md", *sorted((ROOT / "mapreduce").glob("*.md")),
        *sorted((ROOT / "mapreduce/docs").glob("*.md")),
        ROOT / "tests/README.md") if path.exists()]


def blocks_of(text):
    """Iterate over the blocks of code of a page, fenced or indented."""
    lines = enumerate(text.splitlines(), start=1)
    indented = None
    is_paragraph = False  # An indented line goes on with a paragraph.
    for number, line in lines:
        if indented and (line.startswith("    ") or not line.strip()):
            indented.lines.append(line[4:])
            continue
        if indented:
            yield _stripped(indented)
            indented = None
        if line.startswith("```"):
            block = Block(number + 1, line.strip("`").split(), [])
            for _, line in lines:
                if line.startswith("```"):
                    break
                block.lines.append(line)
            yield block
        elif line.startswith("    ") and not is_paragraph:
            indented = Block(number, [], [line[4:]])
        is_paragraph = bool(line.strip()) and indented is None
    if indented:
        yield _stripped(indented)


def _stripped(block):
    while block.lines and not block.lines[-1].strip():
        block.lines.pop()
    return block


def steps_of(text):
    """Iterate over the Commands and the Files of a page, in order."""
    for block in blocks_of(text):
        if block.is_session:
            yield from _commands(block)
        elif len(block.words) > 1:
            yield File(block.words[1], "\n".join([*block.lines, ""]))


def _commands(block):
    command = None
    for number, line in enumerate(block.lines, start=block.line):
        prompt = PROMPT.match(line)
        if prompt:
            if command:
                yield command
            command = Command(number, prompt[1], prompt[2], [])
        elif command is None:
            raise ValueError(f"line {number}: output before a command")
        elif command.text.endswith("\\") and not command.shown:
            command.text += f"\n{line}"
        elif line.startswith("> ") and not command.shown:
            command.text += f"\n{line[2:]}"
        elif line.strip() or command.shown:
            command.shown.append(line)
    yield command


def fits(shown, printed):
    """Return whether what a page shows may stand for what was printed."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…"
        else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in _normal(shown))
    return re.fullmatch(
        pattern, "".join(f"{line}\n" for line in _normal(printed))) is not None


def _normal(lines):
    """Return lines without what may differ each time."""
    lines = [
        re.sub(r" {2,}", "  ", TIME.sub("1 s", DATE.sub("now", line.rstrip())))
        for line in lines if not PROGRESS.fullmatch(line)]
    while lines and not lines[-1]:
        lines.pop()
    return lines
