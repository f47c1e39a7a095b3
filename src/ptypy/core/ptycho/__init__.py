"""The application: reads parameters, owns a run.

`Ptycho` is all there is to it; `ptypy.core.paths` names its files and
`ptypy.core.save_load` says what is in them. What a command line or a page in a browser needs
around it: `new_config` and `config_schema` write files of parameters.
"""

from ptypy.core.ptycho._check import check
from ptypy.core.ptycho._from_file import check_file, parameters_from, run_script, runs_itself
from ptypy.core.ptycho._new import choices_of, config_schema, new_config
from ptypy.core.ptycho._prepare import Prepared, prepare_scans
from ptypy.core.ptycho._ptycho import Ptycho
from ptypy.core.ptycho._survey import Survey, survey
from ptypy.core.ptycho._survey_page import as_dictionary, as_page
from ptypy.core.ptycho._written import describe_result, files_of

__all__ = [
    "Prepared",
    "Ptycho",
    "Survey",
    "as_dictionary",
    "as_page",
    "check",
    "check_file",
    "choices_of",
    "config_schema",
    "describe_result",
    "files_of",
    "new_config",
    "parameters_from",
    "prepare_scans",
    "run_script",
    "runs_itself",
    "survey",
]
