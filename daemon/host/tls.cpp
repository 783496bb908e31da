#include "daemon/host/tls.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "daemon/host/file.h"
#include "rules/base/check.h"

namespace vc {
namespace {

constexpr std::size_t most_file_bytes = 1 << 20;

template <auto free_function>
struct Free {
    void operator()(auto* pointer) const { free_function(pointer); }
};
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Free<SSL_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Method = std::unique_ptr<BIO_METHOD, Free<BIO_meth_free>>;

// The first of OpenSSL's complaints: those that follow only say who passed it on.
std::string complaint() {
    const unsigned long code = ERR_peek_error();
    const char* words = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return words != nullptr ? words : "no reason is known";
}

std::optional<WallTime> expiry_of(const X509* certificate) {
    std::tm time{};
    if (certificate == nullptr) return std::nullopt;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return std::nullopt;
    return WallTime{static_cast<std::int64_t>(timegm(&time)) * 1'000'000'000};
}

// What tells one state of a file from another. A rotation may keep the time and change the inode,
// or the reverse.
struct Stamp {
    bool exists = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
};

Stamp stamp_of(const std::string& path) {
    struct stat found {};
    if (path.empty() || ::stat(path.c_str(), &found) != 0) return {};
    return {true, found.st_dev, found.st_ino, found.st_size,
            std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec};
}

using Stamps = std::array<Stamp, 4>;

std::string or_else(const char* value, const char* otherwise) {
    return value != nullptr ? value : otherwise;
}

Stamps stamps_of(const TlsFiles& files) {
    Stamps stamps{stamp_of(files.certificate), stamp_of(files.key), {}, {}};
    if (files.ca.empty()) {
        // Where OpenSSL itself looks for the system's.
        const char* file = std::getenv(X509_get_default_cert_file_env());
        const char* folder = std::getenv(X509_get_default_cert_dir_env());
        stamps[2] = stamp_of(or_else(file, X509_get_default_cert_file()));
        stamps[3] = stamp_of(or_else(folder, X509_get_default_cert_dir()));
    } else {
        stamps[2] = stamp_of(files.ca);
    }
    return stamps;
}

Bio memory_of(const std::string& text) {
    return Bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

// A prompt on the terminal is what OpenSSL would do.
int no_password(char*, int, int, void*) {
    return -1;
}

Result<void> trust_file(SSL_CTX* context, const std::string& path) {
    const auto bad = [&path](const std::string& why) {
        return failure("cannot load the trusted certificates " + path + ": " + why);
    };
    const auto text = read_file(path, most_file_bytes);
    if (!text) return bad(text.error().message);
    const Bio memory = memory_of(*text);
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    int found = 0;
    for (;; ++found) {
        const Certificate one{PEM_read_bio_X509_AUX(memory.get(), nullptr, no_password, nullptr)};
        if (!one) break;
        if (X509_STORE_add_cert(store, one.get()) != 1) return bad(complaint());
    }
    const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!at_the_end) return bad(complaint());
    ERR_clear_error();
    if (found == 0) return bad("it holds none");
    return {};
}

Result<void> trust_system(SSL_CTX* context) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return failure("cannot load the trusted certificates of the system: " + complaint());
}

Result<void> use_certificate(SSL_CTX* context, const std::string& path) {
    const auto bad = [&path](const std::string& why) {
        return failure("cannot use the certificate " + path + ": " + why);
    };
    const auto text = read_file(path, most_file_bytes);
    if (!text) return bad(text.error().message);
    const Bio memory = memory_of(*text);
    const Certificate own{PEM_read_bio_X509_AUX(memory.get(), nullptr, no_password, nullptr)};
    if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return bad(complaint());
    for (;;) {
        Certificate one{PEM_read_bio_X509(memory.get(), nullptr, no_password, nullptr)};
        if (!one) break;
        if (SSL_CTX_add0_chain_cert(context, one.get()) != 1) return bad(complaint());
        static_cast<void>(one.release());  // the context's now
    }
    ERR_clear_error();
    return {};
}

Result<void> use_key(SSL_CTX* context, const std::string& path) {
    const auto bad = [&path](const std::string& why) {
        return failure("cannot use the key " + path + ": " + why);
    };
    auto text = read_file(path, most_file_bytes);
    if (!text) return bad(text.error().message);
    const Bio memory = memory_of(*text);
    const Key key{PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr)};
    OPENSSL_cleanse(text->data(), text->size());
    if (!key) {
        ERR_clear_error();
        return bad("it is no PEM, or needs a password");
    }
    // Checks that it belongs to the certificate, too.
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) return bad(complaint());
    return {};
}

Result<Context> make_context(const TlsFiles& files) {
    ERR_clear_error();
    Context context{SSL_CTX_new(TLS_client_method())};
    if (!context) return failure("cannot make a TLS context: " + complaint());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context.get(), 1);  // one system call a record instead of two
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    auto done =
        files.ca.empty() ? trust_system(context.get()) : trust_file(context.get(), files.ca);
    if (done && !files.certificate.empty())
        done = use_certificate(context.get(), files.certificate);
    if (done && !files.key.empty()) done = use_key(context.get(), files.key);
    if (!done) return tl::unexpected(done.error());
    return context;
}

// What OpenSSL reads from and writes to, and how that went last.
struct Socket {
    int number = -1;
    bool ended = false;
    int error = 0;
};

bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int receive(BIO* bio, char* into, int room) {
    auto& socket = *static_cast<Socket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t got = ::recv(socket.number, into, static_cast<std::size_t>(room), 0);
    if (got == 0) socket.ended = true;
    if (got < 0 && would_block(errno)) {
        BIO_set_retry_read(bio);
    } else if (got < 0) {
        socket.error = errno;
    }
    return static_cast<int>(got);
}

// A peer that has gone is an error, not a signal.
int send(BIO* bio, const char* from, int size) {
    auto& socket = *static_cast<Socket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(socket.number, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && would_block(errno)) {
        BIO_set_retry_write(bio);
    } else if (sent < 0) {
        socket.error = errno;
    }
    return static_cast<int>(sent);
}

long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

Method make_method() {
    Method method{BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket")};
    VC_CHECK(method != nullptr, "OpenSSL makes a method");
    BIO_meth_set_read(method.get(), receive);
    BIO_meth_set_write(method.get(), vc::send);
    BIO_meth_set_ctrl(method.get(), control);
    return method;
}

}  // namespace

struct TlsTrust::State {
    TlsFiles files;
    Stamps stamps;
    Context context;
    Method method = make_method();
    std::function<void(const Result<void>&)> told;
};

TlsTrust::TlsTrust(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsTrust::~TlsTrust() = default;

Result<std::shared_ptr<TlsTrust>> TlsTrust::load(const TlsFiles& files) {
    if (files.certificate.empty() != files.key.empty()) {
        return failure("a certificate and its key are given together");
    }
    auto state = std::make_unique<State>();
    state->files = files;
    state->stamps = stamps_of(files);  // before they are read: a change meanwhile is seen later
    auto context = make_context(files);
    if (!context) return tl::unexpected(context.error());
    state->context = std::move(*context);
    return std::shared_ptr<TlsTrust>(new TlsTrust(std::move(state)));
}

Result<std::shared_ptr<TlsTrust>> TlsTrust::load(const std::string& ca_file) {
    return load(TlsFiles{ca_file, "", ""});
}

void TlsTrust::refresh() {
    const Stamps stamps = stamps_of(state_->files);
    if (stamps == state_->stamps) return;
    state_->stamps = stamps;
    auto context = make_context(state_->files);
    Result<void> taken;
    if (context) {
        state_->context = std::move(*context);
    } else {
        taken = tl::unexpected(context.error());
    }
    if (state_->told) state_->told(taken);
}

void TlsTrust::on_refresh(std::function<void(const Result<void>&)> told) {
    state_->told = std::move(told);
}

std::optional<WallTime> TlsTrust::own_expiry() const {
    return expiry_of(SSL_CTX_get0_certificate(state_->context.get()));
}

struct TlsConnection::State {
    std::shared_ptr<TlsTrust> trust;  // its method is used as long as there are connections
    Socket socket;
    Session session;
    bool shaken = false;
    End end = End::none;
    std::string why;

    Step settle(int result, std::size_t bytes);
    void finish(int error);
};

TlsConnection::TlsConnection(std::shared_ptr<TlsTrust> trust, const std::string& host, int socket)
    : state_(std::make_unique<State>()) {
    state_->socket.number = socket;
    state_->session.reset(SSL_new(trust->state_->context.get()));
    BIO* bio = BIO_new(trust->state_->method.get());
    VC_CHECK(state_->session && bio != nullptr, "OpenSSL makes a session");
    state_->trust = std::move(trust);
    SSL* session = state_->session.get();
    BIO_set_data(bio, &state_->socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(session, bio, bio);
    X509_VERIFY_PARAM* wanted = SSL_get0_param(session);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {
        X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        const bool named = !host.empty() && X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), 0);
        VC_CHECK(named, "a host has a name that can be verified");  // none would verify nothing
        SSL_set_tlsext_host_name(session, host.c_str());
    }
    SSL_set_connect_state(session);
}

TlsConnection::~TlsConnection() = default;

TlsConnection::Step TlsConnection::State::settle(int result, std::size_t bytes) {
    if (result == 1) return {Next::done, bytes};
    const int error = SSL_get_error(session.get(), result);
    if (error == SSL_ERROR_WANT_READ) return {Next::readable, 0};
    if (error == SSL_ERROR_WANT_WRITE) return {Next::writable, 0};
    if (end == End::none) finish(error);
    return {Next::ended, 0};
}

// The socket's own end comes first: OpenSSL reports it as a breach of TLS.
void TlsConnection::State::finish(int error) {
    const long verified = SSL_get_verify_result(session.get());
    if (!shaken && verified != X509_V_OK) {
        end = End::refused;
        why = X509_verify_cert_error_string(verified);
    } else if (socket.error != 0) {
        end = End::reset;
        why = std::strerror(socket.error);
    } else if (socket.ended || error == SSL_ERROR_ZERO_RETURN) {
        end = End::peer_closed;
        why = "the peer closed the connection";
    } else {
        end = End::refused;
        why = complaint();
    }
    ERR_clear_error();
}

TlsConnection::Step TlsConnection::shake_hands() {
    ERR_clear_error();
    const Step step = state_->settle(SSL_do_handshake(state_->session.get()), 0);
    if (step.next == Next::done) state_->shaken = true;
    return step;
}

TlsConnection::Step TlsConnection::read(char* into, std::size_t room) {
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_read_ex(state_->session.get(), into, room, &bytes);
    return state_->settle(result, bytes);
}

TlsConnection::Step TlsConnection::write(std::string_view bytes) {
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(state_->session.get(), bytes.data(), bytes.size(), &written);
    return state_->settle(result, written);
}

void TlsConnection::close() {
    if (state_->socket.number < 0) return;
    if (state_->shaken && state_->end == End::none) {
        SSL_shutdown(state_->session.get());
        ERR_clear_error();
    }
    state_->socket.number = -1;  // it may be another's soon
}

TlsConnection::End TlsConnection::end() const {
    return state_->end;
}

std::string TlsConnection::why() const {
    return state_->why;
}

std::optional<WallTime> TlsConnection::certificate_expires() const {
    return expiry_of(SSL_get0_peer_certificate(state_->session.get()));
}

}  // namespace vc
