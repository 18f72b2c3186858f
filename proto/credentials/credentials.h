#ifndef HOLKAS_PROTO_CREDENTIALS_CREDENTIALS_H_
#define HOLKAS_PROTO_CREDENTIALS_CREDENTIALS_H_

#include <string>
#include <variant>

namespace holkas {

// What a user proves to a registry who they are with. Never logged, never part of a message.

// Nothing: the registry is accessed anonymously.
struct NoCredentials {
  bool operator==(const NoCredentials&) const { return true; }
};

// HTTP Basic credentials (RFC 7617).
struct UserPassword {
  std::string user;
  std::string password;
  bool operator==(const UserPassword&) const = default;
};

// A token to get others with (distribution: docs/spec/auth/oauth).
struct IdentityToken {
  std::string token;
  // Whose it is, for people; may be empty.
  std::string user;
  bool operator==(const IdentityToken&) const = default;
};

using Credentials = std::variant<NoCredentials, UserPassword, IdentityToken>;

// A program that keeps credentials: `docker-credential-NAME`, asked for `server`.
struct HelperEntry {
  std::string name;
  std::string server;
  // Whether its failing is an error. Not where nothing says that it has credentials for the server:
  // Skopeo would not ask it, and its users are not to be worse off.
  bool required = true;
  bool operator==(const HelperEntry&) const = default;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_CREDENTIALS_H_
