"""What PyInstaller needs to know to put this library into an application."""

from pathlib import Path


def hook_folders() -> list[str]:
    """Where PyInstaller finds the hook; an entry point of the group ``pyinstaller40``."""
    return [str(Path(__file__).parent)]
