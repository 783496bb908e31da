#include "tests/lab/servicebus/sql.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "tests/lab/servicebus/entity.h"

namespace vc::lab::servicebus {
namespace {

constexpr int most_levels = 64;  // of nesting

// The fields of the properties section by their names in SQL.
struct SystemName {
    const char* name;
    std::size_t field;
};
constexpr std::array<SystemName, 9> system_names{{{"messageid", 0},
                                                  {"to", 2},
                                                  {"label", 3},
                                                  {"subject", 3},
                                                  {"replyto", 4},
                                                  {"correlationid", 5},
                                                  {"contenttype", 6},
                                                  {"sessionid", 10},
                                                  {"replytosessionid", 12}}};

std::optional<std::size_t> field_of(const std::string& name) {
    for (const SystemName& one : system_names) {
        if (name == one.name) return one.field;
    }
    return std::nullopt;
}

struct Token {
    enum class Kind { End, Word, Quoted, Text, Number, Sign } kind = Kind::End;
    std::string text;
    Value number;
};

class Lexer {
  public:
    explicit Lexer(std::string_view text) : rest_(text) { next(); }
    const Token& token() const { return token_; }
    const std::string& error() const { return error_; }
    void next();

  private:
    bool quoted(char open, char close, Token::Kind kind);
    void number();

    std::string_view rest_;
    Token token_;
    std::string error_;
};

bool Lexer::quoted(char open, char close, Token::Kind kind) {
    if (rest_.front() != open) return false;
    token_.kind = kind;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
        if (rest_[i] != close) {
            token_.text += rest_[i];
            continue;
        }
        const bool doubled = i + 1 < rest_.size() && rest_[i + 1] == close;
        if (!doubled) {
            rest_.remove_prefix(i + 1);
            return true;
        }
        token_.text += rest_[i++];
    }
    error_ = "a quote is not closed";
    rest_ = {};
    return true;
}

void Lexer::number() {
    token_.kind = Token::Kind::Number;
    const char* end = rest_.data() + rest_.size();
    std::int64_t whole = 0;
    double real = 0;
    const auto [at, failed] = std::from_chars(rest_.data(), end, whole);
    const bool is_whole =
        failed == std::errc() && (at == end || (*at != '.' && *at != 'e' && *at != 'E'));
    const char* stop = at;
    if (is_whole) {
        token_.number = long_value(whole);
    } else {
        stop = std::from_chars(rest_.data(), end, real).ptr;
        token_.number.type = Type::Double;
        token_.number.real = real;
    }
    if (stop < end && (*stop == 'L' || *stop == 'l') && is_whole) ++stop;
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
}

void Lexer::next() {
    token_ = {};
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())))
        rest_.remove_prefix(1);
    if (rest_.empty() || !error_.empty()) return;
    if (quoted('\'', '\'', Token::Kind::Text) || quoted('[', ']', Token::Kind::Quoted) ||
        quoted('"', '"', Token::Kind::Quoted)) {
        return;
    }
    const auto is_word = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '$' ||
               c == '@';
    };
    const char first = rest_.front();
    if (std::isdigit(static_cast<unsigned char>(first))) return number();
    if (is_word(first) && first != '-') {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_word);
        token_ = {Token::Kind::Word, std::string(rest_.begin(), end), {}};
        rest_.remove_prefix(token_.text.size());
        return;
    }
    token_.kind = Token::Kind::Sign;
    for (const char* two : {"<>", "!=", "<=", ">="}) {
        if (rest_.starts_with(two)) token_.text = two;
    }
    if (token_.text.empty()) token_.text = first;
    rest_.remove_prefix(token_.text.size());
}

class Parser {
  public:
    Parser(const std::string& text, const SqlParameters& parameters)
        : text_(text), parameters_(parameters), in_(text) {}

    Answer<SqlCondition> condition();
    Answer<std::vector<SqlAction>> actions();

  private:
    using Kind = SqlCondition::Kind;

    bool is(const char* word) const {
        const Token& token = in_.token();
        return (token.kind == Token::Kind::Word && lowered(token.text) == word) ||
               (token.kind == Token::Kind::Sign && token.text == word);
    }
    bool take(const char* word) {
        if (!is(word)) return false;
        in_.next();
        return true;
    }
    void want(const char* word) {
        if (!take(word)) wrong(std::string("'") + word + "' is missing");
    }
    void wrong(const std::string& words) {
        if (error_.empty()) error_ = in_.error().empty() ? words : in_.error();
    }
    SqlCondition either();
    SqlCondition both();
    SqlCondition negation();
    SqlCondition comparison();
    SqlCondition predicate(SqlCondition left, bool negated);
    SqlCondition operand();
    SqlCondition property(Kind kind);
    Value literal();
    SqlAction action();
    static SqlCondition make(Kind kind, SqlCondition one) {
        SqlCondition made;
        made.kind = kind;
        made.parts.push_back(std::move(one));
        return made;
    }
    static SqlCondition make(Kind kind, SqlCondition one, SqlCondition two) {
        SqlCondition made = make(kind, std::move(one));
        made.parts.push_back(std::move(two));
        return made;
    }
    static SqlCondition inverted(SqlCondition one, bool negated) {
        return negated ? make(Kind::Not, std::move(one)) : one;
    }
    Refusal refusal() const {
        return {"amqp:invalid-field", "The SQL expression '" + text_ + "' is not understood: " +
                                          (error_.empty() ? "it goes on after its end" : error_)};
    }

    const std::string& text_;
    const SqlParameters& parameters_;
    Lexer in_;
    std::string error_;
    int level_ = 0;
};

SqlCondition Parser::either() {
    if (++level_ > most_levels) wrong("it is nested too deeply");
    SqlCondition left;
    if (error_.empty()) left = both();
    while (error_.empty() && take("or"))
        left = make(Kind::Or, std::move(left), both());
    --level_;
    return left;
}

SqlCondition Parser::both() {
    SqlCondition left = negation();
    while (error_.empty() && take("and"))
        left = make(Kind::And, std::move(left), negation());
    return left;
}

SqlCondition Parser::negation() {
    bool negated = false;
    while (take("not"))
        negated = !negated;
    return inverted(comparison(), negated);
}

SqlCondition Parser::comparison() {
    if (take("(")) {
        SqlCondition inside = either();
        want(")");
        return inside;
    }
    if (take("exists")) {
        want("(");
        SqlCondition made = make(Kind::Exists, property(Kind::Property));
        want(")");
        return made;
    }
    SqlCondition left = operand();
    struct Sign {
        const char* text;
        Kind kind;
    };
    for (const Sign sign :
         {Sign{"=", Kind::Equal}, Sign{"<>", Kind::NotEqual}, Sign{"!=", Kind::NotEqual},
          Sign{"<=", Kind::LessEqual}, Sign{"<", Kind::Less}, Sign{">=", Kind::GreaterEqual},
          Sign{">", Kind::Greater}}) {
        if (take(sign.text)) return make(sign.kind, std::move(left), operand());
    }
    return predicate(std::move(left), take("not"));
}

SqlCondition Parser::predicate(SqlCondition left, bool negated) {
    if (!negated && take("is")) {
        negated = take("not");
        want("null");
        return inverted(make(Kind::IsNull, std::move(left)), negated);
    }
    if (take("in")) {
        SqlCondition made = make(Kind::In, std::move(left));
        want("(");
        do
            made.parts.push_back(operand());
        while (error_.empty() && take(","));
        want(")");
        return inverted(std::move(made), negated);
    }
    if (take("like")) {
        SqlCondition pattern = operand();
        if (pattern.kind != Kind::Literal || !pattern.literal.is_text()) {
            wrong("LIKE wants a text");
        }
        return inverted(make(Kind::Like, std::move(left), std::move(pattern)), negated);
    }
    const bool stands_alone = left.kind == Kind::Property ||
                              (left.kind == Kind::Literal && left.literal.type == Type::Bool);
    if (negated || !stands_alone) wrong("a comparison is missing at '" + in_.token().text + "'");
    return left;
}

Value Parser::literal() {
    const Token token = in_.token();
    Value value;
    if (token.kind == Token::Kind::Text) {
        value = string(token.text);
    } else if (token.kind == Token::Kind::Number) {
        value = token.number;
    } else if (is("true") || is("false")) {
        value = boolean(is("true"));
    } else if (!is("null")) {
        wrong("a value is missing at '" + token.text + "'");
    }
    in_.next();
    return value;
}

SqlCondition Parser::operand() {
    SqlCondition made;
    if (take("-")) {
        made.literal = literal();
        made.literal.number = -made.literal.number;
        made.literal.real = -made.literal.real;
        if (!made.literal.is_number()) wrong("'-' stands before a number only");
        return made;
    }
    const Token& token = in_.token();
    if (token.kind == Token::Kind::Word && token.text.front() == '@') {
        const auto given = parameters_.find(token.text);
        if (given == parameters_.end()) wrong("the parameter '" + token.text + "' has no value");
        if (given != parameters_.end()) made.literal = given->second;
        in_.next();
        return made;
    }
    const bool named =
        token.kind == Token::Kind::Quoted ||
        (token.kind == Token::Kind::Word && !is("true") && !is("false") && !is("null"));
    if (named) return property(Kind::Property);
    made.literal = literal();
    return made;
}

SqlCondition Parser::property(Kind kind) {
    SqlCondition made;
    made.kind = kind;
    Token token = in_.token();
    const auto named = [](const Token& one) {
        return one.kind == Token::Kind::Word || one.kind == Token::Kind::Quoted;
    };
    if (!named(token)) wrong("a property is missing at '" + token.text + "'");
    in_.next();
    if (take(".")) {
        const std::string scope = lowered(token.text);
        token = in_.token();
        if (!named(token)) wrong("a property is missing after '" + scope + ".'");
        in_.next();
        made.system = scope == "sys";
        if (!made.system && scope != "user") wrong("'" + scope + "' is neither sys nor user");
        if (made.system && !field_of(lowered(token.text))) {
            wrong("sys." + token.text + " is not known");
        }
    } else if (is("(")) {
        wrong("'" + token.text + "' is no function that is known here");
    }
    made.name = made.system ? lowered(token.text) : token.text;
    return made;
}

Answer<SqlCondition> Parser::condition() {
    SqlCondition made = either();
    if (error_.empty() && in_.error().empty() && in_.token().kind == Token::Kind::End) return made;
    wrong("it goes on after its end at '" + in_.token().text + "'");
    return tl::unexpected<Refusal>(refusal());
}

SqlAction Parser::action() {
    SqlAction made;
    made.remove = take("remove");
    if (!made.remove && !take("set")) wrong("SET or REMOVE is missing");
    if (!error_.empty()) return made;
    const SqlCondition named = property(Kind::Property);
    made.name = named.name;
    made.system = named.system;
    if (made.remove) return made;
    want("=");
    const SqlCondition to = operand();
    if (to.kind != Kind::Literal) wrong("SET takes a value, not '" + to.name + "'");
    made.value = to.literal;
    return made;
}

Answer<std::vector<SqlAction>> Parser::actions() {
    std::vector<SqlAction> made;
    while (error_.empty() && in_.token().kind != Token::Kind::End) {
        made.push_back(action());
        if (!take(";")) break;
    }
    if (error_.empty() && in_.error().empty() && in_.token().kind == Token::Kind::End) return made;
    wrong("it goes on after its end at '" + in_.token().text + "'");
    return tl::unexpected<Refusal>(refusal());
}

}  // namespace

Answer<SqlCondition> parse_condition(const std::string& text, const SqlParameters& parameters) {
    return Parser(text, parameters).condition();
}

Answer<std::vector<SqlAction>> parse_actions(const std::string& text,
                                             const SqlParameters& parameters) {
    return Parser(text, parameters).actions();
}

const Value& SqlNames::value(const std::string& name, bool system) const {
    static const Value nothing;
    if (system) {
        if (system_.empty()) system_ = property_fields(message_);
        return system_[*field_of(name)];
    }
    if (!user_) user_ = application_properties(message_);
    if (const Value* exact = user_->find(name)) return *exact;
    for (std::size_t i = 0; i + 1 < user_->items.size(); i += 2) {
        if (lowered(user_->items[i].text) == lowered(name)) return user_->items[i + 1];
    }
    return nothing;
}

void apply_action(const SqlAction& action, Message& message) {
    if (action.system) {
        std::vector<Value> fields = property_fields(message);
        fields[*field_of(action.name)] = action.remove ? Value{} : action.value;
        set_property_fields(message, std::move(fields));
    } else if (action.remove) {
        remove_application_property(message, action.name);
    } else {
        Value one = map();
        one.add(action.name, action.value);
        set_application_properties(message, one);
    }
}

}  // namespace vc::lab::servicebus
