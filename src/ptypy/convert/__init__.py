"""From one form of file to another: raw data, prepared scans, results."""

from ptypy.convert._convert import TARGETS, convert_file, files_of_target
from ptypy.convert._prepare import choose_loader, prepare_file

__all__ = ["TARGETS", "choose_loader", "convert_file", "files_of_target", "prepare_file"]
