#include "probes/http/get.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <exception>
#include <utility>

namespace vc {

namespace http = boost::beast::http;

struct HttpGet::Parser {
    http::response_parser<http::string_body> of_beast;
};

HttpGet::HttpGet(GetTarget request)
    : request_(std::move(request)), parser_(std::make_unique<Parser>()) {
    parser_->of_beast.header_limit(8 * 1024);
    parser_->of_beast.body_limit(std::uint64_t{64} * 1024);
    parser_->of_beast.eager(true);
}

HttpGet::~HttpGet() = default;
HttpGet::HttpGet(HttpGet&&) noexcept = default;

std::string HttpGet::request_text(std::string_view authorization) const {
    const std::uint16_t usual = request_.secure ? 443 : 80;
    const std::string port = request_.port == usual ? "" : ":" + std::to_string(request_.port);
    std::string text = "GET " + request_.path + " HTTP/1.1\r\nHost: " + request_.host + port +
                       "\r\nUser-Agent: voltcanary\r\nAccept: */*\r\nConnection: close\r\n";
    if (!authorization.empty()) text += "Authorization: " + std::string(authorization) + "\r\n";
    return text + "\r\n";
}

HttpGet::State HttpGet::fail(std::string reason) {
    reason_ = std::move(reason);
    pending_.clear();
    return state_ = State::broken;
}

HttpGet::State HttpGet::take_result() {
    auto& parser = parser_->of_beast;
    if (parser.is_header_done()) status_ = static_cast<int>(parser.get().result_int());
    if (!parser.is_done()) return state_;
    body_ = std::move(parser.get().body());
    return state_ = State::done;
}

HttpGet::State HttpGet::receive(std::string_view bytes) {
    if (state_ != State::reading) return state_;
    pending_.append(bytes);
    try {
        auto& parser = parser_->of_beast;
        while (!pending_.empty() && !parser.is_done()) {
            boost::beast::error_code error;
            const std::size_t used =
                parser.put(boost::asio::buffer(pending_.data(), pending_.size()), error);
            pending_.erase(0, used);
            if (error == http::error::need_more) break;
            if (error) return fail("not HTTP: " + error.message());
            if (used == 0) break;
        }
        return take_result();
    } catch (const std::exception& thrown) {
        return fail(std::string("not HTTP: ") + thrown.what());
    }
}

HttpGet::State HttpGet::finish() {
    if (state_ != State::reading) return state_;
    try {
        boost::beast::error_code error;
        parser_->of_beast.put_eof(error);
        if (error) return fail("the answer is cut off: " + error.message());
        return take_result();
    } catch (const std::exception& thrown) {
        return fail(std::string("not HTTP: ") + thrown.what());
    }
}

}  // namespace vc
