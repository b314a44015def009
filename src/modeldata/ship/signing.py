"""The key that signs heads. `cryptography` is loaded only where a key is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.errors import SettingsError, remember_secret
from modeldata.format.head import PublicKey, Signer, private_key
from modeldata.settings.heads import KEY_BEGINS, is_key_text
from modeldata.spool.files import read_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from modeldata.settings import Settings
    from modeldata.spool.files import Files

PEM_NAME = "modeldata"
"""The name of a key that has none of its own."""
HINT = "MODELDATA_HEADS_KEY names a file with an Ed25519 private key, as PEM or PRIVATE+KEY+..."


def signer_for(settings: Settings, files: Files) -> Signer | None:
    """None where no key is named. Raises `SettingsError`."""
    return signer_of(settings.heads_key, files) if settings.heads_key else None


def signer_of(setting: str, files: Files) -> Signer:
    """Who signs by `MODELDATA_HEADS_KEY`: a key's text, or a path. Raises `SettingsError`, without a word of the key."""
    where = "" if is_key_text(setting) else setting
    try:
        text = setting if not where else read_file(files, where).decode()
        remember_secret("MODELDATA_HEADS_KEY", text.strip())
        name, key = _key(text.strip())
    except ImportError as error:
        hint = 'pip install "modeldata[sign]"'
        raise SettingsError("sign heads", cause=f"cryptography can't be loaded: {error}", hint=hint) from error
    except OSError as error:
        raise SettingsError("read the key that signs heads", where, cause=error.strerror or str(error), hint=HINT) from error
    except (ValueError, TypeError) as error:  # what a library says of a key may have the key in it
        cause = "it needs a password" if isinstance(error, TypeError) else "it is no Ed25519 private key"
        raise SettingsError("read the key that signs heads", where, cause=cause, hint=HINT) from None
    return Signer(PublicKey(name, key.public_key().public_bytes_raw()), key.sign)


def _key(text: str) -> tuple[str, Ed25519PrivateKey]:
    """(name, key). Raises ValueError, TypeError (a key with a password), ImportError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if text.startswith(KEY_BEGINS):
        name, seed = private_key(text)
        return name, Ed25519PrivateKey.from_private_bytes(seed)
    key = load_pem_private_key(text.encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("a key of another kind")
    return PEM_NAME, key
