// Feeds as a namespace writes them, for the tests of what reads them.
#pragma once

#include <string>
#include <vector>

namespace vc::test {

inline std::string feed(const std::vector<std::string>& entries) {
    std::string text =
        R"(<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">)"
        R"(<title type="text">Queues</title><id>https://ns.example/$Resources/Queues</id>)"
        R"(<updated>2026-03-18T22:00:00Z</updated>)";
    for (const std::string& one : entries)
        text += one;
    return text + "</feed>";
}

// `description`: "QueueDescription" and the like; `inside`: its elements.
inline std::string entry(const std::string& name, const std::string& description,
                         const std::string& inside) {
    return "<entry xml:base=\"https://ns.example/\"><id>https://ns.example/" + name +
           "</id><title type=\"text\">" + name +
           "</title><published>2026-01-01T00:00:00Z</published>"
           "<author><name>ns</name></author><content type=\"application/xml\"><" +
           description +
           " xmlns=\"http://schemas.microsoft.com/netservices/2010/10/servicebus/connect\" "
           "xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">" +
           inside + "</" + description + "></content></entry>";
}

inline std::string queue(const std::string& name, const std::string& more = "") {
    return entry(name, "QueueDescription",
                 more +
                     "<LockDuration>PT1M</LockDuration>"
                     "<MaxSizeInMegabytes>1024</MaxSizeInMegabytes>"
                     "<RequiresDuplicateDetection>false</RequiresDuplicateDetection>"
                     "<RequiresSession>false</RequiresSession>"
                     "<DefaultMessageTimeToLive>P14D</DefaultMessageTimeToLive>"
                     "<MaxDeliveryCount>10</MaxDeliveryCount>"
                     "<MessageCount>7</MessageCount><AuthorizationRules/>"
                     "<Status>Active</Status>");
}

inline std::string topic(const std::string& name) {
    return entry(name, "TopicDescription", "<Status>Active</Status>");
}

inline std::string subscription(const std::string& name) {
    return entry(name, "SubscriptionDescription",
                 "<LockDuration>PT30S</LockDuration><Status>Active</Status>");
}

inline std::string rule(const std::string& name, const std::string& filter,
                        const std::string& action = R"(<Action i:type="EmptyRuleAction"/>)") {
    return entry(name, "RuleDescription", filter + action + "<Name>" + name + "</Name>");
}

inline std::string sql(const std::string& expression) {
    return R"(<Filter i:type="SqlFilter"><SqlExpression>)" + expression +
           "</SqlExpression><CompatibilityLevel>20</CompatibilityLevel></Filter>";
}

}  // namespace vc::test
