"""How a command comes by its credentials, and how it is run and looked at then."""

import base64
import itertools
import json

from conftest import soak
from support.planted_secret import check
from support.secret_world import REALM, REGISTRY, USER, auth_entry, write_helper

NAME = "docker://%s/app:v1" % REGISTRY


class Ways:
  """Each plants its secrets, makes the registry want them, and returns flags for the command."""

  @staticmethod
  def creds(world, prefix):
    secret = world.plant("password of a flag", "registry")
    world.wants_basic(secret)
    return ["--%screds" % prefix, "%s:%s" % (USER, secret.text)]

  @staticmethod
  def auth_file(world, prefix):
    secret = world.plant("password of a file that a flag names", "registry")
    world.wants_basic(secret)
    return _auth_file(world, prefix, {"auths": {REGISTRY: auth_entry(secret)}})

  @staticmethod
  def server_file(world, unused_prefix):
    """The private server finds it by a variable."""
    secret = world.plant("password of a file of the server's", "registry")
    world.wants_basic(secret)
    world.auth_file.write_text(json.dumps({"auths": {REGISTRY: auth_entry(secret)}}))
    return []

  @staticmethod
  def helper(world, prefix):
    secret = world.plant("password of a credential helper", "registry")
    world.wants_basic(secret)
    write_helper(world.auth_file.parent, REGISTRY, secret)
    return _auth_file(world, prefix, {"credHelpers": {REGISTRY: "planted"}})

  @staticmethod
  def registry_token(world, prefix):
    secret = world.plant("token of a flag", "registry", odd=False)
    world.registry.challenge = 'Bearer realm="http://%s/token"' % REALM
    world.registry.accepted = {"Bearer " + secret.text}
    return ["--%sregistry-token" % prefix, secret.text]

  @staticmethod
  def bearer(world, prefix):
    secret = world.plant("password for a realm", "realm")
    world.wants_token()
    return ["--%screds" % prefix, "%s:%s" % (USER, secret.text)]

  @staticmethod
  def identity(world, prefix):
    secret = world.plant("identity token", "realm")
    world.wants_token()
    content = {"auths": {REGISTRY: {"auth": base64.b64encode(b"<token>:").decode(),
                                    "identitytoken": secret.text}}}
    if world.central is None:
      return _auth_file(world, prefix, content)
    world.auth_file.write_text(json.dumps(content))  # identity tokens are not sent to servers
    return []

  @staticmethod
  def server_bearer(world, unused_prefix):
    secret = world.plant("password of a file of the server's, for a realm", "realm")
    world.wants_token()
    world.auth_file.write_text(json.dumps({"auths": {REGISTRY: auth_entry(secret)}}))
    return []


def _auth_file(world, prefix, content):
  file = world.path / "auth.json"
  file.write_text(json.dumps(content))
  return ["--%sauthfile" % prefix, file]


WAYS = ("creds", "auth_file", "server_file", "helper", "registry_token", "bearer", "identity",
        "server_bearer")


def prefix_of(command):
  return {"pull": "src-", "push": "dest-"}.get(command, "")


def run(world, programs, command, way, layout=None, **more):
  """Runs a command with credentials that come the way given."""
  flags = getattr(Ways, way)(world, prefix_of(command)) if way else []
  return run_with(world, programs, command, flags, layout, **more)


def run_with(world, programs, command, flags, layout=None, image=NAME, **more):
  """`command` is pull or push, or one of the command line's."""
  verify = "--%stls-verify=false" % prefix_of(command)
  environment = {"REGISTRY_AUTH_FILE": str(world.auth_file)}
  arguments = {"pull": ["copy", verify, *flags, image, "dir:%s" % world.destination],
               "push": ["copy", verify, *flags, layout, image],
               "list-tags": ["list-tags", verify, *flags, image.rsplit(":", 1)[0]]}.get(
                   command, [command, verify, *flags, image])
  return world.run(programs, *arguments, env=environment, **more)


def check_all(world, result, programs):
  """The check that all tests of this file share."""
  assert world.planted
  check(world.planted, world.places(result, programs))


def rows(leads, *cycles, count):
  """Each of `leads` `count` times, more often in a soak, each time with the next of every cycle."""
  count = soak(count, 8 * count)
  return list(zip(itertools.chain.from_iterable([lead] * count for lead in leads),
                  *(itertools.cycle(cycle) for cycle in cycles)))


WHERE = ("central", "private", "central")
# Commands that ask for something: which methods, and which part of the URL.
ASKED = {
    "manifest": ("inspect", ("GET",), "/manifests/"),
    "blob": ("pull", ("GET",), "/blobs/"),
    "list of tags": ("list-tags", ("GET",), "/tags/list"),
    "whether a blob is there": ("push", ("HEAD",), "/blobs/"),
    "manifest to be deleted": ("delete", ("HEAD", "GET"), "/manifests/"),
}
SENT = {
    "start of an upload": ("push", ("POST",), "/blobs/uploads/"),
    "bytes of an upload": ("push", ("PATCH",), "/blobs/uploads/"),
    "end of an upload": ("push", ("PUT",), "/blobs/uploads/"),
    "manifest's upload": ("push", ("PUT",), "/manifests/"),
    "deletion": ("delete", ("DELETE",), "/manifests/"),
}
