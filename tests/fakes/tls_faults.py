"""What a scripted registry does wrong with TLS."""

import socket

from fakes import actions as fake

# How an answer to a hello begins: the head of a record, and of a ServerHello in it.
SERVER_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
BAD_RECORD = b"\x17\x03\x03\x00\x20" + b"x" * 32


def handshake(data=b"", and_reset=False, and_stall=False):
  """Answers a hello with these bytes and hangs up, for `on("TLS", "", ...)`."""
  def act(handler, unused_body):
    handler.connection = handler.request
    handler.request.recv(1 << 16)
    handler.request.sendall(data)
    if and_stall:
      handler.wait_for_hangup()
    if and_reset:
      fake.set_to_reset(handler)
  return act


def beside_tls(data, after=0):
  """Sends `after` bytes of the body, and then these bytes as they are."""
  def act(handler, body):
    fake.send_part(handler, body, after)
    socket.socket.sendall(handler.connection, data)
    handler.close_connection = True
  return act


def polite(act):
  """Does so, and ends the connection with a close_notify, which the others do not."""
  def then(handler, body):
    act(handler, body)
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.settimeout(2)
    handler.connection.unwrap()
  return then
