"""A real registry that wants a user name and a password: Debian's docker-registry with htpasswd."""

import subprocess

from support.registry import Registry

USER = "me"
PASSWORD = "pass:word"


class PasswordRegistry(Registry):
  """Accepts USER with PASSWORD, by HTTP Basic."""

  def config(self):
    users = self.directory / "htpasswd"
    entry = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], check=True, stdout=subprocess.PIPE)
    users.write_bytes(entry.stdout)
    return super().config() + "auth: {htpasswd: {realm: test, path: \"%s\"}}\n" % users
