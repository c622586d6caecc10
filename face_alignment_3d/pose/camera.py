"""A pinhole camera: maps camera coordinates to pixels."""

import math
from dataclasses import dataclass, replace
from numbers import Real
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import LandmarksError

#: Pixels. Beyond, products of an image's numbers are no longer exact, or not finite.
_LEAST: Final = 1e-6
_LARGEST: Final = 1e12
#: Pixels by which an undistorted point may miss where it came from.
_MOST_OFF: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The intrinsics of the camera that took an image, in pixels of that image.

    x right, y down, z along the view; (0, 0) is the center of the top-left pixel. When the image is resized,
    the focal lengths scale with it and the principal point as all coordinates do.
    """

    fx: float
    """Focal length in pixel widths."""
    fy: float
    """Focal length in pixel heights."""
    cx: float
    """The x of the principal point, in pixels."""
    cy: float
    """The y of the principal point, in pixels."""
    width: int
    """Of the image, pixels."""
    height: int
    """Of the image, pixels."""
    distortion: tuple[float, ...] = ()
    """OpenCV's distortion coefficients (k1, k2, p1, p2, k3, ...); empty for none.

    None and arrays, such as the one that ``cv2.calibrateCamera`` returns, become a tuple.
    """

    def __post_init__(self) -> None:
        given = () if self.distortion is None else np.ravel(self.distortion).tolist()
        object.__setattr__(self, "distortion", tuple(given))
        sizes = (self.fx, self.fy, self.width, self.height)
        numbers = (*sizes, self.cx, self.cy, *self.distortion)
        if not (
            all(isinstance(number, Real) and abs(number) <= _LARGEST for number in numbers)
            and min(sizes) >= _LEAST
        ):
            raise ValueError(
                f"a camera needs numbers up to {_LARGEST:g} with fx, fy, width, height above 0, in pixels; "
                f"got fx {self.fx}, fy {self.fy}, cx {self.cx}, cy {self.cy}, {self.width} x {self.height}, "
                f"distortion {self.distortion}"
            )
        if len(self.distortion) not in (0, 4, 5, 8, 12, 14):
            raise ValueError(
                "distortion must have 0, 4, 5, 8, 12 or 14 coefficients, in OpenCV's order; got "
                f"{len(self.distortion)}"
            )

    @classmethod
    def from_field_of_view(cls, degrees: float, *, height: int, width: int) -> "Camera":
        """A camera with square pixels and a **horizontal** field of view, looking at the image's middle."""
        tangent = math.tan(math.radians(degrees) / 2) if 0 < degrees < 180 else 0.0
        if tangent <= 0:
            raise ValueError(f"the horizontal field of view must be between 0 and 180 degrees; got {degrees}")
        focal = width / 2 / tangent
        return cls(fx=focal, fy=focal, cx=(width - 1) / 2, cy=(height - 1) / 2, width=width, height=height)

    @classmethod
    def assumed(cls, *, height: int, width: int) -> "Camera":
        """A guess for an image of an unknown camera: a focal length of the longer side (53 degrees)."""
        focal = float(max(height, width))
        return cls(fx=focal, fy=focal, cx=(width - 1) / 2, cy=(height - 1) / 2, width=width, height=height)

    def resized(self, *, height: int, width: int) -> "Camera":
        """The camera of the same picture in another size; its shape, width to height, may change, too."""
        across, down = width / self.width, height / self.height
        return replace(
            self,
            fx=self.fx * across,
            fy=self.fy * down,
            # (0, 0) is the center of a pixel, half a pixel from the picture's corner, in both sizes.
            cx=(self.cx + 0.5) * across - 0.5,
            cy=(self.cy + 0.5) * down - 0.5,
            width=width,
            height=height,
        )

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """(3, 3): OpenCV's camera matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def rays(self, pixels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(N, 2) pixels -> (N, 3) directions that they are seen along, with z = 1; without the distortion.

        Raises :class:`LandmarksError` for pixels that no ray through such a lens meets.
        """
        points = np.asarray(pixels, np.float64)
        if self.distortion and len(points):
            import cv2  # Kept out of the library's import.

            # OpenCV 4 takes criteria in a function of its own, which OpenCV 5 has no more.
            undistort = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
            # Iterated far enough to undo wide-angle lenses to a thousandth of a pixel.
            criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-9)
            undistorted = undistort(
                points.reshape(-1, 1, 2),
                self.matrix,
                np.array(self.distortion),
                R=None,
                P=None,
                criteria=criteria,
            )
            plane = np.asarray(undistorted, np.float64).reshape(-1, 2)
        else:
            plane = (points - [self.cx, self.cy]) / [self.fx, self.fy]
        rays = np.column_stack([plane, np.ones(len(plane))])
        if self.distortion and len(rays):
            self._require_seen(rays, points)
        return rays

    def _require_seen(self, rays: npt.NDArray[np.float64], pixels: npt.NDArray[np.float64]) -> None:
        """Raises unless the rays lead back; beyond the turn of a lens's curve they do not."""
        off = np.linalg.norm(self.project(rays) - pixels, axis=1)
        if not (off <= _MOST_OFF).all():
            x, y = pixels[int(np.nan_to_num(off, nan=np.inf).argmax())]
            raise LandmarksError(
                f"a point at x {x:.0f}, y {y:.0f} lies where a lens with distortion {self.distortion} shows "
                f"nothing; give coefficients of this camera, whose pictures have {self.width} x "
                f"{self.height} pixels, in OpenCV's order (k1, k2, p1, p2, k3, ...)"
            )

    def project(self, points_camera: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(N, 3) points in front of the camera, in any unit -> (N, 2) pixels, with the distortion."""
        import cv2  # Kept out of the library's import.

        points = np.ascontiguousarray(points_camera, np.float64).reshape(-1, 1, 3)
        if not len(points):  # OpenCV refuses none.
            return np.zeros((0, 2))
        zero = np.zeros(3)
        coefficients = np.array(self.distortion) if self.distortion else None
        pixels, _ = cv2.projectPoints(points, zero, zero, self.matrix, coefficients)
        return np.asarray(pixels, np.float64).reshape(-1, 2)

    def opengl_projection(self, *, near: float, far: float) -> npt.NDArray[np.float64]:
        """(4, 4): OpenGL's projection matrix of this camera, for a viewport of the image's size.

        Clip space has z from -1 at ``near`` to 1 at ``far``, which are in the unit of the model-view matrix.
        It is what three.js takes as ``camera.projectionMatrix`` and Unity as ``Camera.projectionMatrix``.
        Distortion is left out: undistort the image first.
        """
        if not 0 < near < far:
            raise ValueError(f"near and far must be distances with 0 < near < far; got {near} and {far}")
        # The image's left edge is at -0.5, half a pixel beside the center of its first pixel.
        x, y = 2 * (self.cx + 0.5) / self.width - 1, 1 - 2 * (self.cy + 0.5) / self.height
        depth = far - near
        return np.array(
            [
                [2 * self.fx / self.width, 0.0, -x, 0.0],
                [0.0, 2 * self.fy / self.height, -y, 0.0],
                [0.0, 0.0, -(far + near) / depth, -2 * far * near / depth],
                [0.0, 0.0, -1.0, 0.0],
            ]
        )
