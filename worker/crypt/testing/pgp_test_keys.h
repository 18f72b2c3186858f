#ifndef HOLKAS_WORKER_CRYPT_TESTING_PGP_TEST_KEYS_H_
#define HOLKAS_WORKER_CRYPT_TESTING_PGP_TEST_KEYS_H_

namespace holkas {

// Keys and messages for tests of OpenPGP, made by GnuPG 2.2. The keys protect nothing.

// A key as it is exported: the public part, and the secret one, armored. What is locked opens with
// `secret`.
struct PgpTestKey {
  const char* public_key;
  const char* secret_key;
};

// A primary key that signs, with a subkey of RSA.
extern const PgpTestKey kPgpRsaReader;
// A primary key of RSA that encrypts, too. Locked.
extern const PgpTestKey kPgpLockedReader;
// Ed25519, with a subkey on Curve25519.
extern const PgpTestKey kPgpCurveReader;
// On NIST's curves. Locked.
extern const PgpTestKey kPgpNist256Reader;
extern const PgpTestKey kPgpNist384Reader;
extern const PgpTestKey kPgpNist521Reader;

// Public keys for which nothing can be encrypted: it signs alone; it expired on 2020-02-01; its
// subkey is revoked.
extern const char* const kPgpSigner;
extern const char* const kPgpExpired;
extern const char* const kPgpRevoked;

// What the messages below say.
extern const char* const kPgpText;
// For one recipient; compressed, as GnuPG does by itself. Armored, as all of these.
extern const char* const kPgpForRsa;
extern const char* const kPgpForLocked;
extern const char* const kPgpForCurve;
extern const char* const kPgpForNist256;
// For the readers with RSA and on Curve25519, neither of whom it names.
extern const char* const kPgpForHidden;
// For the reader with RSA, without protection of its integrity.
extern const char* const kPgpUnprotectedMessage;
// For the reader on Curve25519, 300000 bytes of zeros.
extern const char* const kPgpBomb;

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_TESTING_PGP_TEST_KEYS_H_
