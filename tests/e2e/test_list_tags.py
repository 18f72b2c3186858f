"""`holkas list-tags` prints what `skopeo list-tags` prints, to the byte, and the rpc streams it."""

import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from conftest import skopeo
from fakes.actions import error, tag_pages, tags
from support.images import Image, write_layout
from support.programs import run

INSECURE = "--tls-verify=false"


@pytest.fixture(params=["private server", "running server"])
def list_tags(request, programs, shared_server):
  server = shared_server if request.param == "running server" else None
  return lambda *arguments: programs.holkas("list-tags", *arguments, server=server)


def message(result):
  """The text of the last line, without its time."""
  found = re.search(r'time="[^"]*" level=fatal msg=(.*)\n$', result.stderr)
  assert found, result
  return found[1]


@pytest.fixture(scope="module")
def repository(registry, tmp_path_factory):
  layout = write_layout(tmp_path_factory.mktemp("tagged") / "layout", {"x": Image(seed=41)})
  repository = registry.repository("listed")
  for tag in ("v2", "v10", "latest", "1.0-rc.1_x"):
    skopeo("copy", "--dest-tls-verify=false", "oci:%s:x" % layout,
           "%s:%s" % (repository, tag)).ok()
  return repository


class TestLikeSkopeo:

  def test_output(self, list_tags, repository):
    result, said = (act(INSECURE, repository) for act in (
        list_tags, lambda *arguments: skopeo("list-tags", *arguments)))
    assert result.ok().stdout_bytes == said.ok().stdout_bytes
    assert result.stderr == ""
    assert len(json.loads(result.stdout)["Tags"]) == 4

  def test_repository_without_tags(self, list_tags, registry, tmp_path):
    layout = write_layout(tmp_path / "layout", {"x": Image(seed=42)})
    empty = registry.repository("empty")
    skopeo("copy", "--dest-tls-verify=false", "oci:%s:x" % layout, empty + ":t").ok()
    skopeo("delete", INSECURE, empty + ":t").ok()
    assert list_tags(INSECURE, empty).ok().stdout == skopeo("list-tags", INSECURE, empty).stdout

  def test_pages_and_their_order(self, list_tags, scripted):
    pages = [["z", "a", "B"], [], ["1", "z2"], ["last"]]
    scripted.on("GET", "/tags/list", tag_pages(
        lambda n: (tags(pages[n - 1]), n + 1 if n < len(pages) else None)))
    name = "docker://%s/app" % scripted.address
    assert list_tags(INSECURE, name).ok().stdout == skopeo("list-tags", INSECURE, name).stdout
    assert json.loads(list_tags(INSECURE, name).stdout)["Tags"] == ["z", "a", "B", "1", "z2", "last"]

  @pytest.mark.parametrize("body", [b"{}", b'{"tags":null}', b'{"tags":[]}'])
  def test_no_tags_are_an_empty_list(self, list_tags, scripted, body):
    scripted.on("GET", "/tags/list", tag_pages(lambda n: (body, None)))
    name = "docker://%s/app" % scripted.address
    assert list_tags(INSECURE, name).ok().stdout == skopeo("list-tags", INSECURE, name).stdout

  def test_what_is_no_tag_is_left_out(self, list_tags, scripted):
    """As newer Skopeo does than Debian's."""
    scripted.on("GET", "/tags/list", tag_pages(
        lambda n: (tags(["a", "", "sha256:" + "0" * 64, "b"]), None)))
    result = list_tags(INSECURE, "docker://%s/app" % scripted.address).ok()
    assert json.loads(result.stdout)["Tags"] == ["a", "b"]

  def test_missing_repository(self, list_tags, registry):
    name = registry.repository()
    result, said = list_tags(INSECURE, name), skopeo("list-tags", INSECURE, name)
    assert (result.code, said.code, result.stdout) == (1, 1, "")
    for text in (message(result), message(said)):
      assert text.startswith('"Error listing repository tags: fetching tags list')

  def test_unreachable_registry(self, list_tags):
    name = "docker://127.0.0.1:1/app"
    result, said = list_tags(INSECURE, name), skopeo("list-tags", INSECURE, name)
    assert (result.code, message(result)) == (said.code, message(said))

  @pytest.mark.parametrize("arguments", [
      ["docker://a.example/b:t"], ["docker://a.example/b:latest"],
      ["docker://a.example/b@sha256:" + "0" * 64], ["bla"], ["docker"], ["bla:x"], ["docker:x"],
      ["docker://"], ["docker://a.example/UPPER"], ["oci:/x"], ["dir:/x"],
      ["containers-storage:x"], ["--bogus"], ["--daemon-host=x", "docker://a.example/b"],
      ["--creds=a:b", "--no-creds", "docker://a.example/b"],
  ], ids=" ".join)
  def test_wrong_arguments(self, list_tags, arguments):
    result, said = list_tags(*arguments), skopeo("list-tags", *arguments)
    assert (result.code, message(result)) == (said.code, message(said))
    assert result.stdout == said.stdout == ""

  @pytest.mark.parametrize("arguments", [[], ["docker://a.example/b", "docker://a.example/c"]])
  def test_wrong_number_of_arguments_shows_the_help(self, list_tags, arguments):
    """On standard error with 1, as newer Skopeo does than Debian's."""
    result = list_tags(*arguments)
    assert (result.code, result.stdout) == (1, "")
    assert "Usage:" in result.stderr


class TestManifestDigest:

  def expect_same(self, programs, path):
    result = programs.holkas("manifest-digest", str(path))
    said = run(["skopeo", "manifest-digest", path])
    assert (result.code, result.stdout) == (said.code, said.stdout)
    return result, said

  def test_manifests_of_every_type(self, programs, image_layout, tmp_path):
    for form in ("oci", "v2s2", "v2s1"):
      skopeo("copy", "--format", form, "oci:%s:latest" % image_layout,
             "dir:%s" % (tmp_path / form)).ok()
      result, _ = self.expect_same(programs, tmp_path / form / "manifest.json")
      assert result.ok().stdout.startswith("sha256:")
    signed = json.loads((tmp_path / "v2s1" / "manifest.json").read_text())
    assert signed["signatures"]

  @pytest.mark.parametrize("change", [
      lambda d: d["signatures"][0].pop("protected"),
      lambda d: d["signatures"][0].update(protected="!!!"),
      lambda d: d["signatures"][0].update(protected=""),
      lambda d: d.update(signatures="x"),
      lambda d: d.update(signatures=[1]),
      lambda d: d["signatures"][0]["header"]["jwk"].pop("kty"),
      lambda d: d["signatures"][0]["header"]["jwk"].update(kty="oct"),
      lambda d: d.update(signatures=[]),
      lambda d: d.update(signatures=None),
      lambda d: d.update(schemaVersion=2),
      lambda d: d["signatures"].append(d["signatures"][0]),
      lambda d: d["signatures"][0].pop("signature"),
  ])
  def test_changed_signatures(self, programs, image_layout, tmp_path, change):
    skopeo("copy", "--format", "v2s1", "oci:%s:latest" % image_layout,
           "dir:%s" % (tmp_path / "image")).ok()
    document = json.loads((tmp_path / "image" / "manifest.json").read_text())
    change(document)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    result, said = self.expect_same(programs, path)
    if result.code != 0:
      assert message(result).startswith('"Error computing digest: ')
      assert message(said).startswith('"Error computing digest: ')

  @pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"{}", b'{"schemaVersion":1}'])
  def test_what_is_no_manifest(self, programs, tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    self.expect_same(programs, path)

  def test_files_that_cannot_be_read(self, programs, tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
      result, said = self.expect_same(programs, path)
      assert (result.code, message(result)) == (1, message(said))

  def test_wrong_number_of_arguments(self, programs):
    for arguments in ([], ["a", "b"]):
      result = programs.holkas("manifest-digest", *arguments)
      said = run(["skopeo", "manifest-digest", *arguments])
      assert (result.code, message(result)) == (
          said.code, message(said).replace("skopeo", "holkas"))


class TestRpc:

  @pytest.fixture
  def command(self, programs, shared_server):
    path = os.environ.get("GRPCURL") or shutil.which("grpcurl")
    if not path or not os.access(path, os.X_OK):
      pytest.skip("GRPCURL is not set and grpcurl is not installed")

    def arguments(repository):
      request = {"repository": repository,
                 "registry": {"tlsVerification": "TLS_VERIFICATION_DISABLED"}}
      return [path, "-plaintext", "-unix", "-max-msg-sz", str(1 << 20), "-d", json.dumps(request),
              shared_server.socket, "holkas.v1.ImageService/ListTags"]
    return arguments

  def test_first_page_comes_before_the_second_is_there(self, command, scripted):
    go_on = threading.Event()

    def page(number):
      if number == 2:
        assert go_on.wait(30)
      return tags(["page-%d" % number]), 2 if number == 1 else None

    scripted.on("GET", "/tags/list", tag_pages(page))
    with subprocess.Popen(command("docker://%s/app" % scripted.address), stdout=subprocess.PIPE,
                          text=True) as process:
      first = []
      while "}\n" not in first:
        first.append(process.stdout.readline())
      assert json.loads("".join(first)) == {"repository": "%s/app" % scripted.address,
                                            "tags": ["page-1"]}
      go_on.set()
      assert json.loads(process.stdout.read())["tags"] == ["page-2"]
      assert process.wait(30) == 0

  def test_a_hundred_thousand_tags_in_one_page_take_little_memory(self, programs, command,
                                                                  scripted):
    names = ["tag-%060d" % i for i in range(100_000)]
    go_on = threading.Event()

    def page(number):
      if number == 2:
        assert go_on.wait(60)
      return tags(names if number == 1 else ["last"]), 2 if number == 1 else None

    assert len(tags(names)) > 4 << 20
    scripted.on("GET", "/tags/list", tag_pages(page))
    found = []
    with subprocess.Popen(command("docker://%s/app" % scripted.address), stdout=subprocess.PIPE,
                          text=True) as process:
      for line in process.stdout:
        found += re.findall(r'"(tag-[0-9]+|last)"', line)
        if len(found) == len(names) and not go_on.is_set():
          # The worker has read the page and waits for the next one.
          worker, = programs.workers()
          status = open("/proc/%d/status" % worker).read()
          go_on.set()
      assert process.wait(60) == 0
    assert found == names + ["last"]
    assert int(re.search(r"VmHWM:\s+([0-9]+) kB", status)[1]) < 32 << 10

  def test_errors_have_codes_and_reasons(self, command, registry, scripted):
    def expect(repository, code, reason):
      result = run(command(repository))
      assert result.code != 0
      assert "Code: " + code in result.stderr and reason in result.stderr, result

    expect(registry.repository(), "NotFound", "REPOSITORY_UNKNOWN")
    expect("docker://a.example/b:t", "InvalidArgument", "No tag or digest allowed in reference")
    expect("dir:/x", "Unimplemented", "TRANSPORT_UNIMPLEMENTED")
    expect("", "InvalidArgument", "INVALID_FIELD")
    scripted.on("GET", "/tags/list", error(403, "DENIED"))
    expect("docker://%s/app" % scripted.address, "PermissionDenied", "REGISTRY_DENIED")
