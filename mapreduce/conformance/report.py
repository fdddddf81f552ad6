"""Write results as text for people, as JSON, and as JUnit's XML."""
from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

from mapreduce.conformance.grading import Result
from mapreduce.conformance.rule import Outcome, Rule

INDENT = " " * 12
MARKS = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED",
         Outcome.SKIPPED: "skipped"}


def line_of(rule: Rule) -> str:
    """Return a rule as lines for --list."""
    times = "  (takes more than 5 s)" if rule.takes_time else ""
    return f"{rule.title}{times}\n    {rule.sentence}"


def text_of(result: Result) -> str:
    """Return a result as lines for people; only a failed one is long."""
    mark = MARKS[result.outcome]
    lines = [f"{mark:8}{result.rule.title}: {result.rule.sentence}"]
    if result.outcome is Outcome.SKIPPED:
        lines.append(f"{INDENT}{result.seen}")
    if result.outcome is Outcome.FAILED:
        lines += [f"{INDENT}expected: {result.expected}",
                  f"{INDENT}seen:     {result.seen}",
                  *(f"{INDENT}{entry}" for entry in result.entries)]
        lines += [f"{INDENT}log: {line}" for line in _last_lines(result.log)]
    return _printable("\n".join(lines))


def _last_lines(log: str) -> list[str]:
    return log.splitlines()[-5:]


def _printable(text: str) -> str:
    """Return a text without what could change a terminal."""
    return "".join(
        character if character.isprintable() or character == "\n"
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text)


def summary_of(results: Sequence[Result]) -> str:
    """Return the last line of a report."""
    numbers = collections.Counter(result.outcome for result in results)
    return f"{len(results)} rules: " + ", ".join(
        f"{numbers[outcome]} {outcome.value}" for outcome in Outcome)


def as_json(results: Iterable[Result]) -> str:
    """Return all results as a JSON array with an object for each rule."""
    return json.dumps([_document(result) for result in results], indent=2)


def _document(result: Result) -> dict[str, Any]:
    rule = result.rule
    return {
        "side": rule.side, "group": rule.group, "name": rule.name,
        "rule": rule.sentence, "outcome": result.outcome.value,
        "seconds": result.seconds, "expected": result.expected,
        "seen": result.seen, "log": result.log,
        "messages": [vars(entry) for entry in result.entries]}


def as_junit(results: Sequence[Result]) -> bytes:
    """Return all results as a test suite in the XML of JUnit."""
    numbers = collections.Counter(result.outcome for result in results)
    suite = ElementTree.Element(
        "testsuite", name="mapreduce.conformance", tests=str(len(results)),
        failures=str(numbers[Outcome.FAILED]),
        skipped=str(numbers[Outcome.SKIPPED]), errors="0")
    for result in results:
        rule = result.rule
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{rule.side}.{rule.group}",
            name=rule.name, time=f"{result.seconds:.3f}")
        if result.outcome is Outcome.SKIPPED:
            ElementTree.SubElement(
                case, "skipped", message=_printable(result.seen))
        if result.outcome is Outcome.FAILED:
            failure = ElementTree.SubElement(
                case, "failure", message=_printable(rule.sentence))
            failure.text = text_of(result)
    body: bytes = ElementTree.tostring(
        suite, encoding="utf-8", xml_declaration=True)
    return body
