"""Encrypted layers: what Skopeo encrypts Holkas decrypts, and the other way round."""

import json
import shutil

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
