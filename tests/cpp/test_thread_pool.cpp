// sources: csrc/core/thread_pool.cpp csrc/core/errors.cpp
// sanitizers: address,undefined thread
// The thread pool: regions from two threads at once, nested regions, another size, and a child after fork.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/thread_pool.hpp"

#define CHECK(condition) ((condition) ? (void)0 : (std::fprintf(stderr, "%s:%d: %s fails\n", __FILE__, __LINE__, #condition), std::abort()))

namespace {

// Every index exactly once, by ranges and by tasks.
void check_coverage(int64_t count) {
  std::vector<int> seen(count);
  ayar::parallel_ranges(count, 4, [&](int64_t begin, int64_t end, int thread) {
    CHECK(thread >= 0 && thread < ayar::thread_count());
    for (int64_t i = begin; i < end; ++i) ++seen[i];
  });
  ayar::parallel_tasks(count, [&](int64_t task, int) { ++seen[task]; });
  for (const int times : seen) CHECK(times == 2);
}

void check_nesting() {
  std::atomic<int64_t> sum{0};
  ayar::parallel_rows(8, [&](int64_t) { ayar::parallel_rows(16, [&](int64_t row) { sum += row; }); });
  CHECK(sum == 8 * 120);
}

void check_two_threads_at_once() {
  std::thread other([] {
    for (int i = 0; i < 200; ++i) check_coverage(i);
  });
  for (int i = 0; i < 200; ++i) check_coverage(i);
  other.join();
}

void check_resizing() {
  for (const int threads : {1, 3, 2, 5, 2}) {
    ayar::set_thread_count(threads);
    CHECK(ayar::thread_count() == threads);
    check_coverage(1000);
  }
}

#if defined(__SANITIZE_THREAD__)
void check_fork() {}  // this sanitizer does not follow a child that starts threads
#else
void check_fork() {
  check_coverage(100);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    check_coverage(100);
    check_nesting();
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  check_coverage(100);
}
#endif

}  // namespace

int main() {
  ayar::set_thread_count(3);
  check_coverage(0);
  check_coverage(1);
  check_coverage(10'000);
  check_nesting();
  check_two_threads_at_once();
  check_resizing();
  check_fork();
  std::printf("test_thread_pool: held\n");
}
