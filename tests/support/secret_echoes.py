"""Answers of servers that say again what they were told."""

import base64
import json

from fakes import actions as fake


def echo_text(handler):
  """What a server knows of a request's secrets."""
  header = handler.headers.get("Authorization", "")
  kind, _, value = header.partition(" ")
  decoded = base64.b64decode(value).decode() if kind == "Basic" else ""
  return "%s %s" % (header, decoded)


class Echoes:
  """Answers that have the secret in them."""

  @staticmethod
  def message(handler, unused_body):
    handler.respond(403, json.dumps({"errors": [{
        "code": "DENIED", "message": "no: " + echo_text(handler)}]}).encode(),
                    {"Content-Type": "application/json"})

  @staticmethod
  def message_of_401(handler, unused_body):
    handler.respond(401, json.dumps({"errors": [{
        "code": "UNAUTHORIZED", "message": "no: " + echo_text(handler)}]}).encode(),
                    {"Content-Type": "application/json", "WWW-Authenticate": 'Basic realm="x"'})

  @staticmethod
  def code(handler, unused_body):
    handler.respond(403, json.dumps({"errors": [{"code": echo_text(handler)}]}).encode(),
                    {"Content-Type": "application/json"})

  @staticmethod
  def page(handler, unused_body):
    handler.respond(403, ("<html>%s</html>" % echo_text(handler)).encode(),
                    {"Content-Type": "text/html"})

  @staticmethod
  def reason_phrase(handler, unused_body):
    fake.raw(("HTTP/1.1 403 %s\r\nContent-Length: 0\r\n\r\n" % echo_text(handler)).encode())(
        handler, b"")

  @staticmethod
  def malformed_head(handler, unused_body):
    fake.raw(("%s\r\n\r\n" % echo_text(handler)).encode())(handler, b"")

  @staticmethod
  def headers(handler, unused_body):
    text = echo_text(handler)
    handler.respond(403, b"", {name: text for name in (
        "Location", "Docker-Content-Digest", "Content-Type", "Retry-After", "X-Echo", "Warning",
        "Set-Cookie", "Server")})

  @staticmethod
  def media_type(handler, body):
    handler.respond(200, body, {"Content-Type": "text/" + echo_text(handler).split()[-1]})

  @staticmethod
  def digest(handler, body):
    handler.respond(200, body, {**handler.truth,
                                "Docker-Content-Digest": echo_text(handler).split()[-1]})

  @staticmethod
  def location(handler, unused_body):
    handler.respond(307, b"", {"Location": "gopher://" + echo_text(handler).split()[-1]})

  @staticmethod
  def challenge(handler, unused_body):
    handler.respond(401, b"", {"WWW-Authenticate": 'Bearer realm="%s"' % echo_text(handler)})

  @staticmethod
  def manifest(handler, unused_body):
    text = echo_text(handler).split()[-1]
    handler.respond(200, json.dumps({"schemaVersion": 2, "mediaType": "x/" + text, "config": {
        "digest": text}}).encode(), {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})


ECHOES = ("message", "message_of_401", "code", "page", "reason_phrase", "malformed_head", "headers",
          "media_type", "digest", "location", "challenge", "manifest")
