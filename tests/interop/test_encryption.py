"""Encrypted layers: what Skopeo encrypts Holkas decrypts, and the other way round."""

import base64
import json
import os
import shutil
import subprocess
import tempfile

import pytest

from conftest import skopeo
from support.images import Image, write_layout
from support.oracle import Layout, sha256
from support.programs import run

SUFFIX = "+encrypted"
KEYS = "org.opencontainers.image.enc.keys."


class Keys:
  """Key files, made by openssl."""

  def __init__(self, directory):
    self.directory = directory
    for name in ("rsa", "other"):
      self._openssl("genrsa", "-out", self.path(name + ".key"), "2048")
    for curve in ("P-256", "P-384", "P-521"):
      self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve,
                    "-out", self.path(curve + ".key"))
    for name in ("rsa", "other", "P-256", "P-384", "P-521"):
      self._openssl("pkey", "-in", self.path(name + ".key"), "-pubout", "-out",
                    self.path(name + ".pub"))
    self._openssl("req", "-x509", "-new", "-key", self.path("rsa.key"), "-subj", "/CN=layers.test",
                  "-days", "2", "-out", self.path("rsa.crt"))
    self._openssl("pkcs8", "-topk8", "-in", self.path("rsa.key"), "-passout", "pass:secret", "-out",
                  self.path("locked.key"))

  def path(self, name):
    return str(self.directory / name)

  def _openssl(self, *arguments):
    run(["openssl", *arguments]).ok()


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
  if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed")
  return Keys(tmp_path_factory.mktemp("keys"))


class KeyRing:
  """Keys of OpenPGP in a key ring of their own, made by GnuPG; `locked` opens with `secret`."""

  def __init__(self, directory):
    self.environment = {"GNUPGHOME": directory}
    for name, primary, subkey, password in (
        # Skopeo loses the key before one that it does not know.
        ("curve", "ed25519", "cv25519", ""), ("nist", "nistp384", "nistp384", "secret"),
        ("rsa", "rsa2048", "rsa2048", ""), ("locked", "rsa2048", "rsa2048", "secret"),
        ("other", "rsa2048", "rsa2048", "")):
      self.gpg("--passphrase", password, "--quick-gen-key", self.owner(name), primary, "sign",
               "never").ok()
      listing = self.gpg("--with-colons", "--list-keys", "=" + self.owner(name)).ok().stdout
      fingerprint = next(line.split(":")[9] for line in listing.splitlines()
                         if line.startswith("fpr:"))
      self.gpg("--passphrase", password, "--quick-add-key", fingerprint, subkey, "encr",
               "never").ok()
      for armor in ([], ["--armor"]):
        self.gpg("--passphrase", password, *armor, "--output", self.path(name) + "".join(armor),
                 "--export-secret-keys", fingerprint).ok()

  def owner(self, name):
    return "%s reader <%s@layers.test>" % (name, name)

  def path(self, name):
    return os.path.join(self.environment["GNUPGHOME"], name + ".key")

  def gpg(self, *arguments, **more):
    return run(["gpg", "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback",
                "--trust-model", "always", *arguments], env={**os.environ, **self.environment},
               **more)

  def pipe(self, data, *arguments):
    """What GnuPG makes of `data`."""
    return subprocess.run(["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback",
                           "--trust-model", "always", *arguments], input=data, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env={**os.environ, **self.environment}).stdout

  def skopeo(self, *arguments):
    return skopeo(*arguments, env={**os.environ, **self.environment})


@pytest.fixture(scope="session")
def key_ring():
  if shutil.which("gpg") is None:
    pytest.skip("gnupg is not installed")
  # The names of its agent's sockets must be short.
  with tempfile.TemporaryDirectory(prefix="ring") as directory:
    made = KeyRing(directory)
    yield made
    run(["gpgconf", "--kill", "all"], env={**os.environ, **made.environment})


@pytest.fixture
def plain(tmp_path):
  """A layout with an image of three layers, `app`."""
  path = tmp_path / "plain"
  write_layout(path, {"app": Image(layer_sizes=(1000, 300000, 5000))})
  return path


# For whom it is encrypted, and what it takes to read it.
SCHEMES = {
    "jwe RSA": (["jwe:rsa.pub"], ["rsa.key"]),
    "jwe P-256": (["jwe:P-256.pub"], ["P-256.key"]),
    "jwe P-384": (["jwe:P-384.pub"], ["P-384.key"]),
    "jwe P-521": (["jwe:P-521.pub"], ["P-521.key"]),
    "pkcs7": (["pkcs7:rsa.crt"], ["rsa.key", "rsa.crt"]),
    "the second of three": (["jwe:other.pub", "jwe:P-256.pub", "pkcs7:rsa.crt"], ["P-256.key"]),
}


@pytest.fixture(params=SCHEMES)
def scheme(request):
  return SCHEMES[request.param]


def encryption(keys, recipients):
  flags = []
  for recipient in recipients:
    protocol, name = recipient.split(":")
    flags += ["--encryption-key", "%s:%s" % (protocol, keys.path(name))]
  return flags


def decryption(keys, names):
  return [part for name in names for part in ("--decryption-key", keys.path(name))]


def manifest(path, name="app"):
  layout = Layout(path).check()
  return json.loads(layout.blob(layout.names()[name]))


def encrypted(path, name="app"):
  """Which layers are."""
  return [layer["mediaType"].endswith(SUFFIX) for layer in manifest(path, name)["layers"]]


def same_image(one, other):
  return manifest(one)["layers"] == manifest(other)["layers"] and (
      manifest(one)["config"] == manifest(other)["config"])


def image_layers(path):
  """The layers of each image of an index, `latest`."""
  layout = Layout(path)
  index = json.loads(layout.blob(layout.names()["latest"]))
  return [json.loads(layout.blob(entry["digest"]))["layers"] for entry in index["manifests"]]


def image(path):
  return "oci:%s:app" % path


class TestWithSkopeo:

  def test_holkas_reads_what_skopeo_encrypts(self, programs, keys, plain, scheme, tmp_path):
    skopeo("copy", *encryption(keys, scheme[0]), image(plain), image(tmp_path / "theirs")).ok()
    programs.copy(image(tmp_path / "theirs"), image(tmp_path / "ours"),
                  *decryption(keys, scheme[1])).ok()
    assert same_image(plain, tmp_path / "ours")

  def test_skopeo_reads_what_holkas_encrypts(self, programs, keys, plain, scheme, tmp_path):
    programs.copy(image(plain), image(tmp_path / "ours"), *encryption(keys, scheme[0])).ok()
    assert encrypted(tmp_path / "ours") == [True] * 3
    skopeo("copy", *decryption(keys, scheme[1]), image(tmp_path / "ours"),
           image(tmp_path / "theirs")).ok()
    assert same_image(plain, tmp_path / "theirs")

  def test_decrypted_images_are_the_same(self, programs, keys, plain, tmp_path):
    skopeo("copy", *encryption(keys, ["jwe:rsa.pub"]), image(plain), image(tmp_path / "e")).ok()
    programs.copy(image(tmp_path / "e"), image(tmp_path / "ours"),
                  *decryption(keys, ["rsa.key"])).ok()
    skopeo("copy", *decryption(keys, ["rsa.key"]), image(tmp_path / "e"),
           image(tmp_path / "theirs")).ok()
    assert Layout(tmp_path / "ours").names() == Layout(tmp_path / "theirs").names()

  def test_docker_images_become_ocis(self, programs, shared_server, keys, scripted, tmp_path):
    name = scripted.add("app", "v1", Image(docker=True))
    programs.copy(name, image(tmp_path / "ours"), *encryption(keys, ["jwe:rsa.pub"]),
                  server=shared_server).ok()
    skopeo("copy", "--src-tls-verify=false", *encryption(keys, ["jwe:rsa.pub"]), name,
           image(tmp_path / "theirs")).ok()

    def shape(path):
      document = manifest(path)
      return document["config"], [(layer["mediaType"], layer["size"], sorted(layer["annotations"]))
                                  for layer in document["layers"]]
    assert shape(tmp_path / "ours") == shape(tmp_path / "theirs")

  @pytest.mark.parametrize("layers", [["0"], ["-1"], ["0", "2"], ["1,-3"]])
  def test_the_layers_that_are_named(self, programs, keys, plain, tmp_path, layers):
    flags = encryption(keys, ["jwe:rsa.pub"])
    flags += [part for layer in layers for part in ("--encrypt-layer", layer)]
    programs.copy(image(plain), image(tmp_path / "ours"), *flags).ok()
    skopeo("copy", *flags, image(plain), image(tmp_path / "theirs")).ok()
    assert encrypted(tmp_path / "ours") == encrypted(tmp_path / "theirs")


class TestFailures:

  @pytest.fixture
  def locked(self, keys, plain, tmp_path):
    skopeo("copy", *encryption(keys, ["jwe:rsa.pub"]), image(plain), image(tmp_path / "e")).ok()
    return tmp_path / "e"

  @pytest.mark.parametrize("name", ["other.key", "P-256.key", "rsa.crt", "rsa.pub"])
  def test_keys_that_do_not_fit(self, programs, keys, locked, tmp_path, name):
    result = programs.copy(image(locked), image(tmp_path / "to"), *decryption(keys, [name]))
    assert result.code == 1
    theirs = skopeo("copy", *decryption(keys, [name]), image(locked), image(tmp_path / "theirs"))
    if name != "P-256.key":  # Skopeo looks only at keys of the kind that is wrapped for
      assert message(result) == message(theirs)
    assert not (tmp_path / "to" / "index.json").exists()

  def test_locked_keys(self, programs, keys, locked, tmp_path):
    key = keys.path("locked.key")
    for ending, words in {"": "Missing password", ":pass=wrong": "Wrong password"}.items():
      result = programs.copy(image(locked), image(tmp_path / "to"), "--decryption-key", key + ending)
      assert result.code == 1 and words in result.stderr
    programs.copy(image(locked), image(tmp_path / "to"), "--decryption-key",
                  key + ":pass=secret").ok()

  def test_damaged_layers(self, programs, keys, locked, tmp_path):
    layout = Layout(locked)
    document = manifest(locked)
    annotations = document["layers"][0]["annotations"]
    annotations["org.opencontainers.image.enc.pubopts"] = (
        document["layers"][1]["annotations"]["org.opencontainers.image.enc.pubopts"])
    rewrite(layout, document)
    result = programs.copy(image(locked), image(tmp_path / "to"), *decryption(keys, ["rsa.key"]))
    assert result.code == 1 and "HMAC" in result.stderr
    assert not (tmp_path / "to" / "index.json").exists()

  def test_without_a_key_layers_stay_encrypted(self, programs, locked, tmp_path):
    programs.copy(image(locked), image(tmp_path / "to")).ok()
    assert Layout(tmp_path / "to").names() == Layout(locked).names()

  def test_layers_that_are_not_there(self, programs, keys, plain, tmp_path):
    result = programs.copy(image(plain), image(tmp_path / "to"), "--encrypt-layer", "3",
                           *encryption(keys, ["jwe:rsa.pub"]))
    assert result.code == 1 and "has 3 layers" in result.stderr

  @pytest.mark.parametrize("recipient", ["jwe:rsa.crt", "pkcs7:rsa.pub"])
  def test_files_that_are_no_such_keys(self, programs, keys, plain, tmp_path, recipient):
    result = programs.copy(image(plain), image(tmp_path / "to"), *encryption(keys, [recipient]))
    theirs = skopeo("copy", *encryption(keys, [recipient]), image(plain), image(tmp_path / "theirs"))
    assert result.code == 1 and message(result) == message(theirs)


def pgp_recipients(*names):
  return [part for name in names for part in ("--encryption-key", "pgp:%s@layers.test" % name)]


def wrapped_by_pgp(path, layer=0):
  return base64.b64decode(manifest(path)["layers"][layer]["annotations"][KEYS + "pgp"])


class TestPgp:

  # What opens it: armored or not, locked or not.
  FILES = {"rsa": ("rsa", ""), "armored": ("rsa", "--armor"), "locked": ("locked", ":pass=secret")}

  def key(self, key_ring, name, ending):
    return ["--decryption-key", key_ring.path(name) + ending]

  @pytest.mark.parametrize("file", FILES)
  def test_holkas_reads_what_skopeo_encrypts(self, programs, key_ring, plain, tmp_path, file):
    name, ending = self.FILES[file]
    key_ring.skopeo("copy", *pgp_recipients("other", name), image(plain),
                    image(tmp_path / "e")).ok()
    programs.copy(image(tmp_path / "e"), image(tmp_path / "ours"),
                  *self.key(key_ring, name, ending)).ok()
    assert same_image(plain, tmp_path / "ours")

  # With a key file that is not locked: Skopeo 1.9 takes a password for a part of its name.
  def test_skopeo_reads_what_holkas_encrypts(self, programs, key_ring, plain, tmp_path):
    programs.copy(image(plain), image(tmp_path / "e"), *pgp_recipients("curve", "other", "rsa"),
                  env=key_ring.environment).ok()
    assert encrypted(tmp_path / "e") == [True] * 3
    key_ring.skopeo("copy", *self.key(key_ring, "rsa", ""), image(tmp_path / "e"),
                    image(tmp_path / "theirs")).ok()
    assert same_image(plain, tmp_path / "theirs")

  def test_recipients_of_all_kinds_read_it(self, programs, keys, key_ring, plain, tmp_path):
    programs.copy(image(plain), image(tmp_path / "e"), *pgp_recipients("curve", "nist"),
                  *encryption(keys, ["jwe:P-256.pub", "pkcs7:rsa.crt"]),
                  env=key_ring.environment).ok()
    for i, key in enumerate((self.key(key_ring, "curve", ""),
                             self.key(key_ring, "nist", ":pass=secret"),
                             decryption(keys, ["P-256.key"]), decryption(keys, ["rsa.key"]),
                             self.key(key_ring, "rsa", "") + self.key(key_ring, "curve", ""))):
      programs.copy(image(tmp_path / "e"), image(tmp_path / str(i)), *key).ok()
      assert same_image(plain, tmp_path / str(i))

  def test_gnupg_reads_what_holkas_encrypts(self, programs, key_ring, plain, tmp_path):
    programs.copy(image(plain), image(tmp_path / "e"), *pgp_recipients("rsa", "curve", "nist"),
                  env=key_ring.environment).ok()
    data = wrapped_by_pgp(tmp_path / "e")
    for name in ("rsa", "curve", "nist"):
      secret = json.loads(key_ring.pipe(data, "--passphrase", "secret", "--try-secret-key",
                                        name + "@layers.test", "--decrypt"))
      assert secret["digest"] == manifest(plain)["layers"][0]["digest"]

  def wrapped_by_gnupg(self, programs, key_ring, plain, tmp_path, *flags):
    """An image with one layer whose key GnuPG wraps anew."""
    programs.copy(image(plain), image(tmp_path / "e"), "--encrypt-layer", "0",
                  *pgp_recipients("rsa"), env=key_ring.environment).ok()
    secret = key_ring.pipe(wrapped_by_pgp(tmp_path / "e"), "--decrypt")
    self.replace(tmp_path / "e", key_ring.pipe(secret, *flags, "--encrypt"))
    return tmp_path / "e"

  def replace(self, path, data):
    document = manifest(path)
    document["layers"][0]["annotations"][KEYS + "pgp"] = base64.b64encode(data).decode()
    rewrite(Layout(path), document)

  @pytest.mark.parametrize("flags", [["-r", "curve"], ["-R", "curve", "-r", "rsa"],
                                     ["-r", "nist", "-r", "curve", "-z", "0"]])
  def test_holkas_reads_what_gnupg_wraps(self, programs, key_ring, plain, tmp_path, flags):
    path = self.wrapped_by_gnupg(programs, key_ring, plain, tmp_path, *flags)
    programs.copy(image(path), image(tmp_path / "ours"), *self.key(key_ring, "curve", "")).ok()
    assert same_image(plain, tmp_path / "ours")

  def test_without_integrity_it_is_not_read(self, programs, key_ring, plain, tmp_path):
    path = self.wrapped_by_gnupg(programs, key_ring, plain, tmp_path, "-r", "rsa", "--rfc2440",
                                 "--disable-mdc", "--cipher-algo", "AES256")
    result = programs.copy(image(path), image(tmp_path / "ours"), *self.key(key_ring, "rsa", ""))
    assert result.code == 1 and "none of the private keys" in result.stderr

  def test_malformed_messages(self, programs, key_ring, plain, tmp_path):
    key_ring.skopeo("copy", *pgp_recipients("rsa"), image(plain), image(tmp_path / "e")).ok()
    data = wrapped_by_pgp(tmp_path / "e")
    for wrong in (b"x", data[:-1], data + b"x", data[:-1] + bytes([data[-1] ^ 1])):
      self.replace(tmp_path / "e", wrong)
      result = programs.copy(image(tmp_path / "e"), image(tmp_path / "ours"),
                             *self.key(key_ring, "rsa", ""))
      assert result.code == 1 and "none of the private keys" in result.stderr
      assert not (tmp_path / "ours" / "index.json").exists()

  def test_keys_that_do_not_fit(self, programs, keys, key_ring, plain, tmp_path):
    key_ring.skopeo("copy", *pgp_recipients("locked"), image(plain), image(tmp_path / "e")).ok()
    for flags, words in (
        (self.key(key_ring, "other", ""), "none of the private keys"),
        (decryption(keys, ["rsa.key"]), "none of the private keys"),
        (self.key(key_ring, "locked", ""), "Missing password"),
        (self.key(key_ring, "locked", ":pass=wrong"), "Wrong password")):
      result = programs.copy(image(tmp_path / "e"), image(tmp_path / "ours"), *flags)
      assert result.code == 1 and words in result.stderr, result.stderr

  def test_owners_without_a_key(self, programs, key_ring, plain, tmp_path):
    for owner in ("nobody@layers.test", "rsa@layers", "rsa"):
      flags = ("--encryption-key", "pgp:" + owner)
      result = programs.copy(image(plain), image(tmp_path / "ours"), *flags,
                             env=key_ring.environment)
      theirs = key_ring.skopeo("copy", *flags, image(plain), image(tmp_path / "theirs"))
      words = "PGP: No key found for the following recipients: " + owner
      assert result.code == theirs.code == 1
      assert words in result.stderr and words in theirs.stderr

  def test_without_gnupg(self, programs, plain, tmp_path):
    result = programs.copy(image(plain), image(tmp_path / "ours"), *pgp_recipients("rsa"),
                           env={"PATH": str(tmp_path)})
    assert result.code == 1 and "neither gpg2 nor gpg" in result.stderr


def message(result):
  """What a program says in the end, without its time."""
  return result.stderr.rsplit("level=fatal msg=", 1)[1]


def rewrite(layout, document):
  """Puts another manifest into the layout, in the place of `app`."""
  data = json.dumps(document).encode()
  (layout.path / "blobs" / sha256(data).replace(":", "/")).write_bytes(data)
  index = layout.index()
  index["manifests"][0].update(digest=sha256(data), size=len(data))
  (layout.path / "index.json").write_text(json.dumps(index))


def test_round_trip_through_a_registry_with_all_images(programs, shared_server, keys, image_layout,
                                                       registry, tmp_path):
  source = "oci:%s:latest" % image_layout
  name = registry.repository() + ":e"
  programs.copy(source, name, "--all", *encryption(keys, ["jwe:P-256.pub"]),
                server=shared_server).ok()
  programs.copy(name, "oci:%s:latest" % (tmp_path / "to"), "--all",
                *decryption(keys, ["P-256.key"]), server=shared_server).ok()
  assert image_layers(tmp_path / "to") == image_layers(image_layout)


def test_two_copies_have_different_keys(programs, shared_server, keys, plain, tmp_path):
  for name in ("a", "b"):
    programs.copy(image(plain), image(tmp_path / name), *encryption(keys, ["jwe:rsa.pub"]),
                  server=shared_server).ok()
  digests = [{layer["digest"] for layer in manifest(tmp_path / name)["layers"]}
             for name in ("a", "b")]
  assert not digests[0] & digests[1]
  assert all(KEYS + "jwe" in layer["annotations"] for layer in manifest(tmp_path / "a")["layers"])
