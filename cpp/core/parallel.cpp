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

void parallel_for(std::int64_t tasks, int threads, const std::function<void(std::int64_t, int)>& body) {
  if (tasks <= 0) return;
  Job job(tasks, body);
  int helpers = static_cast<int>(std::min<std::int64_t>(threads, tasks)) - 1;
  thread_local bool inside = false;  // a nested call must not wait for the lock that its own thread holds
  std::unique_lock<std::mutex> owner;
  Pool* p = nullptr;
  if (helpers > 0 && !inside) {
    p = &pool();
    owner = std::unique_lock(p->owner, std::try_to_lock);
  }
  if (owner.owns_lock()) {
    inside = true;
    p->run(job, helpers);
    inside = false;
  } else {
    job.work(0);
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace lexigrad
