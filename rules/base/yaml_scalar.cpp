// The strict readers of one scalar.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "rules/base/yaml.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t ns;
};
// From large to small, the order in which a compound duration is written.
constexpr std::array<Unit, 7> units{{{"d", 86'400'000'000'000},
                                     {"h", 3'600'000'000'000},
                                     {"m", 60'000'000'000},
                                     {"s", 1'000'000'000},
                                     {"ms", 1'000'000},
                                     {"us", 1'000},
                                     {"ns", 1}}};
constexpr std::string_view unit_names = "ns us ms s m h d";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// One reader's complaints about one node: "every: 5 has no unit, write 5s".
class Complaint {
  public:
    Complaint(const YamlNode& node, std::string_view what, Errors& errors)
        : node_(node), what_(what), errors_(errors) {}

    std::nullopt_t operator()(const std::string& message) const {
        errors_.push_back({node_.pos, std::string(what_) + ": " + message});
        return std::nullopt;
    }
    // About the value itself.
    std::nullopt_t value(const std::string& message) const {
        return (*this)(shown(node_.scalar) + " " + message);
    }

  private:
    const YamlNode& node_;
    std::string_view what_;
    Errors& errors_;
};

bool is_scalar(const YamlNode& node, std::string_view expected, const Complaint& complain) {
    if (node.kind == YamlNode::Kind::scalar) return true;
    complain("expected " + std::string(expected) + ", found " + std::string(kind_name(node.kind)));
    return false;
}

// A number in quotes is text in YAML; here it is refused rather than guessed at.
bool is_plain(const YamlNode& node, const Complaint& complain) {
    if (!node.quoted) return true;
    complain(quoted(node.scalar) + " is text, write it without quotes");
    return false;
}

std::string_view without_zeros(std::string_view digits) {
    while (digits.size() > 1 && digits.front() == '0')
        digits.remove_prefix(1);
    return digits;
}

std::optional<std::int64_t> to_integer(std::string_view text, int base = 10) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// What somebody who wrote `text` as an integer meant, as decimal digits; empty when unclear.
std::string meant_integer(std::string_view text) {
    std::string sign;
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
        if (text.front() == '-') sign = "-";
        text.remove_prefix(1);
    }
    const auto prefix = text.substr(0, 2);
    const int base = prefix == "0x" || prefix == "0X" ? 16 : prefix == "0o" ? 8 : 2;
    if (base != 2 || prefix == "0b") {
        const auto value = to_integer(text.substr(2), base);
        return value && *value >= 0 ? sign + std::to_string(*value) : "";
    }
    std::string digits(text);
    std::erase(digits, '_');
    if (all_digits(digits)) {
        const std::string_view rest = without_zeros(digits);
        return rest == "0" ? "0" : sign + std::string(rest);
    }
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size() &&
                       std::abs(value) < 1e15 && value == std::floor(value);
    return whole ? sign + std::to_string(static_cast<std::int64_t>(value)) : "";
}

bool is_decimal_integer(std::string_view text) {
    if (!text.empty() && text.front() == '-') {
        text.remove_prefix(1);
        if (text == "0") return false;
    }
    return all_digits(text) && without_zeros(text).size() == text.size();
}

// -?digits[.digits][e[+-]digits], without superfluous zeros in front.
bool is_decimal_number(std::string_view text) {
    if (!text.empty() && text.front() == '-') text.remove_prefix(1);
    const auto digits = [&text] {
        std::size_t count = 0;
        while (count < text.size() && is_digit(text[count]))
            ++count;
        const std::string_view found = text.substr(0, count);
        text.remove_prefix(count);
        return found;
    };
    const std::string_view whole = digits();
    if (whole.empty() || without_zeros(whole).size() != whole.size()) return false;
    if (!text.empty() && text.front() == '.') {
        text.remove_prefix(1);
        if (digits().empty()) return false;
    }
    if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
        text.remove_prefix(1);
        if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
        if (digits().empty()) return false;
    }
    return text.empty();
}

// "1500ms" for "1.5s": the same duration without a fraction; empty when there is none.
std::string without_fraction(std::string_view whole, std::string_view fraction, const Unit& unit) {
    if (whole.size() > 6 || fraction.size() > 9 || fraction.empty()) return "";
    const auto units_whole = to_integer(whole);
    const auto digits = to_integer(fraction);
    if (!units_whole || !digits) return "";
    std::int64_t scale = 1;
    for (std::size_t i = 0; i < fraction.size(); ++i)
        scale *= 10;
    if ((unit.ns / scale) * scale != unit.ns && (*digits * unit.ns) % scale != 0) return "";
    if (unit.ns > INT64_MAX / std::max<std::int64_t>(*digits, 1)) return "";
    return to_text(Duration{*units_whole * unit.ns + *digits * unit.ns / scale});
}

// Reads "1h30m" piece by piece.
class DurationReader {
  public:
    DurationReader(std::string_view text, const Complaint& complain)
        : left_(text), complain_(complain) {}

    std::optional<Duration> read() {
        while (!left_.empty()) {
            if (!read_piece()) return std::nullopt;
        }
        return Duration{total_};
    }

  private:
    std::string_view take(bool (*belongs)(char)) {
        std::size_t count = 0;
        while (count < left_.size() && belongs(left_[count]))
            ++count;
        const std::string_view taken = left_.substr(0, count);
        left_.remove_prefix(count);
        return taken;
    }

    bool read_piece() {
        const std::string_view digits = take(is_digit);
        std::string_view fraction;
        const bool has_fraction = !left_.empty() && left_.front() == '.';
        if (has_fraction) {
            left_.remove_prefix(1);
            fraction = take(is_digit);
        }
        const std::string_view name = take([](char c) { return !is_digit(c) && c != '.'; });
        const auto unit =
            std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
        if (digits.empty()) return refuse("is not a duration such as 5s or 1h30m");
        if (unit == units.end()) return refuse_unit(digits, name);
        if (has_fraction) {
            const std::string better = without_fraction(digits, fraction, *unit);
            return refuse("has a fraction, write " +
                          (better.empty() ? "it in a smaller unit" : better));
        }
        return add(digits, *unit);
    }

    bool add(std::string_view digits, const Unit& unit) {
        const std::string_view plain = without_zeros(digits);
        if (plain.size() != digits.size()) {
            return refuse("begins with a zero, write " + std::string(plain) +
                          std::string(unit.name));
        }
        if (unit.ns >= last_unit_) return refuse("must go from large units to small ones");
        last_unit_ = unit.ns;
        const auto count = to_integer(digits);
        std::int64_t ns = 0;
        if (!count || __builtin_mul_overflow(*count, unit.ns, &ns) ||
            __builtin_add_overflow(total_, ns, &total_)) {
            return refuse("is longer than can be counted (292 years)");
        }
        return true;
    }

    bool refuse_unit(std::string_view digits, std::string_view name) {
        if (name.empty()) {
            return refuse("has no unit, write " + std::string(without_zeros(digits)) + "s");
        }
        return refuse("has the unknown unit " + quoted(name) +
                      " (known: " + std::string(unit_names) + ")");
    }

    bool refuse(const std::string& message) {
        complain_.value(message);
        return false;
    }

    std::string_view left_;
    const Complaint& complain_;
    std::int64_t total_ = 0;
    std::int64_t last_unit_ = INT64_MAX;
};

}  // namespace

std::optional<Duration> read_duration(const YamlNode& node, std::string_view what, Errors& errors) {
    const Complaint complain(node, what, errors);
    if (!is_scalar(node, "a duration such as 5s", complain)) return std::nullopt;
    const std::string& text = node.scalar;
    if (text.empty()) return complain("expected a duration such as 5s, found an empty text");
    if (text.front() == '-') return complain.value("is negative; a duration cannot be");
    if (text.front() != ' ' && text.find(' ') != std::string::npos) {
        std::string closed = text;
        std::erase(closed, ' ');
        return complain.value("has a space in it, write " + shown(closed));
    }
    return DurationReader(text, complain).read();
}

std::optional<std::int64_t> read_integer(const YamlNode& node, std::string_view what,
                                         Errors& errors) {
    const Complaint complain(node, what, errors);
    if (!is_scalar(node, "an integer", complain) || !is_plain(node, complain)) return std::nullopt;
    const std::string& text = node.scalar;
    if (is_decimal_integer(text)) {
        if (const auto value = to_integer(text)) return value;
        return complain.value("is too large for an integer");
    }
    const std::string meant = meant_integer(text);
    if (meant.empty()) return complain.value("is not an integer");
    return complain.value("is not a plain decimal integer, write " + shown(meant));
}

std::optional<double> read_number(const YamlNode& node, std::string_view what, Errors& errors) {
    const Complaint complain(node, what, errors);
    if (!is_scalar(node, "a number", complain) || !is_plain(node, complain)) return std::nullopt;
    const std::string& text = node.scalar;
    if (!is_decimal_number(text)) {
        if (text.size() > 1 && text.front() == '.' && all_digits(text.substr(1))) {
            return complain.value("begins with a point, write 0" + shown(text));
        }
        const std::string meant = meant_integer(text);
        return complain.value(meant.empty() ? "is not a number"
                                            : "is not a plain decimal number, write " + meant);
    }
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return complain.value("is too large or too small for a number");
    }
    return value;
}

std::optional<bool> read_bool(const YamlNode& node, std::string_view what, Errors& errors) {
    const Complaint complain(node, what, errors);
    if (!is_scalar(node, "true or false", complain) || !is_plain(node, complain)) {
        return std::nullopt;
    }
    if (node.scalar == "true") return true;
    if (node.scalar == "false") return false;
    std::string lower = node.scalar;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    for (const std::string_view yes : {"true", "yes", "on", "y", "1"}) {
        if (lower == yes) return complain.value("is not a boolean here, write true");
    }
    for (const std::string_view no : {"false", "no", "off", "n", "0"}) {
        if (lower == no) return complain.value("is not a boolean here, write false");
    }
    return complain.value("is neither true nor false");
}

std::optional<std::string> read_text(const YamlNode& node, std::string_view what, Errors& errors) {
    const Complaint complain(node, what, errors);
    if (!is_scalar(node, "text", complain)) return std::nullopt;
    if (node.scalar.find('\0') != std::string::npos) {
        return complain("holds a NUL character, which no text here may");
    }
    return node.scalar;
}

}  // namespace vc
