#include "tests/lab/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "rules/base/check.h"

namespace vc::lab {
namespace {

template <auto free_function>
struct Free {
    void operator()(auto* pointer) const { free_function(pointer); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free_all>>;

constexpr long hour = 3600;

std::string text_of(BIO* memory) {
    char* start = nullptr;
    const long size = BIO_get_mem_data(memory, &start);
    return std::string(start, static_cast<std::size_t>(size));
}

std::string pem_of(X509* certificate) {
    const Memory memory{BIO_new(BIO_s_mem())};
    PEM_write_bio_X509(memory.get(), certificate);
    return text_of(memory.get());
}

std::string pem_of(EVP_PKEY* key) {
    const Memory memory{BIO_new(BIO_s_mem())};
    PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return text_of(memory.get());
}

void extend(X509* certificate, X509* issuer, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
    VC_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value.c_str());
    X509_EXTENSION_free(extension);
}

Certificate blank(const std::string& name, long serial, EVP_PKEY* key, long from, long to) {
    Certificate made{X509_new()};
    VC_CHECK(made != nullptr && key != nullptr, "OpenSSL makes a key");
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), to);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, text, -1, -1,
                               0);
    X509_set_pubkey(made.get(), key);
    return made;
}

}  // namespace

struct Authority::Keys {
    Key key{EVP_EC_gen("P-256")};
    Certificate certificate;
};

Authority::Authority() : keys_(std::make_unique<Keys>()) {
    keys_->certificate =
        blank("the lab's test authority", serial_++, keys_->key.get(), -hour, 24 * 365 * hour);
    X509* own = keys_->certificate.get();
    X509_set_issuer_name(own, X509_get_subject_name(own));
    extend(own, own, NID_basic_constraints, "critical,CA:TRUE");
    extend(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(own, own, NID_subject_key_identifier, "hash");
    VC_CHECK(X509_sign(own, keys_->key.get(), EVP_sha256()) > 0, "OpenSSL signs");
    certificate_ = pem_of(own);
}

Authority::~Authority() = default;

Pem Authority::issue(const Wish& wish) {
    const Key key{EVP_EC_gen("P-256")};
    const long from = wish.expired ? -48 * hour : -hour;
    const long to = wish.expired ? -hour : 24 * 30 * hour;
    const Certificate made = blank(wish.name, serial_++, key.get(), from, to);
    X509* issuer = keys_->certificate.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    extend(made.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
    extend(made.get(), issuer, NID_key_usage, "critical,digitalSignature");
    extend(made.get(), issuer, NID_ext_key_usage, wish.client ? "clientAuth" : "serverAuth");
    extend(made.get(), issuer, NID_subject_key_identifier, "hash");
    extend(made.get(), issuer, NID_authority_key_identifier, "keyid");
    std::string hosts;
    for (const std::string& host : wish.hosts)
        hosts += (hosts.empty() ? "" : ",") + host;
    if (!hosts.empty()) extend(made.get(), issuer, NID_subject_alt_name, hosts);
    VC_CHECK(X509_sign(made.get(), keys_->key.get(), EVP_sha256()) > 0, "OpenSSL signs");
    return {pem_of(made.get()), pem_of(key.get())};
}

}  // namespace vc::lab
