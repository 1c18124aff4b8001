"""Times of rows: from texts in a given form to seconds since 1970-01-01 00:00 UTC."""

import re
from typing import TYPE_CHECKING, Any

from eco_jax.errors import UserError, quoted

if TYPE_CHECKING:
    import polars as pl

UNITS = {"unix": 1.0, "ms": 1e3, "us": 1e6}
"""Forms that are numbers -> how many of them are a second."""
ISO = "iso"
FORMS = f"{', '.join(UNITS)} (seconds, milliseconds, microseconds since 1970), {ISO}, or a pattern as %d/%m/%Y %H:%M:%S"
_ISO = (
    r"^(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ]+(\d\d):(\d\d)(?::([0-5]\d)(?:[.,]\d+)?)?)? ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?$"
)
_YEARS = 315_532_800, 4_102_444_800  # 1980 to 2100, s: what the hints take for a date


def check(form: str, zone: str) -> None:
    """Whether there is such a form of times, and such a time zone.

    Raises:
        UserError: there is not.
    """
    import polars as pl

    if form not in UNITS and form != ISO and "%" not in form:
        raise UserError(f"time = {quoted(form)}: must be {FORMS}")
    if zone and form in UNITS:
        raise UserError(f"zone = {quoted(zone)}: has no effect where times are numbers, which count from 1970 in UTC")
    try:
        if zone:
            pl.Series(["2000-01-01"]).str.to_datetime("%Y-%m-%d").dt.replace_time_zone(zone)
    except pl.exceptions.PolarsError:
        raise UserError(f"zone = {quoted(zone)}: must be a time zone, as Europe/Rome or UTC") from None
    if "%" in form:
        try:
            pl.Series(["2000-01-01"]).str.to_datetime(_pattern(form), strict=False)
        except pl.exceptions.PolarsError:
            raise UserError(f"time = {quoted(form)}: is no pattern of a date with a time of day") from None


def seconds(form: str, zone: str, text: "pl.Expr") -> "pl.Expr":
    """Seconds since 1970 UTC, as real numbers; null where the text is no time.

    Args:
        form: see `FORMS`.
        zone: of times that name none; by default they count as UTC.
        text: the times.
    """
    import polars as pl

    if form in UNITS:
        number = text.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number / UNITS[form])
    if form == ISO:
        groups = text.str.extract_groups(_ISO).struct
        part = [groups.field(str(k)) for k in range(1, 8)]
        clock = pl.concat_str(
            *(part[k] for k in range(3)), *(part[k].fill_null("00") for k in range(3, 6)), separator=" "
        )
        local = clock.str.to_datetime("%Y %m %d %H %M %S", strict=False)
        sign = pl.when(part[6].str.starts_with("-")).then(-1.0).otherwise(1.0)
        digits = part[6].str.replace_all(r"\D", "").str.pad_end(4, "0")
        offset = sign * (
            3600.0 * digits.str.slice(0, 2).cast(pl.Float64, strict=False).fill_null(0.0)
            + 60.0 * digits.str.slice(2, 2).cast(pl.Float64, strict=False).fill_null(0.0)
        )
        return pl.when(part[6].is_null()).then(_epoch(local, zone)).otherwise(_epoch(local, "") - offset)
    parsed = text.str.to_datetime(_pattern(form), strict=False)
    return _epoch(parsed, "" if _names_zone(form) else zone)


def _names_zone(form: str) -> bool:
    return re.search(r"%:?[z#]", form) is not None


def _pattern(form: str) -> str:
    """The pattern in Polars' words: a fraction of a second is `%.f` there."""
    return form.replace(".%f", "%.f")


def _epoch(time: "pl.Expr", zone: str) -> "pl.Expr":
    """Seconds since 1970 UTC. Of an hour that the clock shows twice the first counts; what it leaves out is null."""
    import polars as pl

    if zone:
        time = time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return time.dt.epoch("s").cast(pl.Float64)


def hint(form: str, text: str) -> str:
    """What a time that cannot be read in a form may be, beginning with "; "."""
    number = _number(text)
    if number is not None and form not in UNITS:
        return _of_number(number) or "; is a number: --time unix, if it is seconds"
    if number is None and re.match(_ISO, text.strip()):
        return f"; the time looks like a date: --time {ISO}"
    if number is None and re.match(r"^\d\d?:\d\d", text.strip()):
        return "; the time has no date: name the column of the date, too (--columns with date and time)"
    return f"; the time {quoted(text)} does not fit --time {quoted(form)}: allowed are {FORMS}"


def misread(form: str, time: Any) -> str:
    """What times may be that were read in a form and lie where none are, beginning with "; "; else nothing.

    Args:
        form: of numbers.
        time: s, as read, [fixes].
    """
    if form not in UNITS:
        return ""
    raw = float(time.min()) * UNITS[form], float(time.max()) * UNITS[form]
    if (UNITS["ms"] > UNITS[form] and raw[0] > _YEARS[1]) or (form == "ms" and (raw[0] > 1e3 * _YEARS[1])):
        return _of_number(raw[0])
    if form != "unix" and _YEARS[0] < raw[0] and raw[1] < _YEARS[1]:
        return _of_number(raw[0])
    return ""


def _of_number(raw: float) -> str:
    for form, name in (("unix", "seconds"), ("ms", "milliseconds"), ("us", "microseconds")):
        if _YEARS[0] <= raw / UNITS[form] <= _YEARS[1]:
            return f"; times look like {name}: --time {form}"
    return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
