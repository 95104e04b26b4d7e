// The library's own thread pool: no OpenMP, safe after fork, never joined.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace lexigrad {

// Threads used where the caller names no count: set_num_threads, else LEXIGRAD_NUM_THREADS, OMP_NUM_THREADS,
// the number of CPUs that this process may run on.
int num_threads();
void set_num_threads(int count);  // 0 returns to the default

// Calls body(task, worker) once for each task in [0, tasks), on up to `threads` threads of which the caller is
// worker 0. Workers take tasks in rising order. A nested call, or one made while another thread holds the pool,
// runs here alone. The first exception that a task throws ends the loop and is rethrown.
void parallel_for(std::int64_t tasks, int threads, const std::function<void(std::int64_t task, int worker)>& body);

// Where the members of a team wait for one another; it spins, then yields, and is fit for waits of microseconds.
class SpinBarrier {
 public:
  explicit SpinBarrier(int members) : members_(members) {}
  void wait();

 private:
  const int members_;
  std::atomic<int> arrived_{0};
  std::atomic<unsigned> round_{0};
};

// One of the threads that run the body of parallel_team.
struct Member {
  int index, count;
  SpinBarrier& barrier;
};

// Calls body(member) once for each member of a team, all of them at the same time, so that they may wait for one
// another. There are `threads` members, or fewer where the system gives fewer threads, or one: in a nested call, or
// while another thread holds the pool. The body must not throw: the others would wait for ever.
void parallel_team(int threads, const std::function<void(const Member&)>& body);

}  // namespace lexigrad
