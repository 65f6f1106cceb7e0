"""dbt asks an adapter for its version here; it is that of scorehouse."""

from importlib.metadata import version as _version_of

version = _version_of("scorehouse")
