"""The browser's networks and page, timed: python benchmarks/browser.py [--calls 300] [--seconds 20] [--threads N]

In headless Chromium, in WebAssembly with SIMD: each cascade of web/dist alone, on one thread; each detector on
a frame of 640 x 480 pixels with a face and on one without, on one thread; and the whole page with a fake camera
of that size that shows a moving portrait, for each cascade and each detector, on as many threads as it takes by
itself (its 3D view is drawn in software). Prints a table and writes benchmarks/results/browser.json. Needs
Chromium, node, and `npm ci` and `npm run build` in web/. Run it on a machine that does nothing else.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image
from provenance import provenance

from face_alignment_3d.crop import Crop

WEB = Path(__file__).resolve().parent.parent / "web"
RESULTS = Path(__file__).resolve().parent / "results" / "browser.json"
FRAME = (480, 640)
FRAMES = 60


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=300, help="of each network; a tenth of them of a detector")
    parser.add_argument("--seconds", type=int, default=20, help="for each page; 0 leaves them out")
    parser.add_argument("--threads", type=int, help="of the page's WebAssembly; its own choice when left out")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        parser.error("expected chromium, chromium-browser or google-chrome on the PATH; found none of them")
    models = json.loads((WEB / "dist" / "models" / "models.json").read_text(encoding="utf-8"))
    cascades = [cascade["name"] for cascade in models["cascades"]]
    detectors = [detector["name"] for detector in models["detectors"]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_camera(folder)
        common = [chromium, str(WEB / "dist"), str(folder)]
        results = run("network_speed.mjs", *common, str(args.calls))
        results["page"] = {}
        for weights in cascades if args.seconds else []:
            for detector in detectors:
                query = f"provider=wasm&weights={weights}&detector={detector}"
                query += "" if args.threads is None else f"&threads={args.threads}"
                page = run("speed.mjs", *common, str(args.seconds), query)
                results["page"][f"{weights}, {detector}"] = page
    for part in ("networks", "detection", "page"):
        for what, numbers in results[part].items():
            print(f"{part + ': ' + what:28}", ", ".join(f"{key} {value}" for key, value in numbers.items()))
    version = subprocess.run([chromium, "--version"], capture_output=True, text=True, check=True).stdout
    content = {
        **provenance(cascades[0]),
        "chromium": version.strip(),
        "onnxruntime_web": installed("onnxruntime-web"),
        "weights_sha256": {cascade["name"]: cascade["weights_sha256"] for cascade in models["cascades"]},
        "frame": FRAME,
        "results": results,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.output}")


def run(script: str, *arguments: str) -> dict[str, Any]:
    """The JSON that a script in web/test prints; ends the process with its message where it fails."""
    done = subprocess.run(
        ["node", str(WEB / "test" / script), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(done.stderr)
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if complaints := seen.pop("complaints"):
        sys.exit("\n".join(complaints))
    del seen["requests"]
    return seen


def installed(package: str) -> str:
    """The version of an npm package in web/node_modules."""
    file = WEB / "node_modules" / package / "package.json"
    return str(json.loads(file.read_text(encoding="utf-8"))["version"])


def write_camera(folder: Path) -> None:
    """Writes camera.mjpeg, a face of about 200 pixels that moves to and fro and leans, two seconds long.

    face.png is a frame of it, no-face.png another picture of that size.
    """
    height, width = FRAME
    astronaut = skimage.data.astronaut()
    with (folder / "camera.mjpeg").open("wb") as film:
        for phase in np.linspace(0, 2 * np.pi, FRAMES, endpoint=False):
            view = Crop(235 + 15 * np.sin(phase), 130, 360, width, 0.1 * np.cos(phase))
            picture = Image.fromarray(view.sample(astronaut)[80 : 80 + height])
            frame = io.BytesIO()
            picture.save(frame, "JPEG", quality=90)
            film.write(frame.getvalue())
    picture.save(folder / "face.png")
    Image.fromarray(skimage.data.coffee()).resize((width, height)).save(folder / "no-face.png")


if __name__ == "__main__":
    main()
