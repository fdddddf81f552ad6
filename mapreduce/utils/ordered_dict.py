"""Provide the ordered dictionary that the specification asks for.

Nothing in this package needs it: here each object has one owning thread.
"""
from __future__ import annotations

import collections
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ThreadSafeOrderedDict(collections.OrderedDict[K, V]):
    """An ordered dictionary that threads may share: each operation is atomic.

    ``keys()``, ``values()`` and ``items()`` return lists, and iterating uses
    such a list. They are copies, so they stay the same while other threads
    change the dictionary.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Accept the arguments of collections.OrderedDict."""
        # Reentrant: some methods of OrderedDict call others of its methods.
        self._lock = threading.RLock()
        super().__init__(*args, **kwargs)

    def __getitem__(self, key: K) -> V:
        """Return the value of a key, or raise KeyError."""
        with self._lock:
            return super().__getitem__(key)

    def __setitem__(self, key: K, value: V) -> None:
        """Set the value of a key; a new key is added at the end."""
        with self._lock:
            super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        """Remove a key, or raise KeyError."""
        with self._lock:
            super().__delitem__(key)

    def __contains__(self, key: object) -> bool:
        """Return whether the dictionary has a key."""
        with self._lock:
            return super().__contains__(key)

    def __len__(self) -> int:
        """Return the number of keys."""
        with self._lock:
            return super().__len__()

    def __iter__(self) -> Iterator[K]:
        """Iterate over a copy of the keys."""
        return iter(self.keys())

    def __reversed__(self) -> Iterator[K]:
        """Iterate over a copy of the keys, from the last to the first."""
        return reversed(self.keys())

    def __eq__(self, other: object) -> bool:
        """Compare as OrderedDict does: two of them also by their order."""
        with self._lock:
            return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        """Return whether the two differ."""
        # OrderedDict has its own __ne__, which would not take the lock.
        return not self == other

    def __repr__(self) -> str:
        """Return, e.g., ThreadSafeOrderedDict([('a', 1)])."""
        return f"{type(self).__name__}({self.items()!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to copy or pickle the dictionary: from its pairs."""
        # The default would include the lock, which can't be pickled.
        return type(self), (self.items(),)

    def keys(self) -> list[K]:  # type: ignore[override]
        """Return a list of the keys."""
        with self._lock:
            return list(super().__iter__())

    def values(self) -> list[V]:  # type: ignore[override]
        """Return a list of the values."""
        with self._lock:
            return list(super().values())

    def items(self) -> list[tuple[K, V]]:  # type: ignore[override]
        """Return a list of the pairs of a key and its value."""
        with self._lock:
            return list(super().items())

    def get(self, key: K, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        with self._lock:
            return super().get(key, default)

    def pop(self, key: K, *default: Any) -> Any:
        """Remove a key and return its value, or the default if given."""
        with self._lock:
            return super().pop(key, *default)

    def popitem(self, last: bool = True) -> tuple[K, V]:
        """Remove and return the last pair, or the first; raise KeyError."""
        with self._lock:
            return super().popitem(last)

    def setdefault(self, key: K, default: Any = None) -> Any:
        """Return the value of a key; a missing key is first set to default."""
        with self._lock:
            return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set all pairs of another dictionary in one atomic step."""
        with self._lock:
            super().update(*args, **kwargs)

    def clear(self) -> None:
        """Remove all keys."""
        with self._lock:
            super().clear()

    def move_to_end(self, key: K, last: bool = True) -> None:
        """Move a key to the end, or to the start; raise KeyError."""
        with self._lock:
            super().move_to_end(key, last)

    def copy(self) -> ThreadSafeOrderedDict[K, V]:
        """Return another dictionary with the same pairs."""
        return type(self)(self.items())
