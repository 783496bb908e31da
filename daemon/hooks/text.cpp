#include "daemon/hooks/text.h"

#include <algorithm>

namespace vc {
namespace {

// Length of the UTF-8 sequence at the start of `text`, or 0 when there is none (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    const unsigned char second = byte(1);
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool outside = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
    return overlong || outside ? 0 : length;
}

void append_quoted(std::string& json, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    json += '"';
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const auto byte = static_cast<unsigned char>(text.front());
        if (length == 0) {
            json += "\\ufffd";
        } else if (byte == '"' || byte == '\\') {
            json += '\\';
            json += text.front();
        } else if (byte < 0x20) {
            json += "\\u00";
            json += digits[byte >> 4];
            json += digits[byte & 15];
        } else {
            json += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    json += '"';
}

std::string harmless(std::string_view text) {
    std::string line;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const auto byte = static_cast<unsigned char>(text.front());
        if (text.front() == '\n') {
            line += " | ";
        } else if (text.front() == '\t') {
            line += ' ';
        } else if (length == 0 || byte < 0x20 || byte == 0x7f) {
            line += '?';
        } else {
            line += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return line;
}

void hide(std::string& text, const std::string& secret) {
    // A word of a letter or two would only mangle the text and tell nobody anything.
    if (secret.size() < 4) return;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
        text.replace(at, secret.size(), "***");
    }
}

}  // namespace

std::string to_json(const std::vector<HookFact>& facts) {
    std::string json = "{";
    for (const HookFact& fact : facts) {
        if (json.size() > 1) json += ',';
        append_quoted(json, fact.name);
        json += ':';
        if (fact.is_number) {
            json += fact.value;
        } else {
            append_quoted(json, fact.value);
        }
    }
    return json + "}";
}

std::vector<std::string> to_environment(const std::vector<HookFact>& facts) {
    std::vector<std::string> environment;
    for (const HookFact& fact : facts) {
        std::string name = "VOLTCANARY_";
        for (const char c : fact.name)
            name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        environment.push_back(name + "=" + fact.value);
    }
    return environment;
}

std::string one_line(std::string text, std::size_t limit, const std::vector<std::string>& secrets) {
    for (const std::string& secret : secrets)
        hide(text, secret);
    const auto end = text.find_last_not_of(" \t\r\n");
    text.erase(end == std::string::npos ? 0 : end + 1);
    text.erase(0, text.find_first_not_of(" \t\r\n"));
    std::string line = harmless(text);
    if (line.size() <= limit) return line;
    line.erase(0, line.size() - limit);
    // Not from the middle of a character.
    while (!line.empty() && (static_cast<unsigned char>(line.front()) & 0xc0) == 0x80)
        line.erase(0, 1);
    return line;
}

}  // namespace vc
