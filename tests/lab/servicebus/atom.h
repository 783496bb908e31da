// The management feed of one namespace: entities are listed, read, made, changed and removed over
// HTTP, as the administration clients of Service Bus do it (their sources; api-version 2021-05).
// Answers to requests that the broker's port hands on; owns nothing.
//
//   GET /$Resources/Queues|Topics, /{topic}/Subscriptions, .../Rules   with $skip and $top
//   GET PUT DELETE /{entity}, /{topic}/Subscriptions/{s}, .../Rules/{r}   PUT + If-Match: changes
//   GET /$namespaceinfo
//
// An entity that is not there is an empty feed with status 200 (a subscription or a rule: 404).
// Refusals: 400 for what is not understood, 401, 404, 409, 503 while management_down.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rules/base/error.h"
#include "tests/lab/agenda.h"
#include "tests/lab/http.h"
#include "tests/lab/servicebus/atom_xml.h"
#include "tests/lab/servicebus/store.h"

namespace vc::lab::servicebus {

// What the feed asks of the rest of the broker. Any of them may be left out.
struct AtomHooks {
    // Whether this Authorization header may manage `url` ("https://host/path"); its error is told.
    std::function<Result<void>(const std::string& authorization, const std::string& url)> authorize;
    std::function<void()> changed;                         // entities came, went or changed
    std::function<bool()> down;                            // 503 to everything
    std::function<Duration()> delay;                       // before each answer
    std::function<bool(const std::string&)> hides_counts;  // this entity's counts are told as 0
};

class Atom {
  public:
    Atom(Agenda& agenda, Store& store, std::string name, AtomHooks hooks);

    HttpResponse answer(const HttpRequest& request);

  private:
    // What a path names: an entity, a rule of a subscription, or a list of either.
    struct Named {
        std::string entity;  // "q", "t", "t/Subscriptions/s"
        std::string rule;
        bool list = false;  // of the entity's subscriptions, or of its rules
        bool of_rules = false;
    };
    static Named named(const std::string& path);

    HttpResponse route(const HttpRequest& request);
    HttpResponse get(const HttpRequest& request, const Named& what);
    HttpResponse put(const HttpRequest& request, const Named& what);
    HttpResponse erase(const Named& what);
    HttpResponse put_rule(const HttpRequest& request, const Named& what);
    HttpResponse make(const HttpRequest& request, const Named& what, EntityBody body);
    HttpResponse list(const HttpRequest& request, const std::string& title,
                      const std::vector<std::string>& entries);
    std::string entry(const HttpRequest& request, const Entity& entity) const;
    const RuleDescription* find_rule(const Named& what) const;
    HttpResponse refused(const Refusal& refusal) const;
    HttpResponse say(unsigned status, std::string body) const;
    AtomPlace place(const HttpRequest& request) const;

    Agenda& agenda_;
    Store& store_;
    std::string name_;
    AtomHooks hooks_;
    Instant made_;
};

}  // namespace vc::lab::servicebus
