#include "proto/wire/digester.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace holkas {

void Digester::FreeContext::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digester::Digester(absl::string_view algorithm)
    : context_(EVP_MD_CTX_new()), algorithm_(algorithm == "sha512" ? "sha512" : "sha256") {
  const EVP_MD* md = algorithm_ == "sha512" ? EVP_sha512() : EVP_sha256();
  // Fails only where no memory is left, or OpenSSL is built without SHA-2.
  if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), md, nullptr) != 1) {
    std::abort();
  }
}

Digester::Digester(Digester&&) noexcept = default;
Digester& Digester::operator=(Digester&&) noexcept = default;
Digester::~Digester() = default;

void Digester::Update(absl::string_view data) {
  EVP_DigestUpdate(context_.get(), data.data(), data.size());
}

Digest Digester::Finish() {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_.get(), hash, &size);
  absl::string_view bytes(reinterpret_cast<char*>(hash), size);
  return *Digest::Parse(absl::StrCat(algorithm_, ":", absl::BytesToHexString(bytes)));
}

}  // namespace holkas
