#include "tests/lab/servicebus/cbs.h"

#include <algorithm>
#include <cstring>

#include "tests/lab/signature.h"

namespace vc::lab::servicebus {
namespace {

constexpr int request_credit = 100;
constexpr std::size_t most_waiting = 100;
constexpr std::size_t most_grants = 2000;

std::string entity_of(std::string_view text) {
    return resource_of(text).entity;
}

}  // namespace

Cbs::Cbs(Agenda& agenda, std::vector<AccessKey> keys, Hooks hooks)
    : agenda_(agenda), keys_(std::move(keys)), hooks_(std::move(hooks)), errands_(agenda) {}

bool Cbs::passes(const Credentials& login) const {
    return std::any_of(keys_.begin(), keys_.end(), [&](const AccessKey& key) {
        return key.name == login.user && same_secret(key.key, login.password);
    });
}

Rights Cbs::granted(const Guest& guest, std::string_view entity) const {
    Rights sum;
    for (const auto& [top, grant] : guest.grants) {
        if (lies_below(entity, top)) sum = sum | grant.rights;
    }
    return sum;
}

Rights Cbs::rights_of(AmqpConnection& connection, std::string_view entity) const {
    if (!guarded()) return all_rights;
    const AmqpRemote& remote = connection.remote();
    if (remote.mechanism == "EXTERNAL") return all_rights;
    const std::string asked = entity_of(entity);
    if (remote.mechanism == "PLAIN") {
        const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const AccessKey& one) {
            return one.name == remote.user;
        });
        if (key == keys_.end()) return all_rights;  // the namespace's own PLAIN user
        return lies_below(asked, entity_of(key->entity)) ? key->rights : Rights{};
    }
    const auto guest = guests_.find(&connection);
    return guest == guests_.end() ? Rights{} : granted(guest->second, asked);
}

bool Cbs::known(AmqpConnection& connection) const {
    if (!guarded()) return true;
    const std::string& mechanism = connection.remote().mechanism;
    if (mechanism == "EXTERNAL" || mechanism == "PLAIN") return true;
    const auto guest = guests_.find(&connection);
    return guest != guests_.end() && !guest->second.grants.empty();
}

void Cbs::on_attach(AmqpConnection& connection, const AmqpLink& link) {
    Guest& guest = guests_[&connection];
    guest.connection = &connection;
    (link.to_peer ? guest.answers : guest.requests).emplace(link.id, link);
    connection.accept_link(link.id, request_credit);
}

bool Cbs::on_detach(AmqpConnection& connection, LinkId link) {
    const auto found = guests_.find(&connection);
    if (found == guests_.end()) return false;
    Guest& guest = found->second;
    return guest.requests.erase(link) + guest.answers.erase(link) > 0;
}

bool Cbs::on_message(AmqpConnection& connection, LinkId link, DeliveryId delivery,
                     const AmqpIncoming& message) {
    const auto found = guests_.find(&connection);
    if (found == guests_.end() || found->second.requests.count(link) == 0) return false;
    Guest& guest = found->second;
    connection.add_credit(link, 1);
    const auto request = read_put_token(message.bytes);
    if (!request) {
        connection.settle(delivery, Settlement::Rejected,
                          {"amqp:decode-error", "The message could not be read."});
        return true;
    }
    connection.settle(delivery, Settlement::Accepted);
    // Its settlement goes out first: Microsoft's C client cannot bear the answer before it, and
    // Proton writes what is sent in the same turn ahead of what is settled.
    if (guest.held.size() >= most_waiting) return true;
    guest.held.push_back(*request);
    errands_.after({}, [this, weak = connection.weak_from_this()] {
        const auto there = weak.lock();
        const auto again = guests_.find(there.get());
        if (there && again != guests_.end()) take_held(again->second);
    });
    return true;
}

void Cbs::go_on() {
    for (auto& [connection, guest] : guests_)
        take_held(guest);
}

void Cbs::take_held(Guest& guest) {
    if (guest.held.empty() || (hooks_.stalls && hooks_.stalls(*guest.connection))) return;
    for (const PutToken& request : std::exchange(guest.held, {}))
        put_token(guest, request);
}

void Cbs::put_token(Guest& guest, const PutToken& request) {
    auto [status, words] = judge(guest, request);
    if (status / 100 != 2 && hooks_.tail) words += " " + hooks_.tail();
    answer(guest, request, status, words);
    watch(guest);
}

std::pair<int, std::string> Cbs::judge(Guest& guest, const PutToken& request) {
    if (request.operation != "put-token") {
        return {400, "BadRequest: '" + request.operation + "' is no operation of this node."};
    }
    if (request.name.empty()) return {400, "BadRequest: the property 'name' is missing."};
    if (request.token.empty()) return {400, "BadRequest: there is no token in the body."};
    if (hooks_.refuses && hooks_.refuses(*guest.connection)) {
        return {401, "Unauthorized access. 'Send,Listen' claim(s) are required."};
    }
    const Instant now = agenda_.now();
    Grant grant{all_rights, Instant::max()};
    if (request.type == "jwt" || request.type == "amqp:jwt") {
        if (!hooks_.jwt) return {401, "Unauthorized: bearer tokens are not accepted here."};
        const auto expires = hooks_.jwt(request.token, now);
        if (!expires) return {401, expires.error().message};
        grant.expires = *expires;
    } else if (request.type != "servicebus.windows.net:sastoken") {
        return {400, "BadRequest: '" + request.type + "' is no type of token."};
    } else if (guarded()) {
        const auto access = check_sas(request.token, request.name, keys_, now);
        if (!access) return {401, access.error().message};
        grant = {access->rights, access->expires};
    }
    if (guest.grants.size() >= most_grants) return {403, "Too many tokens on this connection."};
    guest.grants[entity_of(request.name)] = grant;
    return {202, "Accepted"};
}

void Cbs::answer(Guest& guest, const PutToken& request, int status, const std::string& words) {
    const auto wanted = [&](const auto& entry) {
        return entry.second.target == request.reply_to || entry.second.name == request.reply_to;
    };
    auto to = std::find_if(guest.answers.begin(), guest.answers.end(), wanted);
    if ((request.reply_to.empty() || to == guest.answers.end()) && guest.answers.size() == 1) {
        to = guest.answers.begin();
    }
    if (to == guest.answers.end() || guest.waiting.size() >= most_waiting) return;
    guest.waiting.emplace_back(to->first, put_token_answer(request, status, words));
    flush(guest);
}

bool Cbs::on_credit(AmqpConnection& connection, LinkId link) {
    const auto found = guests_.find(&connection);
    if (found == guests_.end() || found->second.answers.count(link) == 0) return false;
    flush(found->second);
    connection.drained(link);
    return true;
}

void Cbs::flush(Guest& guest) {
    std::erase_if(guest.waiting, [&](const auto& entry) {
        const auto& [link, bytes] = entry;
        if (guest.answers.count(link) == 0) return true;
        if (guest.connection->credit(link) <= 0) return false;
        AmqpConnection::Tag tag{};
        const std::uint64_t number = ++guest.sent;
        std::memcpy(tag.data(), &number, sizeof number);
        guest.connection->send(link, tag, bytes, guest.answers.at(link).presettled);
        return true;
    });
}

bool Cbs::on_outcome(AmqpConnection& connection, LinkId link, DeliveryId delivery) {
    const auto found = guests_.find(&connection);
    if (found == guests_.end() || found->second.answers.count(link) == 0) return false;
    connection.settle(delivery, Settlement::Accepted);
    return true;
}

void Cbs::on_closed(AmqpConnection& connection) {
    guests_.erase(&connection);
}

void Cbs::watch(Guest& guest) {
    Instant next = Instant::max();
    for (const auto& [entity, grant] : guest.grants)
        next = std::min(next, grant.expires);
    if (next == Instant::max()) {
        guest.expiry.cancel();
    } else {
        guest.expiry = agenda_.at(next, [this, &guest] { expire(guest); });
    }
}

void Cbs::expire(Guest& guest) {
    const Instant now = agenda_.now();
    std::vector<std::pair<std::string, Instant>> over;
    for (const auto& [entity, grant] : guest.grants) {
        if (grant.expires <= now) over.emplace_back(entity, grant.expires);
    }
    for (const auto& [entity, when] : over)
        guest.grants.erase(entity);
    watch(guest);
    AmqpConnection& connection = *guest.connection;
    for (const auto& [entity, when] : over) {
        if (!guarded() || guests_.count(&connection) == 0) return;
        hooks_.lost(
            connection, entity,
            {"amqp:unauthorized-access",
             "ExpiredToken: The token is expired. Expiration time: '" + to_text(when) + "'."});
    }
}

}  // namespace vc::lab::servicebus
