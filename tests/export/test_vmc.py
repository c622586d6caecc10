"""A local listener hears what was sent; the avatar turns as the subject does."""

import builtins
import math
import socket
from collections.abc import Iterator

import numpy as np
import pytest
from pythonosc.osc_packet import OscPacket
from scipy.spatial.transform import Rotation

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes.mirroring import mirrored_name
from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.export import VMCSender
from face_alignment_3d.pose import HeadPose, rotation_by
from tests.export.known_faces import known_face


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(5)
        yield ear


def _heard(ear: socket.socket) -> list[tuple[str, list[object]]]:
    packet = OscPacket(ear.recv(65536))
    return [(timed.message.address, list(timed.message.params)) for timed in packet.messages]


def _head(messages: list[tuple[str, list[object]]]) -> np.ndarray:
    (values,) = [params for address, params in messages if address == "/VMC/Ext/Bone/Pos"]
    assert values[:4] == ["Head", 0, 0, 0]
    return np.array(values[4:], float)


def _pose(yaw: float, pitch: float = 0, roll: float = 0) -> HeadPose:
    return HeadPose(rotation_by(yaw, pitch, roll), 100, np.zeros(3))


def test_a_frame(listener: socket.socket) -> None:
    face = known_face(30)
    with VMCSender(port=listener.getsockname()[1]) as sender:
        sender.send(face.pose, blendshapes={"jawOpen": 0.25, "eyeBlinkLeft": 1, "tongueOut": math.nan})
        messages = _heard(listener)
        sender.send(None, blendshapes=None)
        assert [address for address, _ in _heard(listener)] == ["/VMC/Ext/OK", "/VMC/Ext/T"]
    assert messages[0] == ("/VMC/Ext/OK", [1])
    assert messages[1][0] == "/VMC/Ext/T"
    assert 0 <= messages[1][1][0] < 5  # type: ignore[operator]
    np.testing.assert_allclose(_head(messages), face.pose.quaternion, atol=1e-6)
    assert messages[3:] == [
        ("/VMC/Ext/Blend/Val", ["jawOpen", 0.25]),
        ("/VMC/Ext/Blend/Val", ["eyeBlinkLeft", 1]),
        ("/VMC/Ext/Blend/Apply", []),
    ]


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_avatar_turns_as_the_subject(listener: socket.socket, mirrored: bool) -> None:
    """In the avatar's frame x is its right, y up, z ahead."""
    with VMCSender(port=listener.getsockname()[1]) as sender:
        sender.send(_pose(yaw=40), mirrored=mirrored)  # To the image's right: the subject's left.
        ahead = Rotation.from_quat(_head(_heard(listener))).apply([0, 0, 1])
        assert ahead[0] == pytest.approx(math.sin(math.radians(40)) * (1 if mirrored else -1), abs=1e-6)
        sender.send(_pose(yaw=0, pitch=30), mirrored=mirrored)  # Down.
        ahead = Rotation.from_quat(_head(_heard(listener))).apply([0, 0, 1])
        assert ahead[1] == pytest.approx(-0.5, abs=1e-6)
        # Clockwise on screen: to the subject's left.
        sender.send(_pose(yaw=0, roll=30), mirrored=mirrored)
        up = Rotation.from_quat(_head(_heard(listener))).apply([0, 1, 0])
        assert up[0] == pytest.approx(0.5 if mirrored else -0.5, abs=1e-6)


def test_mirrored_blendshapes_change_sides(listener: socket.socket) -> None:
    with VMCSender(port=listener.getsockname()[1]) as sender:
        sender.send(None, blendshapes={"mouthSmileLeft": 0.5, "jawRight": 0.25, "jawOpen": 1}, mirrored=True)
    values = {params[0]: params[1] for address, params in _heard(listener) if address.endswith("Val")}
    assert values == {"mouthSmileRight": 0.5, "jawLeft": 0.25, "jawOpen": 1}


@pytest.mark.parametrize("mirrored", [False, True])
def test_no_datagram_is_larger_than_networks_carry(listener: socket.socket, mirrored: bool) -> None:
    values = {name: round(index / 64, 6) for index, name in enumerate(BLENDSHAPES)}
    with VMCSender(port=listener.getsockname()[1]) as sender:
        sender.send(_pose(20), blendshapes=values, mirrored=mirrored)
    datagrams: list[bytes] = []
    messages: list[tuple[str, list[object]]] = []
    while not messages or messages[-1][0] != "/VMC/Ext/Blend/Apply":
        datagrams.append(listener.recv(65536))
        messages += [(m.message.address, list(m.message.params)) for m in OscPacket(datagrams[-1]).messages]
    assert max(map(len, datagrams)) <= 1200
    assert len(datagrams) == 3
    assert [address for address, _ in messages[:3]] == ["/VMC/Ext/OK", "/VMC/Ext/T", "/VMC/Ext/Bone/Pos"]
    heard = {params[0]: params[1] for address, params in messages if address == "/VMC/Ext/Blend/Val"}
    assert {mirrored_name(n) if mirrored else n: v for n, v in heard.items()} == values


def test_nobody_listens() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        port = ear.getsockname()[1]
    with VMCSender(port=port) as sender:
        for _ in range(3):
            sender.send(_pose(0))
    sender.close()


def test_wrong_arguments(listener: socket.socket) -> None:
    with pytest.raises(ValueError, match="port"):
        VMCSender(port=70000)
    with VMCSender(port=listener.getsockname()[1]) as sender, pytest.raises(ValueError, match="ARKit"):
        sender.send(None, blendshapes={"smile": 1})


def test_without_python_osc(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: object) -> object:
        if name.startswith("pythonosc"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(FaceAlignmentError, match=r"face-alignment-3d\[osc\]"):
        VMCSender()
