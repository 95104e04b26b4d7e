// The thread pool; meant to run under ThreadSanitizer as well.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/parallel.h"

namespace {

using namespace lexigrad;

// Runs `tasks` tasks on up to `threads` threads and checks that each ran once, by a worker that exists.
void check_each_once(std::int64_t tasks, int threads) {
  std::vector<int> runs(static_cast<std::size_t>(tasks));  // plain: a task that ran twice is a race
  std::vector<std::int64_t> by_worker(static_cast<std::size_t>(std::max(threads, 1)));
  parallel_for(tasks, threads, [&](std::int64_t task, int worker) {
    CHECK(task >= 0 && task < tasks);
    CHECK(worker >= 0 && worker < std::max(threads, 1));
    ++runs[static_cast<std::size_t>(task)];
    ++by_worker[static_cast<std::size_t>(worker)];  // a worker's number belongs to one thread at a time
  });
  for (const int n : runs) CHECK(n == 1);
  std::int64_t all = 0;
  for (const std::int64_t n : by_worker) all += n;
  CHECK(all == tasks);
}

void test_every_task_once() {
  for (const std::int64_t tasks : {0, 1, 2, 3, 7, 100, 5000}) {
    for (const int threads : {-1, 0, 1, 2, 3, 8, 64}) check_each_once(tasks, threads);
  }
  for (int round = 0; round < 2000; ++round) check_each_once(1 + round % 5, 2 + round % 3);
}

void test_exceptions() {
  for (const int threads : {1, 2, 8}) {
    std::atomic<std::int64_t> started{0};
    std::string caught;
    try {
      parallel_for(1'000'000, threads, [&](std::int64_t task, int) {
        ++started;
        if (task == 3) throw std::runtime_error("task 3");
      });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    CHECK(caught == "task 3");
    CHECK(started < 1'000'000);  // the loop ended early
    check_each_once(100, threads);
  }
  bool threw = false;
  try {
    parallel_for(64, 8, [](std::int64_t task, int) { throw task; });  // all at once: one of them arrives
  } catch (std::int64_t task) {
    threw = task >= 0 && task < 64;
  }
  CHECK(threw);
}

void test_nested() {
  std::atomic<int> inner{0};
  parallel_for(8, 4, [&](std::int64_t, int) {
    const auto here = std::this_thread::get_id();
    parallel_for(10, 4, [&](std::int64_t, int worker) {
      CHECK(worker == 0 && std::this_thread::get_id() == here);
      ++inner;
    });
  });
  CHECK(inner == 80);
  try {
    parallel_for(4, 4, [](std::int64_t, int) {
      parallel_for(4, 4, [](std::int64_t task, int) {
        if (task == 2) throw std::runtime_error("inner");
      });
    });
    CHECK(false);
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()) == "inner");
  }
  check_each_once(100, 4);
}

void test_several_callers() {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([caller] {
      for (int round = 0; round < 300; ++round)
        check_each_once(1 + (round * 7 + caller) % 40, 1 + (round + caller) % 5);
    });
  }
  for (auto& caller : callers) caller.join();
}

void test_fork() {
  check_each_once(100, 4);  // the parent has a pool
  for (int round = 0; round < 5; ++round) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(60);  // a child that waits for its parent's threads would hang
      check_each_once(100, 4);
      const pid_t grandchild = fork();
      if (grandchild == 0) {
        alarm(60);
        check_each_once(50, 3);
        _exit(0);
      }
      int status = -1;
      CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
      _exit(0);
    }
    check_each_once(100, 4);  // the parent's pool goes on
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

void test_num_threads() {
  unsetenv("LEXIGRAD_NUM_THREADS");
  unsetenv("OMP_NUM_THREADS");
  CHECK(num_threads() >= 1);
  setenv("OMP_NUM_THREADS", "5", 1);
  CHECK(num_threads() == 5);
  setenv("LEXIGRAD_NUM_THREADS", "3", 1);
  CHECK(num_threads() == 3);
  setenv("LEXIGRAD_NUM_THREADS", "many", 1);
  CHECK(num_threads() == 5);
  set_num_threads(2);
  CHECK(num_threads() == 2);
  set_num_threads(0);
  CHECK(num_threads() == 5);
}

// All members run at the same time, for they wait for one another; each adds to what the others left.
void test_team() {
  for (const int threads : {1, 2, 3, 8}) {
    for (int round = 0; round < 50; ++round) {
      int total = 0, seen = 0;  // plain: a barrier that lets a member through early is a race
      parallel_team(threads, [&](const Member& m) {
        CHECK(m.count >= 1 && m.count <= threads && m.index >= 0 && m.index < m.count);
        for (int step = 0; step < 20; ++step) {
          if (step % m.count == m.index) ++total;
          m.barrier.wait();
        }
        if (m.index == 0) seen = m.count;
      });
      CHECK(total == 20 && seen == threads);
    }
  }
  parallel_for(4, 2, [](std::int64_t, int) {
    parallel_team(4, [](const Member& m) {
      m.barrier.wait();
      CHECK(m.index == 0 && m.count == 1);  // a nested team is alone
    });
  });
}

}  // namespace

int main() {
  test_num_threads();
  test_every_task_once();
  test_exceptions();
  test_nested();
  test_team();
  test_several_callers();
  test_fork();
  return 0;
}
