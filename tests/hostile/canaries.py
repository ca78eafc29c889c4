"""Secrets that can be recognised wherever they come out, in whatever form."""

import base64
import json
from urllib.parse import quote, quote_plus


def forms_of(secret):
    """What a secret looks like: plain, in hexadecimal, in URLs, in JSON, and in base64.

    In base64, text within a longer one looks in three ways, by where it begins; of each way, the
    characters are those that depend on nothing around it.
    """
    raw = secret if isinstance(secret, bytes) else secret.encode()
    forms = {raw.hex(), raw.hex().upper(), base64.b16encode(raw).decode()}
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        encoded = base64.b64encode(bytes(before) + raw)
        forms |= {
            encoded.decode()[first:last],
            encoded.translate(bytes.maketrans(b"+/", b"-_")).decode()[first:last],
        }
    if raw.isascii():
        text = raw.decode()
        forms |= {text, quote(text), quote(text, safe=""), quote_plus(text)}
        forms |= {json.dumps(text)[1:-1], text[::-1]}
    return forms


class Canaries:
    """The secrets by what they are, and all that came out, by where it did."""

    def __init__(self, **secrets):
        self.secrets = secrets
        self.outputs = []

    def __getitem__(self, name):
        return self.secrets[name]

    def watch(self, where, *outputs):
        """Keep what came out, to be searched later; returns the first."""
        self.outputs += [(where, str(output)) for output in outputs]
        return outputs[0]

    def found(self):
        """Where which secret came out."""
        forms = {name: forms_of(secret) for name, secret in self.secrets.items()}
        return sorted(
            {
                (name, where, _around(text, form))
                for where, text in self.outputs
                for name, several in forms.items()
                for form in several
                if form in text
            }
        )


def _around(text, form):
    place = text.index(form)
    return text[max(0, place - 80) : place + len(form) + 20]
