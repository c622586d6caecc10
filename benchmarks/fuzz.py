"""The long run of the fuzz targets of tests/fuzz: hostile images, boxes, frames, numbers and files.

    OMP_NUM_THREADS=1 nice -n 15 python benchmarks/fuzz.py --cases 20000

A case is right when the library returns a correct result, or raises an error of its own that says what was
expected and what came. Everything else is a failure: another exception, a wrong shape, numbers that are not
finite, more than 20 seconds of the CPU, a crash of the process. Cases differ with ``--seed``. With
atheris installed (``pip install atheris``), ``--guided RUNS`` then lets coverage guide as many runs of each
decoder of files. Each target runs in a process of its own.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.fuzz.target import Target

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results"
#: Packages whose code the cases reach.
_PACKAGES: Final = (
    "hypothesis",
    "numpy",
    "torch",
    "opencv-python",
    "pillow",
    "scipy",
    "av",
    "pyarrow",
    "atheris",
)
#: Seconds that a target may take for each case, on average, before its process is taken to hang.
_SECONDS: Final = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=20_000, help="of all targets together (20000); 0: none")
    parser.add_argument("--guided", type=int, default=0, help="runs of each decoder guided by coverage (0)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="targets with this in their name; of earlier results the others stay")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of fuzz.json and fuzz.md")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    run_all(args)


def run_all(args: argparse.Namespace) -> None:
    from provenance import provenance

    from tests.fuzz.file_targets import DECODERS
    from tests.fuzz.targets import TARGETS

    chosen = [target for target in TARGETS if args.cases and (not args.only or args.only in target.name)]
    weight = sum(1 / target.cost for target in chosen)
    rows = []
    for target in chosen:
        cases = max(20, round(args.cases / target.cost / weight))
        work = partial(run_target, target, cases=cases, seed=args.seed)
        rows.append(in_process(target.name, work, cases))
        print(summary(rows[-1]), flush=True)
    if args.guided:
        if importlib.util.find_spec("atheris") is None:
            sys.exit("--guided needs atheris: pip install atheris")
        for name in DECODERS:
            if not args.only or args.only in name:
                work = partial(run_guided, name, runs=args.guided, seed=args.seed + 1)
                rows.append(in_process(f"{name}, guided", work, args.guided))
                print(summary(rows[-1]), flush=True)
    origin = provenance("nano")
    if (args.only or not args.cases) and (args.output / "fuzz.json").is_file():
        earlier = json.loads((args.output / "fuzz.json").read_text(encoding="utf-8"))
        rows = repeated(earlier["targets"], rows)
        origin["command"] = f"{earlier['command']}; {origin['command']}"
    content = {
        **origin,
        "packages": {name: version for name in _PACKAGES if (version := installed(name)) is not None},
        "seed": args.seed,
        "cases": sum(row["cases"] for row in rows),
        "failures": sum(len(row["failures"]) for row in rows),
        "targets": rows,
    }
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "fuzz.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (args.output / "fuzz.md").write_text(markdown(content), encoding="utf-8")
    print(f"{content['cases']} cases, {content['failures']} failures")


def repeated(before: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of an earlier run, with ``rows`` in place of those of the same targets."""
    again = {row["target"]: row for row in rows}
    return [*(again.pop(row["target"], row) for row in before), *again.values()]


def in_process(name: str, work: Callable[[Path], None], cases: int) -> dict[str, Any]:
    """The row of a target, which ``work`` writes. A process that crashed or hangs is a failure."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "row.json"
        begin = time.monotonic()
        process = multiprocessing.get_context("fork").Process(target=work, args=(output,))
        process.start()
        process.join(120 + _SECONDS * cases)
        row: dict[str, Any] = {"target": name, "cases": 0, "outcomes": {}, "failures": []}
        if output.is_file():
            row |= json.loads(output.read_text(encoding="utf-8"))
        if process.exitcode is None:
            process.kill()
            row["failures"].append({"error": "the process hangs"})
        elif process.exitcode:
            row["failures"].append({"error": f"the process ended with {process.exitcode}"})
        row["seconds"] = round(time.monotonic() - begin, 1)
        return row


def run_guided(name: str, output: Path, *, runs: int, seed: int) -> None:
    """One decoder of files, guided by coverage."""
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(runs), str(seed), str(output)]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    sys.exit(done.returncode)


def run_target(target: "Target", output: Path, *, cases: int, seed: int) -> None:
    """Runs one target in this process and writes its counts and failures."""
    import cv2
    import hypothesis
    import torch
    from hypothesis import HealthCheck, Phase, given, settings

    from tests.fuzz.outcome import failure_of, outcome_of

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    outcomes: Counter[str] = Counter()
    failures: dict[str, dict[str, str]] = {}

    @hypothesis.seed(seed)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.cases)
    def fuzz(case: Any) -> None:
        try:
            outcomes[outcome_of(target.run, case)] += 1
        except Exception as error:
            outcomes["failure"] += 1
            place, told = failure_of(error, case)
            failures.setdefault(place, told)

    fuzz()
    row = {
        "cases": sum(outcomes.values()),
        "outcomes": dict(outcomes.most_common()),
        "failures": list(failures.values()),
    }
    output.write_text(json.dumps(row), encoding="utf-8")


def summary(row: Mapping[str, Any]) -> str:
    outcomes = ", ".join(f"{name} {count}" for name, count in row["outcomes"].items())
    failed = "".join(f"\n    {failure['error'][:300]}" for failure in row["failures"])
    return f"{row['target']}: {row['cases']} cases in {row['seconds']} s: {outcomes}{failed}"


def markdown(content: Mapping[str, Any]) -> str:
    lines = [
        "# Fuzzing",
        "",
        f"`{content['command']}` on {content['date']}, {content['machine']}, with "
        + ", ".join(f"{name} {version}" for name, version in content["packages"].items())
        + f": **{content['cases']:,} cases, {content['failures']} failures**.",
        "",
        "| target | cases | correct results | errors of the library | failures | seconds |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for row in content["targets"]:
        errors = ", ".join(
            f"{name} {count}" for name, count in row["outcomes"].items() if name not in ("result", "failure")
        )
        results = row["outcomes"].get("result", 0)
        lines.append(
            f"| {row['target']} | {row['cases']:,} | {results:,} | {errors} | {len(row['failures'])} | "
            f"{row['seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
