"""Images of detectors and others as arrays: one, or many by a pattern; damaged ones are named."""

import numpy as np
import pytest

from ptypy.errors import FormatError
from ptypy.io import edfread, image_read
from ptypy.io.frame_files import frame_files
from ptypy.io.image_header import read_header
from ptypy.utils.units import m2keV

fabio = pytest.importorskip("fabio")
tifffile = pytest.importorskip("tifffile")

FRAMES = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


def write_edf(path, frames=FRAMES, **header):
    image = fabio.edfimage.EdfImage(data=frames[0], header=header)
    for frame in frames[1:]:
        image.append_frame(data=frame)
    image.write(str(path))
    return path


WRITERS = {
    "a.npy": lambda path: np.save(path, FRAMES),
    "a.tif": lambda path: tifffile.imwrite(path, FRAMES, photometric="minisblack"),
    "b.tiff": lambda path: tifffile.imwrite(
        path, FRAMES, photometric="minisblack", compression="zlib"
    ),
    "c.tif": lambda path: tifffile.imwrite(
        path, FRAMES.reshape(2, 2, 5, 6), photometric="minisblack", byteorder=">"
    ),
    "d.tif": lambda path: tifffile.imwrite(
        path, FRAMES, photometric="minisblack", metadata=None, compression="zlib"
    ),
    "a.edf": write_edf,
}


@pytest.mark.parametrize("name", WRITERS)
def test_stacks_are_read_whole_and_in_part(tmp_path, name):
    WRITERS[name](tmp_path / name)
    image, _ = image_read(tmp_path / name)
    np.testing.assert_array_equal(image.reshape(FRAMES.shape), FRAMES)
    files = frame_files(tmp_path / name)
    assert (files.count, files.shape) == (4, (5, 6))
    np.testing.assert_array_equal(files.read([1, 2]), FRAMES[1:3])
    np.testing.assert_array_equal(files.read([3, 0]), FRAMES[[3, 0]])


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_stack_that_is_cut_short_is_named_and_never_padded(tmp_path, name, share):
    path = tmp_path / name
    WRITERS[name](path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=path.name):
        frame_files(path).read(range(4))
    with pytest.raises(FormatError, match=path.name):
        image_read(path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cbf_file_that_is_cut_short_is_named(tmp_path, share):
    path = tmp_path / "a.cbf"
    fabio.cbfimage.CbfImage(data=FRAMES[0].astype(np.int32)).write(str(path))
    np.testing.assert_array_equal(image_read(path)[0], FRAMES[0])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(FormatError, match=r"a\.cbf: the file is cut short"):
        image_read(path)


def test_a_pattern_and_a_list_give_lists_in_the_order_of_the_numbers(tmp_path):
    paths = [write_edf(tmp_path / f"f_{k}.edf", FRAMES[k % 4][None], Number=k) for k in range(12)]
    images, headers = image_read(str(tmp_path / "f_*.edf"))
    assert [header["number"] for header in headers] == [str(k) for k in range(12)]
    np.testing.assert_array_equal(images[10], FRAMES[2])
    images, _ = image_read([paths[3], paths[1]])
    np.testing.assert_array_equal(images, FRAMES[[3, 1]])
    images, _ = edfread(str(tmp_path / "f_[01].edf"))
    assert len(images) == 2
    image, header = edfread(paths[3])
    np.testing.assert_array_equal(image, FRAMES[3])
    assert header["dim_1"] == "6"


def test_a_name_with_brackets_is_a_name_if_there_is_such_a_file(tmp_path):
    np.save(tmp_path / "f[1].npy", FRAMES[1])
    image, _ = image_read(tmp_path / "f[1].npy")
    np.testing.assert_array_equal(image, FRAMES[1])


def test_a_pattern_that_finds_nothing_and_a_folder_say_so(tmp_path):
    with pytest.raises(FormatError, match="there is no such file"):
        image_read(str(tmp_path / "*.edf"))
    with pytest.raises(FormatError, match="is a directory; add a pattern"):
        frame_files(tmp_path)


def test_files_of_another_form_among_the_others_are_named(tmp_path):
    np.save(tmp_path / "f1.npy", FRAMES[0])
    np.save(tmp_path / "f2.npy", FRAMES[0, :4])
    with pytest.raises(FormatError, match=r"f2\.npy: holds uint16 frames of \(4, 6\)"):
        frame_files(str(tmp_path / "f*.npy")).read([0, 1])
    np.save(tmp_path / "f2.npy", FRAMES[:2])
    with pytest.raises(FormatError, match=r"f2\.npy: holds 2 frames"):
        frame_files(str(tmp_path / "f*.npy")).read([0, 1])


def test_compressed_edf_files_are_left_to_fabio(tmp_path):
    import gzip

    plain = write_edf(tmp_path / "a.edf", FRAMES[:1])
    (tmp_path / "a.edf.gz").write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(frame_files(tmp_path / "a.edf.gz").read([0])[0], FRAMES[0])


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("UnsignedByte", "u1"), ("SignedInteger", "i4"), ("FloatValue", "f4"), ("DoubleValue", "f8")],
)
@pytest.mark.parametrize("order", ["LowByteFirst", "HighByteFirst"])
def test_edf_files_of_every_type_and_byte_order_are_read(tmp_path, kind, dtype, order):
    frame = FRAMES[0].astype(("<" if order[0] == "L" else ">") + dtype)
    text = f"{{\nByteOrder = {order} ;\nDataType = {kind} ;\nDim_1 = 6 ;\nDim_2 = 5 ;\n"
    (tmp_path / "a.edf").write_bytes(text.encode().ljust(510) + b"}\n" + frame.tobytes())
    image, _ = edfread(tmp_path / "a.edf")
    np.testing.assert_array_equal(image, FRAMES[0])


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("# Detector_distance 2.19 m", "distance", 2.19),
        ("# Detector_distance = 350 mm", "distance", 0.35),
        ("# Wavelength 1.0332 A", "energy", m2keV(1.0332e-10)),
        ("# Pixel_size 75e-6 m x 150e-6 m", "psize", (150e-6, 75e-6)),
        ("# Beam_xy (738.20, 840.10) pixels", "center", (840.10, 738.20)),
        ("# Count_cutoff 1048500 counts", "saturation", 1048500.0),
        ("# Detector_distance 0.0 m", "distance", None),
        ("# Beam_xy (0.00, 0.00) pixels", "center", None),
        ("# Wavelength 0 A", "energy", None),
    ],
)
def test_a_pilatus_header_says_what_it_says_and_zeros_say_nothing(line, field, value):
    found = getattr(read_header({"description": line}), field)
    assert found == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_that_were_written_one_by_one_are_all_read(tmp_path, compression):
    path = tmp_path / "a.tif"
    for frame in FRAMES:
        tifffile.imwrite(path, frame, append=True, compression=compression, metadata=None)
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        for k, frame in enumerate(FRAMES):
            file.write(frame, contiguous=False, description=f"frame {k}", metadata=None)
    for name in ("a.tif", "b.tif"):
        files = frame_files(tmp_path / name)
        assert (files.count, files.shape) == (4, (5, 6))
        np.testing.assert_array_equal(files.read([3, 0, 1]), FRAMES[[3, 0, 1]])
        np.testing.assert_array_equal(image_read(tmp_path / name)[0], FRAMES)
    tifffile.imwrite(path, FRAMES[0, :4], append=True, metadata=None)
    with pytest.raises(FormatError, match=r"a\.tif: holds images of different form .*\(4, 6\)"):
        frame_files(path)


def test_a_palette_gives_its_colours_and_not_their_numbers(tmp_path):
    from PIL import Image

    grey = np.arange(0, 60, 2, dtype=np.uint8).reshape(5, 6)
    picture = Image.fromarray(59 - grey, mode=None).convert("P")
    picture.putpalette([level for k in range(256) for level in (59 - min(k, 59),) * 3])
    picture.save(tmp_path / "grey.png")
    with Image.open(tmp_path / "grey.png") as stored:
        assert stored.mode == "P"
    np.testing.assert_array_equal(image_read(tmp_path / "grey.png")[0], grey)
    np.testing.assert_array_equal(frame_files(tmp_path / "grey.png").read([0])[0], grey)
    picture.putpalette([level for k in range(256) for level in (k, 0, 255 - k)])
    picture.save(tmp_path / "colour.png")
    assert image_read(tmp_path / "colour.png")[0].shape == (5, 6, 3)
    with pytest.raises(FormatError, match=r"colour\.png: is a coloured image"):
        frame_files(tmp_path / "colour.png")


def test_what_is_taken_for_frames_of_an_empad_is_told(tmp_path, caplog):
    np.zeros((2, 130, 128), np.float32).tofile(tmp_path / "a.raw")
    assert frame_files(tmp_path / "a.raw", "empad").count == 2
    assert caplog.text == ""
    assert frame_files(tmp_path / "a.raw").count == 2
    assert "2 frames of 128 x 128 px, if these are counts of an EMPAD" in caplog.text


@pytest.mark.parametrize(
    ("ending", "loader"),
    [("npz", "ArrayScan"), ("mat", "ArrayScan"), ("h5", "Hdf5Loader"), ("cxi", "CxiScan")],
)
def test_a_file_that_is_no_image_is_sent_to_the_loader_that_reads_it(tmp_path, ending, loader):
    import h5py

    with h5py.File(tmp_path / f"a.{ending}", "w") as file:
        file["frames"] = FRAMES
    with pytest.raises(FormatError, match=rf"a\.{ending}: is no image but .* {loader}"):
        frame_files(tmp_path / f"a.{ending}")
    with pytest.raises(FormatError, match="there is no such file"):
        frame_files(tmp_path / f"b.{ending}")
