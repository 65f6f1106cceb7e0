"""Make a release: `./run release 0.1.0`. Everything is made locally; nothing is uploaded.

usage: ./run release VERSION [--dry-run]

It checks that the manifests and the changelog have VERSION, and that nothing is uncommitted. It makes, in
target/release/VERSION: a wheel per platform, the source distribution, the dbt package, the documentation,
the card of engines, a list of the components with their digests (SBOM, CycloneDX), and SHA256SUMS. Last, it
sets the tag vVERSION. --dry-run makes the wheel of this platform alone and no site, sets no tag, and reports
what is not ready instead of stopping.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CARD = ROOT / "docs/reference/conformance.md"
KERNEL = ROOT / "src/scorehouse/program/native/build.py"
LOCK = ROOT / "requirements.lock"
# What dbt reads of the package; a `git:` entry of packages.yml copies the examples and their data as well.
PACKAGE = ("dbt_project.yml", "macros", "models/installed", "skills", "README.md", "CHANGELOG.md", "LICENSE")
PINNED = re.compile(r"^([a-zA-Z0-9._-]+)==([^\s\\;]+)(.*?)(?=^[a-zA-Z0-9]|\Z)", re.M | re.S)
UPLOAD = """
Nothing was uploaded. When you are sure:
  git push origin v{version}
  python -m twine upload {folder}/*.whl {folder}/*.tar.gz
and publish {folder}/scorehouse-dbt-{version}.tgz where packages.yml can name it."""


def main(arguments: list[str]) -> int:
    """Make the release; returns the exit code."""
    words = [word for word in arguments if word != "--dry-run"]
    dry = "--dry-run" in arguments
    if len(words) != 1 or not re.fullmatch(r"\d+\.\d+\.\d+", words[0]):
        print(__doc__, file=sys.stderr)
        return 2
    version = words[0]
    problems = list(unready(version))
    for problem in problems:
        print(f"not ready: {problem}", file=sys.stderr)
    if problems and not dry:
        return 1
    folder = ROOT / "target/release" / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build(folder, dry=dry)
    package = f"scorehouse-dbt-{version}"
    archive = ["--prefix", f"{package}/", "--format", "tar.gz", "--output", str(folder / f"{package}.tgz")]
    run("git", "archive", *archive, "HEAD", *PACKAGE)
    shutil.copy(CARD, folder / "conformance.md")
    (folder / "sbom.cdx.json").write_text(json.dumps(bill_of_materials(version), indent=2) + "\n")
    if not dry:
        site(folder)
    (folder / "SHA256SUMS").write_text("".join(sums(folder)))
    for file in sorted(folder.iterdir()):
        print(f"{file.stat().st_size:>12,}  {file.relative_to(ROOT)}")
    if dry:
        print(f"dry run: no tag v{version}, no site, and no wheels for other platforms")
        return 0
    run("git", "tag", "--annotate", f"v{version}", "--message", f"scorehouse {version}")
    print(f"tag v{version}\n{UPLOAD.format(version=version, folder=folder.relative_to(ROOT))}")
    return 0


def run(*command: str, **variables: str) -> str:
    """The output of a command; its failure ends the release."""
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    )
    if ended.returncode:
        sys.stderr.write(ended.stdout)
        raise SystemExit(f"release: {' '.join(command[:4])} failed; the message above says why")
    return ended.stdout


def unready(version: str) -> Iterator[str]:
    """What has to be done before the release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if project != version:
        yield f"pyproject.toml has the version {project}; test_versions.py names the other places to change"
    heading = re.search(rf"^## {re.escape(version)} \((.*)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    if heading is None or not re.fullmatch(r"\d{4}-\d\d-\d\d", heading[1]):
        yield f"CHANGELOG.md has no heading `## {version} (YYYY-MM-DD)`"
    if run("git", "status", "--porcelain"):
        yield "there are changes that are not committed: git status"
    if run("git", "tag", "--list", f"v{version}"):
        yield f"the tag v{version} exists; a release is never made twice"
    if subprocess.run(["git", "var", "GIT_COMMITTER_IDENT"], cwd=ROOT, capture_output=True).returncode:
        yield "git does not know who sets the tag: git config user.name and user.email"


def build(folder: Path, *, dry: bool) -> None:
    """The source distribution, and a wheel per platform."""
    script = runpy.run_path(str(KERNEL), run_name="build_kernel")
    own = script["this_platform"]()
    platforms = [own] if dry else [*script["TARGETS"]]
    where = ["--no-isolation", "--outdir", str(folder)]
    run(sys.executable, "-m", "build", "--sdist", *where)
    for platform in platforms:
        run(sys.executable, "-m", "build", "--wheel", *where, SCOREHOUSE_KERNEL=platform)


def site(folder: Path) -> None:
    """The documentation, as one archive."""
    run(str(ROOT / "run"), "site")
    shutil.make_archive(str(folder / "docs"), "zip", ROOT / "target/site")


def bill_of_materials(version: str) -> dict[str, object]:
    """What CI tests this release with, as CycloneDX 1.5: names, versions and digests of all files."""
    components = [
        {
            "type": "library",
            "name": name,
            "version": pinned,
            "purl": f"pkg:pypi/{name}@{pinned}",
            "hashes": [
                {"alg": "SHA-256", "content": digest}
                for digest in re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)
            ],
        }
        for name, pinned, rest in PINNED.findall(LOCK.read_text())
    ]
    purl = f"pkg:pypi/scorehouse@{version}"
    own = {"type": "library", "name": "scorehouse", "version": version, "purl": purl}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
    }


def sums(folder: Path) -> Iterator[str]:
    """Lines as `sha256sum --check` reads them."""
    for file in sorted(folder.iterdir()):
        yield f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
