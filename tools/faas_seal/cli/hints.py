"""Hints: what a person can type about an error, in the words of the command line.

Modules that Python callers use know nothing of verbs and options. Their errors carry facts as
attributes, and here the command makes a hint of them.
"""

from __future__ import annotations

from faas_sealed.formats.errors import SealError

from faas_seal.deploying import errors as deploying
from faas_seal.project import recipients
from faas_seal.sealing import errors as sealing


def hint_for(error: SealError) -> str:
    """Return the hint for an error: the command's, or else the error's own; or an empty string."""
    return _about_sealing(error) or _about_pushing(error) or error.hint


def _about_sealing(error: SealError) -> str:
    match error:
        case recipients.NoRecipientFile():
            return (
                "a recipient is a public key, fsip1_…, or a file of them: "
                "who is to call prints theirs with faas-seal keygen --identity"
            )
        case recipients.NoRecipients():
            return "a line for each, as faas-seal keygen --identity prints it: fsip1_…  # name"
        case sealing.DamagedTerms():
            return (
                "restore it from your copy, or move it away and seal with --to again: "
                "callers with an identity then get new keys"
            )
        case sealing.NobodyCouldOpen():
            return "name recipients: --to fsip1_…, or a file of them"
        case sealing.NoRecipientsYet():
            return f"faas-seal seal {error.function} --to FILE adds some"
        case sealing.ExpiryPassed():
            return f"faas-seal seal {error.function} --expires 30d, or --expires never"
        case sealing.RecipientsOnly():
            return "--own-key lets a key of yours open it again"
        case sealing.TransportSecretMissing():
            return (
                "put it there, or seal with --transport-key; "
                f"faas-seal keygen --transport {error.function} makes another"
            )
        case sealing.NotTheAuthor():
            return (
                "give that author's key with --author-key-file, or take it over with --new-author"
            )
        case sealing.NoAuthorNamed():
            return "--author fsap1_…"
        case sealing.NoSignature():
            return f"faas-seal sign {error.unsigned} > {error.path}"
        case sealing.ForAnotherAuthor():
            return "write it again: faas-seal seal NAME --author KEY --unsigned FILE"
    return ""


def _about_pushing(error: SealError) -> str:
    match error:
        case deploying.TakesNoPushes():
            setting, secret = error.setting, error.secret
            return (
                f"faas-seal push {error.function} --setup, or in the stack file "
                f"secrets: [{secret}], environment: {{{setting}: {secret}}}"
            )
        case deploying.NoGateway():
            return "name it with --gateway"
        case deploying.NotServed():
            return (
                f"its log tells of an update that is refused: faas-cli logs {error.function}. "
                "Kubernetes can take a minute or two: --wait 180s"
            )
    return ""
