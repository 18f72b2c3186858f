"""`holkas inspect` prints what `skopeo inspect` prints, to the byte."""

import json

import pytest

from conftest import skopeo
from support.images import OCI_INDEX, Image, index
from support.programs import run


@pytest.fixture(scope="module")
def places(programs, pushed, image_layout, tmp_path_factory):
  """The same image in every transport."""
  directory = tmp_path_factory.mktemp("places") / "dir"
  skopeo("copy", "--src-tls-verify=false", pushed, "dir:%s" % directory).ok()
  return {"docker": pushed, "oci": "oci:%s:latest" % image_layout, "dir": "dir:%s" % directory}


def without_layers_data(text):
  """Newer Skopeo than Debian's 1.9.3 tells LayersData; it stands between Layers and Env."""
  document = json.loads(text)
  document.pop("LayersData", None)
  return json.dumps(document, indent=4)


def tls(image):
  return ["--tls-verify=false"] if image.startswith("docker:") else []


@pytest.mark.parametrize("transport", ["docker", "oci", "dir"])
class TestLikeSkopeo:

  def test_summary(self, programs, shared_server, places, transport):
    image = places[transport]
    theirs = skopeo("inspect", *tls(image), image).ok().stdout
    ours = programs.holkas("inspect", *tls(image), image, server=shared_server).ok().stdout
    if "LayersData" in theirs:
      assert ours == theirs
    else:
      assert list(json.loads(ours))[:-2] == [k for k in json.loads(theirs) if k != "Env"]
      assert without_layers_data(ours) == without_layers_data(theirs)

  @pytest.mark.parametrize("flags", [["--raw"], ["--config"], ["--config", "--raw"]])
  def test_exact_output(self, programs, shared_server, places, transport, flags):
    image = places[transport]
    theirs = skopeo("inspect", *flags, *tls(image), image).ok()
    ours = programs.holkas("inspect", *flags, *tls(image), image, server=shared_server).ok()
    assert ours.stdout_bytes == theirs.stdout_bytes

  def test_no_tags(self, programs, shared_server, places, transport):
    image = places[transport]
    ours = programs.holkas("inspect", "--no-tags", *tls(image), image, server=shared_server).ok()
    assert json.loads(ours.stdout)["RepoTags"] == []

  def test_private_server(self, programs, shared_server, places, transport):
    image = places[transport]
    assert (programs.holkas("inspect", *tls(image), image).ok().stdout ==
            programs.holkas("inspect", *tls(image), image, server=shared_server).ok().stdout)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_platform_of_an_index(programs, shared_server, places, architecture):
  theirs = run(["skopeo", "--override-arch", architecture, "inspect", "--config",
                "--tls-verify=false", places["docker"]]).ok()
  ours = programs.inspect(places["docker"], "--override-arch", architecture, "--config",
                          server=shared_server).ok()
  assert ours.stdout_bytes == theirs.stdout_bytes


@pytest.mark.parametrize("image", [
    Image(docker=True, labels={"a<b>": "c&d", "utf8": "h\u00e9\u2028llo", "empty": ""}),
    Image(docker=False, labels={}),
    Image(docker=False, labels=None, layer_sizes=()),
    Image(docker=True, labels={"z": "1", "a": "2", "B": "3"}, layer_sizes=(1, 1, 1)),
], ids=["docker with odd labels", "no labels", "no layers", "order of labels"])
@pytest.mark.parametrize("flags", [[], ["--raw"], ["--config"], ["--config", "--raw"]])
def test_odd_images_like_skopeo(programs, shared_server, scripted, image, flags):
  name = scripted.add("app/sub", "v1", image)
  theirs = skopeo("inspect", "--tls-verify=false", *flags, name).ok()
  ours = programs.inspect(name, *flags, server=shared_server).ok()
  if flags:
    assert ours.stdout_bytes == theirs.stdout_bytes
  else:
    assert without_layers_data(ours.stdout) == without_layers_data(theirs.stdout)


def test_tags_are_in_the_registrys_order(programs, shared_server, scripted):
  image = Image()
  for tag in ("v2", "v10", "a", "v1"):
    name = scripted.add("app", tag, image)
  assert json.loads(programs.inspect(name, server=shared_server).ok().stdout)["RepoTags"] == [
      "v2", "v10", "a", "v1"]


def test_raw_of_an_index_is_the_index(programs, shared_server, scripted):
  image = Image()
  scripted.add("app", "v1", image)
  data = index({"amd64": image})
  name = scripted.add_manifest("app", "list", OCI_INDEX, data)
  assert programs.inspect(name, "--raw", server=shared_server).ok().stdout_bytes == data


def test_inspect_reads_no_layer(programs, shared_server, scripted):
  image = Image()
  name = scripted.add("app", "v1", image)
  programs.inspect(name, server=shared_server).ok()
  asked = scripted.asked("GET", "/blobs/")
  assert [url.rsplit("/", 1)[1] for url in asked] == [image.config["digest"]]
