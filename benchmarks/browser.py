"""Frames a second of the page in web/dist: python benchmarks/browser.py [--seconds 20] [--threads 2]

Headless Chromium shows the page with a fake camera of 640 x 480 pixels, a moving portrait, and WebAssembly;
the 3D view is drawn in software. Needs Chromium, node, and `npm ci` and `npm run build` in web/.
"""

import argparse
import io
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from face_alignment_3d.crop import Crop

WEB = Path(__file__).parent.parent / "web"


def main() -> None:
    """Prints what web/test/speed.mjs measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--threads", type=int, help="of WebAssembly; the page's choice when left out")
    args = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        parser.error("expected chromium, chromium-browser or google-chrome on the PATH; found none of them")
    with tempfile.TemporaryDirectory() as folder:
        write_camera(Path(folder) / "camera.mjpeg")
        script = WEB / "test" / "speed.mjs"
        command = ["node", str(script), chromium, str(WEB / "dist"), folder, str(args.seconds)]
        command += [] if args.threads is None else [str(args.threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        parser.exit(1, done.stderr)
    for name, value in json.loads(done.stdout.splitlines()[-1]).items():
        print(f"{name}: {value}")


def write_camera(file: Path) -> None:
    """A face of about 200 pixels that moves to and fro and leans, two seconds long."""
    astronaut = skimage.data.astronaut()
    with file.open("wb") as camera:
        for phase in np.linspace(0, 2 * np.pi, 60, endpoint=False):
            view = Crop(235 + 15 * np.sin(phase), 130, 360, 640, 0.1 * np.cos(phase))
            frame = io.BytesIO()
            Image.fromarray(view.sample(astronaut)[80:560]).save(frame, "JPEG", quality=90)
            camera.write(frame.getvalue())


if __name__ == "__main__":
    main()
