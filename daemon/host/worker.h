// One thread for work that blocks (disk). Jobs run there one by one, in the order of submission;
// what each returns is handed to its `done` on the thread of `home`, in the same order. While a job
// is under way, home.run() does not return.
//
// The owner's thread submits and destroys; jobs touch only what they were given.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

namespace vc {

class Worker {
  public:
    explicit Worker(boost::asio::io_context& home);
    // Runs every job that was submitted, then joins. Their `done`s are posted, and so come only if
    // home runs on: they must not outlive what they refer to.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // `job` is called as job() on the worker's thread, `done` as done(result) at home. A job that
    // throws is our own bug and ends the program.
    template <class Job, class Done>
    void submit(Job job, Done done) {
        namespace asio = boost::asio;
        asio::post(jobs_,
                   [job = std::move(job), done = std::move(done), home = home_.get_executor(),
                    busy = asio::make_work_guard(home_)]() mutable noexcept {
                       asio::post(home, [result = job(), done = std::move(done)]() mutable {
                           done(std::move(result));
                       });
                   });
    }

  private:
    boost::asio::io_context& home_;
    boost::asio::io_context jobs_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_;
    std::thread thread_;
};

}  // namespace vc
