// The library's own thread pool: no OpenMP, safe after fork, never joined.
#pragma once

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

}  // namespace lexigrad
