"""The load policy: what the project allows to be loaded.

It comes from the dbt project's variable `scorehouse_load_policy`, never from an artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from scorehouse.errors import ConfigurationError, LoadRefusedError
from scorehouse.registry import Version

VARIABLE = "scorehouse_load_policy"
LIBRARY_CHOICES = ("refuse", "warn")


@dataclass(frozen=True)
class LoadPolicy:
    """What may be loaded.

    `formats`: artifact formats allowed; `library_versions`: what to do when scikit-learn differs
    from the version that saved the estimator, `refuse` or `warn`.
    """

    formats: tuple[str, ...] = ("joblib",)
    library_versions: str = "refuse"

    @classmethod
    def from_variable(cls, value: Mapping[str, Any] | None) -> LoadPolicy:
        """Read the variable; unknown settings are an error, since a misspelt limit is no limit."""
        settings = dict(value or {})
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise _bad_setting(f"unknown settings {unknown}", f"settings among {sorted(known)}")
        if "formats" in settings:
            formats = settings["formats"]
            settings["formats"] = (formats,) if isinstance(formats, str) else tuple(formats)
        policy = cls(**settings)
        if policy.library_versions not in LIBRARY_CHOICES:
            raise _bad_setting(
                f"library_versions is {policy.library_versions!r}", f"one of {list(LIBRARY_CHOICES)}"
            )
        return policy

    def check_format(self, version: Version, call: str) -> None:
        """Refuse a format that the project does not allow."""
        if version.artifact_format not in self.formats:
            raise LoadRefusedError(
                call,
                f"{version.label} is stored as {version.artifact_format!r}, "
                f"which the load policy does not allow",
                expected=f"one of the formats {list(self.formats)}",
                action=f"register it in an allowed format, or add the format to the variable {VARIABLE}",
            )

    def check_library(self, version: Version, installed: str, call: str) -> str | None:
        """Refuse, or return a warning for, an estimator saved by another scikit-learn version."""
        if version.sklearn_version == installed:
            return None
        difference = (
            f"{version.label} was saved by scikit-learn {version.sklearn_version}, "
            f"and {installed} is installed"
        )
        if self.library_versions == "warn":
            return difference
        raise LoadRefusedError(
            call,
            difference,
            expected="the version that saved the estimator, since another may predict differently",
            action=(
                f"install scikit-learn=={version.sklearn_version}, register the estimator again, "
                f"or set library_versions: warn in the variable {VARIABLE}"
            ),
        )


def _bad_setting(problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"variable {VARIABLE}",
        problem,
        expected=expected,
        action=f"mend {VARIABLE} under `vars:` in dbt_project.yml",
    )
