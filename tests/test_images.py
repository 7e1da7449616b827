"""Every kind of picture becomes RGB uint8; every bad one says why it cannot."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, features

from visavis.errors import InputError, OutputError
from visavis.images import IMAGE_SUFFIXES, MAX_PIXELS, MAX_SIDE, read_alpha, read_image, resize, write_image
from visavis.types import Image


def _gradient(height: int = 20, width: int = 30) -> Image:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 8, y * 12, np.full_like(x, 90)], axis=2).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_lossless_formats_give_back_the_pixels(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"a{suffix}", _gradient())
    image = read_image(tmp_path / f"a{suffix}")
    assert np.array_equal(image, _gradient())
    assert image.flags.c_contiguous
    assert image.flags.writeable


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_stay_near(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"a{suffix}", _gradient())
    assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - _gradient()).mean() < 3


@pytest.mark.parametrize(("suffix", "feature"), [(".avif", "avif"), (".jp2", "jpg_2000")])
def test_avif_and_jpeg_2000_are_read_where_pillow_can(tmp_path: Path, suffix: str, feature: str) -> None:
    assert suffix in IMAGE_SUFFIXES
    if not features.check(feature):
        pytest.skip(f"this build of Pillow has no {feature}")
    Pillow.fromarray(_gradient()).save(tmp_path / f"a{suffix}")
    assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - _gradient()).mean() < 6


def test_the_rotation_of_a_camera_is_applied(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the top of the scene lies at the right of the stored picture
    Pillow.fromarray(_gradient()).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(_gradient(), -1))


def test_a_large_picture_is_not_copied_again_and_again(tmp_path: Path) -> None:
    import tracemalloc

    rows, columns = np.mgrid[:1100, :1500]
    pixels = np.stack([rows, columns, rows ^ columns], axis=2).astype(np.uint8)
    write_image(tmp_path / "a.png", pixels)
    tracemalloc.start()
    try:
        read = read_image(tmp_path / "a.png")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.array_equal(read, pixels)
    assert peak < 1.8 * read.nbytes


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
    Pillow.fromarray(levels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image[0, 0, 0], image[-1, -1, 0]) == (0, 255)
    assert np.all(np.diff(image[..., 0].ravel().astype(int)) == 1)


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    layer = np.zeros((4, 4, 4), np.uint8)
    layer[:2, :, 3] = 255
    Pillow.fromarray(layer).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert np.all(image[:2] == 0)
    assert np.all(image[2:] == 255)


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    Pillow.fromarray(_gradient()).convert(mode).save(tmp_path / "a.tiff" if mode == "YCbCr" else tmp_path / "a.tif")
    image = read_image(next(tmp_path.iterdir()))
    assert image.shape == (20, 30, 3)
    assert image.dtype == np.uint8


def test_a_damaged_profile_does_not_hide_a_cmyk_picture(tmp_path: Path) -> None:
    Pillow.fromarray(_gradient()).convert("CMYK").save(tmp_path / "a.jpg", icc_profile=b"no profile at all")
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - _gradient()).mean() < 6


def test_an_rgb_profile_leaves_the_pixels_alone(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pillow.fromarray(_gradient()).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "a.png"), _gradient())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_colours_are_refused_as_such(tmp_path: Path, dtype: type) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), np.ones((4, 4, 3), dtype))
    with pytest.raises(InputError, match=r"a\.tif has floating-point samples.*convert it to 8 or 16 bits"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("content", [b"II*\0", b"II*\0\xff\xff\xff\x7f", b"II+\0\x08\0\0\0", b"MM\0*\0\0\0\x08\0\x09"])
def test_a_broken_tiff_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tif (is not a picture|cannot be decoded)"):
        read_image(tmp_path / "a.tif")


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Pillow.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match=r"floating-point .*convert it to 8 or 16 bits"):
        read_image(tmp_path / "a.tiff")


def test_huge_pictures_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    Pillow.new("1", (20_000, 40)).save(tmp_path / "long.png")
    with pytest.raises(InputError, match=f"20000 x 40 pixels.*{MAX_SIDE:,}"):
        read_image(tmp_path / "long.png")
    Pillow.new("1", (10_000, 11_100)).save(tmp_path / "many.png")
    with pytest.raises(InputError, match=f"{MAX_PIXELS:,}"):
        read_image(tmp_path / "many.png")
    Pillow.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="pixels"):
        read_image(tmp_path / "bomb.png")


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(_gradient(200, 300)).save(buffer, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[:1500])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    for name, reason in {
        "cut.jpg": "damaged or incomplete",
        "empty.jpg": "is empty",
        "text.jpg": "not a picture",
        "absent.jpg": "does not exist",
        ".": "is a folder",
    }.items():
        with pytest.raises(InputError, match=reason):
            read_image(tmp_path / name)


def test_writing_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.png"):
        write_image(tmp_path / "a.xyz", _gradient())
    with pytest.raises(ValueError, match="uint8"):
        write_image(tmp_path / "a.png", _gradient().astype(np.float32))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_image(tmp_path / "file" / "a.png", _gradient())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_resize_keeps_proportions() -> None:
    image = _gradient(20, 30)
    assert resize(image, height=10).shape == (10, 15, 3)
    assert resize(image, width=60).shape == (40, 60, 3)
    assert resize(image, width=7, height=9).shape == (9, 7, 3)
    assert resize(image, longest=15).shape == (10, 15, 3)
    assert resize(image, longest=300, enlarge=False) is image
    assert resize(np.full((9, 9, 3), 77, np.uint8), height=4).tolist() == np.full((4, 4, 3), 77).tolist()
    for bad in ({}, {"longest": 5, "width": 5}, {"height": 0}):
        with pytest.raises(ValueError, match=r"pixel|give"):
            resize(image, **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_transparency_comes_back(tmp_path: Path, suffix: str) -> None:
    alpha = np.tile(np.linspace(0, 255, 30).astype(np.uint8), (20, 1))
    write_image(tmp_path / f"a{suffix}", np.dstack([_gradient(), alpha]))
    read = read_alpha(tmp_path / f"a{suffix}")
    assert read is not None
    np.testing.assert_array_equal(read, alpha)
    assert read_image(tmp_path / f"a{suffix}")[:, 0].min() > 250  # over white


def test_what_is_opaque_has_no_alpha(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", _gradient())
    write_image(tmp_path / "b.png", np.dstack([_gradient(), np.full((20, 30), 255, np.uint8)]))
    assert read_alpha(tmp_path / "a.png") is read_alpha(tmp_path / "b.png") is None
    with pytest.raises(InputError, match="does not exist"):
        read_alpha(tmp_path / "c.png")


def test_a_format_without_transparency_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        write_image(tmp_path / "a.jpg", np.zeros((4, 4, 4), np.uint8))
