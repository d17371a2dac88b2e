from __future__ import annotations

import shlex
import time

import click
from faas_sealed.formats.errors import FileRefused
from faas_sealed.formats.header import IDENTITY_ID, KEY_ID, Slot
from faas_sealed.formats.keys import IDENTITY_PUBLIC, identity_id

from faas_seal.cli.lookup import sealed_path
from faas_seal.cli.printing import say, warn
from faas_seal.cli.run_seal import OLD_COPIES
from faas_seal.cli.shared_options import function_names, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.files import replace_together
from faas_seal.project.keystore import Keystore
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
    for word in allow:
        id = _key_id(word, terms, slots)
        if id not in known:
            raise UsageError(f"{id} is not denied", hint=f"faas-seal deny {name} lists the denied")
        at = lines.index(id)
        del lines[at - 1 if lines[at - 1].startswith("# since") else at : at + 1]
    for word in who:
        id = _key_id(word, terms, slots)
        if id not in known:
            today = time.strftime("%Y-%m-%d", time.gmtime())
            lines += [f"# since {today}" + (f", {word}" if word != id else ""), id]
    edited = stack.with_secret(name, "seal_denied", secret)
    path = files.write(secret, lines)
    if edited is not stack:
        replace_together([edited.replacement()])
    denied = len([line for line in lines if KEY_ID.fullmatch(line)])
    say(f"{name}: {path} denies {denied} key{'' if denied == 1 else 's'}")
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


def _key_id(word: str, terms: Terms, slots: tuple[Slot, ...]) -> str:
    """Return the id of the function key that a word means, or raise UsageError."""
    identity = word
    if word.startswith(IDENTITY_PUBLIC.prefix):
        identity = identity_id(IDENTITY_PUBLIC.decode(word))
    names = {known.name: known.id for known in terms.recipients if known.name}
    identity = names.get(word, identity)
    for slot in slots:
        if slot.to is not None and slot.to.id == identity:
            return slot.id
    if KEY_ID.fullmatch(word):  # perhaps of an earlier seal
        return word
    said = f"{word} is neither a key id nor a recipient of what is sealed"
    if IDENTITY_ID.fullmatch(identity):
        said = f"nothing is sealed to the identity {identity}"
    raise UsageError(
        said,
        hint="faas-seal inspect NAME shows the key ids, and the identities of recipients",
    )
