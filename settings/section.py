"""What all settings have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A mapping of a stack file: immutable, every key known, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)
