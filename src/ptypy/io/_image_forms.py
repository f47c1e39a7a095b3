"""Formats of image files: how to look into one, and how to decode its frames."""

from __future__ import annotations

import contextlib
import logging
import re
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._edf import read_edf_headers
from ptypy.io._one_file import OneFile, need

__all__ = ["FORMS", "NO_IMAGES", "form_of", "open_picture", "open_tiff"]

Array = npt.NDArray[Any]

_fabio = threading.Lock()
"""Fabio says in its log alone that an image is cut short, so one thread at a time listens."""


class Form:
    """A format of image files: how to look into one, and how to decode frames."""

    def look(self, path: Path) -> OneFile:
        """Find out what is in a file."""
        raise NotImplementedError

    def decode(self, file: OneFile, numbers: list[int]) -> Array:
        """Read frames by number (n, H, W)."""
        raise NotImplementedError

    def only(self, path: Path) -> Array:
        """Read the frame (H, W) of a file that holds one, without looking for others if possible.

        Raises
        ------
        FormatError
            If it holds several.
        """
        file = self.look(path)
        if file.count != 1:
            raise FormatError(f"{path}: holds {file.count} frames, the first file holds one")
        return np.asarray(file.read()[0])


class Npy(Form):
    """Arrays of NumPy, (H, W), (N, H, W) or with more axes before."""

    def look(self, path: Path) -> OneFile:
        stack = np.load(path, mmap_mode="r")
        if not isinstance(stack, np.memmap):
            raise FormatError(f"{path}: is not one array; give .npz files to ArrayScan")
        count, shape = _stack_shape(path, stack.shape)
        start = stack.offset if stack.flags.c_contiguous else -1
        return OneFile(path, "npy", count, shape, stack.dtype, start=int(start))

    def decode(self, file: OneFile, numbers: list[int]) -> Array:
        stack = np.load(file.path, mmap_mode="r")
        return np.asarray(stack.reshape(-1, *file.shape)[numbers])


class Tiff(Form):
    """TIFF, one page or many."""

    def look(self, path: Path) -> OneFile:
        with open_tiff(path) as tiff:
            page, start = tiff.pages[0], None
            if page.samplesperpixel != 1:
                raise FormatError(f"{path}: is a coloured image, frames must be grey")
            dtype = np.dtype(page.dtype).newbyteorder(tiff.byteorder)
            if len(tiff.series) > 1:
                count, shape = _pages_of_one_form(path, tiff)
            else:
                series = tiff.series[0]
                count, shape = _stack_shape(path, series.shape)
                start = series.dataoffset if page.is_memmappable else None
            return OneFile(
                path,
                "tiff",
                count,
                shape,
                dtype.newbyteorder("=") if start is None else dtype,
                {"description": page.description},
                start=-1 if start is None else int(start),
            )

    def decode(self, file: OneFile, numbers: list[int]) -> Array:
        tifffile = need("tifffile", file.path)
        key = numbers[0] if len(numbers) == 1 else numbers
        frames = np.asarray(tifffile.imread(file.path, key=key))
        return frames.reshape(len(numbers), *frames.shape[-2:])

    def only(self, path: Path) -> Array:
        with open_tiff(path) as tiff:
            if len(tiff.pages) != 1:
                raise FormatError(
                    f"{path}: holds {len(tiff.pages)} frames, the first file holds one"
                )
            return np.asarray(tiff.pages[0].asarray())


class Edf(Form):
    """EDF, one frame or many."""

    def look(self, path: Path) -> OneFile:
        blocks = read_edf_headers(path)
        if blocks is None:
            return FORMS["fabio"].look(path)
        first = blocks[0]
        if any(block.shape != first.shape or block.dtype != first.dtype for block in blocks):
            raise FormatError(f"{path}: holds frames of different form")
        steps = set(np.diff([block.offset for block in blocks]).tolist())
        start = first.offset if len(steps) < 2 else -1
        record = int(steps.pop()) if len(steps) == 1 else 0
        header = dict(first.header)
        return OneFile(
            path, "edf", len(blocks), first.shape, first.dtype, header, start=start, record=record
        )

    def decode(self, file: OneFile, numbers: list[int]) -> Array:
        blocks = read_edf_headers(file.path) or []
        parts = [
            np.fromfile(file.path, file.dtype, int(np.prod(file.shape)), offset=blocks[n].offset)
            for n in numbers
        ]
        return np.stack(parts).reshape(-1, *file.shape)


class Fabio(Form):
    """Whatever fabio opens."""

    def look(self, path: Path) -> OneFile:
        fabio = need("fabio", path)
        with _fabio, _cut_short_is_an_error(path), fabio.open(str(path)) as image:
            count, shape = int(image.nframes), tuple(int(n) for n in image.shape)
            if len(shape) != 2:
                raise FormatError(f"{path}: has shape {shape}, frames are (rows, columns)")
            header = {str(name): value for name, value in image.header.items()}
            dtype = np.dtype(image.data.dtype)
        return OneFile(path, "fabio", count, (shape[0], shape[1]), dtype, header)

    def decode(self, file: OneFile, numbers: list[int]) -> Array:
        fabio = need("fabio", file.path)
        with _fabio, _cut_short_is_an_error(file.path), fabio.open(str(file.path)) as image:
            if image.nframes == 1:
                return np.asarray(image.data)[None]
            return np.stack([np.asarray(image.get_frame(n).data) for n in numbers])


class Cbf(Form):
    """CBF, one frame a file."""

    def look(self, path: Path) -> OneFile:
        fabio = need("fabio", path)
        _see_whole_cbf(path)
        with fabio.open(str(path)) as image:
            height, width = (int(n) for n in image.shape)
            header = {str(name): value for name, value in image.header.items()}
            return OneFile(path, "cbf", 1, (height, width), np.dtype(image.data.dtype), header)

    def decode(self, file: OneFile, numbers: list[int]) -> Array:
        return self.only(file.path)[None][numbers]

    def only(self, path: Path) -> Array:
        need("fabio", path)
        from fabio.cbfimage import CbfImage

        _see_whole_cbf(path)
        # A wrong checksum would only be logged.
        return np.asarray(CbfImage().read(str(path), check_MD5=False).data)


class Picture(Form):
    """PNG and whatever else Pillow reads; the first picture of a file."""

    def look(self, path: Path) -> OneFile:
        frame = self.only(path)
        return OneFile(path, "picture", 1, (frame.shape[0], frame.shape[1]), frame.dtype)

    def decode(self, file: OneFile, numbers: list[int]) -> Array:
        return self.only(file.path)[None][numbers]

    def only(self, path: Path) -> Array:
        frame, _ = open_picture(path)
        if frame.ndim != 2:
            raise FormatError(f"{path}: is a coloured image, frames must be grey")
        return frame


class Merlin(Form):
    """Files .mib of Merlin detectors: every frame after a header of its own."""

    TYPES: ClassVar[dict[str, str]] = {"U08": ">u1", "U16": ">u2", "U32": ">u4", "U64": ">u8"}

    def look(self, path: Path) -> OneFile:
        with path.open("rb") as file:
            fields = file.read(384).decode("latin-1").split(",")
        if len(fields) < 7 or fields[0] != "MQ1":
            raise FormatError(f"{path}: does not begin with a header MQ1, as .mib files do")
        if fields[6] not in self.TYPES:
            raise FormatError(
                f"{path}: counts are stored as {fields[6]}, as they leave the chips; record them "
                "in the normal (not the raw) mode, or convert them"
            )
        lead, width, height = int(fields[2]), int(fields[4]), int(fields[5])
        dtype = np.dtype(self.TYPES[fields[6]])
        record = lead + width * height * dtype.itemsize
        count = _whole_records(path, record)
        header = {"counter_depth": _counter_depth(path)}
        return OneFile(
            path, "mib", count, (height, width), dtype, header, start=0, lead=lead, record=record
        )


class Empad(Form):
    """Files .raw of EMPAD detectors: 128 x 128 counts and two rows of other things."""

    def look(self, path: Path) -> OneFile:
        record = 130 * 128 * 4
        count = _whole_records(path, record)
        return OneFile(path, "empad", count, (128, 128), np.dtype("<f4"), start=0, record=record)


FORMS: dict[str, Form] = {
    "npy": Npy(), "tiff": Tiff(), "edf": Edf(), "cbf": Cbf(), "fabio": Fabio(),
    "picture": Picture(), "mib": Merlin(), "empad": Empad(),
}  # fmt: skip

SUFFIXES = {
    ".npy": "npy", ".tif": "tiff", ".tiff": "tiff", ".edf": "edf", ".cbf": "cbf", ".mib": "mib",
    ".raw": "empad", ".png": "picture", ".jpg": "picture", ".jpeg": "picture", ".bmp": "picture",
    ".gif": "picture", ".pgm": "picture",
}  # fmt: skip


NO_IMAGES = {
    ".npz": "an archive of arrays: give it to ArrayScan",
    ".mat": "a file of MATLAB: give it to ArrayScan",
    ".cxi": "a CXI file: give it to CxiScan",
    ".ptyd": "a file of prepared frames: give it to PtydScan",
    ".nxs": "HDF5: give it to Hdf5Loader, or to CxiScan or DiamondNexus if it is NeXus",
} | dict.fromkeys(
    (".h5", ".hdf5", ".hdf", ".nx5"),
    "HDF5: give it to Hdf5Loader, or to DectrisScan if it is a master file",
)
"""What files of other endings are, unless fabio knows better, and what reads them."""


def form_of(path: Path) -> str:
    """Tell the format of a file by the ending of its name."""
    return SUFFIXES.get(path.suffix.lower(), "fabio")


def _stack_shape(path: Path, shape: Sequence[int]) -> tuple[int, tuple[int, int]]:
    if len(shape) < 2:
        raise FormatError(f"{path}: has shape {tuple(shape)}, frames are (rows, columns)")
    return int(np.prod(shape[:-2], dtype=int)), (int(shape[-2]), int(shape[-1]))


def _whole_records(path: Path, record: int) -> int:
    size = path.stat().st_size
    if size == 0 or size % record:
        raise FormatError(
            f"{path}: {size} bytes are no whole number of frames of {record} bytes: the file is "
            "cut short, or of another format"
        )
    return size // record


def _counter_depth(path: Path) -> int | None:
    """Find out, in the file .hdr beside a .mib, how far its pixels count [bit]."""
    beside = path.with_suffix(".hdr")
    if not beside.is_file():
        return None
    found = re.search(r"Counter Depth \(number\):\s*(\d+)", beside.read_text("latin-1"))
    return None if found is None else int(found[1])


def open_picture(path: Path) -> tuple[Array, dict[str, Any]]:
    """Read a picture through Pillow, and what it says about itself.

    Where pixels are numbers of colours in a palette, these colours are read: grey ones as (H, W).
    """
    from PIL import Image  # comes with matplotlib

    with Image.open(path) as picture:
        said = {str(key): value for key, value in picture.info.items()}
        if picture.mode != "P":
            return np.array(picture), said
        colours = np.array(picture.convert("RGB"))
    is_grey = (colours == colours[..., :1]).all()
    return (colours[..., 0].copy() if is_grey else colours), said


@contextlib.contextmanager
def open_tiff(path: Path) -> Iterator[Any]:
    """Open a TIFF file, and see that all its pages are there."""
    tifffile = need("tifffile", path)
    with _quiet("tifffile"), tifffile.TiffFile(path) as tiff:
        _see_all_pages(path, tiff)
        yield tiff


def _pages_of_one_form(path: Path, tiff: Any) -> tuple[int, tuple[int, int]]:
    """Count pages that were written one by one, each an image of its own."""
    forms = {(tuple(page.shape), str(page.dtype)) for page in tiff.pages}
    if len(forms) > 1:
        listed = ", ".join(f"{dtype} {shape}" for shape, dtype in sorted(forms))
        raise FormatError(f"{path}: holds images of different form ({listed}); split them")
    ((shape, _),) = forms
    count, frame = _stack_shape(path, shape)
    return count * len(tiff.pages), frame


def _see_all_pages(path: Path, tiff: Any) -> None:
    """See that the last page which can be read is the last there is."""
    page = tiff.pages[len(tiff.pages) - 1]
    big = tiff.is_bigtiff
    place = page.offset + (8 + 20 * len(page.tags) if big else 2 + 12 * len(page.tags))
    with path.open("rb") as file:
        file.seek(place)
        pointer = file.read(8 if big else 4)
    whole = len(pointer) == (8 if big else 4)
    if not whole or struct.unpack(tiff.byteorder + ("Q" if big else "I"), pointer)[0]:
        raise FormatError(
            f"{path}: the file is cut short, it ends after page {len(tiff.pages)}: copy it again"
        )


def _see_whole_cbf(path: Path) -> None:
    """See that the counts are all there; fabio does not end if they are not."""
    content = path.read_bytes()
    begin = content.find(b"\x0c\x1a\x04\xd5")
    size = re.search(rb"X-Binary-Size:\s*(\d+)", content[: max(begin, 0)])
    if begin < 0 or size is None or begin + 4 + int(size[1]) > len(content):
        raise FormatError(f"{path}: the file is cut short, or not CBF: copy it again")


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library from printing what an exception will say."""
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


@contextlib.contextmanager
def _cut_short_is_an_error(path: Path) -> Iterator[None]:
    """Raise what fabio only logs: that counts are missing, which it sets to zero."""
    said: list[str] = []

    class _Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener, logger = _Listener(logging.WARNING), logging.getLogger("fabio")
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
    if any(re.search("incomplete|truncat|too short", text, re.IGNORECASE) for text in said):
        raise FormatError(f"{path}: the file is cut short ({said[0]}): copy it again")
