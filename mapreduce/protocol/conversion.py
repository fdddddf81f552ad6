"""Make dataclasses of JSON objects, after the types of their fields.

A value that breaks the rule of its field raises ProtocolError.
"""
from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar

from mapreduce.protocol.fields import FieldError, ProtocolError, Rule

Built = TypeVar("Built")

# Returns the value of a field for a JSON value. The first argument is the
# title of the object and the name of the field, for errors.
_Convert = Callable[[tuple[str, str], Any], Any]


class Field(NamedTuple):
    """A field of a dataclass that is sent as JSON."""

    name: str  # of the attribute
    key: str  # in JSON
    convert: _Convert
    is_optional: bool


# Computed once: resolving type hints takes longer than decoding a message.
_FIELDS: dict[type[Any], tuple[Field, ...]] = {}


def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a dataclass, in their order."""
    if cls not in _FIELDS:
        kinds = typing.get_type_hints(cls, include_extras=True)
        _FIELDS[cls] = tuple(
            Field(field.name, field.metadata.get("json", field.name),
                  _converter(kinds[field.name]),
                  field.default is not dataclasses.MISSING)
            for field in dataclasses.fields(cls))
    return _FIELDS[cls]


def build(
    cls: type[Built], document: dict[str, Any], title: str = ""
) -> Built:
    """Return the object of a class that a JSON object represents.

    The title is its name in errors, by default that of the class. Raises
    ProtocolError for a field that is missing or breaks its rule.
    """
    title = title or cls.__name__
    values = {}
    for name, key, convert, is_optional in fields_of(cls):
        if key in document:
            values[name] = convert((title, key), document[key])
        elif not is_optional:
            raise ProtocolError(f"{title} lacks field {key!r}")
    return cls(**values)


def _converter(kind: Any) -> _Convert:
    """Return the function that converts JSON values to a type of a field.

    An answer has hundreds of thousands of values, and looking at the type
    takes longer than the conversion.
    """
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return functools.partial(_by_rule, kind.__metadata__[0])
    if isinstance(kind, types.UnionType):  # of a type and None
        return functools.partial(_or_none, _converter(kind.__args__[0]))
    if origin is tuple:
        return functools.partial(_items, _converter(kind.__args__[0]))
    if dataclasses.is_dataclass(kind):
        return functools.partial(_object, typing.cast(type[Any], kind))
    if issubclass(kind, enum.Enum):
        return functools.partial(
            _member, kind, {member.value: member for member in kind})
    return functools.partial(
        _plain, kind, (int, float) if kind is float else (kind,))


def _by_rule(rule: Rule, where: tuple[str, str], value: Any) -> Any:
    if not rule.accepts(value):
        raise FieldError(*where, rule.description, value)
    return rule.convert(value)


def _or_none(convert: _Convert, where: tuple[str, str], value: Any) -> Any:
    return None if value is None else convert(where, value)


def _items(convert: _Convert, where: tuple[str, str], value: Any) -> Any:
    if not isinstance(value, list):
        raise FieldError(*where, "a list", value)
    return tuple(convert(where, item) for item in value)


def _object(cls: type[Any], where: tuple[str, str], value: Any) -> Any:
    if not isinstance(value, dict):
        raise FieldError(*where, "an object", value)
    return build(cls, value)


def _member(
    kind: type[enum.Enum], members: Mapping[Any, enum.Enum],
    where: tuple[str, str], value: Any,
) -> Any:
    if not isinstance(value, str) or value not in members:
        raise FieldError(*where, f"a {kind.__name__}", value)
    return members[value]


def _plain(
    kind: type[Any], kinds: tuple[type[Any], ...], where: tuple[str, str],
    value: Any,
) -> Any:
    # In Python, true and false are integers; in JSON they are not.
    if not isinstance(value, kinds) or (
            isinstance(value, bool) and kind is not bool):
        raise FieldError(*where, f"a {kind.__name__}", value)
    return value
