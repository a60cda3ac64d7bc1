#include "core/thread_pool.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace ayar {
namespace {

constexpr int kSpins = 4000;  // about 20 µs: longer than the gap between two ops of one layer, shorter than a nap

AYAR_INLINE void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int default_thread_count() {
  if (const char* wanted = std::getenv("AYAR_THREADS")) {
    const int count = std::atoi(wanted);
    if (count >= 1) return std::min(count, 1024);
  }
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1u, std::thread::hardware_concurrency());
}

// One job at a time. Workers wait for `generation_` to move, run their part, and count themselves out in `running_`.
class Pool {
 public:
  explicit Pool(int threads) {
    for (int id = 1; id < threads; ++id) workers_.emplace_back([this, id] { work(id); });
  }

  ~Pool() {
    stopping_.store(true);
    generation_.fetch_add(1);
    generation_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  template <class Part>
  void run(const Part& part) {
    call_ = [](const void* context, int thread) { (*static_cast<const Part*>(context))(thread); };
    context_ = &part;
    running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    part(0);
    for (int spin = 0; running_.load(std::memory_order_acquire) != 0; ++spin) {
      if (spin < kSpins) {
        pause_cpu();
      } else if (const int left = running_.load(std::memory_order_acquire); left != 0) {
        running_.wait(left);
      }
    }
  }

 private:
  void work(int thread) {
    uint32_t seen = 0;
    for (;;) {
      uint32_t now = generation_.load(std::memory_order_acquire);
      for (int spin = 0; now == seen; now = generation_.load(std::memory_order_acquire)) {
        if (++spin < kSpins) {
          pause_cpu();
        } else {
          generation_.wait(seen);
        }
      }
      seen = now;
      if (stopping_.load()) return;
      call_(context_, thread);
      if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
    }
  }

  std::vector<std::thread> workers_;
  std::atomic<uint32_t> generation_{0};
  std::atomic<int> running_{0};
  std::atomic<bool> stopping_{false};
  void (*call_)(const void*, int) = nullptr;
  const void* context_ = nullptr;
};

std::mutex region;  // held by whoever runs a parallel region
std::unique_ptr<Pool> pool;
int wanted_threads = 0;
thread_local bool inside_region = false;

void before_fork() {
  region.lock();
}
void parent_after_fork() {
  region.unlock();
}
void child_after_fork() {
  (void)pool.release();  // its threads exist in the parent only: joining or detaching them here is undefined, so leak
  region.unlock();
}

// Calls part(thread, threads) on every thread of the pool, or part(0, 1) on the caller where the pool is taken.
template <class Part>
void on_every_thread(int64_t useful_threads, const Part& part) {
  if (inside_region || useful_threads <= 1 || thread_count() == 1 || !region.try_lock()) {
    part(0, 1);
    return;
  }
  std::lock_guard<std::mutex> held(region, std::adopt_lock);
  if (!pool || pool->size() != wanted_threads) {
    pool.reset();
    pool = std::make_unique<Pool>(wanted_threads);
  }
  const int threads = pool->size();
  pool->run([&](int thread) {
    inside_region = true;
    part(thread, threads);
    inside_region = false;
  });
}

}  // namespace

int thread_count() {
  static const int at_start = [] {
    pthread_atfork(before_fork, parent_after_fork, child_after_fork);
    return default_thread_count();
  }();
  if (wanted_threads == 0) wanted_threads = at_start;
  return wanted_threads;
}

void set_thread_count(int count) {
  AYAR_REQUIRE(count >= 1 && count <= 1024);
  thread_count();
  const std::lock_guard<std::mutex> held(region);
  wanted_threads = count;
}

namespace detail {

void run_ranges(int64_t count, int64_t grain, void* context, Body body) {
  if (count <= 0) return;
  const int64_t grains = (count + grain - 1) / grain;
  on_every_thread(grains, [&](int thread, int threads) {
    const int64_t begin = grains * thread / threads * grain;
    const int64_t end = std::min(count, grains * (thread + 1) / threads * grain);
    if (begin < end) body(context, begin, end, thread);
  });
}

void run_tasks(int64_t count, void* context, Body body) {
  if (count <= 0) return;
  std::atomic<int64_t> next{0};
  on_every_thread(count, [&](int thread, int) {
    for (int64_t task = next.fetch_add(1); task < count; task = next.fetch_add(1)) body(context, task, task + 1, thread);
  });
}

}  // namespace detail
}  // namespace ayar
