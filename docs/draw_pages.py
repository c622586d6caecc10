"""The pictures of the pages, view.png and web.png: python docs/draw_pages.py [FOLDER]

Needs Chromium, node, and `npm ci` and `npm run build` in web/.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.export import PhotoFaces, write_png
from face_alignment_3d.view import photo_page

WEB = Path(__file__).parent.parent / "web"


def main() -> None:
    """Writes both."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("expected chromium, chromium-browser or google-chrome on the PATH; found none of them")
    photo = skimage.data.astronaut()
    height, width = photo.shape[:2]
    faces = PhotoFaces("astronaut.png", height, width, FaceAligner3D(blendshapes=True).detect(photo))
    with tempfile.TemporaryDirectory() as temporary:
        page, picture = Path(temporary) / "view.html", Path(temporary) / "astronaut.png"
        photo_page(faces, photo).write(page)
        write_png(picture, photo)
        script = ["node", str(WEB / "test" / "screenshot.mjs"), chromium]
        subprocess.run([*script, str(folder / "view.png"), str(page)], check=True)
        subprocess.run([*script, str(folder / "web.png"), str(WEB / "dist"), str(picture)], check=True)


if __name__ == "__main__":
    main()
