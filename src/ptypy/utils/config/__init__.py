"""Files of parameters: YAML, JSON and Python, which all say the same.

`read_config` gives the tree that a file holds, `set_values` changes it as ``--set`` does,
`change_config` changes the file itself and leaves its comments where they are, `located` says in
which line of it a fault stands.
"""

from __future__ import annotations

from ptypy.utils.config._change import change_config
from ptypy.utils.config._locate import locate, located
from ptypy.utils.config._read import ENDINGS, read_config, read_python
from ptypy.utils.config._set import set_values
from ptypy.utils.config._yaml import as_yaml, read_json_text, read_yaml_text

__all__ = [
    "ENDINGS",
    "as_yaml",
    "change_config",
    "locate",
    "located",
    "read_config",
    "read_json_text",
    "read_python",
    "read_yaml_text",
    "set_values",
]
