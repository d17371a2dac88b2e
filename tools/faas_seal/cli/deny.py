from __future__ import annotations

import shlex
import time
from collections.abc import Container

import click
from faas_sealed.formats.errors import FileRefused
from faas_sealed.formats.header import KEY_ID, Slot
from faas_sealed.formats.keys import IDENTITY_PUBLIC, identity_id

from faas_seal.cli.lookup import sealed_path
from faas_seal.cli.printing import say, warn
from faas_seal.cli.run_seal import OLD_COPIES
from faas_seal.cli.shared_options import function_names, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.files import replace_together
from faas_seal.project.keystore import Keystore
from faas_seal.project.recipients import is_id, recipients_meant
from faas_seal.project.sealed import read_sealed
from faas_seal.project.secrets import SecretFiles, creation, denied_secret
from faas_seal.project.stackfile import StackFile, find
from faas_seal.sealing.terms import Terms


@click.command()
@click.argument("name", shell_complete=function_names)
@click.argument("who", nargs=-1, metavar="[KEY ID|NAME|ID]…")
@click.option("--allow", multiple=True, metavar="KEY ID|NAME|ID", help="Stop denying this key.")
@stack_option
def deny(name: str, who: tuple[str, ...], allow: tuple[str, ...], stack_option: str | None) -> None:
    """Deny function keys, without sealing anew: they no longer open what is deployed.

    \b
      faas-seal deny greet 6f1d0c52a7e94b38
      faas-seal deny greet Ada
      faas-seal deny greet --allow Ada

    The audit and inspect show key ids, 16 digits. A recipient (seal --to) can be given by
    name or by the id of their identity, 32 digits. The ids of the keys are written into
    .secrets/NAME-denied, a secret of OpenFaaS like the transport secret. Once the function
    is deployed with that secret, an update of the secret is enough; local-run sees it by
    itself. Without a key and without --allow, this lists the ids that are denied.

    A name that several recipients have means all of them, and an identity all keys that are
    sealed to it. A word of 16 or 32 hexadecimal digits is an id, never a name.

    To drop a recipient for good, seal without them. A denied key still opens a copy of the
    sealed file: only the deployed function denies it.
    """
    stack = StackFile.load(find(stack_option))
    function = stack.function(name)
    secret = denied_secret(function)
    files = SecretFiles(stack.folder)
    lines = files.denied_lines(secret)
    known = [line for line in lines if KEY_ID.fullmatch(line)]
    if not who and not allow:
        for id in known:
            say(id)
        return
    terms = Terms.load(Keystore(stack.folder).terms_path(name))
    slots = _slots(name, stack_option)
    ids = {word: _key_ids(word, terms, slots) for word in (*who, *allow)}
    denying = {id: word for word in who for id in ids[word]}
    allowing = dict.fromkeys(id for word in allow for id in ids[word])
    if both := denying.keys() & allowing.keys():
        raise UsageError(f"to be denied and allowed at once: {', '.join(sorted(both))}")
    for word in allow:
        if not set(ids[word]) & set(known):
            raise UsageError(
                f"{word} is not denied", hint=f"faas-seal deny {name} lists the denied"
            )
    lines = _without(lines, allowing)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for id, word in denying.items():
        if id not in known:
            lines += [f"# since {today}" + (f", {word}" if word != id else ""), id]
    edited = stack.with_secret(name, "seal_denied", secret)
    path = files.write(secret, lines)
    if edited is not stack:
        replace_together([edited.replacement()])
    for word in ids:
        _warn_of_namesakes(word, terms, slots)
    for id in denying:
        say(f"denied {id}{_owner(id, terms, slots)}")
    for id in allowing:
        if id in known:
            say(f"allowed {id}{_owner(id, terms, slots)}")
    total = len({line for line in lines if KEY_ID.fullmatch(line)})
    say(f"{name}: {path} denies {total} key{'' if total == 1 else 's'}")
    command = shlex.join(creation(secret, path, stack, function))
    if edited is not stack:
        warn(f"now deploy {name} with that secret: faas-seal up {name}", "note")
    else:
        warn(f"now update the secret: {command}", "note")
    warn("local-run takes the secret by itself", "note")
    if who:
        warn(OLD_COPIES, "note")


def _slots(name: str, stack: str | None) -> tuple[Slot, ...]:
    try:
        return read_sealed(sealed_path(name, stack)).header.slots
    except FileRefused:
        return ()


def _key_ids(word: str, terms: Terms, slots: tuple[Slot, ...]) -> list[str]:
    """Return the ids of the function keys that a word means, or raise UsageError."""
    if KEY_ID.fullmatch(word.lower()):  # perhaps of an earlier seal
        return [word.lower()]
    identities = {known.id for known in recipients_meant(word, terms.recipients)}
    if word.startswith(IDENTITY_PUBLIC.prefix):
        identities = {identity_id(IDENTITY_PUBLIC.decode(word))}
    elif is_id(word):
        identities = {word.lower()}
    found = [slot.id for slot in slots if slot.to is not None and slot.to.id in identities]
    if found:
        return found
    said = f"{word} is neither a key id nor a recipient of what is sealed"
    if identities:
        said = f"nothing is sealed to the identity {', '.join(sorted(identities))}"
    raise UsageError(
        said,
        hint="faas-seal inspect NAME shows the key ids, and the identities of recipients",
    )


def _warn_of_namesakes(word: str, terms: Terms, slots: tuple[Slot, ...]) -> None:
    """Say so if a word is the name of several recipients."""
    several = recipients_meant(word, terms.recipients)
    if len(several) < 2:
        return
    shown = ", ".join(recipient.id for recipient in several)
    warn(f"{word} is the name of several recipients, and means all of them: {shown}", "note")
    sealed_to = {slot.to.id for slot in slots if slot.to is not None}
    for recipient in several:
        if recipient.id not in sealed_to:
            warn(f"nothing is sealed to {recipient.shown}")


def _owner(id: str, terms: Terms, slots: tuple[Slot, ...]) -> str:
    """Return whose a key is, as it stands behind the key's id; or an empty string."""
    for slot in slots:
        if slot.id == id and slot.to is not None:
            name = terms.name_of(slot.to.id)
            return f", of {name}, identity {slot.to.id}" if name else f", of identity {slot.to.id}"
    return ""


def _without(lines: list[str], ids: Container[str]) -> list[str]:
    """Return the lines of a secret without some ids, wherever they stand."""
    left: list[str] = []
    for line in lines:
        if line not in ids:
            left.append(line)
        elif left and left[-1].startswith("# since"):
            del left[-1]
    return left
