#include "tests/lab/truth.h"

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

namespace vc::lab {

Result<void> Truth::log_to(const std::string& path) {
    file_.reset(std::fopen(path.c_str(), "a"));
    if (!file_) return failure(path + ": cannot be written: " + std::strerror(errno));
    return {};
}

void Truth::add(const char* event, boost::json::object line) {
    constexpr std::size_t most = 100'000;
    const Instant now = agenda_.now();
    boost::json::object full{
        {"at_ns", now.time_since_epoch().count()}, {"at", to_text(now)}, {"event", event}};
    for (auto& field : line)
        full[field.key()] = std::move(field.value());
    if (lines_.size() >= most) lines_.erase(lines_.begin(), lines_.begin() + most / 2);
    lines_.push_back(boost::json::serialize(full));
    if (file_) {
        std::fprintf(file_.get(), "%s\n", lines_.back().c_str());
        std::fflush(file_.get());
    }
}

}  // namespace vc::lab
