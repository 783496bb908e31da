#include "tests/daemon/host/localhost_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "rules/base/check.h"

namespace vc {
namespace {

template <auto free_function>
struct Free {
    void operator()(auto* pointer) const { free_function(pointer); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free_all>>;

std::string text_of(BIO* memory) {
    char* start = nullptr;
    const long size = BIO_get_mem_data(memory, &start);
    return std::string(start, static_cast<std::size_t>(size));
}

void add_extension(X509* certificate, int id, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    VC_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

}  // namespace

PemPair make_certificate(const CertificateWish& wish) {
    const Key key{EVP_EC_gen("P-256")};
    const Certificate certificate{X509_new()};
    VC_CHECK(key && certificate, "OpenSSL makes a key");
    X509* x509 = certificate.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x509), wish.expired ? -3600 : 24 * 3600);
    X509_NAME* name = X509_get_subject_name(x509);
    const auto* owner = reinterpret_cast<const unsigned char*>(wish.name.c_str());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, owner, -1, -1, 0);
    X509_set_pubkey(x509, key.get());
    if (!wish.valid_for.empty()) {
        add_extension(x509, NID_subject_alt_name, wish.valid_for.c_str());
    }
    if (wish.is_ca) add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
    if (wish.issuer != nullptr) {
        const Memory issuer{BIO_new_mem_buf(wish.issuer->certificate.data(), -1)};
        const Memory issuer_key{BIO_new_mem_buf(wish.issuer->key.data(), -1)};
        const Certificate by{PEM_read_bio_X509(issuer.get(), nullptr, nullptr, nullptr)};
        const Key with{PEM_read_bio_PrivateKey(issuer_key.get(), nullptr, nullptr, nullptr)};
        X509_set_issuer_name(x509, X509_get_subject_name(by.get()));
        VC_CHECK(X509_sign(x509, with.get(), EVP_sha256()) > 0, "OpenSSL signs");
    } else {
        X509_set_issuer_name(x509, name);
        VC_CHECK(X509_sign(x509, key.get(), EVP_sha256()) > 0, "OpenSSL signs");
    }

    const Memory key_text{BIO_new(BIO_s_mem())};
    const Memory certificate_text{BIO_new(BIO_s_mem())};
    PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    PEM_write_bio_X509(certificate_text.get(), x509);
    return {text_of(key_text.get()), text_of(certificate_text.get())};
}

PemPair make_localhost_certificate() {
    CertificateWish wish;
    wish.is_ca = true;
    return make_certificate(wish);
}

}  // namespace vc
