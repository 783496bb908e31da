#include "tests/lab/servicebus/atom.h"

#include <algorithm>
#include <charconv>

namespace vc::lab::servicebus {
namespace {

constexpr std::size_t largest_page = 100;

std::string words_of(const char* code, const std::string& words) {
    return std::string("SubCode=") + code + ". " + words;
}

// Where "/subscriptions/", "/rules/" or one of them at the end stands, in any case.
std::size_t find_part(const std::string& path, const std::string& part, std::size_t from = 0) {
    const std::string low = lowered(path);
    const auto found = low.find("/" + part, from);
    if (found == std::string::npos) return found;
    const auto end = found + part.size() + 1;
    return end == low.size() || low[end] == '/' ? found : std::string::npos;
}

std::size_t number_or(const std::string& text, std::size_t fallback) {
    std::size_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc{} ? number : fallback;
}

}  // namespace

Atom::Atom(Agenda& agenda, Store& store, std::string name, AtomHooks hooks)
    : agenda_(agenda),
      store_(store),
      name_(std::move(name)),
      hooks_(std::move(hooks)),
      made_(agenda.now()) {}

HttpResponse Atom::answer(const HttpRequest& request) {
    HttpResponse response;
    const std::string url = "https://" + request.header("host") + request.target;
    Result<void> allowed;
    if (hooks_.authorize) allowed = hooks_.authorize(request.header("authorization"), url);
    if (hooks_.down && hooks_.down()) {
        response = say(503, error_body(503, words_of("50300", "The service is unavailable.")));
    } else if (!allowed) {
        const std::string words = words_of("40100", allowed.error().message);
        response = say(401, error_body(401, words));
    } else {
        response = route(request);
    }
    if (hooks_.delay) response.delay = hooks_.delay();
    return response;
}

Atom::Named Atom::named(const std::string& path) {
    Named what;
    const auto middle = find_part(path, "subscriptions");
    if (middle == std::string::npos) {
        what.entity = path;
        return what;
    }
    const auto name = middle + std::string("/subscriptions/").size();
    if (name >= path.size()) {
        what.entity = path.substr(0, middle);
        what.list = true;
        return what;
    }
    const auto rules = find_part(path, "rules", name);
    what.entity = path.substr(0, middle) + "/Subscriptions/" + path.substr(name, rules - name);
    if (rules == std::string::npos) return what;
    what.of_rules = true;
    const auto rule = rules + std::string("/rules/").size();
    what.list = rule >= path.size();
    if (!what.list) what.rule = path.substr(rule);
    return what;
}

HttpResponse Atom::route(const HttpRequest& request) {
    std::string path = request.path;
    while (path.starts_with('/'))
        path.erase(0, 1);
    const std::string low = lowered(path);
    if (low.starts_with("$")) {
        if (request.method != "GET") return say(405, error_body(405, "Only GET is known here."));
        if (low == "$namespaceinfo") {
            return say(200, namespace_entry(place(request), made_, agenda_.now()));
        }
        if (low != "$resources/queues" && low != "$resources/topics") {
            return say(404, error_body(404, words_of("40400", path + " is not known.")));
        }
        const bool queues = low == "$resources/queues";
        std::vector<std::string> entries;
        for (const Entity* one : store_.list(queues ? EntityKind::Queue : EntityKind::Topic))
            entries.push_back(entry(request, *one));
        return list(request, queues ? "Queues" : "Topics", entries);
    }
    const Named what = named(path);
    if (request.method == "GET") return get(request, what);
    if (request.method == "PUT" && !what.list) return put(request, what);
    if (request.method == "DELETE" && !what.list) return erase(what);
    return say(405, error_body(405, request.method + " is not known here."));
}

HttpResponse Atom::get(const HttpRequest& request, const Named& what) {
    const Entity* entity = store_.find(what.entity);
    const bool nested = what.list || what.of_rules || what.entity.find('/') != std::string::npos;
    if (entity == nullptr) {
        if (!nested) return say(200, empty_feed(agenda_.now()));
        return refused(
            {"amqp:not-found", "The messaging entity '" + what.entity + "' could not be found."});
    }
    if (!what.list && !what.of_rules) return say(200, entry(request, *entity));
    std::vector<std::string> entries;
    if (!what.of_rules) {
        for (const Entity* one : store_.subscriptions(*entity))
            entries.push_back(entry(request, *one));
        return list(request, "Subscriptions", entries);
    }
    if (what.list) {
        for (const Rule& rule : entity->rules) {
            entries.push_back(
                rule_entry(place(request), entity->path, rule.description(), agenda_.now()));
        }
        return list(request, "Rules", entries);
    }
    const RuleDescription* rule = find_rule(what);
    if (rule == nullptr) {
        return refused({"amqp:not-found", "The rule '" + what.rule + "' could not be found."});
    }
    return say(200, rule_entry(place(request), entity->path, *rule, agenda_.now()));
}

HttpResponse Atom::list(const HttpRequest& request, const std::string& title,
                        const std::vector<std::string>& entries) {
    const std::size_t skip = std::min(number_or(request.argument("$skip"), 0), entries.size());
    const std::size_t asked = number_or(request.argument("$top"), largest_page);
    const std::size_t top = std::clamp<std::size_t>(asked, 1, largest_page);
    const std::size_t end = std::min(skip + top, entries.size());
    std::string path = request.target.substr(0, request.target.find('?'));
    while (path.starts_with('/'))
        path.erase(0, 1);
    std::string next;
    if (end < entries.size()) {
        const std::string version = request.argument("api-version");
        next = "https://" + request.header("host") + "/" + path +
               "?api-version=" + (version.empty() ? "2021-05" : version) +
               "&$skip=" + std::to_string(end) + "&$top=" + std::to_string(top);
    }
    const std::vector<std::string> page(entries.begin() + static_cast<std::ptrdiff_t>(skip),
                                        entries.begin() + static_cast<std::ptrdiff_t>(end));
    return say(200, feed(place(request), path, title, page, next, agenda_.now()));
}

HttpResponse Atom::put(const HttpRequest& request, const Named& what) {
    if (what.of_rules) return put_rule(request, what);
    const Entity* known = store_.find(what.entity);
    const bool update = !request.header("if-match").empty();
    auto body = read_entity(request.body, update && known ? known->options : EntityOptions{});
    if (!body) return refused(body.error());
    const bool nested = what.entity.find("/Subscriptions/") != std::string::npos;
    if (nested != (body->kind == EntityKind::Subscription)) {
        return refused({"amqp:invalid-field", "The body describes another kind of entity."});
    }
    if (!update) return make(request, what, std::move(*body));
    if (known != nullptr && known->kind != body->kind) {
        return refused({"amqp:invalid-field", "The entity is of another kind."});
    }
    const auto updated = store_.update(what.entity, body->options, agenda_.now());
    if (!updated) return refused(updated.error());
    if (hooks_.changed) hooks_.changed();
    return say(200, entry(request, *store_.find(what.entity)));
}

HttpResponse Atom::make(const HttpRequest& request, const Named& what, EntityBody body) {
    const auto made = store_.create(body.kind, what.entity, body.options, agenda_.now());
    if (!made) return refused(made.error());
    if (body.first_rule && body.kind == EntityKind::Subscription) {
        // It stands in place of "$Default".
        RuleDescription rule = std::move(*body.first_rule);
        if (rule.name.empty()) rule.name = "$Default";
        Answer<void> done = store_.remove_rule(what.entity, "$Default");
        if (done) done = store_.add_rule(what.entity, std::move(rule), agenda_.now());
        if (!done) {
            const auto removed = store_.remove(what.entity);
            return refused(removed ? done.error() : removed.error());
        }
    }
    if (hooks_.changed) hooks_.changed();
    return say(201, entry(request, *store_.find(what.entity)));
}

HttpResponse Atom::put_rule(const HttpRequest& request, const Named& what) {
    auto rule = read_rule(request.body);
    if (!rule) return refused(rule.error());
    rule->name = what.rule;
    const bool update = !request.header("if-match").empty();
    const auto done = update ? store_.replace_rule(what.entity, std::move(*rule), agenda_.now())
                             : store_.add_rule(what.entity, std::move(*rule), agenda_.now());
    if (!done) return refused(done.error());
    if (hooks_.changed) hooks_.changed();
    const RuleDescription* now = find_rule(what);
    return say(update ? 200 : 201, rule_entry(place(request), what.entity, *now, agenda_.now()));
}

HttpResponse Atom::erase(const Named& what) {
    const auto done =
        what.of_rules ? store_.remove_rule(what.entity, what.rule) : store_.remove(what.entity);
    if (!done) return refused(done.error());
    if (hooks_.changed) hooks_.changed();
    return say(200, "");
}

const RuleDescription* Atom::find_rule(const Named& what) const {
    const Entity* entity = store_.find(what.entity);
    if (entity == nullptr) return nullptr;
    for (const Rule& rule : entity->rules) {
        if (lowered(rule.description().name) == lowered(what.rule)) return &rule.description();
    }
    return nullptr;
}

std::string Atom::entry(const HttpRequest& request, const Entity& entity) const {
    const bool hidden = hooks_.hides_counts && hooks_.hides_counts(entity.path);
    const Counts counts = hidden ? Counts{} : store_.counts(entity);
    return entity_entry(place(request), entity, counts, agenda_.now());
}

HttpResponse Atom::refused(const Refusal& refusal) const {
    unsigned status = 400;
    const char* code = "40000";
    if (refusal.condition == "amqp:not-found") {
        status = 404;
        code = "40400";
    } else if (refusal.condition == "com.microsoft:entity-already-exists") {
        status = 409;
        code = "40900";
    } else if (refusal.condition == "amqp:resource-limit-exceeded") {
        status = 403;
        code = "40300";
    }
    return say(status, error_body(status, words_of(code, refusal.description)));
}

HttpResponse Atom::say(unsigned status, std::string body) const {
    return {status, std::move(body), "application/atom+xml;charset=utf-8"};
}

AtomPlace Atom::place(const HttpRequest& request) const {
    const auto mark = request.target.find('?');
    return {request.header("host"), name_,
            mark == std::string::npos ? "" : request.target.substr(mark + 1)};
}

}  // namespace vc::lab::servicebus
