"""The kind of each test, which follows from where it is and what it takes."""
import contextlib
import pathlib
import sys
import threading

# What each means is told in pyproject.toml.
KINDS = {"pure", "files", "sockets", "mocked", "processes", "style"}

# What a test takes decides first.
KIND_OF_FIXTURE = {
    "sockets": "mocked", "cluster": "processes", "pair": "processes"}

# Then its module, and then its folder.
KIND_OF_PATH = {
    "bin": "processes",
    "bin/test_benchmark_corpora.py": "files",
    "bin/test_benchmark_report.py": "pure",
    "client": "sockets",
    "client/test_hadoop.py": "files",
    "client/test_placed_files.py": "files",
    "client/test_progress.py": "pure",
    "commands": "sockets",
    "commands/test_help.py": "processes",
    "commands/test_signals.py": "processes",
    "commands/test_surroundings.py": "processes",
    "conformance": "processes",
    "dashboard": "sockets",
    "dashboard/test_browser.py": "processes",
    "dashboard/test_command.py": "processes",
    "display": "pure",
    "display/test_screen.py": "processes",
    "engines": "processes",
    "manager": "files",
    "manager/scheduling": "pure",
    "manager/state": "files",
    "manager/test_capabilities.py": "mocked",
    "manager/test_daemon.py": "mocked",
    "manager/test_sender.py": "mocked",
    "pages": "style",
    "pages/test_command_lines.py": "processes",
    "pages/test_reading.py": "pure",
    "manager/test_queries.py": "pure",
    "manager/test_receipts.py": "pure",
    "processes": "processes",
    "protocol": "pure",
    "spec2017": "processes",
    "spec2017/test_scheduler.py": "pure",
    "style": "style",
    "system": "files",
    "utils": "sockets",
    "utils/test_ordered_dict.py": "pure",
    "worker": "files",
    "worker/processes": "processes",
    "worker/processes/test_reporter.py": "pure",
    "worker/shuffle/test_lines.py": "pure",
    "worker/skipping/test_halving.py": "pure",
    "worker/test_manager_link.py": "sockets",
    "worker/test_progress_sender.py": "pure",
}

# Audit events of Python that a test of a kind must not cause.
_NETWORK = {"socket.connect", "socket.bind"}
_FILES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate",
          "tempfile.mkdtemp", "tempfile.mkstemp"}
FORBIDDEN = {
    "pure": {*_NETWORK, *_FILES, "socket.__new__", "subprocess.Popen"},
    "files": _NETWORK,
    "mocked": _NETWORK,
}

# Directories that an import fills, in any test that is the first to import:
# with byte code, and with the constants that Hypothesis finds in a module.
NOT_OURS = "__pycache__", ".hypothesis"

_TESTS = pathlib.Path(__file__).parents[1]


def kind_of(item):
    """Return the kind of a test that pytest has collected.

    Raises KeyError where the folder of the test is not named above.
    """
    for fixture, kind in KIND_OF_FIXTURE.items():
        if fixture in item.fixturenames:
            return kind
    path = item.path.relative_to(_TESTS)
    for place in (path, *path.parents[:-1]):
        if str(place) in KIND_OF_PATH:
            return KIND_OF_PATH[str(place)]
    raise KeyError(f"tests/support/kinds.py names no kind for {path}")


class Watch:
    """Records what tests do that those of their kind must not do."""

    def __init__(self):
        """Watch this process from now on; Python can't undo that."""
        self._forbidden = set()
        self._older = set()  # threads that tests before this one have left
        self._seen = []
        sys.addaudithook(self._take)

    @contextlib.contextmanager
    def test_of(self, kind):
        """Fail after the block if it has done what the kind forbids."""
        self._older = {thread.ident for thread in threading.enumerate()}
        self._older.discard(threading.get_ident())
        self._forbidden = FORBIDDEN.get(kind, set())
        yield
        self._forbidden = set()
        seen, self._seen = self._seen, []
        assert not seen, f"this is no {kind} test: {seen}"

    def _take(self, event, arguments):
        if (event not in self._forbidden
                or threading.get_ident() in self._older):
            return
        if event in _NETWORK and isinstance(arguments[1], (str, bytes)):
            return  # A socket of the file system is a file.
        if event in _FILES and any(
                name in str(arguments[0]) for name in NOT_OURS):
            return
        self._seen.append((event, arguments))
