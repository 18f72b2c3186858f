"""Every place to every place, in every form: what Holkas makes is what Skopeo makes, and others read it.

A cell copies one image with both programs. Without a line in DIFFERENCES, both results are the same
to the byte, or both programs refuse in the same words; with one, what it says comes true.
"""

import collections
import gzip
import json
import os
import shutil

import pytest

from bench.measure import hide_skopeos_cache
from conftest import SOAK
from support.dockerd import Dockerd
from support.oracle import sha256
from support.places import (Dir, DockerArchive, DockerDaemon, DockerRegistry, OciArchive, OciLayout,
                            Store)
from support.programs import run
from support.real_image import EMPTY_TAR, RealImage

Cell = collections.namedtuple("Cell", "source form destination options")
Difference = collections.namedtuple("Difference", "outcome where why says", defaults=[""])

# What comes of a cell.
SAME = "the same"
LEFT = "the same but for what nothing names"
ORDER = "the same but for the order"
COMPRESSED = "the same but for compression"
TYPES = "the same but for layers' types"
REFUSED, REWORDED = "both refuse, in the same words", "both refuse, each in its words"
OURS_REFUSES, THEIRS_REFUSES = "Holkas alone refuses", "Skopeo alone refuses"
OTHER = "something else"

PLACES = {"docker": DockerRegistry, "dir": Dir, "oci": OciLayout, "oci-archive": OciArchive,
          "docker-archive": DockerArchive, "docker-daemon": DockerDaemon,
          "overlay": Store, "vfs": Store}
SOURCES = [*PLACES, "tarball"]
STORES = ("overlay", "vfs")
# Skopeo's flags that put an image into a place as a source, by form.
FORMS = {"oci": ["--format=oci"], "v2s2": ["--format=v2s2"], "v2s1": ["--format=v2s1"],
         "index": ["--all"], "list": ["--all", "--format=v2s2"]}
OPTIONS = ([], ["--format=oci"], ["--format=v2s2"], ["--format=v2s1"], ["--all"],
           ["--all", "--format=oci"], ["--all", "--format=v2s2"])

IMAGES_OF_DOCKER = ("docker-archive", "docker-daemon")
LAYOUTS = ("oci", "oci-archive")
UNPACKED = (*IMAGES_OF_DOCKER, *STORES, "tarball")  # what has plain layers
NO_SUCH_TYPE = "the destination does not take manifests of type application/"


def is_group(cell):
  """Whether several images are copied: of an index, but of one in a store."""
  return "--all" in cell.options and cell.source not in STORES


def kept_format(cell):
  """The form of the source; of an index, of its images."""
  return {"index": "oci", "list": "v2s2", "files": "oci"}.get(cell.form, cell.form)


def format_of(cell):
  """The form of what is written, of an index, of its images."""
  return cell.options.partition("--format=")[2] or kept_format(cell)


def is_stored_schema1(cell):
  return cell.source in STORES and cell.form == "v2s1"


def is_taken(cell):
  """Whether a destination takes what is written."""
  if is_group(cell) and cell.destination in (*IMAGES_OF_DOCKER, *STORES):
    return False
  forced = "--format" in cell.options
  takes = {"docker-archive": ("v2s2",), "docker-daemon": ("v2s2",), "oci": ("oci",),
           "oci-archive": ("oci",), "overlay": ("oci", "v2s2"), "vfs": ("oci", "v2s2")}
  return not forced or format_of(cell) in takes.get(cell.destination, FORMS)


def is_copied(cell):
  return not is_stored_schema1(cell) and is_taken(cell)


def is_mistyped(cell):
  return cell.source in STORES and format_of(cell) != "v2s1"


GZIPPED = "Skopeo says that a store's layers are compressed, which are plain"

DIFFERENCES = [
    Difference(REWORDED, is_stored_schema1, "Skopeo says that the layers are too few",
               "images of Docker's schema 1 are not read from a store"),
    Difference(REWORDED, lambda c: not is_stored_schema1(c) and not is_taken(c) and
               (c.destination in IMAGES_OF_DOCKER or is_group(c) and c.destination in STORES),
               "Holkas names the type that is not taken, before it reads a layer", NO_SUCH_TYPE),
    Difference(OURS_REFUSES, lambda c: not is_stored_schema1(c) and not is_taken(c) and
               c.destination in LAYOUTS,
               "Skopeo makes layouts that are none: with manifests of Docker's", NO_SUCH_TYPE),
    Difference(OURS_REFUSES, lambda c: not is_stored_schema1(c) and not is_taken(c) and
               c.destination in STORES and not is_group(c),
               "Skopeo stores images of schema 1, which neither reads again", NO_SUCH_TYPE),
    Difference(COMPRESSED, lambda c: is_copied(c) and c.source in UNPACKED and
               c.destination in ("docker", *LAYOUTS),
               "plain layers are compressed, and no two programs do it alike"),
    Difference(COMPRESSED, lambda c: is_copied(c) and c.source in STORES and
               c.destination == "dir" and format_of(c) == "v2s1",
               "schema 1 is of layers that are compressed, and no two programs do it alike"),
    Difference(ORDER, lambda c: is_copied(c) and c.source == "docker-daemon" and
               c.destination == "docker-archive",
               "Holkas writes layers as the daemon sends them, and keeps none on the way"),
    Difference(TYPES, lambda c: is_copied(c) and is_mistyped(c) and c.destination == "dir", GZIPPED),
    Difference(OTHER, lambda c: is_copied(c) and is_mistyped(c) and c.destination in STORES, GZIPPED),
    Difference(LEFT, lambda c: is_copied(c) and c.form == "v2s1" and
               (c.destination in LAYOUTS or c.destination == "dir" and format_of(c) != "v2s1"),
               "Skopeo leaves the layer behind that schema 1 has for steps without one"),
    Difference(OTHER, lambda c: is_copied(c) and c.form == "v2s1" and c.destination in STORES,
               "what Skopeo makes of schema 1 in a store lacks the image's last layer"),
]


def difference_of(cell):
  """The line of the table that a cell is in; there is one at most."""
  found = [line for line in DIFFERENCES if line.where(cell)]
  assert len(found) <= 1, "%s: %s" % (cell, found)
  return found[0] if found else None


def cells(source, destination):
  """The cells of two places: all, or one of them, at a position of its own."""
  forms = ("files",) if source == "tarball" else PLACES[source].forms
  found = [Cell(source, form, destination, " ".join(options)) for form in forms
           for options in OPTIONS if form in ("index", "list") or "--all" not in options]
  if SOAK:
    return found
  pair = SOURCES.index(source) * len(PLACES) + list(PLACES).index(destination)
  return [found[(pair * 5) % len(found)]]


@pytest.fixture(scope="module")
def dockerd():
  with Dockerd() as daemon:
    yield daemon


@pytest.fixture(scope="module")
def image(tmp_path_factory):
  return RealImage(tmp_path_factory.mktemp("image") / "layout")


class World:
  """Places by name and by whose images are in them."""

  def __init__(self, request, directory):
    self._request, self._directory = request, directory
    self._places, self._sources = {}, {}

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    for place in self._places.values():
      place.__exit__(None, None, None)

  def place(self, name, whose):
    if (name, whose) not in self._places:
      self._places[name, whose] = self._open(name, whose).__enter__()
    return self._places[name, whose]

  def _open(self, name, whose):
    if name == "docker-daemon":
      return DockerDaemon(self._request.getfixturevalue("dockerd"), whose)
    if name in STORES:
      if os.geteuid() != 0:
        pytest.skip("layers have owners: this takes root")
      return Store(name)
    return PLACES[name](self._directory / whose / name)

  def source(self, name, form):
    """The image in a form; Skopeo puts it there. And the flags to come there."""
    if name == "tarball":
      return self._tarball(), []
    place = self.place(name, "sources")
    if (name, form) not in self._sources:
      original = self._request.getfixturevalue("image")
      from_ = original.index if form in ("index", "list") else original.image
      flags = FORMS[form]
      if name in STORES and form in ("index", "list"):
        # A store takes one image of a list, and remembers the list.
        from_, _ = self.source("dir", form)
        flags = []
      skopeo(*flags, *_flags("dest", place), from_, place.image(form)).ok()
      self._sources[name, form] = place.image(form)
    return self._sources[name, form], _flags("src", place)

  def _tarball(self):
    """All layers of the image, one compressed."""
    paths = []
    for number, tar in enumerate(self._request.getfixturevalue("image").tars):
      path = self._directory / ("%d.tar" % number)
      if not path.exists():
        path.write_bytes(gzip.compress(tar, mtime=0) if number == 0 else tar)
        os.utime(path, (1_600_000_000, 1_600_000_000 + number))
      paths.append(str(path))
    return "tarball:" + ":".join(paths)


@pytest.fixture(scope="module")
def world(request, tmp_path_factory):
  with World(request, tmp_path_factory.mktemp("places")) as places:
    yield places


def _flags(side, place):
  return ["--%s-%s" % (side, flag) for flag in place.flags]


def skopeo(*arguments):
  """A copy by Skopeo that knows nothing of those before it."""
  if shutil.which("skopeo") is None:
    pytest.skip("skopeo is not installed")
  return run(["skopeo", "--insecure-policy", "copy", *arguments], preexec_fn=hide_skopeos_cache)


class Copied:
  """What a program made of a cell, or its error."""

  def __init__(self, result):
    self.error = message(result) if result.code != 0 else None
    self.contents = None


def message(result):
  return result.stderr.rstrip().rpartition("\n")[2].partition("level=fatal msg=")[2]


def outcome(ours, theirs):
  if ours.error and theirs.error:
    return REFUSED if ours.error == theirs.error else REWORDED
  if ours.error or theirs.error:
    return OURS_REFUSES if ours.error else THEIRS_REFUSES
  if ours.contents.exact == theirs.contents.exact:
    return SAME
  for kind, what in ((LEFT, "named"), (ORDER, "unordered"), (COMPRESSED, "but_for_compression"),
                     (TYPES, "but_for_types")):
    found = [getattr(copied.contents, what, None) for copied in (ours, theirs)]
    if found[0] is not None and found[0] == found[1]:
      return kind
  return OTHER


def is_wrong(cell, ours, theirs):
  """Why the cell is not as it is to be; None where it is."""
  line = difference_of(cell)
  wanted = line.outcome if line else None
  found = outcome(ours, theirs)
  right = found == wanted if line else found in (SAME, REFUSED)
  if right and line and line.says not in (ours.error or ""):
    right = False
  if right:
    return None
  texts = [copied.error or str(copied.contents and copied.contents.exact)
           for copied in (ours, theirs)]
  at = len(os.path.commonprefix(texts))
  return "%s: wanted is %s, found %s\n  ours: %s\n  theirs: %s" % (
      " ".join(cell), wanted or "no difference", found,
      *(text if "msg" in text or len(text) < 400 else text[max(0, at - 100):at + 200] for text in texts))


def without_empty(diff_ids):
  """Schema 1 has empty layers where there were none."""
  return [[diff_id for diff_id in image if diff_id != sha256(EMPTY_TAR)] for image in diff_ids]


def read_by_a_peer(cell, place, name, directory):
  """The layers of what Holkas wrote, as other programs find them."""
  if cell.destination in STORES:
    shown = place.store(name).podman("image", "inspect", "--format", "{{json .RootFS.Layers}}",
                                     "localhost/image:1").ok()
    return [json.loads(shown.stdout)]
  if cell.destination == "docker-daemon":
    return place.contents(name).diff_ids
  back = Dir(directory)
  skopeo("--all", *_flags("src", place), place.image(name), back.image(name)).ok()
  return back.contents(name).diff_ids


def run_cell(programs, world, image, cell, name, directory):
  """Why the cell is not as it is to be; None where it is."""
  source, flags = world.source(cell.source, cell.form)
  ours, theirs = (world.place(cell.destination, whose) for whose in ("ours", "theirs"))
  arguments = [*cell.options.split(), *flags, *_flags("dest", ours), source]
  result = Copied(programs.holkas("copy", *arguments, ours.image(name),
                                  preexec_fn=hide_skopeos_cache))
  if not result.error:
    result.contents = ours.contents(name)
    diff_ids = read_by_a_peer(cell, ours, name, directory)
    assert diff_ids == result.contents.diff_ids, cell
    assert without_empty(diff_ids) == without_empty(image.diff_ids[:len(diff_ids)]), cell
  ours.remove(name)
  wanted = Copied(skopeo(*arguments, theirs.image(name)))
  # What Holkas refuses to make may be malformed.
  if not wanted.error and not result.error:
    wanted.contents = theirs.contents(name)
  theirs.remove(name)
  return is_wrong(cell, result, wanted)


@pytest.mark.parametrize("destination", list(PLACES))
@pytest.mark.parametrize("source", SOURCES)
def test_cells(programs, world, image, tmp_path, source, destination):
  wrong = []
  for number, cell in enumerate(cells(source, destination)):
    wrong.append(run_cell(programs, world, image, cell, "%s-%d" % (source, number), tmp_path))
  wrong = [text for text in wrong if text]
  assert not wrong, "%d are wrong:\n%s" % (len(wrong), "\n".join(wrong))
