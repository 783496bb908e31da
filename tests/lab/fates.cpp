#include "tests/lab/fates.h"

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

namespace vc::lab {
namespace {

constexpr std::size_t most_kept = 400'000;

std::string line(const Fate& fate, std::uint64_t number) {
    const boost::json::object out{{"n", number},
                                  {"at_ns", fate.at.time_since_epoch().count()},
                                  {"component", fate.component},
                                  {"entity", fate.entity},
                                  {"message_id", fate.message_id},
                                  {"what", fate.what},
                                  {"delay_ns", fate.delay.count()}};
    return boost::json::serialize(out) + "\n";
}

}  // namespace

Result<void> Fates::log_to(const std::string& path) {
    file_.reset(std::fopen(path.c_str(), "a"));
    if (!file_) return failure(path + ": cannot be written: " + std::strerror(errno));
    return {};
}

void Fates::add(Fate fate) {
    if (file_) {
        std::fputs(line(fate, count()).c_str(), file_.get());
        std::fflush(file_.get());
    }
    if (fates_.size() >= most_kept) {
        fates_.erase(fates_.begin(), fates_.begin() + most_kept / 2);
        first_ += most_kept / 2;
    }
    fates_.push_back(std::move(fate));
}

std::string Fates::lines(std::uint64_t from, std::size_t most) const {
    std::string out;
    for (std::uint64_t n = std::max(from, first_); n < count() && most > 0; ++n, --most) {
        out += line(fates_[n - first_], n);
    }
    return out;
}

}  // namespace vc::lab
