"""What the models of all files share: frozen, camelCase in the file, and everything told at once."""

from __future__ import annotations

from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from jupyterhub_knada.teams.faults import Fault, too_many_entries, with_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.functional_validators import ModelWrapValidatorHandler


class FileModel(BaseModel):
    """A mapping in a file. Attributes are snake_case; the file's keys are the same words in camelCase.

    A key that is absent is not in `model_fields_set`; one that is there with the value null is, with the
    value None: it unsets what the platform file says.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        # pydantic's error text is never shown; if it ever were, it would not hold a value.
        hide_input_in_errors=True,
        # Of the JSON Schema; pydantic's own would be "Idletimeout".
        field_title_generator=lambda name, field: field.alias or name,
    )

    other_spellings: ClassVar[Mapping[str, str]] = {}
    """Other names that a file may use for a key: other name -> our key."""

    @classmethod
    def contradictions(cls, _data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find what contradicts itself in one mapping, as far as its text tells it."""
        return ()

    @model_validator(mode="wrap")
    @classmethod
    def _tell_all(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Validate, and tell contradictions together with what is wrong with single values."""
        if not isinstance(data, dict):
            return handler(data)
        known = cls.keys() | cls.other_spellings.keys()
        unknown = [cls._unknown_key(key) for key in data if key not in known]
        faults = [*unknown, *cls.contradictions(data)]
        ours = {cls.other_spellings.get(key, key): value for key, value in data.items() if key in known}
        for key, most in _most_entries(cls).items():
            entries = ours.get(key)
            if isinstance(entries, list | dict) and len(entries) > most:
                # By their number first: each that is wrong costs more than all that are right.
                faults.append(too_many_entries(len(entries), most, (key,)))
                ours[key] = _first(entries, most)
        try:
            model = handler(cls.completed(ours))
        except ValidationError as error:
            raise with_faults(error, faults, cls.__name__) from None
        if faults:
            raise with_faults(None, faults, cls.__name__)
        return model

    @classmethod
    def _unknown_key(cls, key: str) -> Fault:
        # The places that a key may be meant for are models, and those are made of this class.
        from jupyterhub_knada.teams.suggestions import unknown_key  # noqa: PLC0415

        return unknown_key(cls, key)

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Add what follows from other keys of the same mapping."""
        return data

    @classmethod
    def keys(cls) -> frozenset[str]:
        """Give the keys that a file may have in this mapping, in our spelling."""
        return frozenset(field.alias or name for name, field in cls.model_fields.items())


@cache
def _most_entries(model: type[FileModel]) -> Mapping[str, int]:
    bounds = {
        field.alias or name: limit.max_length
        for name, field in model.model_fields.items()
        for limit in field.metadata
        if hasattr(limit, "max_length")
    }
    return MappingProxyType(bounds)


def _first(entries: list[Any] | dict[str, Any], count: int) -> list[Any] | dict[str, Any]:
    return entries[:count] if isinstance(entries, list) else dict(islice(entries.items(), count))
