"""Secrets that a test plants, and the search for them in whatever form they may have leaked."""

import base64
import math
import secrets
import urllib.parse

# So that the percent-encoded form is another one.
_ODD = "/+&"


class PlantedSecret:
  """A random string that nobody but `owners` may get, and that each of them must get.

  `owners` are names of places. With `pem`, the secret is every line of that.
  """

  def __init__(self, what, owners, odd=True, pem=None):
    self.what = what
    self.owners = set(owners)
    self.text = secrets.token_hex(8) + (_ODD if odd else "") + secrets.token_hex(8)
    self._lines = [line for line in (pem or "").splitlines() if not line.startswith("-----")]

  def forms(self):
    """The name and the lower-case bytes of each form."""
    if self._lines:
      return {"PEM": [line.lower().encode() for line in self._lines if len(line) > 16]}
    return {"plain": [self.text.lower().encode()],
            "base64": [form.lower().encode() for form in _base64_forms(self.text)],
            "percent-encoded": [urllib.parse.quote(self.text, safe=safe).lower().encode()
                                for safe in ("", "+", "&", "/")]}

  def forms_in(self, data):
    """The names of the forms that `data` has, in upper or lower case; line breaks, and what JSON
    and logs escape, hide nothing."""
    data = bytes(data).lower().replace(b"\\u0026", b"&").replace(b"\\u002b", b"+")
    data = data.translate(None, b"\\\r\n")
    return [name for name, texts in self.forms().items() if any(text in data for text in texts)]

  def __repr__(self):
    return "%s (for %s)" % (self.what, ", ".join(sorted(self.owners)) or "nobody")


def _base64_forms(text):
  """What is in the base64 of everything that `text` is a part of: for each place to begin at, the
  digits that depend on the text alone."""
  for before in range(3):
    total = before + len(text)
    digits = base64.b64encode(b"\0" * before + text.encode())
    form = digits[math.ceil(before * 8 / 6):total * 8 // 6].decode()
    yield form
    yield form.replace("+", "-").replace("/", "_")


def check(planted, places):
  """Fails where a place (bytes by its name) has a secret that is not its own, and where it has not
  got one that is."""
  leaks, lost = [], []
  for secret in planted:
    for place, data in places.items():
      forms = secret.forms_in(data)
      if forms and place not in secret.owners:
        leaks.append("%s: %s, %s" % (place, secret, " and ".join(forms)))
      if not forms and place in secret.owners:
        lost.append("%s: %s" % (place, secret))
    missing = secret.owners - set(places)
    assert not missing, "no such place: %s" % missing
  assert not leaks, "leaked to\n" + "\n".join(leaks)
  assert not lost, "did not get to\n" + "\n".join(lost)


def percent_odd(text):
  """Encoded where a URL would take it for something else, and nowhere else."""
  return text.replace("/", "%2F").replace("+", "%2B").replace("&", "%26")
