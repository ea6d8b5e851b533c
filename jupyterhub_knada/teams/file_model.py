"""What the models of all files share: frozen, camelCase in the file, and everything told at once."""

from __future__ import annotations

from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from annotated_types import MaxLen
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from jupyterhub_knada.teams.faults import Fault, too_many, with_faults
from jupyterhub_knada.teams.tally import tally_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationInfo
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
    def _tell_all(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Validate, and tell contradictions together with what is wrong with single values.

        Of a list or mapping with too many entries only as many are judged as it may have, and nothing more
        of a file that has too many faults already: its model is thrown away.
        """
        tally = tally_of(info.context)
        if tally.is_full:
            return cast("Self", cls.model_construct())
        if not isinstance(data, dict):
            return handler(data)
        known = cls.keys() | cls.other_spellings.keys()
        unknown = (cls._unknown_key(key) for key in data if key not in known)
        bounded, faults = cls._bounded({key: value for key, value in data.items() if key in known})
        faults += islice(chain(unknown, cls.contradictions(bounded)), tally.left)
        ours = {cls.other_spellings.get(key, key): value for key, value in bounded.items()}
        before = tally.found
        tally.found += len(faults)
        found: ValidationError | None = None
        try:
            model = handler(cls.completed(ours))
        except ValidationError as error:
            found = error
        else:
            if not faults:
                return model
        wrong, count = with_faults(found, faults, cls.__name__)
        tally.found = before + count
        raise wrong

    @classmethod
    def _bounded(cls, data: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        """Give a mapping with no more entries in its lists and mappings than are judged, and say of which."""
        faults = []
        for key, value in data.items():
            most = cls._most_entries().get(cls.other_spellings.get(key, key))
            if most is not None and isinstance(value, list | dict) and len(value) > most:
                faults.append(too_many(len(value), most, (key,)))
                kept = islice(value.items() if isinstance(value, dict) else value, most)
                data = {**data, key: dict(kept) if isinstance(value, dict) else list(kept)}
        return data, faults

    @classmethod
    @cache
    def _most_entries(cls) -> Mapping[str, int]:
        """Give how many entries the lists and mappings of models may have, by key (`max_length`)."""
        return {
            field.alias or name: bound.max_length
            for name, field in cls.model_fields.items()
            for bound in field.metadata
            if isinstance(bound, MaxLen)
        }

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
