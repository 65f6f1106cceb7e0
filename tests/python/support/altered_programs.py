"""Programs with one number changed, read and run as a scoring run does: a script that may crash.

    python altered_programs.py PROJECT NAME BACKEND SEED COUNT [FOLDER OF ANOTHER KERNEL [KEEP]]

Prints how many alterations of version 1 were refused when the file was read, and how many made equal, other
or no numbers of its proof rows. Those of altered_programs.jsonl come first: the first alteration of each
ending that was ever seen, such as a refusal in other words. KEEP adds what is new to that file.
"""

from __future__ import annotations

import io
import json
import pickle
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np

from scorehouse.kernel.rows import check_batch
from scorehouse.program import store, stored_backend
from scorehouse.program.native import kernel as native
from scorehouse.program.native import layout
from scorehouse.program.native.kernel import Packed
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.proof import proof_rows
from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.compiled import program_of_json
from scorehouse.program.store import READERS
from scorehouse.registry.artifact import PROGRAM_FILE, PROOF_FILE, REASONS_PROOF_FILE
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.signature import Signature

CORPUS = Path(__file__).with_suffix(".jsonl")
Arrays = dict[str, np.ndarray]
Alteration = list[tuple[str, int, int | float]]  # arrays, places in them, and what stands there instead
BY_FILE = 20  # one alteration in so many goes through a file
READ = store.read_arrays, stored_backend.program_of_json, layout.pack
WRONG = (-1, -(2**40), 2**40, 2**62, -(2**62), 7)


def unpacked(data: bytes) -> Arrays:
    """The arrays of a file, its JSON among them."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for values in arrays.values():
        values.setflags(write=False)  # many alterations share what they do not alter
    return arrays


def packed(arrays: Arrays, save: Callable[..., None] = np.savez_compressed) -> bytes:
    """The file of these arrays."""
    sink = io.BytesIO()
    save(sink, **arrays)
    return sink.getvalue()


def with_head(arrays: Arrays, changed: dict[str, Any]) -> Arrays:
    """The same arrays with other entries in their JSON."""
    head = {**json.loads(arrays["head"].tobytes()), **changed}
    return {**arrays, "head": np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)}


def with_flag(arrays: Arrays, name: str, value: Any) -> Arrays:
    """The same arrays with another flag of the trees of one estimator in their JSON."""
    scores = json.loads(arrays["head"].tobytes())["scores"]
    (flags,) = scores["trees"]
    return with_head(arrays, {"scores": {**scores, "trees": [{**flags, name: value}]}})


def with_entry(arrays: Arrays, name: str, place: Any, value: Any) -> Arrays:
    """The same arrays with one other number; one that does not fit wraps around."""
    made = arrays[name].copy()
    made[place] = np.array(value).astype(made.dtype)
    return {**arrays, name: made}


def every_index(arrays: Arrays) -> Iterator[tuple[str, Arrays]]:
    """Every index of trees led out of its array, to either side or in a circle; all have to be refused."""
    inner = np.flatnonzero(arrays["left"] >= 0)
    everywhere = (0, -1)
    for name, places, values in (
        ("feature", (*inner[:1], *inner[-1:]), (-1, -(2**31), 2**31 - 1)),
        ("left", (*inner[:1], *inner[-1:]), (0, -1, -2, 1_000_000_000, 2**31 - 1)),
        ("right", (*inner[:1], *inner[-1:]), (0, -1, -2, 1_000_000_000, 2**31 - 1)),
        ("group", everywhere, (-1, -(2**40), 2**40)),
        ("trees", everywhere, (0, -1, 2**40, -(2**62))),
        ("nodes", everywhere, (0, -1, 2**40, -(2**62))),
        ("category_node", everywhere, (-1, 2**40, *np.flatnonzero(arrays["left"] < 0)[:1])),
        ("category_count", everywhere, (-1, 2**40, -(2**62))),
        ("category_codes", everywhere, (-1, -(2**31), 2**31 - 64)),
        ("edge", inner[:1], (np.nan,)),
    ):
        for place, value in product(places if len(arrays[name]) else (), values):
            if arrays[name][place] != value:
                yield f"{name}[{place}] = {value}", with_entry(arrays, name, place, value)
    for name in ("takes_missing", "takes_infinite", "average", "rounds_inputs", "single"):
        for value in (-1, 0, 1.5, "1", None):
            yield f"{name} = {value!r}", with_flag(arrays, name, value)
    for name in arrays.keys() - {"head", "background", "sql", "means"}:
        if len(arrays[name]):
            yield f"{name} cut off", {**arrays, name: arrays[name][:-1]}
            yield f"{name} as text", {**arrays, name: arrays[name].astype("S8")}
    yield "an array that nobody reads", {**arrays, "extra": np.zeros(1 << 20)}
    yield "codes of 256 MB", {**arrays, "category_codes": np.zeros(1 << 26, dtype=np.int32)}


def at_random(arrays: Arrays, draw: random.Random) -> Alteration:
    """One to three entries of any array replaced, by a wrong number or that of another place."""
    made: Alteration = []
    for _ in range(draw.randint(1, 3)):
        name = draw.choice([name for name in arrays if name not in ("head", "sql") and arrays[name].size])
        flat = arrays[name].reshape(-1)
        value = draw.choice([*WRONG, flat[draw.randrange(flat.size)].item()])
        made.append((name, draw.randrange(flat.size), value))
    return made


def altered(arrays: Arrays, alteration: Alteration) -> Arrays:
    """The same arrays with other numbers; places wrap around, since other releases train other trees."""
    for name, place, value in alteration:
        if name in arrays and arrays[name].size:
            shape = arrays[name].shape
            arrays = with_entry(arrays, name, np.unravel_index(place % arrays[name].size, shape), value)
    return arrays


@cache
def head_of(text: bytes) -> dict[str, Any]:
    """The JSON of a file, read once: alterations of numbers leave it as it is."""
    head: dict[str, Any] = json.loads(text)
    PROGRAMS[id(head["scores"]["columns"])] = program_of_json(head["scores"]["columns"])
    return head


PROGRAMS: dict[int, Program] = {}  # of the JSON of `head_of`, which is kept


def program_kept(document: Any) -> Program:
    """What `program_of_json` makes, once of each JSON of `head_of`."""
    return PROGRAMS.get(id(document)) or program_of_json(document)


def pack_kept(model: TreeModel) -> Packed:
    """What `pack` makes, once of each ensemble: most segments are as they were."""
    key = pickle.dumps(model)
    if key not in PACKED:
        if len(PACKED) > MOST_PACKED:
            PACKED.clear()
        PACKED[key] = READ[2](model)
    return PACKED[key]


PACKED: dict[bytes, Packed] = {}
MOST_PACKED = 64


def handed_over(
    layout: int, arrays: Arrays, expected: object, wanted: Callable[[Any], Any]
) -> tuple[Any, Arrays]:
    """What `read_arrays` gives of a file in which only numbers were changed."""
    head = head_of(arrays["head"].tobytes())
    return head, {name: arrays[name] for name in wanted(head)}


def kept_of(name: str, backend: str) -> dict[str, Alteration]:
    """What the corpus has of a backend, by how it ended."""
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    return {line["ending"]: line["alteration"] for line in lines if line["of"] == [name, backend]}


class Served:
    """One of the backends of a registered version, and rows to run it on."""

    def __init__(self, project: Path, name: str, backend: str) -> None:
        self.backend = backend
        self.version = ModelSeeds(project, name).versions()[0]
        folder = (project / self.version.artifact).parent
        self.data = (folder / PROGRAM_FILE).read_bytes()
        signature = Signature.from_json((folder / "signature.json").read_bytes())
        proof = REASONS_PROOF_FILE if backend == "reasons" else PROOF_FILE
        rows = proof_rows((folder / proof).read_bytes()).select(signature.names)
        batch = rows.combine_chunks().to_batches()[0]
        self.columns = check_batch(signature, batch, frozenset()).accepted
        self.whole, stored = unpacked(self.data), READERS[backend](self.data, self.version)
        self.expected = self._made(stored)
        self.kept: dict[str, Any] = {"numbers": stored.numbers(self.columns)}
        if keys := getattr(stored, "keys", None):
            self.kept["codes"] = keys.codes(self.columns)
        if (block := getattr(stored, "background_block", None)) is not None:
            self.kept["background_block"] = block

    def outcome(self, data: bytes | Arrays) -> str:
        """What becomes of other bytes in the place of the file: the refusal, or what the backend does.

        Of arrays, what would become of their file: no time goes to NumPy's own writer and reader, or to what
        no array changes, the JSON and what Arrow computes of the rows.
        """
        is_file = isinstance(data, bytes)
        try:
            if not is_file:
                store.read_arrays, stored_backend.program_of_json = handed_over, program_kept
            stored = READERS[self.backend](cast(bytes, data), self.version)
        except Exception as error:
            return f"refused: {error}"
        finally:
            store.read_arrays, stored_backend.program_of_json = READ[:2]
        if not is_file:
            self._spare(stored, cast(Arrays, data))
        try:
            return "equal" if np.array_equal(self._made(stored), self.expected, equal_nan=True) else "differs"
        except Exception:
            return "fails"
        finally:
            layout.pack = READ[2]

    def _spare(self, stored: Any, arrays: Arrays) -> None:
        """Give a backend the numbers of the rows and of its background, where no array has changed them."""
        own, numbers = vars(stored), self.kept["numbers"]
        if "codes" in self.kept:
            layout.pack = pack_kept  # type: ignore[assignment]
        if arrays["parameters"] is not self.whole["parameters"]:
            return
        if "codes" in self.kept:
            own["_numbers"] = lambda columns, codes: numbers
            vars(stored.keys)["codes"] = lambda columns: self.kept["codes"].copy()
        elif self.backend != "matrix":
            made = stored.numbers
            own["numbers"] = lambda columns: numbers if columns is self.columns else made(columns)
        if "background_block" in self.kept and arrays["background"] is self.whole["background"]:
            own["background_block"] = self.kept["background_block"]

    def _made(self, stored: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            if self.backend != "reasons":
                return np.asarray(stored.read_columns(self.columns))
            found = stored.contributions(self.columns)
            return np.concatenate([found.parts.ravel(), found.totals.ravel(), found.base.ravel()])


def main(
    project: str, name: str, backend: str, seed: str, count: str, other_kernel: str = "", keep: str = ""
) -> None:
    """Print the outcomes: of the corpus, of every index led out of its array, and at random."""
    if other_kernel:
        native.FOLDER = Path(other_kernel)
    served = Served(Path(project), name, backend)
    assert np.isfinite(served.expected).all()
    whole, draw, outcomes = served.whole, random.Random(int(seed)), Counter[str]()
    known = kept_of(name, backend)
    for alteration in known.values():
        outcomes[served.outcome(packed(altered(whole, alteration))).partition(":")[0]] += 1
    for what, arrays in every_index(whole) if "left" in whole and len(whole["base"]) == 1 else ():
        found = served.outcome(packed(arrays))
        assert found.startswith("refused: "), f"{what}: {found}"
        outcomes["refused"] += 1
    for number in range(int(count)):
        alteration = at_random(whole, draw)
        arrays = altered(whole, alteration)
        # to compress a file would take as long as to read and run it
        found = served.outcome(packed(arrays, np.savez) if number % BY_FILE == 0 else arrays)
        outcomes[found.partition(":")[0]] += 1
        if keep and (ending := re.sub(r"[\d.e+-]*\d", "N", found)) not in known:
            known[ending] = alteration
            with CORPUS.open("a") as file:
                line = {"of": [name, backend], "ending": ending, "alteration": alteration}
                file.write(json.dumps(line) + "\n")
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
