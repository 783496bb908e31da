#include "tests/lab/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace vc::lab {
namespace {

namespace ssl = boost::asio::ssl;
using Stream = ssl::stream<Socket>;
using Error = boost::system::error_code;

class Encrypted : public Transport {
  public:
    explicit Encrypted(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {
        encrypted = true;
        X509* shown = SSL_get1_peer_certificate(stream_->native_handle());
        if (shown == nullptr) return;
        char name[256] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof name);
        certificate = name;
        X509_free(shown);
    }
    void write(boost::asio::const_buffer all, Done done) override {
        boost::asio::async_write(*stream_, all, std::move(done));
    }
    void close() override {
        Error ignored;
        stream_->next_layer().close(ignored);
    }
    void reset() override { reset_socket(stream_->next_layer()); }
    boost::asio::any_io_executor executor() override { return stream_->get_executor(); }

  protected:
    void read_more(boost::asio::mutable_buffer into, Done done) override {
        stream_->async_read_some(into, std::move(done));
    }

  private:
    std::unique_ptr<Stream> stream_;
};

// A handshake that is going on. Shared with its own pending operation, and seen by cancel().
struct Handshake : std::enable_shared_from_this<Handshake> {
    std::unique_ptr<Stream> stream;
    Tls::Done done;

    void run(ssl::stream_base::handshake_type role) {
        stream->async_handshake(role, [self = shared_from_this()](const Error& error) {
            if (!self->done) return;
            const auto done = std::exchange(self->done, nullptr);
            if (error) return done(nullptr);
            done(std::make_unique<Encrypted>(std::move(self->stream)));
        });
    }
};

Tls::Pending begin(std::unique_ptr<Stream> stream, ssl::stream_base::handshake_type role,
                   Tls::Done done) {
    const auto handshake = std::make_shared<Handshake>();
    handshake->stream = std::move(stream);
    handshake->done = std::move(done);
    handshake->run(role);
    return {[seen = std::weak_ptr<Handshake>(handshake)] {
        const auto going_on = seen.lock();
        if (!going_on || !going_on->stream) return;
        going_on->done = nullptr;
        Error ignored;
        going_on->stream->next_layer().close(ignored);
    }};
}

boost::asio::const_buffer view(const std::string& text) {
    return boost::asio::buffer(text.data(), text.size());
}

void show(ssl::context& context, const Pem& pem) {
    context.use_certificate_chain(view(pem.certificate));
    context.use_private_key(view(pem.key), ssl::context::pem);
}

Result<void> write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::trunc | std::ios::binary);
    file << text;
    if (!file.flush()) return failure(path + ": cannot be written");
    return {};
}

}  // namespace

struct Tls::Contexts {
    ssl::context good{ssl::context::tls_server};
    ssl::context expired{ssl::context::tls_server};
    ssl::context wrong_host{ssl::context::tls_server};
    ssl::context anonymous{ssl::context::tls_client};
    ssl::context known{ssl::context::tls_client};
};

Tls::Tls(const std::vector<std::string>& addresses)
    : client_(authority_.issue({"lab-client", {}, true, false})),
      contexts_(std::make_unique<Contexts>()) {
    std::vector<std::string> hosts{"DNS:localhost", "IP:127.0.0.1"};
    for (const std::string& address : addresses)
        hosts.push_back("IP:" + address);
    show(contexts_->good, authority_.issue({"localhost", hosts, false, false}));
    show(contexts_->expired, authority_.issue({"localhost", hosts, false, true}));
    show(contexts_->wrong_host,
         authority_.issue({"elsewhere.invalid", {"DNS:elsewhere.invalid"}, false, false}));
    for (ssl::context* server : {&contexts_->good, &contexts_->expired, &contexts_->wrong_host}) {
        server->set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
        server->add_certificate_authority(view(authority()));
        server->set_verify_mode(ssl::verify_peer);
        SSL_CTX_set_session_id_context(server->native_handle(),
                                       reinterpret_cast<const unsigned char*>("lab"), 3);
    }
    for (ssl::context* client : {&contexts_->anonymous, &contexts_->known}) {
        client->add_certificate_authority(view(authority()));
        client->set_verify_mode(ssl::verify_peer);
    }
    show(contexts_->known, client_);
}

Tls::~Tls() = default;

Result<void> Tls::write_to(const std::string& directory) const {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
        return failure(directory + ": cannot be made: " + std::strerror(errno));
    }
    const auto put = [&](const char* name, const std::string& text) {
        return write_file(directory + "/" + name, text);
    };
    if (auto done = put("ca.pem", authority()); !done) return done;
    if (auto done = put("client.pem", client_.certificate); !done) return done;
    return put("client.key", client_.key);
}

Tls::Pending Tls::accept(Socket socket, TlsFace face, Done done) {
    ssl::context& context = face == TlsFace::Expired     ? contexts_->expired
                            : face == TlsFace::WrongHost ? contexts_->wrong_host
                                                         : contexts_->good;
    return begin(std::make_unique<Stream>(std::move(socket), context), ssl::stream_base::server,
                 std::move(done));
}

Tls::Pending Tls::connect(Socket socket, const std::string& host, bool with_certificate,
                          Done done) {
    ssl::context& context = with_certificate ? contexts_->known : contexts_->anonymous;
    auto stream = std::make_unique<Stream>(std::move(socket), context);
    stream->set_verify_callback(ssl::host_name_verification(host));
    return begin(std::move(stream), ssl::stream_base::client, std::move(done));
}

}  // namespace vc::lab
