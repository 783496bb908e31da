#include "daemon/cli/daemon_client.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <optional>

#include "daemon/host/file.h"

namespace vc {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

// In machine time, whatever the daemon's time-lapse: a person waits.
constexpr Duration patience = 5s;
// An order is answered when it is in the journal; a daemon with a slow disk may take its 30 s.
constexpr Duration patience_for_orders = 35s;
constexpr std::size_t most_note_bytes = 4096;
constexpr std::size_t most_answer_bytes = 4 << 20;

std::optional<std::uint16_t> noted_port(const std::string& state) {
    const auto text = read_file(state + "/http.json", most_note_bytes);
    if (!text) return std::nullopt;
    boost::system::error_code error;
    const json::value value = json::parse(*text, error);
    if (error || !value.is_object()) return std::nullopt;
    const json::value* port = value.get_object().if_contains("port");
    if (port == nullptr || !port->is_int64()) return std::nullopt;
    const std::int64_t number = port->get_int64();
    if (number < 1 || number > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(number);
}

}  // namespace

Result<std::string> daemon_url(const DaemonPlace& place) {
    ListenAddress address = place.listen;
    if (const auto port = noted_port(place.state)) address.port = *port;
    if (address.port == 0) {
        return failure("the daemon is not running: no " + place.state +
                       "/http.json tells its port");
    }
    return "http://" + to_text(address);
}

Result<HttpResponse> ask_daemon(const DaemonPlace& place, const std::string& path,
                                const std::string& body) {
    const auto url = daemon_url(place);
    if (!url) return tl::unexpected(url.error());
    HttpRequest request;
    request.url = *url + path;
    request.answer_limit = most_answer_bytes;
    if (!body.empty()) {
        request.method = "POST";
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = body;
    }
    const Duration limit = body.empty() ? patience : patience_for_orders;
    auto answer = http_fetch(std::move(request), limit, Clock{});
    if (!answer) return failure("the daemon does not answer: " + answer.error().message);
    return std::move(*answer);
}

}  // namespace vc
