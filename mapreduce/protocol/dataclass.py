"""A decorator for frozen dataclasses that are made fast.

The smallest job starts four processes. Each makes some hundred dataclasses,
and that took a third of its start: dataclasses.dataclass writes and compiles
six methods for each class. Here it writes __init__ alone, and all classes
share the others. The type checker sees dataclasses.dataclass, and finds each
assignment to a field of a frozen one; when the program runs, nothing does.

A key of a large dictionary is better made by dataclasses.dataclass itself,
whose methods are compiled for its fields.
"""
from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    def dataclass(*, frozen, kw_only=False):
        """Return a decorator for a class, as dataclasses.dataclass does."""
        assert frozen

        def decorate(cls):
            for method in __eq__, __hash__, __repr__:
                if method.__name__ not in vars(cls):
                    setattr(cls, method.__name__, method)
            return dataclasses.dataclass(
                eq=False, repr=False, kw_only=kw_only)(cls)
        return decorate


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name)
                 for field in dataclasses.fields(self))


def __eq__(self: object, other: object) -> bool:
    if type(self) is not type(other):
        return NotImplemented
    return _values(self) == _values(other)


def __hash__(self: object) -> int:
    return hash(_values(self))


def __repr__(self: Any) -> str:
    shown = ", ".join(
        f"{field.name}={getattr(self, field.name)!r}"
        for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({shown})"
