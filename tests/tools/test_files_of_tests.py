"""A run of tests leaves no files, and needs no more room than its largest test."""

import os
import sys

import pytest

from conftest import ROOT
from support.programs import run

CASES = '''
import pytest

@pytest.fixture
def written(tmp_path):
  (tmp_path / "file").touch()
  yield tmp_path
  assert (tmp_path / "file").exists()  # what is here is there for who tears down

PATHS = []

@pytest.mark.parametrize("number", [1, 2])
def test_case(written, number):
  assert not any(path.exists() and path != written for path in PATHS)
  PATHS.append(written)

def test_last(tmp_path_factory):
  assert PATHS and not any(path.exists() for path in PATHS)
  (tmp_path_factory.mktemp("kept") / "file").touch()
  %s
'''


@pytest.mark.parametrize("last, code", [("pass", 0), ("assert False", 1), ("raise KeyboardInterrupt", 2)],
                         ids=["passes", "fails", "is interrupted"])
def test_nothing_is_left_of_a_run_that(tmp_path, last, code):
  (tmp_path / "test_cases.py").write_text(CASES % last)
  temporary = tmp_path / "t"
  temporary.mkdir()
  result = run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest",
                "--rootdir", tmp_path, tmp_path / "test_cases.py"],
               env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT / "tests")})
  assert result.code == code, result
  assert "2 passed" in result.stdout or "3 passed" in result.stdout, result
  assert list(temporary.iterdir()) == []
