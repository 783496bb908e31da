// A connection string as Azure hands it out:
// "Endpoint=sb://NAME.servicebus.windows.net/;SharedAccessKeyName=RULE;SharedAccessKey=KEY", keys
// in any case and order, with EntityPath and UseDevelopmentEmulator where they matter. Pure.
//
// The whole of it is a secret; an error names what is wrong and repeats nothing of it.
#pragma once

#include <string>
#include <string_view>

#include "daemon/config/secret.h"
#include "daemon/config/url.h"
#include "rules/base/error.h"

namespace vc {

struct ConnectionString {
    Url endpoint;  // amqps://NAME:5671, or amqp://NAME:5672 for the development emulator
    bool endpoint_names_port = false;
    std::string key_name;
    Secret key;
    std::string entity_path;  // the key is good for this entity alone; empty: for all of them
    bool emulator = false;
};

Result<ConnectionString> parse_connection_string(std::string_view text);

}  // namespace vc
