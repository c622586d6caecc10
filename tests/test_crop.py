import cv2
import numpy as np
import pytest

from face_alignment_3d.crop import Crop, box_around, crop_around, rescale, to_images

_OPENCV = int(cv2.__version__.partition(".")[0])
SCALES = [0.3, 1.0, 1.7, 2.5, 7.3]


def _coordinates(height, width):
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    return xs, ys


def _blob(height, width, center, std):
    xs, ys = _coordinates(height, width)
    squared = (xs - center[0]) ** 2 + (ys - center[1]) ** 2
    values = np.rint(255 * np.exp(-0.5 * squared / std**2)).astype(np.uint8)
    return np.repeat(values[..., None], 3, axis=2)


def _centroid(image):
    weights = image[..., 0].astype(np.float64)
    xs, ys = _coordinates(*weights.shape)
    return np.array([(weights * xs).sum(), (weights * ys).sum()]) / weights.sum()


def _smooth(height, width):
    """A smooth image without symmetries, other in each channel."""
    xs, ys = _coordinates(height, width)
    u, v = xs / width, ys / height
    channels = [np.sin(3 * u + k) * np.cos(2 * v - k) + 0.4 * u for k in range(3)]
    return np.rint(110 + 70 * np.stack(channels, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.0, 0.6, -2.5])
def test_to_image_and_to_crop_are_inverse(angle):
    crop = Crop(101.37, -20.81, 313.7, 128, angle)
    points = np.random.default_rng(0).normal(60, 50, (5, 66, 3))
    np.testing.assert_allclose(crop.to_image(crop.to_crop(points)), points, atol=1e-6)
    np.testing.assert_allclose(crop.to_crop(crop.to_image(points)), points, atol=1e-6)
    np.testing.assert_allclose(crop.to_image(crop.to_crop(points[..., :2])), points[..., :2], atol=1e-6)


def test_points_of_many_crops_are_those_of_each():
    random = np.random.default_rng(0)
    crops = [Crop(*random.normal(100, 80, 2), 50 + 40 * i, 128, 0.7 * i) for i in range(5)]
    points = random.normal(60, 50, (5, 66, 3)).astype(np.float32)
    expected = [crop.to_image(each) for crop, each in zip(crops, points, strict=True)]
    np.testing.assert_allclose(to_images(crops, points), expected, atol=1e-9)
    np.testing.assert_allclose(to_images(crops[:1], points[:1]), expected[:1], atol=1e-9)
    assert to_images([], np.zeros((0, 66, 3))).shape == (0, 66, 3)


def test_z_scales_as_x_and_y_do():
    crop = Crop(50.0, 60.0, 256.0, 128, 0.4)
    points = np.array([[10.0, 20.0, 3.0], [40.0, 60.0, -2.0]])
    image = crop.to_image(points)
    np.testing.assert_allclose(image[:, 2], [6.0, -4.0])
    assert np.linalg.norm(image[1] - image[0]) == pytest.approx(2 * np.linalg.norm(points[1] - points[0]))
    np.testing.assert_allclose(crop.to_crop(image)[:, 2], points[:, 2])


def test_center_of_the_window_is_the_center_of_the_crop():
    crop = Crop(33.3, 44.4, 100.0, 64, 1.0)
    np.testing.assert_allclose(crop.to_image(np.array([31.5, 31.5])), [33.3, 44.4])


def test_positive_angle_uprights_a_face_that_leans_clockwise():
    angle = 0.3
    # y is down, so leaning clockwise takes the chin to the left.
    down_the_face = np.array([-np.sin(angle), np.cos(angle)])
    crop = Crop(0.0, 0.0, 100.0, 100, angle)
    forehead, chin = crop.to_crop(np.stack([-10 * down_the_face, 10 * down_the_face]))
    np.testing.assert_allclose(chin - forehead, [0.0, 20.0], atol=1e-9)


def test_rescale_keeps_pixel_centers_and_is_its_own_inverse():
    points = np.array([[-0.5, 0.0], [0.5, 7.25]])
    np.testing.assert_allclose(rescale(points, 2.0), [[-0.5, 0.5], [1.5, 15.0]])
    np.testing.assert_allclose(rescale(rescale(points, 3.7), 1 / 3.7), points, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("angle", [0.0, 0.5, -1.9])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.42)])
def test_sample_puts_a_blob_where_to_crop_says(scale, angle, shift):
    size = 96
    side = scale * size
    extent = int(1.8 * side) + 40
    center = np.array([extent / 2 + 0.37, extent / 2 - 0.81])
    image = _blob(extent, extent, center, std=6 * max(scale, 0.5))
    crop = Crop(*(center + scale * np.array([7.3, -4.6]) + shift), side, size, angle)
    found = _centroid(crop.sample(image))
    # OpenCV 4 rounds to a 32nd of a pixel.
    np.testing.assert_allclose(found, crop.to_crop(center), atol=0.02 if _OPENCV >= 5 else 0.04)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_sample_of_a_window_partly_outside(scale, corner):
    size, height, width = 96, int(97 * scale) + 30, int(123 * scale) + 30
    std = 5 * max(scale, 0.5)
    # The blob is wholly inside, near the corner over which the window leans out.
    inset = 4.5 * std + 2
    center = np.array(
        [
            width - 1 - inset if corner[0] else inset,
            height - 1 - inset if corner[1] else inset,
        ]
    )
    outwards = np.array(corner) * 2 - 1
    image = _blob(height, width, center, std)
    crop = Crop(*(center + outwards * 15.3 * scale), scale * size, size, 0.35)
    corners = crop.to_image(np.array([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]]))
    outside = (corners < 0) | (corners > np.array([width - 1, height - 1]))
    assert outside.any()
    np.testing.assert_allclose(_centroid(crop.sample(image)), crop.to_crop(center), atol=0.02)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_sample_reproduces_linear_ramps(scale, angle):
    size = 64
    extent = int(1.6 * scale * size) + 20
    xs, ys = _coordinates(extent, extent)
    ramp_x, ramp_y = 240 * xs / extent + 5, 240 * ys / extent + 5
    image = np.rint(np.stack([ramp_x, ramp_y, (ramp_x + ramp_y) / 2], axis=-1)).astype(np.uint8)
    crop = Crop(extent / 2 + 0.2, extent / 2 - 0.7, scale * size, size, angle)
    grid = np.stack(_coordinates(size, size), axis=-1)
    where = crop.to_image(grid)
    expected = 240 * where / extent + 5
    sampled = crop.sample(image).astype(np.float64)
    # Half a level is lost in the image, half in the block means and half in the crop; OpenCV's positions of
    # 1/32 px add a little.
    tolerance = (1.5 if scale >= 2 else 1.0) + 240 / extent / 32
    np.testing.assert_allclose(sampled[..., :2], expected, atol=tolerance)
    # OpenCV rounds means of 2 x 2 pixels half up, which makes the crop up to half a level brighter.
    assert abs((sampled[..., :2] - expected).mean()) < (0.5 if 2 <= scale < 3 else 0.1)


def test_identity_crop_is_bit_exact():
    image = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Crop(23.5, 23.5, 48.0, 48).sample(image), image)


def test_window_of_whole_pixels_is_bit_exact():
    image = np.random.default_rng(2).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    crop = crop_around(np.array([9.5, 19.5, 41.5, 51.5]), size=32, crop_scale=1.0)
    np.testing.assert_array_equal(crop.sample(image), image[20:52, 10:42])


def test_halving_averages_blocks():
    image = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    sampled = Crop(31.5, 31.5, 64.0, 32).sample(image).astype(float)
    blocks = image.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(sampled - blocks).max() <= 1


def test_quarter_turn_is_bit_exact():
    image = np.random.default_rng(4).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    sampled = Crop(15.5, 15.5, 32.0, 32, np.pi / 2).sample(image)
    np.testing.assert_array_equal(sampled, np.rot90(image, 1))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_mirrored_image_gives_mirrored_crop(scale, angle):
    size, height, width = 64, int(90 * scale) + 41, int(100 * scale) + 38
    image = _smooth(height, width)
    crop = Crop(width * 0.47, height * 0.52, scale * size, size, angle)
    mirrored = Crop(width - 1 - crop.center_x, crop.center_y, crop.side, size, -angle)
    np.testing.assert_allclose(
        mirrored.sample(image[:, ::-1]).astype(int), crop.sample(image)[:, ::-1].astype(int), atol=2
    )


@pytest.mark.parametrize(
    "where", [(-500, 50), (600, 50), (50, -500), (50, 600), (-5000, 9000), (1e7, -1e7), (1e30, 5)]
)
@pytest.mark.parametrize("scale", SCALES)
def test_window_entirely_outside_is_black(where, scale):
    image = np.full((100, 100, 3), 200, dtype=np.uint8)
    sampled = Crop(*where, 48 * scale, 48, 0.2).sample(image)
    assert sampled.shape == (48, 48, 3)
    assert not sampled.any()


@pytest.mark.parametrize("scale", SCALES)
def test_outside_of_the_image_is_black_and_inside_is_not(scale):
    image = np.full((int(64 * scale), int(64 * scale), 3), 200, dtype=np.uint8)
    crop = Crop(-0.5, -0.5, 64 * scale, 64)
    sampled = crop.sample(image)
    # The bilinear edge is one image pixel wide.
    blend = 1 + int(np.ceil(1 / scale))
    assert not sampled[: 32 - blend].any()
    assert not sampled[:, : 32 - blend].any()
    assert (sampled[32 + blend :, 32 + blend :] == 200).all()


@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (8, 1), (1, 300)])
def test_tiny_images(shape):
    image = np.full((*shape, 3), 77, dtype=np.uint8)
    height, width = shape
    for side in (0.5, 4.0, 8.0, 40.0, 1000.0):
        sampled = Crop((width - 1) / 2, (height - 1) / 2, side, 32, 0.1).sample(image)
        assert sampled.shape == (32, 32, 3)
        assert sampled.dtype == np.uint8
        assert sampled[12:20, 12:20].max() <= 77
        if side <= 8:
            assert sampled[15, 15, 0] > 50  # bilinear: an edge pixel fades towards the black outside


def test_sample_does_not_change_the_image():
    image = _smooth(50, 60)
    before = image.copy()
    Crop(25, 30, 300.0, 32).sample(image)
    np.testing.assert_array_equal(image, before)


def test_box_around_is_the_bounding_box():
    points = np.array([[[1.5, 2.0, 9.0], [-3.0, 8.25, -9.0], [0.0, 0.0, 0.0]]])
    box = box_around(points)
    assert box.dtype == np.float32
    np.testing.assert_array_equal(box, [[-3.0, 0.0, 1.5, 8.25]])
    np.testing.assert_array_equal(box_around(points[0, :, :2]), box[0])


def test_crop_around_extends_the_longer_side():
    crop = crop_around(np.array([10.0, 20.0, 40.0, 80.0]), size=128, crop_scale=1.35, angle=0.2)
    assert (crop.center_x, crop.center_y) == (25.0, 50.0)
    assert crop.side == pytest.approx(81.0)
    assert (crop.size, crop.angle) == (128, 0.2)
    assert crop.scale == pytest.approx(81 / 128)
