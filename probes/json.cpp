#include "probes/json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace vc {
namespace {

Json to_tree(const boost::json::value& value) {
    Json tree;
    switch (value.kind()) {
        case boost::json::kind::null:
            break;
        case boost::json::kind::bool_:
            tree.kind = Json::Kind::boolean;
            tree.boolean = value.get_bool();
            break;
        case boost::json::kind::int64:
            tree.kind = Json::Kind::integer;
            tree.integer = value.get_int64();
            break;
        case boost::json::kind::uint64:
            tree.kind = Json::Kind::number;
            tree.number = static_cast<double>(value.get_uint64());
            break;
        case boost::json::kind::double_:
            tree.kind = Json::Kind::number;
            tree.number = value.get_double();
            break;
        case boost::json::kind::string:
            tree.kind = Json::Kind::text;
            tree.text = std::string(value.get_string());
            break;
        case boost::json::kind::array:
            tree.kind = Json::Kind::array;
            for (const auto& item : value.get_array())
                tree.items.push_back(to_tree(item));
            break;
        case boost::json::kind::object:
            tree.kind = Json::Kind::object;
            for (const auto& [name, member] : value.get_object()) {
                tree.members.push_back({std::string(name), to_tree(member)});
            }
            break;
    }
    return tree;
}

}  // namespace

const Json* Json::at(std::string_view path) const {
    const Json* here = this;
    while (!path.empty()) {
        const auto dot = path.find('.');
        const std::string_view name = path.substr(0, dot);
        path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
        const Json* next = nullptr;
        for (const auto& [key, member] : here->members) {
            if (key == name) next = &member;
        }
        if (next == nullptr) return nullptr;
        here = next;
    }
    return here;
}

std::optional<std::string_view> Json::text_at(std::string_view path) const {
    const Json* found = at(path);
    if (found == nullptr || found->kind != Kind::text) return std::nullopt;
    return found->text;
}

std::optional<std::int64_t> Json::integer_at(std::string_view path) const {
    const Json* found = at(path);
    if (found == nullptr || found->kind != Kind::integer) return std::nullopt;
    return found->integer;
}

Result<Json> parse_json(std::string_view text) {
    try {
        boost::json::error_code error;
        boost::json::parse_options options;
        options.max_depth = 16;
        const auto value = boost::json::parse({text.data(), text.size()}, error, {}, options);
        if (error) return failure("not JSON: " + error.message());
        return to_tree(value);
    } catch (const std::exception& thrown) {
        return failure(std::string("not JSON: ") + thrown.what());
    }
}

std::string json_quoted(std::string_view text) {
    return boost::json::serialize(boost::json::string_view{text.data(), text.size()});
}

}  // namespace vc
