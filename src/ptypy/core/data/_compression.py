"""Choose by measurement how the frames of a scan are compressed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

__all__ = ["choose_compression"]

MOST, MOST_BYTES = 16, 1 << 26
"""So many frames are measured, spread over the chunk, or so many bytes: a tenth of a second."""

WORTH_IT = 2.0
"""How many times smaller frames must become. docs/explanations/decisions/0005-ptyd-compression.md
says why."""


def choose_compression(
    path: str, data: npt.NDArray[Any], rows: npt.NDArray[np.int64], count: int, dtype: np.dtype[Any]
) -> str | None:
    """See how well the first frames of a scan can be packed; all processes call this.

    Which frames are measured does not depend on how many processes hold them, so neither does the
    answer.

    Parameters
    ----------
    path : str
        The file, for the message.
    data : (n, H, W) array
        The frames of the chunk that this process holds.
    rows : (n,) array of int
        Which of the chunk they are.
    count : int
        How many frames the chunk has.
    dtype : dtype
        That they are stored in.

    Returns
    -------
    {'bitshuffle', None}
        The same on all processes.
    """
    from ptypy.io import ptyd

    frame = dtype.itemsize * int(np.prod(data.shape[1:]))
    most = min(count, MOST, max(1, MOST_BYTES // frame))
    wanted = np.arange(most) * count // most
    mine = np.isin(rows, wanted)
    sizes = distribute.agree(lambda: ptyd.measure_packed(data[mine], dtype))
    found = distribute.combine({parallel.rank: sizes}).values()
    plain, packed = (sum(pair[k] for pair in found) for k in (0, 1))
    ratio = plain / packed if packed else 1.0
    chosen = "bitshuffle" if ratio >= WORTH_IT else None
    logger.info(
        "%s: bitshuffle and LZ4 make %d of the first %d frames %.1f times smaller (%.3g of %.3g "
        "MB), %s %g times: frames are stored %s",
        path, len(wanted), count, ratio, packed / 1e6, plain / 1e6,
        "at least" if chosen else "less than", WORTH_IT, "so" if chosen else "as they are",
    )  # fmt: skip
    return chosen
