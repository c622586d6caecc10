import numpy as np

from face_alignment_3d import markup


def _synthetic_face():
    """66 points of a face that is exactly symmetric about x = 0, laid out part by part from plain curves.

    The subject's right is on the image's left (x < 0). Left parts are mirrored by where their points lie,
    never by the permutation under test.
    """
    angle = np.linspace(np.pi, 0, 17)
    jaw = np.stack([10 * np.cos(angle), 12 * np.sin(angle)], axis=1)
    brow_x = np.linspace(-8, -2, 5)
    right_brow = np.stack([brow_x, -6 - np.sin(np.linspace(0.3, 2.5, 5))], axis=1)
    bridge = np.stack([np.zeros(4), np.linspace(-3, 2, 4)], axis=1)
    base_x = np.linspace(-2, 2, 5)
    base = np.stack([base_x, 3.5 - 0.1 * base_x**2], axis=1)
    # From the outer corner over the upper lid to the inner corner, back along the lower lid.
    right_eye = np.array([[-7, -3], [-6, -4.2], [-4.5, -4], [-3, -2.8], [-4.4, -2.2], [-6.1, -2.4]])
    left_eye = right_eye[[3, 2, 1, 0, 5, 4]] * [-1, 1]  # starts at the inner corner, upper lid first
    upper = np.stack([np.linspace(-4, 4, 7), [6.0, 5.4, 5.1, 5.3, 5.1, 5.4, 6.0]], axis=1)
    lower = np.stack([np.linspace(2.8, -2.8, 5), [7.2, 7.8, 8.0, 7.8, 7.2]], axis=1)
    inner_upper = np.stack([[-1.5, 0.0, 1.5], [5.9, 6.0, 5.9]], axis=1)
    inner_lower = np.stack([[1.5, 0.0, -1.5], [6.5, 6.6, 6.5]], axis=1)
    left_brow = right_brow[::-1] * [-1, 1]
    mouth = [upper, lower, inner_upper, inner_lower]
    return np.concatenate([jaw, right_brow, left_brow, bridge, base, right_eye, left_eye, *mouth])


def test_mirror_is_an_involution():
    assert sorted(markup.MIRROR) == list(range(66))
    np.testing.assert_array_equal(markup.MIRROR[markup.MIRROR], np.arange(66))


def test_mirror_swaps_right_and_left_parts_and_keeps_the_others():
    for name, indices in markup.GROUPS.items():
        swapped = {"right": "left", "left": "right"}
        side, _, part = name.partition("_")
        other = f"{swapped[side]}_{part}" if side in swapped else name
        assert set(markup.MIRROR[list(indices)]) == set(markup.GROUPS[other])


def test_mirrored_symmetric_face_is_the_same_face():
    face = _synthetic_face()
    mirrored = (face * [-1, 1])[markup.MIRROR]
    np.testing.assert_allclose(mirrored, face, atol=1e-12)


def test_points_on_the_symmetry_plane_stay():
    fixed = {i for i in range(66) if markup.MIRROR[i] == i}
    on_plane = {i for i, x in enumerate(_synthetic_face()[:, 0]) if abs(x) < 1e-9}
    assert fixed == on_plane


def test_mirror_swaps_the_outer_eye_corners():
    right, left = markup.OUTER_EYE_CORNERS
    assert markup.MIRROR[right] == left
    face = _synthetic_face()
    inner_to_outer = np.abs(face[markup.GROUPS["right_eye"]][:, 0])
    assert inner_to_outer.argmax() == right - markup.GROUPS["right_eye"][0]
    assert face[right, 0] < 0 < face[left, 0]


def test_groups_cover_every_point_once_in_order():
    assert [i for indices in markup.GROUPS.values() for i in indices] == list(range(markup.NUM_LANDMARKS))
    assert set(markup.GROUPS) >= markup.CLOSED_GROUPS


def test_from_68_drops_the_inner_mouth_corners():
    kept = [*range(60), 61, 62, 63, 65, 66, 67]
    np.testing.assert_array_equal(markup.FROM_68, kept)


def test_inner_is_all_but_the_jaw():
    inner = np.arange(66)[markup.INNER]
    assert len(inner) == 49
    assert set(inner).isdisjoint(markup.GROUPS["jaw"])


def test_names_are_unique_and_name_their_part():
    assert len(set(markup.NAMES)) == len(markup.NAMES) == 66
    assert markup.NAMES[0] == "jaw_0"
    assert markup.NAMES[45] == "left_eye_3"
    assert all(markup.NAMES)


def test_shared_arrays_cannot_be_changed():
    assert not markup.MIRROR.flags.writeable
    assert not markup.FROM_68.flags.writeable
