"""Changes its process, by the path of the request, and tells later what it finds."""

import logging
import os
import sys
import warnings

log = logging.getLogger("own")


def change():
    os.environ["OWN"] = "set"
    os.chdir("/")
    os.umask(0o77)
    sys.path.append("/own")
    log.setLevel(5)
    logging.disable(7)
    warnings.simplefilter("ignore", ResourceWarning)


def raise_in_the_middle():
    sys.path.append("/own")
    raise LookupError


def lose_the_alarm():
    import signal

    signal.setitimer(signal.ITIMER_REAL, 3600)


def handle(event, context):
    if event.path != "/":
        globals()[event.path.strip("/").replace("-", "_")]()
    umask = os.umask(0o22)
    os.umask(umask)
    found = {
        "environ": os.environ.get("OWN"),
        "folder": os.getcwd() == "/",
        "umask": umask,
        "path": "/own" in sys.path,
        "level": log.level,
        "disabled": logging.root.manager.disable,
        "filters": ("ignore", None, ResourceWarning, None, 0) in warnings.filters,
    }
    return {"body": found}
