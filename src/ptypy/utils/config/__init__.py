"""Files of parameters: YAML, JSON and Python, which all say the same.

`read_config` gives the tree that a file holds, `set_values` changes it as ``--set`` does,
`change_config` changes the file itself and leaves its comments where they are, `located` says in
which line of it a fault stands.
"""

from __future__ import annotations

from ptypy.utils.config._change import change_config
from ptypy.utils.config._locate import locate, located
from ptypy.utils.config._read import ENDINGS, read_config, read_python, text_of, tree_of
from ptypy.utils.config._set import read_value, set_values
from ptypy.utils.config._template import (
    FILL_IN,
    as_json_file,
    as_python_file,
    as_yaml_file,
    is_to_fill_in,
)
from ptypy.utils.config._yaml import as_yaml, read_json_text, read_yaml_text

__all__ = [
    "ENDINGS",
    "FILL_IN",
    "as_json_file",
    "as_python_file",
    "as_yaml",
    "as_yaml_file",
    "change_config",
    "is_to_fill_in",
    "locate",
    "located",
    "read_config",
    "read_json_text",
    "read_python",
    "read_value",
    "read_yaml_text",
    "set_values",
    "text_of",
    "tree_of",
]
