"""A TCP proxy that breaks connections after so many bytes."""

import socket
import struct
import threading


class BreakingProxy:
  """Runs while it is entered as a context; hands connections on to `target`, a host:port.

  A connection is reset when its client has sent `budget` bytes, as long as fewer than `breaks`
  were; `broken` counts them. `outage` refuses every connection while it is set.
  """

  def __init__(self, target, budget=0, breaks=0):
    host, port = target.rsplit(":", 1)
    self._target = (host, int(port))
    self._budget = budget
    self._breaks = breaks
    self.broken = 0
    self.outage = threading.Event()
    self._sockets = set()
    self._lock = threading.Lock()

  def __enter__(self):
    self._listener = socket.create_server(("127.0.0.1", 0))
    self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
    threading.Thread(target=self._accept, daemon=True).start()
    return self

  def __exit__(self, *unused):
    self._listener.close()
    self.break_all()

  def break_all(self):
    """Resets every connection."""
    with self._lock:
      sockets, self._sockets = self._sockets, set()
    for each in sockets:
      _reset(each)

  def _accept(self):
    while True:
      try:
        client, _ = self._listener.accept()
      except OSError:
        return
      if self.outage.is_set():
        _reset(client)
        continue
      server = socket.create_connection(self._target)
      with self._lock:
        self._sockets |= {client, server}
      budget = self._budget if self.broken < self._breaks else None
      threading.Thread(target=self._pump, args=(client, server, budget), daemon=True).start()
      threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

  def _pump(self, source, sink, budget):
    try:
      while budget is None or budget > 0:
        data = source.recv(65536 if budget is None else min(65536, budget))
        if not data:
          sink.shutdown(socket.SHUT_WR)
          return
        sink.sendall(data)
        budget = None if budget is None else budget - len(data)
      with self._lock:
        self.broken += 1
    except OSError:
      pass
    _reset(source)
    _reset(sink)


def _reset(connection):
  try:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)  # wakes who waits for it
  except OSError:
    pass
  connection.close()
