"""Support for PyInstaller: applications that contain this library find its data files."""

from pathlib import Path


def hook_folders() -> list[str]:
    """The folders of PyInstaller hooks; an entry point of the group ``pyinstaller40``."""
    return [str(Path(__file__).parent)]
