"""Listeners that nobody should ever connect to."""

import socket
import threading


class Canary:
  """Listens while it is entered as a context; `connections` counts who came."""

  def __init__(self, address="127.0.0.1"):
    self._address = address
    self.connections = 0

  def __enter__(self):
    family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
    self._listener = socket.create_server((self._address, 0), family=family)
    self.port = self._listener.getsockname()[1]
    threading.Thread(target=self._accept, daemon=True).start()
    return self

  def __exit__(self, *unused):
    self._listener.shutdown(socket.SHUT_RDWR)
    self._listener.close()

  def _accept(self):
    while True:
      try:
        client, _ = self._listener.accept()
      except OSError:
        return
      self.connections += 1
      client.close()
