// voltcanary-bench: measures real processes on loopback, prints a line per figure and writes
// OUT/NAME.json; see figures.h. Times are machine time.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "tests/bench/broker.h"
#include "tests/bench/figures.h"
#include "tests/bench/idle.h"
#include "tests/e2e/child.h"

namespace vc::bench {
namespace {

int run(int argc, char** argv) {
    const std::map<std::string, std::function<void(Figures&)>> benches{
        {"idle", idle}, {"broker", broker}, {"pace", pace}, {"truth", truth}, {"fleet", fleet}};
    const std::string name = argc == 4 ? argv[1] : "";
    if (!benches.contains(name) || std::string(argv[2]) != "--out") {
        std::fprintf(stderr,
                     "usage: voltcanary-bench idle|broker --out DIR\n"
                     "or a part of broker: pace|truth|fleet\n"
                     "fleet_cpu_cores and fleet_lag_p99_ms mean nothing where fleet_ok_share is "
                     "missed\n");
        return 2;
    }
    Figures figures;
    benches.at(name)(figures);
    const std::filesystem::path out = argv[3];
    std::filesystem::create_directories(out);
    e2e::write_text(out / (name + ".json"), boost::json::serialize(figures.all()) + "\n");
    return 0;
}

}  // namespace
}  // namespace vc::bench

int main(int argc, char** argv) {
    try {
        return vc::bench::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "voltcanary-bench: %s\n", error.what());
        return 1;
    }
}
