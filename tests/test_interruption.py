import os
import signal
import threading

import pytest

from face_alignment_3d.interruption import StopRequests


@pytest.mark.usefixtures("terminal_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_and_the_handlers_come_back(number):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with StopRequests() as requests:
        assert requests.received == 0
        os.kill(os.getpid(), number)
        assert requests.received == number
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.usefixtures("terminal_signals")
def test_a_second_interrupt_does_not_wait():
    with StopRequests() as requests:
        os.kill(os.getpid(), signal.SIGINT)
        assert requests.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_leave_the_handlers_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter():
        with StopRequests():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


def test_what_is_ignored_stays_ignored():  # As under nohup, or in a shell's background.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with StopRequests() as requests:
            os.kill(os.getpid(), signal.SIGTERM)
        assert requests.received == 0
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
