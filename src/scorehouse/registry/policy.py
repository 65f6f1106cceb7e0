"""The load policy: what the project allows to be loaded.

It comes from the dbt project's variable `scorehouse_load_policy`, never from an artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError, LoadRefusedError, listed
from scorehouse.project.folder import project_variable
from scorehouse.registry.formats import FORMATS
from scorehouse.registry.version import Version

VARIABLE = "scorehouse_load_policy"
LIBRARY_CHOICES = ("refuse", "warn")
CHOICES = {"pickle": ("pinned", "refuse"), "estimator": ("allowed", "never")}
SCIKIT_LEARN = "scikit-learn"
INSIDE_A_PICKLE = ("lightgbm", "xgboost", "catboost", "skrub")


@dataclass(frozen=True)
class LoadPolicy:
    """What may be loaded.

    `formats`: artifact formats allowed. `pickle`: `pinned` allows formats that run code when loaded,
    for digests that the registry pins; `refuse` forbids them. `trusted_types`: types that a skops
    artifact may hold beyond those that skops trusts. `roots`: folders and URLs, outside the project's
    folder, below which artifacts may lie. `library_versions`: what to do when a library differs from
    the version that saved the estimator, `refuse`, `warn` or the versions that are alike
    (`>=1.7,<1.10`); one text for scikit-learn, or a mapping by library. `cache`: folder, in the
    project, of artifacts fetched from URLs. `estimator`: `never` forbids to open a registered estimator
    at all, so that only versions with a proven program score. `require_signed_by`: files of public keys, in
    the project; only versions that the private key of one of them has signed are loaded.
    `require_certificate`: a backend scores only if all that it runs is certified for every input.
    """

    formats: tuple[str, ...] = tuple(FORMATS)
    pickle: str = "pinned"
    trusted_types: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    library_versions: str | Mapping[str, str] = "refuse"
    cache: str = "target/scorehouse_cache"
    estimator: str = "allowed"
    require_signed_by: tuple[str, ...] = ()
    require_certificate: bool = False

    @classmethod
    def from_variable(cls, value: Mapping[str, Any] | None) -> LoadPolicy:
        """Read the variable; unknown settings are an error, since a misspelled limit would be no limit."""
        if value is not None and not isinstance(value, Mapping):
            raise _bad_setting(f"it is {value!r}", "a mapping of settings")
        settings = dict(value or {})
        known = {f.name for f in fields(cls)}
        if unknown := sorted(str(name) for name in set(settings) - known):
            raise _bad_setting(
                f"unknown settings {listed(unknown)}", f"settings among {listed(sorted(known))}"
            )
        for name in ("formats", "trusted_types", "roots", "require_signed_by"):
            if name in settings:
                settings[name] = _texts(name, settings[name])
        policy = cls(**settings)
        policy._check()
        return policy

    def _check(self) -> None:
        if odd := sorted(set(self.formats) - set(FORMATS)):
            raise _bad_setting(f"formats has {listed(odd)}", f"formats among {listed(FORMATS)}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise _bad_setting(f"{name} is {getattr(self, name)!r}", f"one of {listed(choices)}")
        if not isinstance(self.require_certificate, bool):
            raise _bad_setting(f"require_certificate is {self.require_certificate!r}", "true or false")
        if not isinstance(self.cache, str) or not self.cache:
            raise _bad_setting(f"cache is {self.cache!r}", "a folder in the project")
        if not all(self.require_signed_by):
            raise _bad_setting("require_signed_by has an empty path", "files of public keys in the project")
        rules = self.library_versions
        for rule in rules.values() if isinstance(rules, Mapping) else [rules]:
            _check_rule(rule)

    def check_opening(self, version: Version, call: str) -> None:
        """Refuse to open a registered estimator where the project scores by programs alone."""
        if self.estimator == "never":
            raise LoadRefusedError(
                call,
                f"the estimator of {version.label} would have to be opened, which the load policy forbids",
                expected="a program that was proven and stored, since `estimator` is 'never'",
                action=f"run `scorehouse compile {version.name}` where estimators may be opened, and commit "
                f"what it writes; or allow it in the variable {VARIABLE}",
            )

    def check_alias(self, alias: str | None, call: str) -> None:
        """Refuse to register with an alias where only signed versions are loaded: nobody has signed yet."""
        if alias is not None and self.require_signed_by:
            raise LoadRefusedError(
                call,
                f"alias is {alias!r}, and a version that is not signed yet cannot have an alias",
                expected="a registration without an alias, since the load policy has require_signed_by",
                action="leave alias out; then run `scorehouse evidence sign` and `scorehouse promote`",
            )

    def check_format(self, version: Version, call: str) -> None:
        """Refuse a format that the project does not allow."""
        self.require_format(version.artifact_format, f"{version.label} is stored", call)

    def require_format(self, name: str, what: str, call: str) -> None:
        """Refuse a format that the project does not allow; `what` names the object stored in it."""
        if not self.allows(name):
            raise LoadRefusedError(
                call,
                f"{what} as {name!r}, which the load policy does not allow",
                expected=f"one of the formats {listed([each for each in FORMATS if self.allows(each)])}",
                action=f"register it in an allowed format, or allow the format in the variable {VARIABLE}",
            )

    def allows(self, name: str) -> bool:
        """Whether files of a format may be opened."""
        return name in self.formats and (self.pickle == "pinned" or not FORMATS[name].runs_code)

    def check_libraries(self, version: Version, call: str) -> list[str]:
        """Refuse, or return warnings for, libraries that differ from those that saved the estimator."""
        found = [
            self._judge(version, library, saved, call)
            for library, saved in saved_by(version).items()
            if saved != installed(library)
        ]
        return [warning for warning in found if warning]

    def _judge(self, version: Version, library: str, saved: str, call: str) -> str | None:
        present, rule = installed(library), self._rule(library)
        difference = f"{version.label} was saved by {library} {saved}, but {present or 'none'} is installed"
        if rule == "warn":
            return difference
        from packaging.specifiers import SpecifierSet  # most runs open no estimator

        alike = None if rule == "refuse" else SpecifierSet(rule, prereleases=True)
        if alike is not None and present and saved in alike and present in alike:
            return None
        raise LoadRefusedError(
            call,
            difference,
            expected="the version that saved the estimator, since another may predict differently"
            if alike is None
            else f"both versions within {rule}",
            action=(
                f"install {library}=={saved}, register the estimator again, "
                f"or set library_versions in the variable {VARIABLE}"
            ),
        )

    def _rule(self, library: str) -> str:
        rules = self.library_versions
        if isinstance(rules, Mapping):
            return rules.get(library, "refuse")
        return rules if rules in LIBRARY_CHOICES or library == SCIKIT_LEARN else "refuse"


def load_policy(root: Path) -> LoadPolicy:
    """The load policy of the project in the folder `root`, from its dbt_project.yml."""
    return LoadPolicy.from_variable(project_variable(root, VARIABLE))


def saved_by(version: Version) -> dict[str, str]:
    """The libraries that a version's predictions depend on, with their versions at registration."""
    library = FORMATS[version.artifact_format].library
    if library != SCIKIT_LEARN:
        return {library: version.libraries[library]} if library in version.libraries else {}
    inside = {name: version.libraries[name] for name in INSIDE_A_PICKLE if name in version.libraries}
    return {SCIKIT_LEARN: version.sklearn_version, **inside}


def installed(library: str) -> str | None:
    """The version of an installed library; None if it is not installed."""
    try:
        return installed_version(library)
    except PackageNotFoundError:
        return None


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise _bad_setting(f"{name} is {value!r}", "a list of strings")
    return tuple(texts)


def _check_rule(rule: Any) -> None:
    if rule in LIBRARY_CHOICES:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(rule)
    except (InvalidSpecifier, TypeError, AttributeError):
        raise _bad_setting(
            f"library_versions has {rule!r}",
            f"one of {listed(LIBRARY_CHOICES)}, or versions such as '>=1.7,<1.10'",
        ) from None


def _bad_setting(problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"variable {VARIABLE}",
        problem,
        expected=expected,
        action=f"correct {VARIABLE} under `vars:` in dbt_project.yml",
    )
