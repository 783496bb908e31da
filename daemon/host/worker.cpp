#include "daemon/host/worker.h"

#include <pthread.h>
#include <signal.h>

namespace vc {
namespace {

// Signals are for the thread that waits for them, not for whoever happens to be running.
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Worker::Worker(boost::asio::io_context& home)
    : home_(home), open_(boost::asio::make_work_guard(jobs_)), thread_([this] {
          block_signals();
          jobs_.run();
      }) {}

Worker::~Worker() {
    open_.reset();
    thread_.join();
}

}  // namespace vc
