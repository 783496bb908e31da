#include <proton/codec.h>

#include "tests/lab/amqp_proton.h"

namespace vc::lab {
namespace {

std::string text(pn_bytes_t bytes) {
    return bytes.start == nullptr ? std::string() : std::string(bytes.start, bytes.size);
}

// The scalar that `data` stands on; nothing for lists, maps and what else has no place in
// AmqpValue.
AmqpValue scalar(pn_data_t* data) {
    switch (pn_data_type(data)) {
        case PN_BOOL:
            return pn_data_get_bool(data);
        case PN_UBYTE:
            return std::int32_t{pn_data_get_ubyte(data)};
        case PN_BYTE:
            return std::int32_t{pn_data_get_byte(data)};
        case PN_USHORT:
            return std::int32_t{pn_data_get_ushort(data)};
        case PN_SHORT:
            return std::int32_t{pn_data_get_short(data)};
        case PN_INT:
            return pn_data_get_int(data);
        case PN_UINT:
            return std::uint64_t{pn_data_get_uint(data)};
        case PN_LONG:
            return std::int64_t{pn_data_get_long(data)};
        case PN_ULONG:
            return std::uint64_t{pn_data_get_ulong(data)};
        case PN_TIMESTAMP:
            return std::int64_t{pn_data_get_timestamp(data)};
        case PN_FLOAT:
            return double{pn_data_get_float(data)};
        case PN_DOUBLE:
            return pn_data_get_double(data);
        case PN_STRING:
            return text(pn_data_get_string(data));
        case PN_SYMBOL:
            return text(pn_data_get_symbol(data));
        case PN_BINARY:
            return text(pn_data_get_binary(data));
        default:
            return std::monostate{};
    }
}

// Steps into a described value, if there is one, onto what is described.
bool enter_described(pn_data_t* data) {
    if (!pn_data_is_described(data) && pn_data_type(data) != PN_DESCRIBED) return false;
    if (!pn_data_enter(data)) return false;
    return pn_data_next(data) && pn_data_next(data);
}

struct Put {
    pn_data_t* data;
    void operator()(std::monostate) const { pn_data_put_null(data); }
    void operator()(bool one) const { pn_data_put_bool(data, one); }
    void operator()(std::int32_t one) const { pn_data_put_int(data, one); }
    void operator()(std::int64_t one) const { pn_data_put_long(data, one); }
    void operator()(std::uint64_t one) const { pn_data_put_ulong(data, one); }
    void operator()(double one) const { pn_data_put_double(data, one); }
    void operator()(const std::string& one) const {
        pn_data_put_string(data, pn_bytes(one.size(), one.data()));
    }
};

constexpr const char* session_filter = "com.microsoft:session-filter";

}  // namespace

AmqpMap read_map(pn_data_t* data) {
    AmqpMap map;
    if (data == nullptr) return map;
    pn_data_rewind(data);
    if (!pn_data_next(data) || pn_data_type(data) != PN_MAP) return map;
    pn_data_enter(data);
    while (pn_data_next(data)) {
        const AmqpValue key = scalar(data);
        if (!pn_data_next(data)) break;
        if (const auto* name = std::get_if<std::string>(&key)) map[*name] = scalar(data);
    }
    pn_data_rewind(data);
    return map;
}

void write_map(pn_data_t* data, const AmqpMap& map) {
    pn_data_clear(data);
    if (map.empty()) return;
    pn_data_put_map(data);
    pn_data_enter(data);
    for (const auto& [key, value] : map) {
        pn_data_put_symbol(data, pn_bytes(key.size(), key.data()));
        std::visit(Put{data}, value);
    }
    pn_data_exit(data);
}

SessionFilter read_session_filter(pn_data_t* data) {
    SessionFilter filter;
    pn_data_rewind(data);
    if (!pn_data_next(data) || pn_data_type(data) != PN_MAP) return filter;
    pn_data_enter(data);
    while (pn_data_next(data)) {
        const AmqpValue key = scalar(data);
        if (!pn_data_next(data)) break;
        const auto* name = std::get_if<std::string>(&key);
        if (name == nullptr || *name != session_filter) continue;
        filter.described = enter_described(data);
        const AmqpValue value = scalar(data);
        const auto* id = std::get_if<std::string>(&value);
        filter.wish = id == nullptr ? SessionWish::Any : SessionWish::Named;
        if (id != nullptr) filter.id = *id;
        break;
    }
    pn_data_rewind(data);
    return filter;
}

void write_session_filter(pn_data_t* data, const SessionFilter& filter) {
    pn_data_clear(data);
    if (filter.wish == SessionWish::None) return;
    const pn_bytes_t name = pn_bytes(std::string_view(session_filter).size(), session_filter);
    pn_data_put_map(data);
    pn_data_enter(data);
    pn_data_put_symbol(data, name);
    if (filter.described) {
        pn_data_put_described(data);
        pn_data_enter(data);
        pn_data_put_symbol(data, name);
    }
    if (filter.wish == SessionWish::Any) {
        pn_data_put_null(data);
    } else {
        pn_data_put_string(data, pn_bytes(filter.id.size(), filter.id.data()));
    }
    if (filter.described) pn_data_exit(data);
    pn_data_exit(data);
    pn_data_rewind(data);
}

}  // namespace vc::lab
