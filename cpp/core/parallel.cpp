#include "core/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>

namespace lexigrad {
namespace {

std::atomic<int> chosen_threads{0};

constexpr int kSpins = 2000;  // some ten microseconds

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int positive_from_environment(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::max(0, std::atoi(text)) : 0;
}

int available_cpus() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

struct Job {
  Job(std::int64_t count, const std::function<void(std::int64_t, int)>& f) : tasks(count), body(f) {}

  std::int64_t tasks;
  const std::function<void(std::int64_t, int)>& body;
  std::atomic<std::int64_t> next{0};
  std::mutex error_mutex;
  std::exception_ptr error{};

  void work(int worker) {
    for (std::int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) {
      try {
        body(task, worker);
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(tasks, std::memory_order_relaxed);
      }
    }
  }
};

class Pool {
 public:
  // How many of so many workers there are, or can be started. For the owner.
  int available(int helpers) {
    std::lock_guard lock(mutex_);
    grow(helpers);
    return std::min(helpers, workers_);
  }

  // Runs the job on the caller and up to `helpers` workers; returns when all of them have left it.
  void run(Job& job, int helpers) {
    {
      std::lock_guard lock(mutex_);
      grow(helpers);
      job_ = &job;
      places_ = std::min(helpers, workers_);
      next_worker_ = 1;
    }
    wake_.notify_all();
    job.work(0);
    std::unique_lock lock(mutex_);
    places_ = 0;
    done_.wait(lock, [&] { return running_ == 0; });
    job_ = nullptr;
  }

  std::mutex owner;  // held by the thread whose job is running

 private:
  // Workers inherit the creator's signal mask: all blocked, so that Ctrl-C reaches Python's main thread.
  void grow(int wanted) {
    if (workers_ >= wanted) return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (; workers_ < wanted; ++workers_) std::thread([this] { serve(); }).detach();
    } catch (const std::exception&) {
      // The system refuses another thread: go on with those that there are.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return places_ > 0; });
      --places_;
      ++running_;
      Job* job = job_;
      int worker = next_worker_++;
      lock.unlock();
      job->work(worker);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int workers_ = 0, places_ = 0, running_ = 0, next_worker_ = 1;
};

std::atomic<Pool*> current{nullptr};

Pool& pool() {
  Pool* p = current.load();
  if (p) return *p;
  // A forked child has none of the parent's threads: it forgets the pool (and its locks) and builds its own.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { current.store(nullptr); });
  (void)registered;
  auto* fresh = new Pool;
  if (current.compare_exchange_strong(p, fresh)) return *fresh;
  delete fresh;
  return *p;
}

}  // namespace

int num_threads() {
  if (int n = chosen_threads.load()) return n;
  if (int n = positive_from_environment("LEXIGRAD_NUM_THREADS")) return n;
  if (int n = positive_from_environment("OMP_NUM_THREADS")) return n;
  return available_cpus();
}

void set_num_threads(int count) { chosen_threads.store(std::max(0, count)); }

namespace {

thread_local bool inside = false;  // a nested call must not wait for the lock that its own thread holds

// Calls use(pool), if the pool is free for this thread; returns whether it was.
template <typename Use>
bool with_pool(const Use& use) {
  if (inside) return false;
  Pool& p = pool();
  const std::unique_lock owner(p.owner, std::try_to_lock);
  if (!owner.owns_lock()) return false;
  inside = true;
  use(p);
  inside = false;
  return true;
}

}  // namespace

void parallel_for(std::int64_t tasks, int threads, const std::function<void(std::int64_t, int)>& body) {
  if (tasks <= 0) return;
  Job job(tasks, body);
  const int helpers = static_cast<int>(std::min<std::int64_t>(threads, tasks)) - 1;
  if (helpers <= 0 || !with_pool([&](Pool& p) { p.run(job, helpers); })) job.work(0);
  if (job.error) std::rethrow_exception(job.error);
}

void parallel_team(int threads, const std::function<void(const Member&)>& body) {
  // As many tasks as threads: one that waits for the others holds its thread, which leaves the others to the rest.
  const auto run = [&](Pool& p) {
    const int helpers = p.available(threads - 1);
    SpinBarrier barrier(helpers + 1);
    const std::function<void(std::int64_t, int)> member = [&](std::int64_t task, int) {
      body({static_cast<int>(task), helpers + 1, barrier});
    };
    Job job(helpers + 1, member);
    p.run(job, helpers);
  };
  if (threads > 1 && with_pool(run)) return;
  SpinBarrier barrier(1);
  body({0, 1, barrier});
}

void SpinBarrier::wait() {
  const unsigned round = round_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == members_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
    if (spins < kSpins) {
      pause();
    } else {
      sched_yield();
    }
  }
}

}  // namespace lexigrad
