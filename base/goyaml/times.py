"""Times in YAML, as Go's yaml.v3 finds them and as Go prints them, which is what a Pulumi program gets to see."""

import calendar
import re

_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
_CLOCK = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})(?:[.,](?P<fraction>[0-9]+))?"
_ZONE = r"(?P<zone>Z|[-+][0-9]{2}:[0-9]{2})"
_FORMS = [re.compile(form) for form in (_DATE, f"{_DATE}[Tt]{_CLOCK}{_ZONE}", f"{_DATE} {_CLOCK}")]
_NANOSECOND_DIGITS = 9


def timestamp(text: str) -> str | None:
    """A time as Go prints it; None where the text is none.

    An offset that the machine itself has at that time is printed with the zone's name there; this one does not know it.
    """
    found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    parts = found.groupdict()
    year, month, day = (int(parts[name]) for name in ("year", "month", "day"))
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    if not (1 <= month <= 12 and 1 <= day <= _days(year, month)):
        return None
    zone = _zone(parts.get("zone") or "Z")
    if hour > 23 or minute > 59 or second > 59 or zone is None:
        return None
    fraction = (parts.get("fraction") or "")[:_NANOSECOND_DIGITS].rstrip("0")
    clock = f"{hour:02}:{minute:02}:{second:02}{'.' if fraction else ''}{fraction}"
    return f"{year:04}-{month:02}-{day:02} {clock} {zone}"


def _days(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _zone(text: str) -> str | None:
    if text in ("Z", "+00:00", "-00:00"):
        return "+0000 UTC"
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 24 or minutes > 60:
        return None
    offset = f"{text[0]}{hours:02}{minutes:02}"
    return f"{offset} {offset}"
