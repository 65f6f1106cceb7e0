"""What sqlfluff reads in the place of this package's macros, which it cannot run: SQL of the same kind."""

from collections.abc import Callable


def scored(*arguments: object, **settings: object) -> str:
    """Configures the model, and prints nothing."""
    return ""


def replace_windows() -> dict[str, str]:
    """Settings of a model, which print nothing."""
    return {}


def as_double(expression: str) -> str:
    return f"cast({expression} as double)"


def flight_id(flights: str) -> str:
    return f"concat({flights}.carrier, {flights}.flight, {flights}.time_hour)"


def minutes_of_day(time: str) -> str:
    return f"{time} % 100"


def latest(value: str, at: str) -> str:
    return f"arg_max({value}, {at})"


def matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, '{pattern}')"


def total(expression: str) -> str:
    return f"sum({expression})"


def mean(expression: str) -> str:
    return f"avg({expression})"


def __getattr__(name: str) -> Callable[..., str]:
    """The other macros print a query."""
    if name.startswith("_"):
        raise AttributeError(name)
    return lambda *arguments, **settings: "select 1 as one"
