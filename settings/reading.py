"""Reads a stack's settings, checked once before any resource is registered. The only reader of pulumi.Config."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from .errors import UNKNOWN_KEY, SettingsError, problems_of
from .models import Settings
from .problem import Problem
from .rules import broken_rules
from .secrets import HIDDEN, secrets_in
from .section import Section

AnySettings = TypeVar("AnySettings", bound=Section)


def load_settings() -> Settings:
    """Read the running program's stack configuration.

    Raises SettingsError, which the language host prints without a traceback, naming every problem at once.
    """
    return load_sections(Settings)


def load_sections(sections: type[AnySettings]) -> AnySettings:
    """The same for a program that uses some of the components: `sections` has a field for each section it takes."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    config = pulumi.Config()
    prefix = f"{project}:"
    keys = [key.removeprefix(prefix) for key in {**get_config_env(), **CONFIG.get()} if key.startswith(prefix)]
    return parse_sections(sections, {key: _value(config, key) for key in keys}, project=project, stack=stack)


def _value(config: pulumi.Config, key: str) -> object:
    """A section as the engine hands it over: JSON, or plain text where a person set a string. A secret stays hidden."""
    if is_config_secret(config.full_key(key)):
        return HIDDEN
    try:
        return config.get_object(key)
    except pulumi.ConfigTypeError:
        return config.get(key)


def parse_settings(raw: Mapping[str, object], project: str, stack: str) -> Settings:
    """Check the raw sections of one stack; raises SettingsError that names every problem at once.

    A section that is left out stands for an empty one, so that its defaults hold.
    """
    return parse_sections(Settings, raw, project, stack)


def _sections_of(wanted: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    """The sections that `wanted` has fields for, by their keys in a stack file."""
    for name, field in wanted.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield to_camel(name), field.annotation


def parse_sections(wanted: type[AnySettings], raw: Mapping[str, object], project: str, stack: str) -> AnySettings:
    """The same for the sections that `wanted` has fields for: rules between sections hold for those that are there."""
    models = dict(_sections_of(wanted))
    known = ", ".join(sorted(models))
    problems = [Problem((key,), f"one of the keys {known}", UNKNOWN_KEY) for key in raw if key not in models]
    sections: dict[str, Section] = {}
    for key, model in models.items():
        secrets = list(secrets_in(raw.get(key), (key,)))
        if secrets:
            problems += secrets
            continue
        try:
            sections[key] = model.model_validate(raw.get(key, {}))
        except ValidationError as error:
            problems += problems_of(model, error, key)
    problems += broken_rules(tuple(sections.values()))
    if problems:
        raise SettingsError(problems, project=project, stack=stack)
    return wanted.model_validate(sections)
