"""Tracebacks as the author reads them: the handler's frames, without those of the loader."""

from __future__ import annotations

import traceback
from types import TracebackType

from faas_sealed.runtime.handler import bundle_files, folder, loader, resources
from faas_sealed.runtime.handler.bundle_files import ROOT

_OURS = (bundle_files.__file__, loader.__file__, resources.__file__, *folder.__path__)


def trace_of(error: BaseException) -> str:
    """Return the traceback of an error as text, from the handler's first frame on."""
    first: TracebackType | None = error.__traceback__
    while first is not None and not first.tb_frame.f_code.co_filename.startswith(ROOT):
        first = first.tb_next
    try:
        shown = traceback.TracebackException(type(error), error, first, compact=True)
        _leave_out_loader(shown)
        message = "".join(shown.format_exception_only())
        return "".join(shown.format()) + bundle_files.note(message)
    except Exception:  # an exception class of the handler can fail in any way
        return f"{type(error).__name__}, which cannot be shown\n"


def stack_here() -> str:
    """Return the handler's frames among those that are active, as text."""
    stack = [frame for frame in traceback.extract_stack() if frame.filename.startswith(ROOT)]
    return "".join(traceback.format_list(stack))


def _leave_out_loader(shown: traceback.TracebackException) -> None:
    """Leave out the frames that import or open the handler's files, in causes and groups too."""
    waiting: list[traceback.TracebackException | None] = [shown]
    while waiting:
        if part := waiting.pop():
            part.stack[:] = [frame for frame in part.stack if not _is_loader(frame)]
            waiting += [
                part.__cause__,
                part.__context__,
                *(getattr(part, "exceptions", None) or ()),
            ]


def _is_loader(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith((*_OURS, "<frozen importlib"))
