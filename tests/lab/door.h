// The one port of a namespace. What comes is told by its first bytes: 'A' is AMQP, 0x16 is TLS with
// one of the others inside, the rest is HTTP. An upgrade of /$servicebus/websocket/ with the
// subprotocol AMQPWSB10 is AMQP over WebSocket; any other request goes to a handler.
//
// Bounded: visitors who have not said what they want are reset after a minute, bodies are at most
// 1 MB, and there are at most 1000 visitors at a time. AMQP connections are not counted: they are
// the owner's as soon as they are known to be AMQP.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "tests/lab/agenda.h"
#include "tests/lab/http.h"
#include "tests/lab/tls.h"
#include "tests/lab/transport.h"

namespace vc::lab {

struct DoorHooks {
    std::function<void(std::unique_ptr<Transport>)> amqp;
    HttpServer::Handle http;          // none: every request is answered with 404
    std::function<bool()> holds_tls;  // a fault: the handshake gets no answer for now
    std::function<TlsFace()> face;
};

class Door {
  public:
    // `tls`, if there is any, outlives the door.
    Door(Agenda& agenda, Tls* tls, DoorHooks hooks);
    ~Door();
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;

    void enter(Socket socket);
    void go_on();  // what holds_tls held is asked for again
    std::size_t visitors() const { return visitors_.size(); }

    // Somebody who came and has not been handed on. Owned by its own pending operations.
    class Guest {
      public:
        explicit Guest(Door& door) : door_(&door) { door.visitors_.insert(this); }
        virtual ~Guest() {
            if (door_ != nullptr) door_->visitors_.erase(this);
        }
        Guest(const Guest&) = delete;
        Guest& operator=(const Guest&) = delete;
        virtual void stop() = 0;  // closes what it has
        virtual void go_on() {}

      protected:
        friend class Door;
        Door* door_;  // none: it went away
    };

  private:
    friend class Visitor;
    friend class HttpVisit;

    Agenda& agenda_;
    Tls* tls_;
    DoorHooks hooks_;
    std::set<Guest*> visitors_;
};

// HTTP on a transport: requests to the door's handler, and the upgrade to AMQP over WebSocket.
void serve_http(Door& door, std::unique_ptr<Transport> transport);

// The client's side of the upgrade, for tests. None when it failed.
void websocket_connect(std::unique_ptr<Transport> transport,
                       std::function<void(std::unique_ptr<Transport>)> done);

}  // namespace vc::lab
