"""grpcurl, a client that knows no more of the service than its reflection tells."""

import os
import shutil

import pytest


def program():
  """Where it is; skips the test where it is not installed."""
  path = os.environ.get("GRPCURL") or shutil.which("grpcurl")
  if not path or not os.access(path, os.X_OK):
    pytest.skip("GRPCURL is not set and grpcurl is not installed")
  return path
