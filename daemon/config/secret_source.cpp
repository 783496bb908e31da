#include "daemon/config/secret_source.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "daemon/host/file.h"

namespace vc {
namespace {

constexpr std::size_t most_secret_bytes = 4096;

Result<std::string> read_text(const SecretSource& source) {
    if (source.kind != SecretSource::Kind::environment) {
        return read_file(source.path, most_secret_bytes);
    }
    const char* found = std::getenv(source.name.c_str());
    if (found == nullptr) return failure("the environment has no " + source.name);
    return std::string(found);
}

}  // namespace

std::string to_text(const SecretSource& source) {
    switch (source.kind) {
        case SecretSource::Kind::none:
            return "nothing";
        case SecretSource::Kind::file:
            return "file " + source.name;
        case SecretSource::Kind::credential:
            return "credential " + source.name;
        case SecretSource::Kind::environment:
            return "environment variable " + source.name + ", read at the start only";
    }
    return "";
}

Result<Secret> read_secret(const SecretSource& source) {
    auto text = read_text(source);
    if (!text) return tl::unexpected(text.error());
    Secret secret;
    // Editors and echo end a file with a line end that is no part of the secret.
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r'))
        text->pop_back();
    const bool one_line = text->find_first_of(std::string_view("\0\n\r", 3)) == std::string::npos;
    const bool empty = text->empty();
    if (one_line && !empty) return Secret(std::move(*text));
    wipe(*text);
    if (empty) return failure(source.name + " is empty");
    return failure(source.name + " has more than one line, or a NUL character");
}

}  // namespace vc
