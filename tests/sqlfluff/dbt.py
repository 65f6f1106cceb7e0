"""What sqlfluff reads in the place of dbt's cross-database macros, which it cannot run."""


def datediff(first: str, second: str, datepart: str) -> str:
    return f"date_diff('{datepart}', {first}, {second})"


def position(substring: str, text: str) -> str:
    return f"position({substring} in {text})"


def date_spine(datepart: str, start: str, end: str) -> str:
    return f"select {start} as date_{datepart}"
