"""Parameters declared once, in the docstring of the class that reads them.

A declaration gives a parameter its default, help, type, limits and choices. From it follow the
class's ``DEFAULT``, the check of what a user wrote, printed documentation, templates and
command-line options. The tree of all declarations is ``ptypy.defaults_tree``.

The declaration of a class is the text below a line ``Defaults:`` in its docstring::

    Defaults:

    [rebin]
    default = None
    type = int
    help = Edge of the blocks of pixels that are summed
    lowlim = 1
    uplim = 32

A class has the parameters of its bases, too, and may override any option of them.
"""

from __future__ import annotations

from ptypy.utils.descriptor._arguments import ArgParseDescriptor
from ptypy.utils.descriptor._check import CODE_LABEL, CODES, findings, shortened
from ptypy.utils.descriptor._evaluate import EvalDescriptor
from ptypy.utils.descriptor._outline import Entry, Wanted, outline
from ptypy.utils.descriptor._schema import schema_of
from ptypy.utils.descriptor._tree import Descriptor

__all__ = [
    "CODES",
    "CODE_LABEL",
    "ArgParseDescriptor",
    "Descriptor",
    "Entry",
    "EvalDescriptor",
    "Wanted",
    "findings",
    "outline",
    "schema_of",
    "shortened",
]
