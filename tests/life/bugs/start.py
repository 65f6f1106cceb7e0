"""What a newcomer's first day met."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "estimators are loaded by several threads at once",
        review="6",
        test="tests/python/registration/test_cold_starts.py",
        edits=(
            (
                "src/scorehouse/load_lock.py",
                "_lock.acquire(timeout=PATIENCE_IN_AN_IMPORT if _is_importing() else PATIENCE_SECONDS)",
                "False and _is_importing()",
            ),
        ),
    ),
    Bug(
        "register dies on text in chunks",
        review="9",
        edits=(
            (
                "src/scorehouse/kernel/training_batch.py",
                "        array = array.combine_chunks()\n",
                "        pass\n",
            ),
        ),
        events=("clean night",),
    ),
    Bug(
        "a missing module of the user's is answered with libraries",
        review="10",
        edits=(
            (
                "src/scorehouse/registry/formats/base.py",
                "error.name not in version.libraries:",
                "error.name in version.libraries:",
            ),
        ),
        events=("own module",),
    ),
    Bug(
        "the training script needs an argument",
        review="10",
        edits=(
            (
                "src/scorehouse/cli/training_script.py",
                "database = sys.argv[1] if sys.argv[1:] else PROJECT / {path}",
                "database = sys.argv[1]",
            ),
        ),
        events=("script as written",),
    ),
    Bug(
        "the column that `init --time` names is a feature",
        review="-",
        edits=(
            (
                "src/scorehouse/cli/training_script.py",
                "*([time] if time and time not in trained.keys else [])",
                "*[]",
            ),
        ),
        events=("clean night",),
    ),
    Bug(
        "the days that are held out count as days of training",
        review="-",
        edits=(
            (
                "src/scorehouse/cli/training_script.py",
                "trained_to=days[~is_test].max(),",
                "trained_to=days.max(),",
            ),
        ),
        events=("clean night",),
    ),
    Bug(
        "init writes no package entry",
        review="10",
        edits=(
            (
                "src/scorehouse/cli/init.py",
                "        package, revision = package_of_runtime()\n",
                "        pass\n",
            ),
        ),
        events=("clean night",),
    ),
    Bug(
        "init writes no .gitignore",
        review="10",
        edits=(
            (
                "src/scorehouse/cli/init.py",
                'with_ignored(_text(project / ".gitignore"))',
                '_text(project / ".gitignore")',
            ),
        ),
        events=("clean night",),
    ),
)
