// TLS for the lab's namespaces, over the lab's own authority, and the client's side of it for
// tests. A server asks for a client certificate and goes on without one; a certificate of another
// authority ends the handshake.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rules/base/error.h"
#include "tests/lab/certificates.h"
#include "tests/lab/transport.h"

namespace vc::lab {

// What a server shows: its own certificate, one that has expired, or one for another host.
enum class TlsFace { Good, Expired, WrongHost };

class Tls {
  public:
    using Done = std::function<void(std::unique_ptr<Transport>)>;  // none: the handshake failed

    // `addresses` besides localhost and 127.0.0.1, as "127.0.0.5".
    explicit Tls(const std::vector<std::string>& addresses = {});
    ~Tls();

    const std::string& authority() const { return authority_.certificate(); }
    const Pem& client() const { return client_; }
    // Writes ca.pem, client.pem and client.key into a directory, which is made.
    Result<void> write_to(const std::string& directory) const;

    // Both own the socket until they are done, however long the peer is silent; `cancel` of the
    // answer ends that by closing it.
    struct Pending {
        std::function<void()> cancel;
    };
    Pending accept(Socket socket, TlsFace face, Done done);
    // Trusts the lab's authority and checks `host`. With the client certificate if asked.
    Pending connect(Socket socket, const std::string& host, bool with_certificate, Done done);

  private:
    struct Contexts;
    Authority authority_;
    Pem client_;
    std::unique_ptr<Contexts> contexts_;
};

}  // namespace vc::lab
