#include "rules/base/error.h"

namespace vc {

std::string to_text(const Error& error) {
    if (error.pos.file.empty()) return error.message;
    std::string text = error.pos.file + ":";
    if (error.pos.line > 0) {
        text += std::to_string(error.pos.line) + ":" + std::to_string(error.pos.column) + ":";
    }
    return text + " " + error.message;
}

}  // namespace vc
