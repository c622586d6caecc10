"""A whole run, from folders of data to a weight file. Reads top to bottom."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from face_alignment_3d.errors import DataError
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import Pool
from face_alignment_3d.training.engine.export import DATA, export_weights
from face_alignment_3d.training.engine.processes import Processes
from face_alignment_3d.training.engine.progress import Report
from face_alignment_3d.training.engine.run_config_check import check_settings
from face_alignment_3d.training.engine.tensorboard_logger import tensorboard_is_installed
from face_alignment_3d.training.recipes.chosen_data import load_chosen_data
from face_alignment_3d.training.recipes.config import RunConfig, TrainingConfig
from face_alignment_3d.training.recipes.joint_recipe import train_joint
from face_alignment_3d.training.recipes.paper_config import PaperConfig
from face_alignment_3d.training.recipes.paper_recipe import stage_steps, train_paper
from face_alignment_3d.training.recipes.training_data import TrainingData, load_training_data
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.manifest import WeightsEntry
from face_alignment_3d.weights.safetensors_file import read_metadata

#: Settings that may change between a stop and a resume: none that the weights depend on so far.
_FREE_TO_CHANGE: Final = ("steps", "validate_every", "checkpoint_seconds", "full_precision_from")


def run_joint_recipe(
    config: TrainingConfig,
    data: Path,
    out: Path,
    *,
    processes: Processes,
    command: str,
    report: Report,
    derived_data: Path,
    start: Path | None = None,
    teacher: Path | None = None,
) -> WeightsEntry | None:
    """Trains a compact preset on the photos below ``data`` and exports into ``out``.

    The same call resumes a run that was stopped. ``command`` is the command that the manifest names for the
    weights. ``derived_data`` is the folder of fused labels and novel views, ``start`` a weight file of the
    same preset, or of ``config.pruned_from``, to go on from, ``teacher`` one of a cascade that sees each crop
    of the run. Returns the manifest's entry, on process 0 alone.
    """
    if start is not None:
        if not start.is_file():
            raise DataError(f"expected a weight file to start from (--start); there is none at {start}")
        config = dataclasses.replace(config, starts_from=sha256_of(start))
    before, teacher_cascade = None, None
    if teacher is not None:
        teacher_cascade = load_cascade(teacher)
        if teacher_cascade.visibility is None:
            raise DataError(f"expected a teacher that tells visibility; {teacher} does not")
        config = dataclasses.replace(config, teacher=sha256_of(teacher))
    _begin(out, config, processes, report)
    report(f"reading photos below {data}")
    if start is not None:
        before = _cascade_to_start_from(start, config)
    samples = load_training_data(data, derived_data, config)
    cascade, errors = train_joint(
        config, samples, out, start=before, teacher=teacher_cascade, processes=processes, report=report
    )
    if not processes.is_main:
        return None
    entry = export_weights(
        cascade,
        out,
        preset=config.preset,
        seed=config.seed,
        steps=config.steps,
        command=command,
        errors=errors,
        data=_described(config, samples),
        starts_from=config.starts_from,
    )
    report(_wrote(out, entry))
    return entry


def run_paper_recipe(
    config: PaperConfig,
    out: Path,
    *,
    processes: Processes,
    command: str,
    report: Report,
    data: Path | None = None,
    derived_data: Path | None = None,
    datasets: Sequence[tuple[str, Path]] = (),
    resnet152: Path | None = None,
    resnet200: Path | None = None,
) -> WeightsEntry | None:
    """Trains the paper's networks stage by stage and exports into ``out``.

    The samples come from the photos below ``data``, or from ``datasets`` (kinds and folders) alone, where
    there are any; ``data`` then only serves to give z to those without. The rest is as for
    :func:`run_joint_recipe` and :func:`train_paper`.
    """
    config = dataclasses.replace(
        config,
        resnet152=None if resnet152 is None else sha256_of(resnet152),
        resnet200=None if resnet200 is None else sha256_of(resnet200),
    )
    _begin(out, config, processes, report)
    report("reading the data sets")
    pools, validation = _paper_samples(config, data, derived_data, datasets)
    cascade, errors = train_paper(
        config,
        pools,
        validation,
        out,
        processes=processes,
        report=report,
        resnet152=resnet152,
        resnet200=resnet200,
    )
    if not processes.is_main:
        return None
    steps = sum(stage_steps(config, stage, pools) for stage in config.stages)
    described = tuple(f"{kind} (the user's own copy)" for kind, _ in datasets) or DATA
    entry = export_weights(
        cascade,
        out,
        preset=config.preset,
        seed=config.seed,
        steps=steps,
        command=command,
        errors=errors,
        data=described,
    )
    report(_wrote(out, entry))
    return entry


def _described(config: TrainingConfig, samples: TrainingData) -> tuple[str, ...]:
    teacher = config.teacher if samples.teacher is None else samples.teacher["weights_sha256"]
    return DATA if teacher is None else (*DATA, f"what weights {teacher[:16]} say of these photos and views")


def _paper_samples(
    config: PaperConfig, data: Path | None, derived_data: Path | None, datasets: Sequence[tuple[str, Path]]
) -> tuple[list[Pool], Mapping[str, Sequence[Sample]]]:
    if datasets:
        return load_chosen_data(datasets, config, models=data)
    if data is None:
        raise DataError("expected a folder of photos (--data) or data sets (--dataset); got neither")
    if derived_data is None:
        raise DataError(
            "expected the labels that `face-alignment-3d train-data fuse-labels` made (--derived-data) with "
            "--data; got none"
        )
    samples = load_training_data(data, derived_data, config)
    return samples.pools(config), samples.validation


def check_run_folder(out: Path, config: RunConfig) -> None:
    """Writes the configuration to ``out/config.json``, or compares it with that of the run there.

    A setting that an older version did not know counts as having had its default. Stages may be appended.

    Raises :class:`DataError`, which names the settings that differ.
    """
    wanted = _plain(config)

    def differing(found: dict[str, Any]) -> Iterable[str]:
        completed = _completed(found, _plain(type(config)(preset=config.preset)))
        return (
            key
            for key in wanted
            if key not in _FREE_TO_CHANGE and not _goes_on(key, completed.get(key), wanted[key])
        )

    check_settings(out, wanted, differing)


def _begin(out: Path, config: RunConfig, processes: Processes, report: Report) -> None:
    if processes.is_main:
        out.mkdir(parents=True, exist_ok=True)
        check_run_folder(out, config)
    processes.barrier()
    if not tensorboard_is_installed():
        report("no TensorBoard logs: install face-alignment-3d[train] to have them")


def _cascade_to_start_from(path: Path, config: TrainingConfig) -> Cascade:
    preset, expected = read_metadata(path)["preset"], config.pruned_from or config.preset
    if preset != expected:
        raise DataError(f"expected weights of {expected} to start from; {path} has those of {preset}")
    return load_cascade(path)


def _wrote(out: Path, entry: WeightsEntry) -> str:
    return f"wrote {out / entry.file} ({entry.bytes / 1e6:.1f} MB) and its manifest entry"


def _plain(config: RunConfig) -> dict[str, Any]:
    """The value as JSON returns it: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(config.as_dict()))
    return plain


def _completed(found: Any, defaults: Any) -> Any:
    """``found`` with missing keys from ``defaults``, in nested mappings too."""
    if not isinstance(found, dict) or not isinstance(defaults, dict):
        return found
    return {**defaults, **{key: _completed(value, defaults.get(key)) for key, value in found.items()}}


def _goes_on(key: str, found: Any, wanted: Any) -> bool:
    if key == "stages" and isinstance(found, list):
        return bool(wanted[: len(found)] == found)
    return bool(found == wanted)
