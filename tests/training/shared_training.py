"""The work of each process in ``test_several_processes.py``, which starts this file as torchrun would."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.augment import Geometric
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import BatchMaker, Pool
from face_alignment_3d.training.engine.processes import joined_processes
from face_alignment_3d.training.engine.trainer import Trainer, TrainingPlan
from face_alignment_3d.training.engine.training_loop import TrainingStopped
from face_alignment_3d.training.labels.random_pose_labels import RandomPoseLabels
from face_alignment_3d.training.objectives.joint_objective import JointObjective
from face_alignment_3d.training.objectives.paper_objective import PaperObjective
from tests.training.small_cascade import small_cascade
from tests.training.small_paper_cascade import small_paper_cascade
from tests.training.synthetic_faces import picture, posed_faces

BATCH = 4
STOPPED_AFTER = 3
ALL = ("detection", "regression", "depth")


def _samples():
    points = posed_faces(6, seed=1)[0][:, FROM_68].astype(np.float32)
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    ones = np.ones(66, dtype=np.float32)
    return [Sample(str(i), picture(face), face, ones, ones) for i, face in enumerate(points)]


def _plan(objective, trained, steps):
    return TrainingPlan(
        seed=1,
        steps=steps,
        batch_size=BATCH,
        objective=objective,
        weights=dict.fromkeys(
            ["detection", "regression", "shape", "coordinates", "depth", "prior", "visibility"], 1.0
        ),
        trained=trained,
        optimizer=lambda cascade: torch.optim.SGD(
            [parameter for parameter in cascade.parameters() if parameter.requires_grad], lr=1e-3
        ),
        rate=lambda step: 1e-3,
        gradient_norm=1e9,
        average_decay=0.0,
        half_until=0,
        validate_every=10**9,
        checkpoint_seconds=1e9,
    )


def _trainer(name, plan, processes, out):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cascade = small_cascade() if name == "compact" else small_paper_cascade()
        if name == "paper":
            # Zeros would hide the gradients of all that is before them, and single precision small ones.
            cascade.detection.score.weight.data.normal_(0, 0.1)
            cascade.double()
    trainer = Trainer(cascade, plan, out / f"{name}.safetensors", processes=processes)
    pools = [Pool(_samples(), 1.0, np.full(6, 1 / 6))]
    maker = BatchMaker(pools, cascade.geometry, Geometric(), Photometric(), BATCH, 1, processes.shard(BATCH))
    return trainer, maker


def one_step(name, objective, trained, processes, out):
    """Makes one step; writes the gradients that this process ended up with, and the checkpoint."""
    trainer, maker = _trainer(name, _plan(objective, trained, 1), processes, out)
    trainer.until(1, maker, lambda line: None)
    gradients = {
        parameter_name: parameter.grad.contiguous()
        for parameter_name, parameter in trainer.network.named_parameters()
        if parameter.grad is not None
    }
    save_file(gradients, out / f"{name}-gradients-{processes.rank}.safetensors")


def all_steps(processes, out):
    """One step of each kind of run."""
    random_pose_labels = RandomPoseLabels(posed_faces(30, seed=5)[0][:, FROM_68])
    one_step("compact", JointObjective(ALL, random_pose_labels, true_points_share=0.3), ALL, processes, out)
    one_step("paper", PaperObjective(ALL), ALL, processes, out)


class _KilledObjective(PaperObjective):
    """The last process gets SIGTERM in the third step, and it alone."""

    def losses(self, cascade, batch, random_values):
        self.__dict__["steps"] = self.__dict__.get("steps", 0) + 1
        if self.__dict__["steps"] == STOPPED_AFTER and torch.distributed.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().losses(cascade, batch, random_values)


def main(out):
    torch.set_num_threads(1)
    with joined_processes("cpu") as processes:
        all_steps(processes, out)
        plan = _plan(_KilledObjective(("detection",)), ("detection",), 1000)
        trainer, maker = _trainer("stopped", plan, processes, out)
        try:
            trainer.until(1000, maker, lambda line: None)
        except TrainingStopped as stopped:
            return stopped.exit_code
    return 0


def names_of_threads():
    """Of this process, on Linux."""
    return [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    Path(sys.argv[1], f"threads-{os.environ['RANK']}.txt").write_text("\n".join(names_of_threads()))
    sys.exit(code)
