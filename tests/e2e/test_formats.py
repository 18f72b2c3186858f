"""Manifests of other types: Docker's schema 1, conversions, lists of platforms, against Skopeo."""

import json

import pytest

from conftest import skopeo
from support.images import DOCKER_MANIFEST, OCI_MANIFEST, Image, index, write_layout
from support.oracle import sha256
from support.registry import Schema1Registry

# The layer that stands in schema 1 for those that change nothing.
EMPTY_LAYER = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"


@pytest.fixture(scope="module")
def schema1_registry(tmp_path_factory):
  with Schema1Registry(tmp_path_factory.mktemp("schema1-registry")) as registry:
    yield registry


@pytest.fixture
def layout(tmp_path):
  image = Image(labels={"b": "1", "a": "<>&"})
  return "oci:%s:app" % write_layout(tmp_path / "layout", {"app": image})


def payload(manifest):
  """What a signed manifest of Skopeo's or ours says, without its signatures."""
  text = manifest.decode()
  return text[:text.index(',"signatures":')] + "}"


def directory_manifest(path):
  return (path / "manifest.json").read_bytes()


def test_schema1_is_written_as_skopeo_writes_it(programs, layout, tmp_path):
  programs.copy(layout, "dir:%s" % (tmp_path / "ours"), "--format", "v2s1").ok()
  skopeo("copy", "--format", "v2s1", layout, "dir:%s" % (tmp_path / "theirs")).ok()
  ours = payload(directory_manifest(tmp_path / "ours"))
  assert ours == payload(directory_manifest(tmp_path / "theirs"))
  result = skopeo("manifest-digest", tmp_path / "ours" / "manifest.json").ok()
  assert result.stdout.strip() == sha256(ours.encode())


def test_registry_verifies_what_is_signed(programs, schema1_registry, layout):
  name = schema1_registry.repository() + ":v1"
  programs.copy(layout, name, "--format", "v2s1").ok()
  raw = programs.inspect(name, "--raw").ok()
  manifest = json.loads(raw.stdout)
  assert manifest["schemaVersion"] == 1 and manifest["signatures"]
  assert name.endswith("/%s:%s" % (manifest["name"], manifest["tag"]))
  theirs = skopeo("inspect", "--tls-verify=false", name).ok()
  ours = json.loads(programs.inspect(name).ok().stdout)
  del ours["LayersData"]
  assert ours == json.loads(theirs.stdout)


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_schema1_becomes_what_skopeo_makes_of_it(programs, schema1_registry, layout, tmp_path, form):
  name = schema1_registry.repository() + ":v1"
  skopeo("copy", "--dest-tls-verify=false", "--format", "v2s1", layout, name).ok()
  programs.copy(name, "dir:%s" % (tmp_path / "ours"), "--format", form).ok()
  skopeo("copy", "--src-tls-verify=false", "--format", form, name,
         "dir:%s" % (tmp_path / "theirs")).ok()
  ours = directory_manifest(tmp_path / "ours")
  assert ours == directory_manifest(tmp_path / "theirs")
  assert EMPTY_LAYER not in ours.decode()


def test_schema1_moves_between_registries(programs, schema1_registry, layout, tmp_path):
  first = schema1_registry.repository() + ":v1"
  second = schema1_registry.repository() + ":v2"
  programs.copy(layout, first, "--format", "v2s1").ok()
  programs.copy(first, "dir:%s" % (tmp_path / "directory")).ok()
  # The registry signs anew for everybody; the digest is that of what is signed.
  digest = skopeo("manifest-digest", tmp_path / "directory" / "manifest.json").ok().stdout.strip()
  assert json.loads(programs.inspect(first, "--no-tags").ok().stdout)["Digest"] == digest
  programs.copy("dir:%s" % (tmp_path / "directory"), second).ok()
  manifest = json.loads(programs.inspect(second, "--raw").ok().stdout)
  assert manifest["tag"] == "v2" and second.endswith("/%s:v2" % manifest["name"])
  refused = programs.copy(first, schema1_registry.repository() + ":v3", "--preserve-digests")
  assert refused.code == 1
  assert 'would change the manifest, which we cannot do: \\"Instructed' in refused.stderr


def test_platforms_of_a_list_are_copied_and_the_index_is_kept(programs, tmp_path):
  images = {arch: Image(seed=i, architecture=arch) for i, arch in
            enumerate(["amd64", "arm64", "s390x"])}
  source = tmp_path / "source"
  write_layout(source, images)
  data = index(images)
  (source / "blobs" / "sha256" / sha256(data).split(":")[1]).write_bytes(data)
  (source / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{
      "mediaType": "application/vnd.oci.image.index.v1+json", "digest": sha256(data),
      "size": len(data), "annotations": {"org.opencontainers.image.ref.name": "app"}}]}))
  target = tmp_path / "target"
  programs.copy("oci:%s:app" % source, "oci:%s:app" % target, "--multi-arch",
                "linux/arm64,linux/amd64").ok()
  there = {path.name for path in (target / "blobs" / "sha256").iterdir()}
  assert sha256(data).split(":")[1] in there
  copied = {arch for arch, image in images.items() if image.digest.split(":")[1] in there}
  assert copied == {"amd64", "arm64"}
  missing = programs.copy("oci:%s:app" % source, "oci:%s:app" % target, "--multi-arch",
                          "linux/amd64,linux/riscv64")
  assert missing.code == 1
  assert 'no image found in image index for architecture \\"riscv64\\"' in missing.stderr


def test_format_converts_between_schema2_and_oci(programs, layout, tmp_path):
  for form, media_type in (("v2s2", DOCKER_MANIFEST), ("oci", OCI_MANIFEST)):
    ours, theirs = tmp_path / form, tmp_path / ("skopeo-" + form)
    programs.copy(layout, "dir:%s" % ours, "--format", form).ok()
    skopeo("copy", "--format", form, layout, "dir:%s" % theirs).ok()
    assert json.loads(directory_manifest(ours))["mediaType"] == media_type
    assert directory_manifest(ours) == directory_manifest(theirs)


@pytest.mark.parametrize("template", [
    "{{.Digest}}", "{{.Name}}|{{.Tag}}", "{{.Layers}} {{.Env}} {{.Labels}}", "{{.Created}}",
    "{{range $i, $l := .Layers}}{{$i}}={{$l}} {{end}}", "{{index .Labels \"a\"}} {{len .Layers}}",
    "{{if eq .Os \"linux\"}}yes{{else}}no{{end}}", "{{printf \"%q %05d\" .Os (len .Env)}}",
    "{{.Digest.Hex}} {{.Created.Year}}", "json", "{{json .}}", "a\\nb"])
def test_templates_print_what_they_print_for_skopeo(programs, layout, template):
  ours = programs.inspect(layout, "--format", template).ok().stdout
  theirs = skopeo("inspect", "--format", template, layout).ok().stdout
  if "json" in template:
    ours, theirs = json.loads(ours), json.loads(theirs)
    del ours["LayersData"]
  assert ours == theirs
