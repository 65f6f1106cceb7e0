"""Check that the dbt package and the Python runtime, which two tools install, match."""

from __future__ import annotations

from scorehouse.errors import ConfigurationError


def check_package_version(package: str, runtime: str, call: str) -> None:
    """Refuse a dbt package whose major or minor version is not the runtime's.

    `package` is the result of the macro `_package_version`. A patch release does not change the contract
    between the two, so it may differ.
    """
    major_minor = ".".join(runtime.split(".")[:2])
    if ".".join(package.split(".")[:2]) == major_minor:
        return
    raise ConfigurationError(
        call,
        f"the dbt package scorehouse is {package}, and the Python runtime is {runtime}",
        expected=f"both of release {major_minor}",
        action=(
            f"install the runtime of the package's release with pip, or set the revision of release "
            f"{major_minor} in packages.yml and run `dbt deps`"
        ),
    )
