#include "daemon/host/file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/daemon/loop.h"

namespace vc {

using test::TemporaryDirectory;

TEST_CASE("a file is read whole, up to its limit") {
    const TemporaryDirectory dir;
    REQUIRE(write_file(dir.file("a"), "twelve bytes"));
    CHECK(read_file(dir.file("a"), 12).value() == "twelve bytes");
    CHECK(read_file(dir.file("a"), 11).error().message ==
          "cannot read " + dir.file("a") + ": more than 11 bytes");
}

TEST_CASE("what is no regular file is not read, and a missing one says so") {
    const TemporaryDirectory dir;
    REQUIRE(::mkfifo(dir.file("pipe").c_str(), 0600) == 0);
    CHECK(read_file(dir.file("pipe"), 10).error().message ==
          "cannot read " + dir.file("pipe") + ": not a regular file");
    CHECK(read_file(dir.path(), 10).error().message ==
          "cannot read " + dir.path() + ": not a regular file");
    CHECK(read_file(dir.file("none"), 10).error().message ==
          "cannot read " + dir.file("none") + ": No such file or directory");
}

TEST_CASE("a file is replaced as a whole and nothing is left beside it") {
    const TemporaryDirectory dir;
    REQUIRE(write_file(dir.file("a"), "old", 0600));
    REQUIRE(write_file(dir.file("a"), "new", 0640));
    CHECK(read_file(dir.file("a"), 10).value() == "new");
    struct stat facts {};
    REQUIRE(::stat(dir.file("a").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0640);
    int entries = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path()))
        ++entries;
    CHECK(entries == 1);
}

TEST_CASE("a file that cannot be written says so and leaves nothing behind") {
    const TemporaryDirectory dir;
    CHECK(write_file(dir.file("no/such"), "x").error().message ==
          "cannot write " + dir.file("no/such") + ": No such file or directory");
    REQUIRE(make_directory(dir.file("taken/sub")));
    CHECK(write_file(dir.file("taken"), "x").error().message ==
          "cannot write " + dir.file("taken") + ": Is a directory");
    int entries = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path()))
        ++entries;
    CHECK(entries == 1);
}

TEST_CASE("a directory is made with its parents; a file in its place is an error") {
    const TemporaryDirectory dir;
    CHECK(make_directory(dir.file("a/b/c")));
    CHECK(make_directory(dir.file("a/b/c")));
    CHECK(std::filesystem::is_directory(dir.file("a/b/c")));
    REQUIRE(write_file(dir.file("f"), ""));
    CHECK(make_directory(dir.file("f")).error().message ==
          "cannot make the directory " + dir.file("f") + ": a file has that name");
    CHECK(make_directory(dir.file("f/g")).error().message ==
          "cannot make the directory " + dir.file("f") + ": a file has that name");
}

TEST_CASE("a lock is one process' own, and ends with it however that ends") {
    const TemporaryDirectory dir;
    const std::string path = dir.file("lock");
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = FileLock::take(path);
        const char byte = lock ? '1' : '0';
        if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
        ::pause();
        ::_exit(0);
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    REQUIRE(byte == '1');
    CHECK(FileLock::take(path).error().message ==
          "cannot lock " + path + ": locked by process " + std::to_string(child));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    auto lock = FileLock::take(path);
    CHECK(lock);
    // Moving it does not let go of it.
    FileLock moved = std::move(*lock);
    CHECK(!FileLock::take(path));
    CHECK(FileLock::take(dir.file("no/lock")).error().message ==
          "cannot lock " + dir.file("no/lock") + ": No such file or directory");
    ::close(ready[0]);
    ::close(ready[1]);
}

}  // namespace vc
