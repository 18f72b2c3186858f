"""registries.conf through the command line and a real registry: mirrors, locations, blocks."""

import json
import re
import subprocess

import pytest


@pytest.fixture
def copied(programs, registry, image_layout):
  """The test image in a repository of its own: host:port/path of the repository."""
  name = registry.repository("mirrored")
  programs.copy("oci:%s:latest" % image_layout, name + ":1", "--all").ok()
  return name[len("docker://"):]


@pytest.fixture
def configure(programs, tmp_path):
  """Runs the command line with the registries.conf given."""

  def run(conf, *arguments):
    path = tmp_path / "registries.conf"
    path.write_text(conf)
    return programs.holkas("--registries-conf", path, *arguments)

  return run


def mirrored(location, mirror):
  """The registries.conf of registry.invalid/app, which is at `location` and at `mirror`."""
  return """
[[registry]]
prefix = "registry.invalid/app"
location = "%s"
insecure = true
[[registry.mirror]]
location = "%s"
insecure = true
""" % (location, mirror)


def test_image_is_read_from_the_mirror(configure, copied, registry):
  mark = registry.mark()
  result = configure("""
[[registry]]
location = "registry.invalid/team"
[[registry.mirror]]
location = "%s"
insecure = true
""" % copied.rsplit("/", 1)[0], "inspect", "docker://registry.invalid/team/%s:1"
                     % copied.rsplit("/", 1)[1]).ok()
  described = json.loads(result.stdout)
  assert described["Name"] == "registry.invalid/team/" + copied.rsplit("/", 1)[1]
  assert described["RepoTags"] == ["1"]
  assert registry.requests(mark)


def test_tags_are_those_of_the_mirror(configure, copied, registry):
  mark = registry.mark()
  result = configure(mirrored("127.0.0.1:1/app", copied),
                     "list-tags", "docker://registry.invalid/app").ok()
  assert json.loads(result.stdout) == {"Repository": "registry.invalid/app", "Tags": ["1"]}
  assert registry.requests(mark)


def test_mirror_that_is_down_is_left_for_the_location(configure, copied, tmp_path):
  result = configure(mirrored(copied, "127.0.0.1:1/app"),
                     "copy", "docker://registry.invalid/app:1", "oci:%s:x" % (tmp_path / "to")).ok()
  assert "Writing manifest" in result.stdout


def test_error_tells_of_the_mirrors(configure, copied):
  result = configure(mirrored(copied, copied + "-missing"),
                     "inspect", "docker://registry.invalid/app:none")
  assert result.code == 2
  assert "(Mirrors also failed: [%s-missing:none: " % copied in result.stderr
  assert "): %s:none: " % copied in result.stderr


def test_blocked_registry(configure, tmp_path):
  conf = '[[registry]]\nlocation = "registry.invalid"\nblocked = true\n'
  for arguments in (["inspect", "docker://registry.invalid/app"],
                    ["copy", "dir:%s" % tmp_path, "docker://registry.invalid/app"]):
    result = configure(conf, *arguments)
    assert result.code == 1
    assert "registry registry.invalid is blocked in %s" % (tmp_path / "registries.conf") \
        in result.stderr


def test_pushes_do_not_go_to_mirrors(configure, copied, registry, image_layout):
  result = configure("""
[[registry]]
location = "127.0.0.1:1"
[[registry.mirror]]
location = "%s"
insecure = true
""" % registry.address, "copy", "--dest-tls-verify=false", "oci:%s:latest" % image_layout,
                     "docker://127.0.0.1:1/app:1")
  assert result.code == 1
  assert "127.0.0.1:1" in result.stderr


def test_malformed_file_is_named(configure, tmp_path):
  result = configure("[[registry]\n", "inspect", "docker://registry.invalid/app")
  assert result.code == 1
  assert "registries.conf:1" in result.stderr


@pytest.mark.parametrize("count, fits", [(2, True), (20, True), (22, False)])
def test_certificates_of_many_mirrors(programs, copied, registry, tmp_path, count, fits):
  """Each mirror has as many certificates as one may have; the first one has the image."""
  subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-nodes", "-days", "2", "-subj", "/CN=ca", "-keyout", tmp_path / "key.pem",
                  "-out", tmp_path / "ca.pem"], check=True, stderr=subprocess.DEVNULL)
  certificate = (tmp_path / "ca.pem").read_text()
  certificates = certificate * ((48 << 10) // len(certificate))
  mirrors = [copied] + ["127.0.0.1:%d/app" % port for port in range(1, count)]
  for mirror in mirrors:
    directory = tmp_path / ".config/containers/certs.d" / mirror.split("/")[0]
    directory.mkdir(parents=True)
    (directory / "ca.crt").write_text(certificates.ljust((48 << 10) - 1, "#") + "\n")
  conf = tmp_path / "registries.conf"
  conf.write_text('[[registry]]\nlocation = "registry.invalid/app"\n' + "".join(
      '[[registry.mirror]]\nlocation = "%s"\ninsecure = true\n' % mirror for mirror in mirrors))
  mark = registry.mark()
  result = programs.holkas("--registries-conf", conf, "inspect", "docker://registry.invalid/app:1",
                           env={"HOME": str(tmp_path)})
  if fits:
    assert json.loads(result.ok().stdout)["RepoTags"] == ["1"]
    assert registry.requests(mark)
  else:
    assert result.code == 1
    assert re.search("certificates of all its registries and mirrors has [0-9]+ bytes, at most 1048576",
                     result.stderr)
