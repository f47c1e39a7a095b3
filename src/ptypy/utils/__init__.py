"""Tools that know no ptychography: the parameter tree, processes, messages, arrays, units.

``from ptypy import utils as u`` gives ``u.Param``, ``u.parallel``, ``u.verbose`` and the rest.
"""

from __future__ import annotations

from ptypy.utils import array_utils, math_utils, parallel, parameters, text_utils, units, verbose
from ptypy.utils.array_utils import (
    crop_pad,
    crop_pad_symmetric_2d,
    expect2,
    expect3,
    rebin,
    rebin_2d,
    switch_orientation,
)
from ptypy.utils.math_utils import (
    abs2,
    cabs2,
    ellipsis,
    mass_center,
    rectangle,
    rmphaseramp,
)
from ptypy.utils.parameters import (
    Param,
    Placeholder,
    asParam,
    format_standard_param,
    param_from_json,
    param_from_yaml,
    validate_standard_param,
)
from ptypy.utils.text_utils import clean_path, did_you_mean, isstr
from ptypy.utils.units import keV2m, keV2nm, m2keV, nm2keV
from ptypy.utils.verbose import headerline, log, logger, report

__all__ = [
    "Param",
    "Placeholder",
    "abs2",
    "array_utils",
    "asParam",
    "cabs2",
    "clean_path",
    "crop_pad",
    "crop_pad_symmetric_2d",
    "did_you_mean",
    "ellipsis",
    "expect2",
    "expect3",
    "format_standard_param",
    "headerline",
    "isstr",
    "keV2m",
    "keV2nm",
    "log",
    "logger",
    "m2keV",
    "mass_center",
    "math_utils",
    "nm2keV",
    "parallel",
    "param_from_json",
    "param_from_yaml",
    "parameters",
    "rebin",
    "rebin_2d",
    "rectangle",
    "report",
    "rmphaseramp",
    "switch_orientation",
    "text_utils",
    "units",
    "validate_standard_param",
    "verbose",
]
