"""Hints of the command line: what a person can type about an error.

Modules that Python callers use know nothing of verbs and options. Their errors carry facts as
attributes, and the command makes its hints out of those.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    IDENTITY_PUBLIC,
    IDENTITY_SEED,
    TRANSPORT_PUBLIC,
    TRANSPORT_SEED,
)
from faas_sealed.formats.token import LONGEST_UNBOUND

from faas_seal.deploying import errors as deploying
from faas_seal.errors import (
    AuthorKeyMissing,
    ForeignFunction,
    HomeMissing,
    IdentityWithoutFile,
    InsecureKeyFile,
    KeyFileMissing,
    LifetimeRefused,
    NoFunctions,
    NoKeyFits,
    NoTransportKey,
    ProjectMissing,
    SealedFileMissing,
    SealedFileRefused,
    StackFileEmpty,
    StackFileMissing,
    UnknownAuthor,
    UnknownKeyForAddress,
    UnknownTransportKey,
    UnnamedFunction,
    Unreachable,
    WrongKindOfKey,
)
from faas_seal.project import recipients
from faas_seal.project.sealed import function_at
from faas_seal.sealing import errors as sealing


def hint_for(error: SealError) -> str:
    """Return the hint for an error: the command's, or else the error's own; or an empty string."""
    return (
        _about_projects(error)
        or _about_keys(error)
        or _about_sealing(error)
        or _about_sealed_files(error)
        or _about_pushing(error)
        or _about_calls(error)
        or error.hint
    )


# What is at hand for someone who gives one kind of key where another is wanted.
_OTHER_KEYS = {
    (FUNCTION_KEY.prefix, IDENTITY_SEED.prefix): "an identity is given with --identity",
    (FUNCTION_KEY.prefix, AUTHOR_SEED.prefix): "the signing key is for faas-seal seal; function "
    "keys lie in .faas-seal/NAME.key",
    (FUNCTION_KEY.prefix, TRANSPORT_SEED.prefix): "function keys lie in .faas-seal/NAME.key",
    (AUTHOR_SEED.prefix, FUNCTION_KEY.prefix): "a function key is given with --key-file; the "
    "signing key is what faas-seal keygen --author has made",
    (AUTHOR_SEED.prefix, AUTHOR_PUBLIC.prefix): "its secret half is what faas-seal keygen "
    "--author has made: by default ~/.config/faas-seal/author.key",
    (AUTHOR_PUBLIC.prefix, AUTHOR_SEED.prefix): "give its public half: it stands in the comment "
    "above it, and in the stack file as seal_author",
    (IDENTITY_PUBLIC.prefix, IDENTITY_SEED.prefix): "an identity is its owner's secret: ask "
    "for its public half, which faas-seal keygen --identity prints",
    (IDENTITY_PUBLIC.prefix, FUNCTION_KEY.prefix): "to let somebody in who has that key, give it "
    "with --key-file; a recipient has an identity: faas-seal keygen --identity",
    (IDENTITY_SEED.prefix, FUNCTION_KEY.prefix): "a function key is given with --key-file",
    (IDENTITY_SEED.prefix, IDENTITY_PUBLIC.prefix): "its secret half is what faas-seal keygen "
    "--identity has made: by default ~/.config/faas-seal/identity.key",
    (TRANSPORT_PUBLIC.prefix, TRANSPORT_SEED.prefix): "give its public half, which faas-seal "
    "keygen --transport has printed; it is in the sealed file, too: faas-seal inspect NAME",
}


def _about_projects(error: SealError) -> str:
    match error:
        case StackFileMissing():
            return "faas-seal new greet makes one; --yaml names one elsewhere"
        case StackFileEmpty():
            return "faas-seal new greet writes one in an empty folder"
        case NoFunctions():
            return "faas-seal new greet"
        case ProjectMissing():
            return "is this the project's folder? --yaml names a stack file elsewhere"
    return ""


def _about_keys(error: SealError) -> str:
    match error:
        case HomeMissing():
            return "set XDG_CONFIG_HOME, or give the key with --author-key-file"
        case AuthorKeyMissing():
            return (
                "restore it from your copy; faas-seal keygen --author makes a new one, "
                "for new functions"
            )
        case KeyFileMissing(function=str(name), sealed=True) if name:
            return (
                f"restore {error.path} from your copy; without one, faas-seal seal {name} makes "
                "a new key: deploy again, and give it to the callers"
            )
        case KeyFileMissing(function=str(name)) if name:
            return f"faas-seal seal {name} makes it"
        case WrongKindOfKey(expected=str(expected), found=str(found)):
            return _OTHER_KEYS.get((expected, found), "")
        case InsecureKeyFile(changeable=False, path=path):
            return (
                f"{error.hint}, and name that file; or give the key on standard input: "
                f"--key-file - (or --author-key-file -) < {shlex.quote(str(path))}"
            )
    return ""


def _about_sealed_files(error: SealError) -> str:
    match error:
        case SealedFileMissing():
            return f"faas-seal seal {function_at(error.path)}".rstrip()
        case SealedFileRefused(path=Path() as path):
            seal = f"faas-seal seal {function_at(path)}".rstrip()
            return f"fetch the file again, or, if it is yours, seal it anew: {seal}"
        case SealedFileRefused(address=str(address)) if address:
            return (
                "is that the function's address, and --author its author's public key? "
                "Their stack file has the public key as seal_author"
            )
        case UnknownAuthor():
            return "name the author with --author"
    return ""


def _about_calls(error: SealError) -> str:
    match error:
        case UnnamedFunction():
            return "say which it is: --function NAME"
        case UnknownKeyForAddress():
            return "give the key with --key-file, --key-env or --key-command"
        case ForeignFunction():
            return (
                "someone else's function? Name its author: --author fsap1_…, "
                "or give its key with --key-file"
            )
        case IdentityWithoutFile():
            return "give an address and its author with --author: the function has the file"
        case UnknownTransportKey():
            return "give an address and its author with --author: the function has the key"
        case NoTransportKey():
            return (
                "if its author says that this is right, --raw sends the key itself, readable to "
                "every proxy on the way"
            )
        case LifetimeRefused(bound=True):
            return (
                f"--lifetime {error.longest // 86_400}d, or --any-request, "
                f"which lives up to {LONGEST_UNBOUND // 86_400}d"
            )
        case LifetimeRefused():
            return f"--lifetime {error.longest // 86_400}d"
        case NoKeyFits():
            return "give one with --identity, --key-file, --key-env or --key-command"
        case Unreachable() if not error.hint:
            return "is the gateway up? faas-seal local-run serves functions on this machine"
    return ""


def _about_sealing(error: SealError) -> str:
    match error:
        case recipients.NoRecipientFile():
            return (
                "a recipient is a public key, fsip1_…, or a file of such keys: "
                "recipients print theirs with faas-seal keygen --identity"
            )
        case recipients.NoRecipients():
            return (
                "write a line for each recipient, as faas-seal keygen --identity prints it: "
                "fsip1_…  # name"
            )
        case sealing.DamagedTerms():
            return (
                "restore it from your copy, or move it away and seal with --to again: "
                "recipients then get new keys"
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
                "give that author's key with --author-key-file, or take the function over with "
                "--new-author"
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
                f"if it refuses the update, its log says so: faas-cli logs {error.function}. "
                "Kubernetes can take a minute or two: --wait 180s"
            )
    return ""
