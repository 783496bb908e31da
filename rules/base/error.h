// Errors of our own operation: bad input, a file that cannot be read, a disk that is full. A probe
// that fails is not an error but an Observation.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace vc {

// Where in a text file something stands. Lines and columns count from 1; line 0 means "the file as
// a whole", an empty file means "not from a file".
struct SourcePos {
    std::string file;
    int line = 0;
    int column = 0;
    friend bool operator==(const SourcePos&, const SourcePos&) = default;
};

// One thing that is wrong and how to mend it. `message` is one line without a trailing newline.
struct Error {
    SourcePos pos;
    std::string message;
    friend bool operator==(const Error&, const Error&) = default;
};

using Errors = std::vector<Error>;

template <class T>
using Result = tl::expected<T, Error>;

// "voltcanary.yaml:7:13: interval: 5 has no unit, write 5s"; without a position just the message.
std::string to_text(const Error& error);

// An error that comes from no file.
inline tl::unexpected<Error> failure(std::string message) {
    return tl::unexpected<Error>(Error{{}, std::move(message)});
}

}  // namespace vc
