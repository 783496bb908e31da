#include "tests/lab/servicebus/entity.h"

#include <algorithm>

namespace vc::lab::servicebus {
namespace {

constexpr std::string_view management = "/$management";
constexpr std::string_view dead_letter = "/$DeadLetterQueue";
constexpr std::string_view transfer = "/$Transfer";
constexpr std::string_view subscriptions = "/Subscriptions/";

// Cuts `ending` off, whatever its case.
bool cut(std::string& text, std::string_view ending) {
    if (text.size() < ending.size()) return false;
    const std::size_t at = text.size() - ending.size();
    if (lowered(std::string_view(text).substr(at)) != lowered(ending)) return false;
    text.resize(at);
    return true;
}

}  // namespace

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    return out;
}

Address parse_address(std::string_view text) {
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
        const auto slash = text.find('/', scheme + 3);
        text = slash == std::string_view::npos ? std::string_view() : text.substr(slash);
    }
    while (!text.empty() && text.front() == '/')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == '/')
        text.remove_suffix(1);
    Address address;
    address.entity = text;
    address.management = cut(address.entity, management);
    if (cut(address.entity, dead_letter)) {
        address.part = cut(address.entity, transfer) ? Part::TransferDeadLetter : Part::DeadLetter;
    }
    const auto middle = lowered(address.entity).rfind(lowered(subscriptions));
    if (middle != std::string::npos) {
        address.entity.replace(middle, subscriptions.size(), subscriptions);
    }
    return address;
}

std::string to_text(const Address& address) {
    std::string text = address.entity;
    if (address.part == Part::TransferDeadLetter) text += transfer;
    if (address.part != Part::Main) text += dead_letter;
    if (address.management) text += management;
    return text;
}

const char* to_text(EntityStatus status) {
    switch (status) {
        case EntityStatus::Active:
            return "Active";
        case EntityStatus::Disabled:
            return "Disabled";
        case EntityStatus::SendDisabled:
            return "SendDisabled";
        case EntityStatus::ReceiveDisabled:
            return "ReceiveDisabled";
    }
    return "?";
}

std::optional<EntityStatus> status_of(std::string_view text) {
    for (const EntityStatus status : {EntityStatus::Active, EntityStatus::Disabled,
                                      EntityStatus::SendDisabled, EntityStatus::ReceiveDisabled}) {
        if (lowered(text) == lowered(to_text(status))) return status;
    }
    return std::nullopt;
}

}  // namespace vc::lab::servicebus
