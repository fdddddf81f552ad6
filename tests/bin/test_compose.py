"""The cluster in containers: its file, and what would run in each of them.

No Docker runs here. The command of each service runs as a process on a host of
its own, with the addresses of those hosts in place of names.
"""
import contextlib
import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.support.cluster import MAPPER, REDUCER, pipeline
from tests.support.commands import command
from tests.support.files import ROOT, TESTDATA, in_order, read_files
from tests.support.namespaces import Network, needs_namespaces
from tests.support.waiting import TIMEOUT, wait_until

yaml = pytest.importorskip("yaml")

NUM_WORKERS = 3
INPUT = TESTDATA / "input"


@pytest.fixture(name="services")
def _services():
    """The services of the file."""
    return yaml.safe_load((ROOT / "bin/compose.yaml").read_text())["services"]


def test_services(services):
    """One image, one directory, one secret for all of them."""
    assert {name: service.get("scale", 1)
            for name, service in services.items()} == {
        "manager": 1, "worker": NUM_WORKERS}
    for service in services.values():
        assert service["volumes"] == ["${DATA:-../var/data}:/data"]
        assert service["environment"] == {
            "MAPREDUCE_SECRET_FILE": "/data/secret"}
        assert service["init"] is True


def test_image_has_all_that_an_installation_needs(services):
    """What is copied is there, and the version of Python fits."""
    lines = services["worker"]["build"]["dockerfile_inline"].splitlines()
    copied = [word for line in lines if line.startswith("COPY ")
              for word in line.split()[1:-1]]
    assert copied == ["pyproject.toml", "README.md", "mapreduce"]
    assert all((ROOT / name).exists() for name in copied)
    [version] = re.findall(r"FROM python:3\.(\d+)-slim", lines[0])
    assert int(version) >= 10


def words_of(service, data, manager):
    """Return the words of a service's command for a process here."""
    words = []
    for word in shlex.split(service["command"].replace("$$", "$")):
        word = word.replace("/data", str(data))
        word = re.sub(r"(?<![-\w])manager\b", manager, word)
        python = f"{sys.executable} -m mapreduce."
        words.append(re.sub(r"mapreduce-(?=manager|worker)", python, word))
    # Only the first word may have become several.
    return [*shlex.split(words[0]), *words[1:]]


@needs_namespaces
def test_services_do_a_job(services, tmp_path):
    """Also after one Worker was killed."""
    (tmp_path / "tmp").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("c2VjcmV0" * 8)
    secret.chmod(0o600)
    env = {**os.environ, "MAPREDUCE_SECRET_FILE": str(secret)}
    log = tmp_path / "log"
    with Network(1 + NUM_WORKERS) as network, contextlib.ExitStack() as stack:
        processes = []
        for number in range(1, 2 + NUM_WORKERS):
            service = services["manager" if number == 1 else "worker"]
            with open(log, "ab") as file:
                process = stack.enter_context(subprocess.Popen(
                    [*network.on(number), "unshare", "--uts", "sh", "-c",
                     'hostname "$0" && exec "$@"', network.host(number),
                     *words_of(service, tmp_path, network.host(1))],
                    cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=file,
                    stderr=file))
            stack.callback(process.terminate)
            processes.append(process)
        assert wait_until(lambda: log.read_text().count(
            "Registered Worker") == NUM_WORKERS), log.read_text()
        processes[-1].kill()
        assert subprocess.run(
            [*network.on(1), command("submit"), "--host", network.host(1),
             "--wait", "--quiet", "--input", str(INPUT), "--output",
             str(tmp_path / "output"), "--mapper", MAPPER, "--reducer",
             REDUCER], cwd=ROOT, env=env, timeout=TIMEOUT,
            check=False).returncode == 0
    assert in_order(b"".join(read_files(
        tmp_path / "output").values())) == in_order(
            pipeline(INPUT, MAPPER, REDUCER))
