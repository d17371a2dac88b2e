"""Configures logging when it is imported."""

import logging

logging.basicConfig(level=logging.INFO, format="own format %(message)s")
log = logging.getLogger(__name__)


def handle(event, context):
    log.info("informed")
    log.debug("not said")
    return "said"
