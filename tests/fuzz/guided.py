"""Fuzzes one decoder of files with atheris, which lets coverage choose what to change.

    python -m tests.fuzz.guided "boxes file, JSON" 100000 [SEED [OUTPUT]]

Needs atheris (``pip install atheris``). OUTPUT gets the counts of outcomes, as JSON.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["face_alignment_3d", "PIL", "json", "zipfile", "tarfile", "csv"]):
    from tests.fuzz.file_targets import DECODERS
    from tests.fuzz.outcome import failure_of, outcome_of


def main() -> None:
    """Runs as the words of the command say; libFuzzer ends the process."""
    name, runs, seed, output = [*sys.argv[1:], "1", ""][:4] if len(sys.argv) == 3 else [*sys.argv[1:], ""][:4]
    decode, whole, endings = DECODERS[name]
    outcomes: Counter[str] = Counter()
    failures: dict[str, dict[str, str]] = {}

    def fuzz(content: bytes) -> None:
        try:
            outcomes[outcome_of(lambda case: decode(*case), (content, endings[0]))] += 1
        except Exception as error:
            if not output:
                raise
            outcomes["failure"] += 1
            place, told = failure_of(error, content)
            failures.setdefault(place, told)
        done = sum(outcomes.values())
        if output and (done % 500 == 0 or done >= int(runs)):
            row = {"cases": done, "outcomes": dict(outcomes.most_common()), "failures": [*failures.values()]}
            Path(output).write_text(json.dumps(row), encoding="utf-8")

    with TemporaryDirectory() as corpus:
        for index, content in enumerate(whole()):
            (Path(corpus) / str(index)).write_bytes(content)
        atheris.Setup([sys.argv[0], corpus, f"-runs={runs}", f"-seed={seed}", "-max_len=40000"], fuzz)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
