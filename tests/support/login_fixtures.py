"""Fixtures of the tests of logins: a home, and a registry that wants a password."""

import pytest

from support.login_home import Home
from support.password_registry import PasswordRegistry

__all__ = ["home", "registry"]


@pytest.fixture
def home(tmp_path):
  return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
  with PasswordRegistry(tmp_path_factory.mktemp("password-registry")) as registry:
    yield registry
