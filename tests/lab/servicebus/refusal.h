// What the namespace answers when it will not do something: an AMQP error condition as Service Bus
// uses it (com.microsoft:message-lock-lost, amqp:not-found ...) and words. The TrackingId and the
// time are added where the answer leaves the broker.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace vc::lab::servicebus {

struct Refusal {
    std::string condition;
    std::string description;
    friend bool operator==(const Refusal&, const Refusal&) = default;
};

template <class T>
using Answer = tl::expected<T, Refusal>;

inline tl::unexpected<Refusal> refuse(std::string condition, std::string description) {
    return tl::unexpected<Refusal>(Refusal{std::move(condition), std::move(description)});
}

}  // namespace vc::lab::servicebus
