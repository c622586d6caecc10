import pytest
import torch

from face_alignment_3d.errors import DeviceError
from face_alignment_3d.training.engine.processes import Processes, joined_processes

CPU = torch.device("cpu")


def test_one_process_needs_no_environment():
    with joined_processes("cpu", {}) as processes:
        assert processes == Processes(CPU, 0, 1)
        assert processes.is_main
        assert processes.shard(5) == slice(0, 5)
        assert processes.all_reduce_max([1.0, -2.0]) == [1.0, -2.0]
        processes.barrier()
    assert not torch.distributed.is_initialized()


def test_parts_are_in_order_and_whole():
    things = list(range(12))
    parts = [things[Processes(CPU, rank, 3).shard(12)] for rank in range(3)]
    assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert [Processes(CPU, rank, 3).is_main for rank in range(3)] == [True, False, False]


def test_what_cannot_be_shared_evenly_is_refused():
    with pytest.raises(DeviceError, match="multiple of the number of processes; got 10 samples for 3"):
        Processes(CPU, 0, 3).shard(10)


@pytest.mark.parametrize("missing", ["RANK", "LOCAL_RANK", "WORLD_SIZE"])
def test_a_broken_environment_is_named(missing):
    environment = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", missing: "one"}
    with pytest.raises(DeviceError, match=f"{missing} must be a whole number; got 'one'"):
        joined_processes("cpu", environment).__enter__()
