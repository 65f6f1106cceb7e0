"""dbt reads the version of an adapter here; it is the version of scorehouse."""

from importlib.metadata import version as _version_of

version = _version_of("scorehouse")
