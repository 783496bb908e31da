// A JSON value as a person reads it: texts without their quotes.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace vc::demo {

inline std::string text(const boost::json::value& value) {
    return value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
}

}  // namespace vc::demo
