// What hooks and pages are told, and what is repeated of what they say. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vc {

// One thing a hook is told. The same list becomes the environment of a program and the body of a
// request, so that the two cannot drift apart.
struct HookFact {
    std::string name;  // snake_case
    std::string value;
    bool is_number = false;
};

// {"epoch":7,"step":"attach-consumers"}
std::string to_json(const std::vector<HookFact>& facts);

// "VOLTCANARY_EPOCH=7"
std::vector<std::string> to_environment(const std::vector<HookFact>& facts);

// The end of `text` as one line of at most `limit` bytes: line breaks become " | ", control
// characters and what is not UTF-8 become '?', and every text in `secrets` becomes "***".
std::string one_line(std::string text, std::size_t limit, const std::vector<std::string>& secrets);

}  // namespace vc
