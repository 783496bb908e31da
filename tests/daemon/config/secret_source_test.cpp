#include "daemon/config/secret_source.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "daemon/host/file.h"
#include "tests/daemon/loop.h"

using namespace vc;

namespace {

using Kind = SecretSource::Kind;

std::string read(const test::TemporaryDirectory& dir, const std::string& text) {
    const SecretSource source{Kind::file, "the file", dir.file("secret")};
    REQUIRE(write_file(source.path, text).has_value());
    const auto secret = read_secret(source);
    return secret ? "secret " + secret->reveal() : "error " + secret.error().message;
}

}  // namespace

TEST_CASE("a secret is one line, and an error never repeats it") {
    const test::TemporaryDirectory dir;
    CHECK(read(dir, "s3cr3t") == "secret s3cr3t");
    CHECK(read(dir, "s3cr3t\r\n\n") == "secret s3cr3t");
    CHECK(read(dir, " spaces stay ") == "secret  spaces stay ");
    CHECK(read(dir, "") == "error the file is empty");
    CHECK(read(dir, "\n") == "error the file is empty");
    CHECK(read(dir, "s3cr3t\nx") == "error the file has more than one line, or a NUL character");
    CHECK(read(dir, std::string("s3cr3t\0x", 8)) ==
          "error the file has more than one line, or a NUL character");
    CHECK(read(dir, std::string(5000, 's')).starts_with("error cannot read "));
}

TEST_CASE("an environment variable is read, and its absence said") {
    REQUIRE(::setenv("VC_SECRET_SOURCE_TEST", "x", 1) == 0);
    CHECK(read_secret({Kind::environment, "VC_SECRET_SOURCE_TEST", ""})->reveal() == "x");
    CHECK(read_secret({Kind::environment, "VC_NO_SUCH_VARIABLE", ""}).error().message ==
          "the environment has no VC_NO_SUCH_VARIABLE");
}

TEST_CASE("only what stands in a file can change while we run") {
    CHECK(SecretSource{Kind::file, "a", "a"}.can_change());
    CHECK(SecretSource{Kind::credential, "a", "/x/a"}.can_change());
    CHECK_FALSE(SecretSource{Kind::environment, "A", ""}.can_change());
    CHECK_FALSE(SecretSource{}.can_change());
    CHECK(to_text(SecretSource{Kind::file, "/x", "/x"}) == "file /x");
    CHECK(to_text(SecretSource{Kind::credential, "a", "/x/a"}) == "credential a");
    CHECK(to_text(SecretSource{Kind::environment, "A", ""}) ==
          "environment variable A, read at the start only");
    CHECK(to_text(SecretSource{}) == "nothing");
}

TEST_CASE("what is wiped is zeroes, also the short text that a move leaves behind") {
    std::string text = "s3cr3t";
    const char* bytes = text.data();
    wipe(text);
    CHECK(text.empty());
    CHECK(std::string_view(bytes, 6) == std::string_view("\0\0\0\0\0\0", 6));

    Secret from(std::string("s3cr3t"));
    const char* old = from.reveal().data();  // short: inside the object, which lives on
    const Secret to(std::move(from));
    CHECK(to.reveal() == "s3cr3t");
    CHECK(std::string_view(old, 6) == std::string_view("\0\0\0\0\0\0", 6));
    Secret other(std::string("other"));
    old = other.reveal().data();
    other = to;
    CHECK(other.is(to));
    CHECK(std::string_view(old, 6) == "s3cr3t");
}
