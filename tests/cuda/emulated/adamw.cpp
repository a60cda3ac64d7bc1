#include "guarded.hpp"
//
#include "cuda/adamw.cu"

extern "C" {
// border: offset, rows, cols, stride of each, and its scale; all targets lie in one array, at `begins`.
int adamw(float* parameter, const float* gradient, float* exp_avg, float* exp_avg_sq, int64_t count, const float* settings,
          const float* clip, const int64_t* borders, const float* scales, const int64_t* begins, uint16_t* targets, int64_t border_count,
          uint64_t seed) {
  std::vector<ayar::cuda::BorderCopy> copies;
  for (int64_t i = 0; i < border_count; ++i) {
    const int64_t* b = borders + 4 * i;
    copies.push_back({b[0], b[1], b[2], begins[i] < 0 ? nullptr : targets + begins[i], b[3], scales[i]});
  }
  return guarded(seed, [&] {
    ayar::cuda::adamw(parameter, gradient, exp_avg, exp_avg_sq, count, settings, clip, copies.data(), static_cast<int>(border_count),
                      nullptr);
  });
}
int adamw_8bit(float* parameter, const float* gradient, uint8_t* exp_avg, uint8_t* exp_avg_sq, float* absmax_avg, float* absmax_sq,
               const float* signed_table, const float* unsigned_table, int64_t count, const float* settings, const float* clip,
               uint64_t seed) {
  return guarded(seed, [&] {
    ayar::cuda::adamw_8bit(parameter, gradient, exp_avg, exp_avg_sq, absmax_avg, absmax_sq, signed_table, unsigned_table, count, settings,
                           clip, nullptr);
  });
}
int gradient_norm(const float* gradient, int64_t count, float max_norm, double* partial, float* norm, float* clip, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::gradient_norm(gradient, count, max_norm, partial, norm, clip, nullptr); });
}
}
