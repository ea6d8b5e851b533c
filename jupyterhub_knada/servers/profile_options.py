"""The options of a profile: which values they take, and what these override.

Stock KubeSpawner's `profile_options` with one difference: nothing of it is trusted. An unlisted choice has
to be switched on, match its regular expression from end to end, and the image that comes out has to be
within the platform's bounds, even when no profile was named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from jupyterhub_knada.errors import Code, Refusal, RefusedError
from jupyterhub_knada.servers.override_lengths import LONGEST_TEXT
from jupyterhub_knada.servers.raw_options import UNLISTED_SUFFIX
from jupyterhub_knada.servers.templates import literal
from jupyterhub_knada.teams.pod_bounds import MOST_JSON
from jupyterhub_knada.teams.quoting import quoted, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyterhub_knada.teams.effective import EffectiveProfile
    from jupyterhub_knada.teams.model import OptionChoice, ProfileOption

MAX_OWN_TEXT_LENGTH: Final = 512
"""Characters of an unlisted choice: an image reference fits."""
_LISTED_AT_MOST: Final = 20
_OWN_TEXT: Final = "{value}"

Matcher = Callable[[str, str], bool]
"""Tells whether a pattern matches a text from end to end; raises a TimeoutError where time has run out."""


@dataclass(frozen=True, slots=True)
class OptionValue:
    """What was chosen for one option of a profile."""

    value: str
    """The key of a listed choice, or the person's own text."""
    is_unlisted: bool = False


def name_them(value: str, known: Iterable[str]) -> str:
    """Say which values there are, the near miss first, as whole sentences."""
    names = sorted(known)
    near = suggestion(value, names)
    did_you_mean = f"Did you mean {quoted(near)}? " if near else ""
    listed = ", ".join(map(quoted, names[:_LISTED_AT_MOST]))
    more = f" and {len(names) - _LISTED_AT_MOST} more" if len(names) > _LISTED_AT_MOST else ""
    return f"{did_you_mean}There are: {listed}{more}."


def default_choice(option: ProfileOption) -> str | None:
    """Give the key of the choice that holds where none is chosen: the one marked so, else the first.

    None where the option has no listed choices: then it overrides nothing until somebody writes a text.
    """
    marked = (key for key, choice in option.choices.items() if choice.default)
    return next(marked, next(iter(option.choices), None))


def read_own_text(option: ProfileOption | None, text: str) -> str:
    """Give a person's own text as it counts: where it is an image, without the blanks that copying leaves."""
    unlisted = option.unlisted_choice if option is not None else None
    image = unlisted.kubespawner_override.get("image") if unlisted is not None else None
    return text.strip() if isinstance(image, str) and _OWN_TEXT in image else text


def check_option(profile: EffectiveProfile, name: str, chosen: OptionValue, matches: Matcher) -> None:
    """Check one value against the option as the profile has it now.

    Args:
        profile: Has an option `name`, or not (any more).
        name: The option's name, without any suffix.
        chosen: What was chosen for it.
        matches: Compares an own text with the option's regular expression.

    Raises:
        RefusedError: UNKNOWN_OPTION, status 400.
    """
    option = profile.options.get(name)
    if option is None:
        _refuse(
            f"Profile {quoted(profile.slug)} has no option {quoted(name)}.",
            "Open the start page and choose there.",
        )
    if chosen.is_unlisted:
        _check_own_text(profile, name, option, chosen.value, matches)
    elif chosen.value not in option.choices:
        _refuse(
            f"Option {quoted(name)} of profile {quoted(profile.slug)} has no choice {quoted(chosen.value)}.",
            name_them(chosen.value, option.choices)
            if option.choices
            else f"Write your own as {name}{UNLISTED_SUFFIX}.",
        )


def _check_own_text(
    profile: EffectiveProfile, name: str, option: ProfileOption, text: str, matches: Matcher
) -> None:
    of = f"option {quoted(name)} of profile {quoted(profile.slug)}"
    unlisted = option.unlisted_choice
    if unlisted is None or not unlisted.enabled:
        _refuse(f"{of.capitalize()} accepts no text of your own.", name_them(text, option.choices))
    if not text.strip():
        _refuse(f"The text for {of} is empty.", "Write it, or choose from the list.")
    if len(text) > MAX_OWN_TEXT_LENGTH:
        _refuse(
            f"The text for {of} has {len(text)} characters; at most {MAX_OWN_TEXT_LENGTH} are allowed.",
            "Write a shorter one.",
        )
    if not _is_match(unlisted.validation_regex, text, of, matches):
        rule = unlisted.validation_message or f"It has to match {unlisted.validation_regex}."
        _refuse(f"{quoted(text)} is invalid for {of}.", rule)


def _is_match(pattern: str | None, text: str, of: str, matches: Matcher) -> bool:
    """Match from end to end; without a pattern every text is taken."""
    try:
        return not pattern or matches(pattern, text)
    except TimeoutError:
        _refuse(
            f"Comparing the text for {of} with the option's validationRegex takes too long.",
            "Write another text, or ask whoever keeps the team's file for a simpler expression.",
        )


def option_overrides(
    profile: EffectiveProfile, chosen: Mapping[str, OptionValue]
) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Give what the options of a profile override: `(option name, override)`, in the profile's order.

    Args:
        profile: The profile that is started.
        chosen: Checked values by option name; an option that is not there gives its default choice.

    Returns:
        KubeSpawner overrides as written, where `{value}` in an unlisted choice's texts is the person's own
        text. An option without listed choices for which nothing was written gives nothing.

    Raises:
        RefusedError: TEXT_TOO_LONG, a text that becomes too long with the person's own in it; OUT_OF_RANGE,
            all of them together.
    """
    _check_filled_in(profile, chosen)
    overrides: list[tuple[str, Mapping[str, Any]]] = []
    for name, option in profile.options.items():
        value = chosen.get(name)
        if value is not None and value.is_unlisted and option.unlisted_choice is not None:
            template = option.unlisted_choice.kubespawner_override
            override: Mapping[str, Any] = _fill_in_all(template, value.value)
        else:
            choice = _listed_choice(option, value)
            override = choice.kubespawner_override if choice is not None else {}
        if override:
            overrides.append((name, override))
    return tuple(overrides)


def override_path(option: ProfileOption, chosen: OptionValue | None) -> tuple[str, ...]:
    """Give where, below an option, what overrides stands for this value, as `option_overrides` finds it."""
    if chosen is not None and chosen.is_unlisted and option.unlisted_choice is not None:
        return ("unlistedChoice", "kubespawnerOverride")
    key = chosen.value if chosen is not None else default_choice(option)
    return ("choices", key or "", "kubespawnerOverride")


def _check_filled_in(profile: EffectiveProfile, chosen: Mapping[str, OptionValue]) -> None:
    """Judge how long all texts become with the person's own in them, before any is made.

    Raises:
        RefusedError: TEXT_TOO_LONG, or OUT_OF_RANGE of all of them together.
    """
    lengths = [
        length
        for name, option in profile.options.items()
        if option.unlisted_choice is not None
        and (value := chosen.get(name)) is not None
        and value.is_unlisted
        for length in _lengths_filled_in(option.unlisted_choice.kubespawner_override, len(value.value))
    ]
    longest, total = max(lengths, default=0), sum(lengths)
    if longest > LONGEST_TEXT:
        _refuse_length(Code.TEXT_TOO_LONG, f"a text of {longest} characters", LONGEST_TEXT)
    if total > MOST_JSON:  # No JSON is shorter than its texts.
        _refuse_length(Code.OUT_OF_RANGE, f"texts of {total} characters", MOST_JSON)


def _lengths_filled_in(template: Any, length: int) -> Iterator[int]:
    """Give the number of characters of each text where the person's own has `length`."""
    if isinstance(template, str):
        yield len(template) + template.count(_OWN_TEXT) * (length - len(_OWN_TEXT))
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield from _lengths_filled_in(key, length)
            yield from _lengths_filled_in(value, length)
    elif isinstance(template, list | tuple):
        for item in template:
            yield from _lengths_filled_in(item, length)


def _refuse_length(code: Code, what: str, most: int) -> NoReturn:
    message = f"With your own text, the profile's override has {what}; at most {most} are allowed."
    remedy = "Write a shorter one, or report this to whoever keeps the team's file."
    raise RefusedError(Refusal(code, message, remedy, status=400))


def _listed_choice(option: ProfileOption, value: OptionValue | None) -> OptionChoice | None:
    key = value.value if value is not None else default_choice(option)
    return option.choices.get(key) if key is not None else None


def _fill_in_all(override: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Put a person's own text into an override; where the hub reads a template, the text is literal."""
    return {
        trait: _fill_in(value, literal(text) if trait == "slow_spawn_message" else text)
        for trait, value in override.items()
    }


def _fill_in(template: Any, text: str) -> Any:
    """Put the text where the template says `{value}`.

    Not `str.format`, as KubeSpawner does: its fields reach into attributes and can ask for gigabytes of
    padding.
    """
    if isinstance(template, str):
        return template.replace(_OWN_TEXT, text)
    if isinstance(template, list | tuple):
        return [_fill_in(item, text) for item in template]
    if isinstance(template, Mapping):
        return {_fill_in(key, text): _fill_in(value, text) for key, value in template.items()}
    return template


def resulting_image(profile: EffectiveProfile, chosen: Mapping[str, OptionValue]) -> str | None:
    """Give the image that this profile starts with these options; None: the hub's own."""
    image = profile.image.value if profile.image is not None else None
    for override in (profile.override, *(override for _, override in option_overrides(profile, chosen))):
        said = override.get("image")
        if isinstance(said, str):
            image = said
    return image


def _refuse(message: str, remedy: str) -> NoReturn:
    raise RefusedError(Refusal(Code.UNKNOWN_OPTION, message, remedy, status=400))
